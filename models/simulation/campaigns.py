"""Campaigns with randomised control groups, and the effect they truly have.

A treated customer makes one more purchase during the window with a probability fixed for their segment;
nothing else changes. So the effect on conversion is known for the very people assigned: the added
probability, for those who would not have bought anyway.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.simulation.behaviour import Calendar, draw_channel, expect_margin_rate

CONTROL, TREATMENT = "control", "treatment"
ARMS = (CONTROL, TREATMENT)

_EARLIEST_START = 28  # days of history a campaign waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign as planned.

    It starts `starts_before` days before the end of the last day, or is left out of a shop too young for
    it, and runs `length` days. `added` is the probability of one more purchase for each segment in the list
    of segments; contacts go out on the days `contact_days` after its start at `contact_cost` each; every
    order a treated customer makes in the window redeems a `voucher`, booked as cost, not taken off the
    order.
    """

    campaign_id: str
    name: str
    channel: str
    starts_before: int
    length: int
    control_share: float
    added: tuple[float, ...]
    contact_days: tuple[int, ...]
    contact_cost: float
    voucher: float


CAMPAIGNS = (
    Campaign(
        campaign_id="A",
        name="Voucher letter",
        channel="email",
        starts_before=182,
        length=28,
        control_share=0.35,
        added=(0.12, 0.32, 0.0, 0.10, 0.22, 0.10, 0.32, 0.12),
        contact_days=(0, 9),
        contact_cost=0.15,
        voucher=2.0,
    ),
    Campaign(
        campaign_id="B",
        name="Display ads",
        channel="ads",
        starts_before=49,
        length=21,
        control_share=0.5,
        added=(0.0, 0.06, 0.0, 0.0, 0.08, 0.12, 0.0, 0.05),
        contact_days=(0, 3, 6),
        contact_cost=0.60,
        voucher=0.0,
    ),
    Campaign(
        campaign_id="C",
        name="Free delivery",
        channel="email",
        starts_before=14,
        length=21,
        control_share=0.4,
        added=(0.08, 0.25, 0.0, 0.0, 0.16, 0.10, 0.25, 0.10),
        contact_days=(0, 7),
        contact_cost=0.15,
        voucher=1.5,
    ),
)


@dataclass(frozen=True, slots=True)
class Response:
    """What the campaigns did: frames of who was assigned, contacted, and bought once more because of it."""

    campaigns: tuple[Campaign, ...]
    assignments: pd.DataFrame  # campaign, person, arm
    contacts: pd.DataFrame  # campaign, person, day: the treated only
    added_visits: pd.DataFrame  # person, day, channel, buys, campaign
    effects: pd.DataFrame  # see `truth.Truth.effects`


def run_campaigns(
    people: pd.DataFrame, visits: pd.DataFrame, calendar: Calendar, *, rng: np.random.Generator
) -> Response:
    """Assign, contact and persuade; `visits` is what everyone would have done without any campaign."""
    campaigns = tuple(c for c in CAMPAIGNS if calendar.days - c.starts_before >= _EARLIEST_START)
    assignments, contacts, added, effects = [], [], [], []
    for number, campaign in enumerate(campaigns):
        start = calendar.days - campaign.starts_before
        assigned = _assign(people, campaign, start=start, rng=rng).assign(campaign=number)
        treated = assigned.loc[assigned["arm"] == TREATMENT, "person"]
        assignments.append(assigned)
        contacts.append(_contact(treated, campaign, start=start).assign(campaign=number))
        added.append(
            _persuade(people, treated, campaign, calendar, start=start, rng=rng).assign(campaign=number)
        )
        effects.append(_expect_effects(people, visits, assigned, campaign, calendar, start=start))
    return Response(
        campaigns=campaigns,
        assignments=pd.concat(assignments, ignore_index=True),
        contacts=pd.concat(contacts, ignore_index=True),
        added_visits=pd.concat(added, ignore_index=True),
        effects=pd.concat(effects, ignore_index=True),
    )


def build_costs(response: Response, orders: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """Costs by campaign, arm and day (days since the first): contacts sent, vouchers redeemed by the treated.

    Control costs nothing, and a row says so.
    """
    parts = []
    for number, campaign in enumerate(response.campaigns):
        start = days - campaign.starts_before
        contacted = response.contacts.loc[response.contacts["campaign"] == number, "day"]
        assigned = response.assignments[response.assignments["campaign"] == number]
        treated = assigned.loc[assigned["arm"] == TREATMENT, "person"]
        window = orders["day"].between(start, start + campaign.length, inclusive="left")
        redeemed = np.floor(orders.loc[window & orders["person"].isin(treated), "day"]).astype(int)
        spent = pd.concat(
            [
                pd.Series(campaign.contact_cost, index=contacted.to_numpy()),
                pd.Series(campaign.voucher, index=redeemed.to_numpy()),
            ]
        )
        amount = spent[spent > 0].groupby(level=0).sum().round(2)
        by_day = pd.DataFrame({"day": amount.index, "arm": TREATMENT, "amount": amount.to_numpy()})
        free = pd.DataFrame({"day": [start], "arm": CONTROL, "amount": 0.0})
        parts.append(pd.concat([free, by_day[by_day["day"] < days]]).assign(campaign=number))
    return pd.concat(parts, ignore_index=True)


def _assign(
    people: pd.DataFrame, campaign: Campaign, *, start: int, rng: np.random.Generator
) -> pd.DataFrame:
    """A random split, in exact shares, of the customers the shop has and may write to the day before."""
    eligible = np.flatnonzero((people["arrived"] < start - 1) & (people["consent_marketing"] == "yes"))
    shuffled = rng.permutation(eligible)
    controls = round(len(shuffled) * campaign.control_share)
    arm = np.where(np.arange(len(shuffled)) < controls, CONTROL, TREATMENT)
    return pd.DataFrame({"person": shuffled, "arm": arm}).sort_values("person", ignore_index=True)


def _contact(treated: pd.Series, campaign: Campaign, *, start: int) -> pd.DataFrame:
    days = start + np.array(campaign.contact_days)
    return pd.DataFrame({"person": np.repeat(treated, len(days)), "day": np.tile(days, len(treated))})


def _persuade(
    people: pd.DataFrame,
    treated: pd.Series,
    campaign: Campaign,
    calendar: Calendar,
    *,
    start: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    own = people.iloc[treated.to_numpy()]
    chance = np.array(campaign.added)[own["segment"].to_numpy()]
    day = start + 1 + rng.random(len(own)) * (campaign.length - 1)  # not before the first contact has arrived
    persuaded = (rng.random(len(own)) < chance) & (day < np.minimum(own["left"].to_numpy(), calendar.days))
    visits = pd.DataFrame({"person": treated.to_numpy()[persuaded], "day": day[persuaded], "buys": True})
    visits["channel"] = draw_channel(people, visits["person"], visits["day"], calendar, rng=rng)
    return visits


def _expect_effects(
    people: pd.DataFrame,
    visits: pd.DataFrame,
    assigned: pd.DataFrame,
    campaign: Campaign,
    calendar: Calendar,
    *,
    start: int,
) -> pd.DataFrame:
    """The effect on the people assigned, in expectation over who is treated and who is persuaded."""
    own = people.iloc[assigned["person"].to_numpy()]
    first, end = start + 1, start + campaign.length
    last = np.clip(own["left"].to_numpy(), first, min(end, calendar.days))
    chance = np.array(campaign.added)[own["segment"].to_numpy()] * (last - first) / (end - first)
    shifted = np.clip(last - max(first, calendar.shift_day), 0, None) / np.maximum(last - first, 1e-9)
    in_window = visits["buys"] & visits["day"].between(start, end, inclusive="left")
    would_buy = assigned["person"].isin(visits.loc[in_window, "person"]).to_numpy()
    revenue = chance * own["basket"].to_numpy()
    each = pd.DataFrame(
        {
            "segment": own["segment"].to_numpy(),
            "assigned": 1,
            "treated": (assigned["arm"] == TREATMENT).to_numpy().astype(int),
            "baseline_conversion": would_buy.astype(float),
            "conversion_lift": chance * ~would_buy,
            "revenue_per_customer": revenue,
            "margin_per_customer": revenue * expect_margin_rate(own, shifted=shifted),
        }
    )
    how = {
        name: "sum" if name in ("assigned", "treated") else "mean" for name in each.columns.drop("segment")
    }
    by_segment = each.groupby("segment").agg(how)
    overall = each.assign(segment=-1).groupby("segment").agg(how)
    effects = pd.concat([overall, by_segment]).reset_index()
    effects["incremental_revenue"] = effects["revenue_per_customer"] * effects["treated"]
    effects.insert(0, "campaign_id", campaign.campaign_id)
    return effects
