"""The simulator's campaigns have the effects it says, and its mess the rows it counts."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.simulation.behaviour import build_calendar, draw_orders, draw_visits
from models.simulation.campaigns import CAMPAIGNS, CONTROL, TREATMENT, Campaign, run_campaigns
from models.simulation.events import SOURCES
from models.simulation.mess import FLAWS, WORST_SHARE, count_mess
from models.simulation.people import draw_people
from models.simulation.segments import list_segments
from models.simulation.shop import Shop, simulate_shop

LAST_DAY = date(2026, 11, 16)


# ── campaigns


def test_campaigns_are_one_matured_one_just_finished_one_running(shop: Shop) -> None:
    campaigns: dict[Any, Any] = shop.campaigns.set_index("campaign_id").to_dict("index")
    now = pd.Timestamp(LAST_DAY, tz="Europe/Berlin") + pd.Timedelta(days=1)
    assert list(campaigns) == ["A", "B", "C"]
    assert campaigns["A"]["ends_at"] + pd.Timedelta(days=60) < now
    assert campaigns["B"]["ends_at"] < now < campaigns["B"]["starts_at"] + pd.Timedelta(days=60)
    assert campaigns["C"]["starts_at"] < now < campaigns["C"]["ends_at"]


def test_assignment_is_random_in_exact_shares_among_those_who_exist(shop: Shop) -> None:
    arrived = shop.truth.people["arrived_on"]
    segment = shop.truth.people["segment"]
    campaign: Any
    for campaign in shop.campaigns.itertuples():
        assigned = shop.assignments[shop.assignments["campaign_id"] == campaign.campaign_id]
        assert assigned["person"].is_unique
        assert (assigned["assigned_at"] < campaign.starts_at).all()
        came = arrived.loc[assigned["person"]].dt.tz_localize("Europe/Berlin")
        assert (came.to_numpy() <= assigned["assigned_at"].to_numpy()).all()
        control = assigned["arm"] == CONTROL
        assert control.sum() == round(len(assigned) * campaign.control_share)
        mix = pd.crosstab(segment.loc[assigned["person"]].to_numpy(), assigned["arm"].to_numpy())
        share = mix[CONTROL] / mix.sum(axis=1)
        assert ((share - campaign.control_share).abs() < 0.08).all()
    assert (arrived >= pd.Timestamp(LAST_DAY) - pd.Timedelta(weeks=20)).any()  # some came too late for A


def test_only_the_treated_are_contacted(shop: Shop) -> None:
    touched = shop.events[shop.events["campaign_id"].notna()].astype({"campaign_id": "str"})
    arms = shop.assignments.set_index(["campaign_id", "person"])["arm"]
    whose = arms.loc[pd.MultiIndex.from_frame(touched[["campaign_id", "person"]])]
    assert (whose == TREATMENT).all()
    starts = shop.campaigns.set_index("campaign_id").loc[touched["campaign_id"], "starts_at"]
    assert (touched["occurred_at"].to_numpy() > starts.to_numpy()).all()
    assert {"email_sent", "email_open", "ad_impression", "purchase"} <= set(touched["kind"])


def test_true_effects_are_what_large_numbers_show() -> None:
    """Each treated person with and without the added purchase: only the noise of persuasion is left."""
    segments = list_segments(8)
    people = draw_people(segments, count=60_000, days=210, rng=np.random.default_rng(1))
    calendar = build_calendar(segments, first_day=date(2026, 1, 5), days=210, shift_week=25)
    visits = draw_visits(people, calendar, rng=np.random.default_rng(2))
    response = run_campaigns(people, visits, calendar, rng=np.random.default_rng(3))
    added = draw_orders(people, response.added_visits, calendar, rng=np.random.default_rng(4))
    for number, campaign in enumerate(response.campaigns):
        truth = response.effects[response.effects["campaign_id"] == campaign.campaign_id].set_index("segment")
        window = _find_window(campaign, days=210)
        buyers = visits.loc[visits["buys"] & visits["day"].between(*window, inclusive="left"), "person"]
        more = added[added["campaign"] == number].set_index("person")
        assert more["day"].between(*window).all()
        assigned = response.assignments[response.assignments["campaign"] == number]
        treated = assigned.loc[assigned["arm"] == TREATMENT, "person"]
        each = pd.DataFrame(
            {
                "segment": people["segment"].to_numpy()[treated],
                "lift": (treated.isin(more.index) & ~treated.isin(buyers)).to_numpy(dtype=float),
                "revenue": more["value"].reindex(treated).fillna(0.0).to_numpy(),
                "margin": more["margin"].reindex(treated).fillna(0.0).to_numpy(),
            }
        )
        each = pd.concat([each, each.assign(segment=-1)])
        mean, error = each.groupby("segment").mean(), each.groupby("segment").sem()
        for measured, told in (
            ("lift", "conversion_lift"),
            ("revenue", "revenue_per_customer"),
            ("margin", "margin_per_customer"),
        ):
            off = (mean[measured] - truth[told]).abs()
            assert (off <= 4.5 * error[measured]).all(), (campaign.campaign_id, told)
        without = [s for s in range(8) if campaign.added[s] == 0]
        assert without
        assert (truth.loc[without, "conversion_lift"] == 0).all()
        assert (mean.loc[without, "lift"] == 0).all()
        assert truth["conversion_lift"][-1] > 4 * error["lift"][-1]


def _find_window(campaign: Campaign, *, days: int) -> tuple[int, int]:
    return days - campaign.starts_before, days - campaign.starts_before + campaign.length


def test_true_effects_are_found_by_comparing_arms_in_the_events(shop: Shop) -> None:
    effects = shop.truth.effects[shop.truth.effects["segment"] == -1].set_index("campaign_id")
    lift, baseline = effects["conversion_lift"], effects["baseline_conversion"]
    bought = shop.events[shop.events["kind"] == "purchase"]
    campaign: Any
    for campaign in shop.campaigns.itertuples():
        window = bought["occurred_at"].between(campaign.starts_at, campaign.ends_at, inclusive="left")
        assigned = shop.assignments[shop.assignments["campaign_id"] == campaign.campaign_id]
        converted = assigned["person"].isin(bought.loc[window, "person"])
        rate = converted.groupby(assigned["arm"]).mean()
        spread = (converted.groupby(assigned["arm"]).sem() ** 2).sum() ** 0.5
        assert abs(rate[TREATMENT] - rate[CONTROL] - lift[campaign.campaign_id]) < 3.5 * spread
        assert rate[CONTROL] == pytest.approx(baseline[campaign.campaign_id], abs=0.04)
    assert lift["A"] > 0.05
    total = effects["revenue_per_customer"] * effects["treated"]
    np.testing.assert_allclose(effects["incremental_revenue"], total)


def test_costs_are_contacts_and_vouchers_of_the_treated(shop: Shop) -> None:
    bought = shop.events[shop.events["kind"] == "purchase"]
    described: Any
    for campaign, described in zip(CAMPAIGNS, shop.campaigns.itertuples(), strict=True):
        costs = shop.costs[shop.costs["campaign_id"] == campaign.campaign_id].set_index("arm")
        assigned = shop.assignments[shop.assignments["campaign_id"] == campaign.campaign_id]
        treated = assigned.loc[assigned["arm"] == TREATMENT, "person"]
        in_window = bought["occurred_at"].between(described.starts_at, described.ends_at, inclusive="left")
        orders = (in_window & bought["person"].isin(treated)).sum()
        contacts = len(treated) * len(campaign.contact_days)
        expected = contacts * campaign.contact_cost + orders * campaign.voucher
        spent = costs["amount"].groupby(level="arm").sum()
        assert spent[TREATMENT] == pytest.approx(expected, abs=0.01)
        assert spent[CONTROL] == 0
        assert costs["day"].between(str(shop.first_day), str(LAST_DAY)).all()


def test_young_shops_leave_out_campaigns_they_have_no_history_for() -> None:
    young = simulate_shop(customers=100, weeks=12, last_day=LAST_DAY, seed=0)
    assert list(young.campaigns["campaign_id"]) == ["B", "C"]
    assert set(young.truth.effects["campaign_id"]) == {"B", "C"}


# ── the mess


def test_mess_is_counted_exactly(shop: Shop) -> None:
    listed, mess = shop.truth.mess, shop.mess
    late = shop.events["delivered_on"] > shop.events["occurred_on"]
    assert (listed["flaw"] == "late").sum() == late.sum() > 1000
    assert (listed["flaw"] == "duplicate").sum() == (mess["flaw"] == "duplicate").sum() > 1000
    assert set(listed["flaw"]) == {"duplicate", "late", *FLAWS}
    waited = (shop.events["delivered_on"] - shop.events["occurred_on"])[late].dt.days
    assert waited.between(7, 21).all()


def test_duplicates_are_events_again_in_a_later_delivery(shop: Shop) -> None:
    again = shop.mess[shop.mess["flaw"] == "duplicate"].set_index("event_id")
    once = shop.events.set_index("event_id").loc[again.index]
    assert again.index.is_unique
    assert (again["delivered_on"] > once["delivered_on"]).all()
    same = [column for column in shop.events if column not in ("event_id", "delivered_on")]
    pd.testing.assert_frame_equal(again[same], once[same])
    assert (shop.mess["delivered_on"] <= pd.Timestamp(LAST_DAY)).all()


def test_broken_rows_are_strangers_and_stay_below_the_limit_on_any_day(shop: Shop) -> None:
    broken = shop.mess[shop.mess["flaw"].isin(FLAWS)]
    assert broken["event_id"].is_unique
    assert not broken["event_id"].isin(shop.events["event_id"]).any()
    by_day = ["source", "delivered_on"]
    good = shop.events.groupby(by_day, observed=True).size()
    bad = broken.groupby(by_day, observed=True).size()
    assert (bad / (bad + good.reindex(bad.index))).max() <= WORST_SHARE
    assert (broken.loc[broken["flaw"].isin(["negative_value", "text_value"]), "value"] > 0).all()
    future = broken["flaw"] == "future_timestamp"
    assert (broken.loc[future, "occurred_at"].dt.year > 2090).all()


def test_counts_of_consecutive_deliveries_add_up(shop: Shop) -> None:
    first_end, second_end = date(2026, 10, 26), date(2026, 11, 2)
    mess = shop.truth.mess
    first = count_mess(mess, start=None, end=first_end)
    second = count_mess(mess, start=first_end, end=second_end)
    both = count_mess(mess, start=None, end=second_end)
    summed = ["duplicates", "quarantined", *FLAWS]
    pd.testing.assert_frame_equal(first[summed] + second[summed], both[summed])
    assert list(first.index) == list(SOURCES)
    assert first["late"].sum() == both["late"].sum() == 0
    arrived_late = shop.events[
        (shop.events["occurred_on"] <= pd.Timestamp(first_end))
        & (shop.events["delivered_on"] > pd.Timestamp(first_end))
        & (shop.events["delivered_on"] <= pd.Timestamp(second_end))
    ]
    assert second["late"].sum() == len(arrived_late) > 20
