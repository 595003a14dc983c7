"""A campaign's plan in a lake: who is drawn, who is not, what it could find, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_lake import BUYS, DAY, MOMENT, NAMES, change, make_campaign, name_customer, write_shop

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.assignment import count_arms
from monitoring.experiments.planning import ExperimentDesign
from tasks.assignments import StartedCampaignError
from tasks.experiments import list_campaigns
from tasks.holdout import read_holdout
from tasks.lake import WEEKLY_FLOW, begin_run, open_lake, write_lake
from tasks.planning import assign_campaign, build_summary, plan_power

PEOPLE = 1800
TWO_ARMS = {"control": 0.2, "treatment": 0.8}
THREE_ARMS = {"control": 0.2, "letter": 0.4, "call": 0.4}


@pytest.fixture(scope="module")
def written_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shop") / "var"
    write_shop(home, customers=PEOPLE)
    return home


@pytest.fixture
def home(written_shop: Path, tmp_path: Path) -> Path:
    """A copy of the shop that a test may change."""
    return shutil.copytree(written_shop, tmp_path / "var")


def make_design(campaign: Campaign | None = None, **fields: Any) -> ExperimentDesign:
    return ExperimentDesign(**({"campaign": campaign or make_campaign(), "shares": TWO_ARMS} | fields))


def plan(
    home: Path,
    design: ExperimentDesign | None = None,
    *,
    moment: datetime = MOMENT,
    consent_default: bool = True,
    holdout_share: float = 0.05,
    settings: MeasurementSettings = MeasurementSettings(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """What the flow does, without Prefect."""
    design = design or make_design()
    with write_lake(str(home)) as lake:
        drawn = assign_campaign.fn(
            lake, design, as_of=None, moment=moment, timezone="Europe/Berlin", consent_default=consent_default,
            holdout_share=holdout_share,
        )  # fmt: skip
        summary = build_summary(
            plan_power.fn(lake, design, drawn, until=MOMENT, settings=settings), drawn, alpha=settings.alpha
        )
        lake.commit(begin_run("plan-campaign", DAY), summary)
    return summary


def read_drawn(home: Path, campaign: str = "spring") -> pd.DataFrame:
    table = open_lake(str(home)).table("assignments")
    frame = table.filter(table.campaign_id == campaign).to_pandas()
    return frame.sort_values("customer_id", ignore_index=True)


def read_held(home: Path, day: date = DAY) -> set[str]:
    return set(read_holdout(open_lake(str(home)), day).to_pandas()["customer_id"])


def test_three_arms_are_exact_and_none_of_the_hold_out_is_in_them(home: Path) -> None:
    summary = plan(home, make_design(shares=THREE_ARMS))
    drawn, held = read_drawn(home), read_held(home)
    assert len(drawn) + len(held) == PEOPLE
    assert not held & set(drawn["customer_id"])
    assert summary["arms"] == count_arms(len(drawn), shares=THREE_ARMS)
    assert summary["arms"] == drawn["arm"].value_counts().to_dict()
    by_segment = pd.crosstab(drawn["segment_id"], drawn["arm"], normalize="index")
    for arm, share in THREE_ARMS.items():
        assert by_segment[arm].to_numpy() == pytest.approx([share] * 3, abs=0.005)
    assert [(row["segment_id"], row["segment_name"]) for row in summary["by_segment"]] == list(NAMES.items())
    assert [row["arm"] for row in summary["overall"]] == ["call", "letter"]
    assert summary["holdout"] == {"customers": {"2026-Q4": len(held)}, "left_out": len(held)}


def test_planning_again_before_the_start_gives_the_same_arms_and_the_same_answer(home: Path) -> None:
    first, arms = plan(home), read_drawn(home)
    assert plan(home) == first
    pd.testing.assert_frame_equal(read_drawn(home), arms)
    assert set(arms["model_version"]) == {"7"}
    (campaign,) = list_campaigns(open_lake(str(home)), timezone="UTC")
    assert campaign.campaign_id == "spring"


def test_the_history_of_each_segment_is_found(home: Path) -> None:
    summary = plan(home)
    bought = open_lake(str(home)).table("events").to_pandas().query("kind == 'purchase'")["customer_id"]
    drawn = read_drawn(home)
    truth = drawn["customer_id"].isin(set(bought)).groupby(drawn["segment_id"]).mean()
    for row in summary["by_segment"]:
        assert row["arms"][0]["baseline"] == pytest.approx(truth[row["segment_id"]], abs=1e-12)
        assert row["arms"][0]["baseline"] == pytest.approx(BUYS[row["segment_id"]], abs=0.06)
    assert summary["baseline"] == pytest.approx(drawn["customer_id"].isin(set(bought)).mean(), abs=1e-12)


def test_segments_are_named_or_numbered_and_the_rule_is_held_to_the_newest_factors(home: Path) -> None:
    design = make_design(segments=("Regulars", "3"), rule="orders_90d >= 2 and aov is not null")
    plan(home, design, holdout_share=0.0)
    features = open_lake(str(home)).table("features").to_pandas().set_index("customer_id")
    meets = features["orders_90d"].ge(2) & features["aov"].notna()
    expected = {name_customer(n) for n in range(PEOPLE) if n % 3 in (0, 2) and meets[name_customer(n)]}
    drawn = read_drawn(home)
    assert set(drawn["customer_id"]) == expected
    assert set(drawn["segment_id"]) == {1, 3}


def test_the_segment_is_that_of_the_draw_whatever_comes_later(home: Path) -> None:
    plan(home)
    before = read_drawn(home)["segment_id"]
    lake = open_lake(str(home))
    moved = lake.table("segments").to_pandas().assign(as_of=DAY, segment_id=3, segment_name="Sleepers")
    change(home, segments=moved.astype({"segment_id": "Int64", "is_outlier": "boolean"}))
    pd.testing.assert_series_equal(read_drawn(home)["segment_id"], before)


def test_who_has_turned_out_to_be_somebody_else_since_the_scoring_is_not_drawn_twice(home: Path) -> None:
    identities = open_lake(str(home)).table("identities").to_pandas()
    former, present = name_customer(10), name_customer(4)
    identities["customer_id"] = identities["customer_id"].replace(former, present)
    change(home, identities=identities.astype({"since": "Int64", "shared": "boolean"}))
    plan(home, holdout_share=0.0)
    drawn = read_drawn(home)["customer_id"]
    assert former not in set(drawn)
    assert (len(drawn), drawn.eq(present).sum()) == (PEOPLE - 1, 1)


def test_everybody_held_out_is_an_error(home: Path) -> None:
    change(
        home,
        holdout=pd.DataFrame(
            {
                "quarter": "2026-Q4",
                "customer_id": [name_customer(number) for number in range(PEOPLE)],
                "drawn_at": pd.Timestamp(MOMENT),
                "share": 0.05,
            }
        ),
    )
    with pytest.raises(
        ValueError, match="all 1,800 customers of any segment who may be contacted are in the hold-out"
    ):
        plan(home)


def set_consent(home: Path, consent: Callable[[pd.Series], Any]) -> None:
    customers = open_lake(str(home)).table("customers").to_pandas()
    customers["consent_marketing"] = pd.array(consent(customers["customer_id"]), dtype="boolean")
    change(home, customers=customers.astype({"consent_profiling": "boolean"}))


def test_consent_is_respected_and_who_refused_is_counted(home: Path) -> None:
    refusing = {name_customer(number) for number in range(0, PEOPLE, 6)}
    set_consent(home, lambda ids: ~ids.isin(refusing))
    summary = plan(home)
    assert not refusing & set(read_drawn(home)["customer_id"])
    assert summary["without_consent"] == len(refusing)
    assert f"{len(refusing):,} who may not be sent marketing" in summary["sentences"][-1]


def test_who_was_never_asked_is_as_the_shop_says(home: Path) -> None:
    agreed = {name_customer(number) for number in range(0, PEOPLE, 2)}
    set_consent(home, lambda ids: [True if one in agreed else None for one in ids])
    customers = open_lake(str(home)).table("customers").to_pandas()
    known = customers[customers["customer_id"] != name_customer(1)]
    change(home, customers=known.astype({"consent_profiling": "boolean", "consent_marketing": "boolean"}))
    plan(home, consent_default=False, holdout_share=0.0)
    assert set(read_drawn(home)["customer_id"]) == agreed


def test_no_campaign_of_a_quarter_touches_its_hold_out_nor_that_of_the_quarter_it_ends_in(home: Path) -> None:
    for name, starts, days in (("one", 3, 14), ("two", 20, 14), ("three", 40, 28)):
        plan(home, make_design(make_campaign(name, starts=starts, days=days)))
    autumn, winter = read_held(home), read_held(home, date(2027, 1, 5))
    assert autumn
    assert winter
    assert autumn != winter
    for name in ("one", "two", "three"):
        assert not autumn & set(read_drawn(home, name)["customer_id"])
    assert not winter & set(read_drawn(home, "three")["customer_id"])
    assert winter & set(read_drawn(home, "one")["customer_id"])


def test_overlap_with_campaigns_that_run_at_the_same_time_is_counted_by_campaign_and_arm(home: Path) -> None:
    plan(home, make_design(make_campaign("early", starts=1, days=5)))
    plan(home, make_design(make_campaign("beside", starts=12, days=10), segments=("1",), shares=THREE_ARMS))
    summary = plan(home)
    ours = set(read_drawn(home)["customer_id"])
    beside = read_drawn(home, "beside")
    counts = beside[beside["customer_id"].isin(ours)]["arm"].value_counts().sort_index()
    expected = [{"campaign_id": "beside", "arm": a, "customers": n} for a, n in counts.items()]
    assert summary["overlaps"] == expected
    assert any("also in letter of campaign beside" in sentence for sentence in summary["sentences"])


@pytest.mark.parametrize("again", [False, True])
def test_a_campaign_that_has_started_is_not_drawn(home: Path, again: bool) -> None:
    campaign = make_campaign(starts=2)
    if again:
        plan(home, make_design(campaign))
        before = read_drawn(home)
    message = "keep their arms" if again else "nobody can be drawn for it any more"
    with pytest.raises(StartedCampaignError, match=f"campaign 'spring' started at 2026-11-18.*{message}"):
        plan(home, make_design(campaign), moment=campaign.starts_at + timedelta(hours=1))
    if again:
        pd.testing.assert_frame_equal(read_drawn(home), before)


def test_putting_the_start_off_does_not_let_a_running_campaign_be_drawn_anew(home: Path) -> None:
    plan(home, make_design(make_campaign(starts=2)))
    with pytest.raises(StartedCampaignError, match="keep their arms"):
        plan(home, make_design(make_campaign(starts=30)), moment=MOMENT + timedelta(days=3))


def test_an_earlier_day_does_not_hide_that_the_weekly_run_has_passed_the_start(home: Path) -> None:
    campaign = make_campaign(starts=2)
    plan(home, make_design(campaign))
    with write_lake(str(home)) as lake:
        lake.commit(begin_run(WEEKLY_FLOW, DAY + timedelta(days=7)), {})
    with pytest.raises(StartedCampaignError, match="keep their arms"):
        plan(home, make_design(campaign))


@pytest.mark.parametrize("metric", ["revenue", "margin", "ltv"])
def test_amounts_are_planned_with_the_spread_of_all_customers_buyers_or_not(home: Path, metric: str) -> None:
    summary = plan(home, make_design(make_campaign(metric=metric), smallest_effect=2.0))
    events = open_lake(str(home)).table("events").to_pandas().query("kind == 'purchase'")
    column = "value" if metric == "revenue" else "margin"
    amounts = read_drawn(home).set_index("customer_id").index.map(events.groupby("customer_id")[column].sum())
    values = pd.Series(amounts).fillna(0.0)
    (row,) = summary["overall"]
    assert row["baseline"] == pytest.approx(values.mean(), rel=1e-9)
    assert row["deviation"] == pytest.approx(values.std(ddof=0), rel=1e-9)
    assert 0 < row["power"] < 1
    assert row["needed"] > 0
    assert "a customer" in summary["sentence"]


def test_refunds_take_back_and_a_margin_nobody_knows_is_said(home: Path) -> None:
    events = open_lake(str(home)).table("events").to_pandas()
    bought = events.query("kind == 'purchase'")
    back = bought.head(20).assign(kind="refund", event_id=[f"r{n}" for n in range(20)], margin=float("nan"))
    change(home, events=pd.concat([events, back]).astype({"link_id": "Int64"}))
    revenue = plan(home, make_design(make_campaign(metric="revenue")), holdout_share=0.0)
    assert revenue["baseline"] == pytest.approx((bought["value"].sum() - back["value"].sum()) / PEOPLE)
    margin = plan(home, make_design(make_campaign(metric="ltv")), holdout_share=0.0)
    assert margin["baseline"] is None
    assert (
        "the margin of 20 purchases or refunds is not known; set measurement.margin_rate"
        in margin["sentence"]
    )
    rated = plan(
        home, make_design(make_campaign(metric="ltv")), holdout_share=0.0,
        settings=MeasurementSettings(margin_rate=0.3),
    )  # fmt: skip
    assert rated["baseline"] == pytest.approx(0.3 * revenue["baseline"])


def test_churn_is_planned_over_the_days_that_make_a_churned_customer(home: Path) -> None:
    summary = plan(
        home, make_design(make_campaign(metric="churn"), smallest_effect=0.05),
        settings=MeasurementSettings(churn_days=40),
    )  # fmt: skip
    assert summary["days"] == 40
    bought = open_lake(str(home)).table("events").to_pandas().query("kind == 'purchase'")["customer_id"]
    still = read_drawn(home)["customer_id"].isin(set(bought)).mean()
    assert summary["baseline"] == pytest.approx(1 - still)
    assert "a fall of 5 points" in summary["sentence"]


def test_a_metric_that_cannot_be_planned_is_drawn_and_said(home: Path) -> None:
    summary = plan(home, make_design(make_campaign(metric="aov")))
    assert summary["mde"] is None
    assert "power cannot be planned for 'aov'" in summary["sentence"]


def test_too_small_a_shop_is_told_so_and_offered_pooling_over_a_quarter(home: Path) -> None:
    short = make_campaign(days=9)
    bought = [row["baseline"] for row in plan(home, make_design(short))["overall"]]
    effect = 0.5 * bought[0]
    summary = plan(home, make_design(short, smallest_effect=effect))
    (row,), (pooling,) = summary["overall"], summary["pooling"]
    assert row["power"] < 0.8
    assert pooling["fitting"] == 10
    assert pooling["campaigns"] == -(-row["needed"] // row["customers"])
    assert pooling["suffices"]
    assert "too small" in summary["sentence"]
    offer = f"Pool over a quarter: {pooling['campaigns']} campaigns like this one would reach 80%"
    assert f"{offer}, and a quarter holds 10" in summary["sentence"]
    hopeless = plan(home, make_design(short, smallest_effect=effect / 20))
    assert "Pooling over a quarter is not enough either" in hopeless["sentence"]


def test_a_history_shorter_than_the_metric_needs_is_said(home: Path) -> None:
    summary = plan(home, make_design(make_campaign(days=300)))
    assert any("history covers 200 of the 300 days" in sentence for sentence in summary["sentences"])


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"segments": ("Loyl",)}, LookupError, r"there is no segment 'Loyl' on 2026-11-15; there are: Regulars \(1\)"),
        ({"rule": "ordres_90d > 1"}, ValueError, "there is no column 'ordres_90d'"),
        ({"rule": "orders_90d + 1"}, ValueError, "is no condition"),
        ({"rule": "count(*) > 1"}, ValueError, "is no condition"),
        ({"rule": "orders_90d > 1000"}, ValueError, 'no customer of any segment .* meets the rule "orders_90d > 1000"'),
        ({"shares": {"control": 0.2, "letter": 0.7}}, ValueError, "add up to 0.9"),
        ({"shares": {"control": 0.0001, "letter": 0.9999}}, ValueError, "nobody would be in 'control'"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_named_and_nothing_is_written(
    home: Path, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan(home, make_design(**fields))
    assert not open_lake(str(home)).has("assignments")
    assert not open_lake(str(home)).has("holdout")


def test_nobody_who_consents_is_an_error(home: Path) -> None:
    set_consent(home, lambda ids: [False] * len(ids))
    with pytest.raises(ValueError, match="none of the 1,800 customers of any segment may be contacted"):
        plan(home)


def test_a_day_without_segments_is_an_error(home: Path) -> None:
    with (
        write_lake(str(home)) as lake,
        pytest.raises(LookupError, match="there are no segments on 2026-11-01"),
    ):
        assign_campaign.fn(
            lake, make_design(), as_of=date(2026, 11, 1), moment=MOMENT, timezone="UTC", consent_default=True,
            holdout_share=0.05,
        )  # fmt: skip


def test_a_campaign_keeps_its_place_when_another_is_planned(home: Path) -> None:
    plan(home)
    before = read_drawn(home)
    plan(home, make_design(replace(make_campaign(), campaign_id="autumn's")))
    pd.testing.assert_frame_equal(read_drawn(home), before)
    assert len(read_drawn(home, "autumn's")) == len(before)
