"""A shop with known truth, from a seed: people, their behaviour in five sources, campaigns, and the mess."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from models.simulation.behaviour import Calendar, build_calendar, draw_orders, draw_visits
from models.simulation.campaigns import Campaign, Response, build_costs, run_campaigns
from models.simulation.events import build_events
from models.simulation.mess import deliver_late, draw_mess, list_mess
from models.simulation.people import draw_keys, draw_people
from models.simulation.segments import Segment, list_segments
from models.simulation.truth import Truth

WEEKS_MIN = 8


@dataclass(frozen=True, slots=True)
class Shop:
    """A simulated shop; all frames hold what happened on the days from `first_day` to `last_day`.

    customers: person, key_crm, key_email, key_cookie, key_loyalty_card, first_seen (UTC), country, age_band,
        acquisition_channel, acquisition_cost, consent_profiling, consent_marketing ("yes", "no", "" where
        nobody asked).
    events: the canonical events in order of time, with `delivered_on` (see `events.build_events`).
    mess: rows delivered beside them (see `mess.draw_mess`), with `flaw`.
    campaigns: campaign_id, name, channel, starts_at, ends_at (UTC, the end exclusive), primary_metric,
        control_share, planned_on.
    assignments: campaign_id, key_crm, person, arm, assigned_at (UTC).
    costs: campaign_id, arm, day (the shop's own), amount.
    """

    first_day: date
    last_day: date
    currency: str
    timezone: str
    customers: pd.DataFrame
    events: pd.DataFrame
    mess: pd.DataFrame
    campaigns: pd.DataFrame
    assignments: pd.DataFrame
    costs: pd.DataFrame
    truth: Truth


def simulate_shop(
    *,
    customers: int = 5000,
    weeks: int = 55,
    last_day: date,
    segments: int = 6,
    shift_week: int | None = None,
    currency: str = "EUR",
    timezone: str = "Europe/Berlin",
    seed: int = 0,
) -> Shop:
    """Simulate a shop of `customers` people over the `weeks` weeks that end with `last_day`.

    `segments` (5 to 8) takes that many from `segments.SEGMENTS`. From `shift_week` on (counted from 0;
    None: never) the segment `segments.SHIFTING_SEGMENT` moves to the app and to larger discounts, and
    e-mails are opened half as often. Campaigns run as in `campaigns.CAMPAIGNS`, as far as the shop is old
    enough for them. The same arguments give the same shop.

    Raises ValueError for arguments out of range.
    """
    _check_arguments(customers=customers, weeks=weeks, shift_week=shift_week)
    chosen = list_segments(segments)
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(6)]
    rng_people, rng_visits, rng_campaigns, rng_orders, rng_events, rng_mess = streams
    days = 7 * weeks
    first_day = last_day - timedelta(days=days - 1)

    people = draw_people(chosen, count=customers, days=days, rng=rng_people)
    keys = draw_keys(people, rng=rng_people)
    calendar = build_calendar(chosen, first_day=first_day, days=days, shift_week=shift_week)
    visits = draw_visits(people, calendar, rng=rng_visits)
    response = run_campaigns(people, visits, calendar, rng=rng_campaigns)
    visits = pd.concat([visits.assign(campaign=-1), response.added_visits], ignore_index=True)
    visits = visits.sort_values(["day", "person"], kind="stable", ignore_index=True)
    orders = draw_orders(people, visits, calendar, rng=rng_orders)
    orders["order"] = np.arange(len(orders))
    visits = visits.join(orders[["order", "value", "discount", "margin", "quantity"]])

    events = build_events(people, keys, visits, response, calendar, timezone=timezone, rng=rng_events)
    identifiers = pd.Series([campaign.campaign_id for campaign in response.campaigns])
    codes = events.pop("campaign").to_numpy(dtype=np.int64)
    events["campaign_id"] = pd.Categorical.from_codes(codes, categories=pd.Index(identifiers))
    events = deliver_late(events, rng=rng_mess)
    mess = draw_mess(events, last_day=last_day, rng=rng_mess)
    costs = build_costs(response, orders, days=days).assign(
        campaign_id=lambda cost: identifiers.to_numpy()[cost["campaign"]],
        day=lambda cost: (pd.Timestamp(first_day) + pd.to_timedelta(cost["day"], unit="D")).dt.as_unit("s"),
    )
    return Shop(
        first_day=first_day,
        last_day=last_day,
        currency=currency,
        timezone=timezone,
        customers=_register_customers(people, keys, calendar, timezone=timezone),
        events=events,
        mess=mess,
        campaigns=_describe_campaigns(response.campaigns, calendar, timezone=timezone),
        assignments=_list_assignments(response, keys, calendar, timezone=timezone),
        costs=costs[["campaign_id", "arm", "day", "amount"]],
        truth=Truth(
            keys=keys.assign(segment=people["segment"].to_numpy()[keys["person"]]),
            people=_tell_people(people, calendar),
            segments=_tell_segments(chosen),
            effects=response.effects,
            mess=list_mess(events, mess),
            shift_week=shift_week,
            shift_on=None if shift_week is None else pd.Timestamp(first_day) + pd.Timedelta(weeks=shift_week),
        ),
    )


def _check_arguments(*, customers: int, weeks: int, shift_week: int | None) -> None:
    if customers < 1:
        raise ValueError(f"customers must be at least 1, got {customers}")
    if weeks < WEEKS_MIN:
        raise ValueError(f"weeks must be at least {WEEKS_MIN}, got {weeks}")
    if shift_week is not None and not 0 <= shift_week < weeks:
        raise ValueError(f"shift_week must be 0 to {weeks - 1} (the last week), got {shift_week}")


def _register_customers(
    people: pd.DataFrame, keys: pd.DataFrame, calendar: Calendar, *, timezone: str
) -> pd.DataFrame:
    """The CRM's master data of everyone who has come by the last day."""
    customers = pd.DataFrame({"person": np.arange(len(people))})
    for kind in ("crm", "email", "cookie", "loyalty_card"):
        own = keys[keys["key_kind"] == kind].drop_duplicates("person").set_index("person")["key_value"]
        customers[f"key_{kind}"] = own.reindex(customers["person"]).to_numpy()
    came = pd.Timestamp(calendar.first_day) + pd.to_timedelta(people["arrived"], unit="D")
    opening = (came.dt.floor("D") + pd.Timedelta(hours=8)).dt.as_unit("s")
    customers["first_seen"] = opening.dt.tz_localize(timezone).dt.tz_convert("UTC")
    record = [
        "acquisition_channel",
        "acquisition_cost",
        "country",
        "age_band",
        "consent_profiling",
        "consent_marketing",
    ]
    return customers.join(people[record]).sort_values(["first_seen", "person"], ignore_index=True)


def _describe_campaigns(
    campaigns: tuple[Campaign, ...], calendar: Calendar, *, timezone: str
) -> pd.DataFrame:
    rows = []
    for campaign in campaigns:
        start = pd.Timestamp(calendar.first_day) + pd.Timedelta(days=calendar.days - campaign.starts_before)
        end = start + pd.Timedelta(days=campaign.length)
        rows.append(
            {
                "campaign_id": campaign.campaign_id,
                "name": campaign.name,
                "channel": campaign.channel,
                "starts_at": start.tz_localize(timezone).tz_convert("UTC"),
                "ends_at": end.tz_localize(timezone).tz_convert("UTC"),
                "primary_metric": "conversion",
                "control_share": campaign.control_share,
                "planned_on": start - pd.Timedelta(days=1),
            }
        )
    return pd.DataFrame(rows)


def _list_assignments(
    response: Response, keys: pd.DataFrame, calendar: Calendar, *, timezone: str
) -> pd.DataFrame:
    planned = _describe_campaigns(response.campaigns, calendar, timezone=timezone)
    at_noon = (planned["planned_on"] + pd.Timedelta(hours=12)).dt.tz_localize(timezone).dt.tz_convert("UTC")
    crm = keys.loc[keys["key_kind"] == "crm", "key_value"].to_numpy()
    campaign, person = (response.assignments[name].to_numpy(dtype=int) for name in ("campaign", "person"))
    return pd.DataFrame(
        {
            "campaign_id": planned["campaign_id"].to_numpy()[campaign],
            "key_crm": crm[person],
            "person": person,
            "arm": response.assignments["arm"].to_numpy(),
            "assigned_at": at_noon.iloc[campaign].array,
        }
    )


def _tell_people(people: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    start = pd.Timestamp(calendar.first_day)
    left = people["left"].where(np.isfinite(people["left"]))
    return pd.DataFrame(
        {
            "person": np.arange(len(people)),
            "segment": people["segment"],
            "arrived_on": start + pd.to_timedelta(np.floor(people["arrived"]), unit="D"),
            "left_on": start + pd.to_timedelta(np.floor(left), unit="D"),
        }
    )


def _tell_segments(segments: tuple[Segment, ...]) -> pd.DataFrame:
    return pd.DataFrame([asdict(segment) for segment in segments]).rename_axis("segment").reset_index()
