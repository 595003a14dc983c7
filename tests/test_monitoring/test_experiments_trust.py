"""What makes a result unworthy of belief, and what a decision does with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.before_after import WEAK
from monitoring.experiments.capping import winsorize
from monitoring.experiments.effects import CampaignResult, measure_campaign
from monitoring.experiments.trust import check_sample_ratio, watch_sample_ratio
from monitoring.experiments.weekly_effects import compare_weeks, list_weeks, sum_weeks

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=28)
LATER = END + timedelta(days=100)
CAMPAIGN = Campaign(
    campaign_id="spring", name="Spring mail", channel="email", starts_at=START, ends_at=END, control_share=0.5
)
COSTS = pd.DataFrame({"arm": ["treatment"], "amount": [300.0]})


def draw_outcomes(
    shares: tuple[float, float] = (0.10, 0.14), *, size: int = 3000, seed: int = 1
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = np.repeat(["control", "treatment"], size)
    converted = rng.binomial(1, np.repeat(shares, size))
    revenue = converted * rng.lognormal(3, 0.5, 2 * size)
    return pd.DataFrame(
        {
            "customer_id": pd.Series([f"c{n}" for n in range(2 * size)], dtype="string"),
            "arm": pd.Series(arm, dtype="string"), "segment_id": np.arange(2 * size) % 6,
            "converted": converted, "orders": converted, "revenue": revenue, "margin": 0.4 * revenue,
            "realised": 0.4 * revenue, "churned": rng.binomial(1, 0.4, 2 * size),
            "prior_orders": rng.poisson(1.0, 2 * size),
            "unsubscribed": rng.binomial(1, 0.02, 2 * size), "late_conversions": 0,
        }
    )  # fmt: skip


def measure(outcomes: pd.DataFrame, *, until: datetime = LATER, **options) -> CampaignResult:
    campaign = replace(CAMPAIGN, **options.pop("campaign", {}))
    settings = MeasurementSettings(**options.pop("settings", {}))
    return measure_campaign(
        ibis.memtable(outcomes), campaign=campaign, costs=COSTS, settings=settings, until=until, overlaps=0, **options
    )  # fmt: skip


def check_of(result: CampaignResult, name: str) -> bool | None:
    return next(check.passed for check in result.checks if check.name == name)


def test_a_result_that_one_customer_carries_is_invalid() -> None:
    outcomes = draw_outcomes((0.20, 0.20))
    last = outcomes.index >= len(outcomes) - 7
    whales = outcomes.assign(
        revenue=outcomes["revenue"].mask(last, 9000.0), converted=outcomes["converted"].mask(last, 1)
    )
    result = measure(whales, campaign={"primary_metric": "revenue"})
    assert result.metrics["revenue"].lift["treatment"].low is not None
    assert result.metrics["revenue"].lift["treatment"].low > 0
    assert check_of(result, "outliers") is False
    assert result.decision.decision == "invalid"
    sound = measure(draw_outcomes((0.20, 0.30)), campaign={"primary_metric": "revenue"})
    assert check_of(sound, "outliers") is True
    assert sound.decision.decision == "ship"


def test_a_source_that_stopped_before_the_end_leaves_the_result_open_to_doubt() -> None:
    outcomes, silent = draw_outcomes(), END - timedelta(days=5)
    late = measure(outcomes, newest={"shop": END, "app": silent})
    assert late.decision.decision == "invalid"
    assert "nothing from 'app' since 2026-06-24" in late.decision.sentence
    assert measure(outcomes, newest={"shop": END}).decision.decision == "ship"


def test_people_who_are_gone_since_the_draw_are_counted() -> None:
    outcomes = draw_outcomes()
    whole = measure(outcomes, drawn={"control": 3000, "treatment": 3000})
    fewer = measure(outcomes.iloc[30:-40], drawn={"control": 3000, "treatment": 3000})
    assert check_of(whole, "attrition") is True
    assert check_of(fewer, "attrition") is False
    told = next(check.sentence for check in fewer.checks if check.name == "attrition")
    assert told.startswith("70 of 6,000 customers drawn (1.2%) have been erased or merged since")
    assert fewer.decision.decision == "ship"
    assert check_of(measure(outcomes), "attrition") is None


def test_every_metric_has_its_role() -> None:
    metrics = measure(draw_outcomes()).to_dict()["metrics"]
    roles = {name: metric["role"] for name, metric in metrics.items()}
    assert (roles["conversion"], roles["revenue"], roles["complaints"]) == (
        "primary",
        "exploratory",
        "guardrail",
    )


def test_an_effect_that_wears_off_is_pointed_out_and_stays_a_result() -> None:
    outcomes = draw_outcomes((0.10, 0.20))
    rng = np.random.default_rng(3)
    in_first_half = rng.random(len(outcomes)) < np.where(outcomes["arm"] == "treatment", 0.8, 0.5)
    worn = outcomes.assign(late_conversions=outcomes["converted"] * np.where(in_first_half, -1, 1))
    result = measure(worn)
    assert check_of(result, "novelty") is False
    assert result.decision.decision == "ship"


def test_harm_elsewhere_stops_what_worked() -> None:
    outcomes = draw_outcomes((0.10, 0.16))
    rng = np.random.default_rng(4)
    angry = rng.binomial(1, np.where(outcomes["arm"] == "treatment", 0.08, 0.02))
    result = measure(outcomes.assign(unsubscribed=angry))
    assert result.decision.decision == "stop"
    assert "but customers who unsubscribed went up in treatment" in result.decision.sentence
    assert measure(outcomes).decision.decision == "ship"


def test_early_looks_are_always_valid_and_only_harm_ends_a_campaign_early() -> None:
    soon = END - timedelta(days=3)
    better = measure(draw_outcomes((0.10, 0.20)), until=soon)
    early, final = better.metrics["conversion"], measure(draw_outcomes((0.10, 0.20))).metrics["conversion"]
    assert (early.interval, final.interval) == ("always_valid", "fixed")
    wide, narrow = (one.lift["treatment"].high - one.lift["treatment"].low for one in (early, final))  # type: ignore[operator]
    assert wide > narrow
    assert early.lift["treatment"].relative_low is None
    assert better.decision.decision == "continue"
    harmed = measure(draw_outcomes((0.20, 0.10)), until=soon)
    assert harmed.decision.decision == "stop"
    assert "can be ended early" in harmed.decision.sentence
    assert better.metrics["aov"].interval is None


def test_few_events_are_not_looked_at_early() -> None:
    result = measure(draw_outcomes((0.02, 0.04), size=2000), until=END - timedelta(days=3))
    assert result.metrics["conversion"].lift["treatment"].low is None
    assert "that may be looked at early needs 100" in (result.metrics["conversion"].reason or "")


def test_the_decision_rests_on_the_adjusted_difference_where_that_is_wanted() -> None:
    rng = np.random.default_rng(8)
    outcomes = draw_outcomes((0.10, 0.10))
    past = rng.normal(0, 1, len(outcomes))
    treated = (outcomes["arm"] == "treatment").to_numpy(dtype=float)
    outcomes = outcomes.assign(
        prior_revenue=past + 5, revenue=30 + 10 * past + rng.normal(0, 1, len(past)) + 0.2 * treated
    )
    plain = measure(outcomes, campaign={"primary_metric": "revenue"})
    adjusted = measure(outcomes, campaign={"primary_metric": "revenue"}, settings={"decide_on": "adjusted"})
    assert plain.metrics["revenue"].adjusted["treatment"].variance_saved > 0.95
    assert (plain.decision.decision, adjusted.decision.decision) == ("inconclusive", "ship")
    assert "adjusted for what they did before" in adjusted.decision.sentence


def test_money_is_winsorized_where_that_is_wanted_and_it_is_said() -> None:
    outcomes = draw_outcomes()
    result = measure(outcomes, settings={"winsorize": 0.9})
    assert "up to the 90.0% quantile" in (result.metrics["revenue"].reason or "")
    assert "quantile" not in (result.metrics["conversion"].reason or "")
    paid = outcomes["revenue"][outcomes["revenue"] > 0]
    capped = winsorize(ibis.memtable(outcomes), quantile=0.9).to_pandas()["revenue"]
    assert capped.max() == pytest.approx(paid.quantile(0.9))
    assert result.metrics["revenue"].arms["control"] == pytest.approx(
        capped[outcomes["arm"] == "control"].mean()
    )


def test_without_control_there_is_before_and_after_and_it_is_called_weak() -> None:
    outcomes = draw_outcomes()
    alone = outcomes[outcomes["arm"] == "treatment"].assign(prior_revenue=18.0)
    result = measure(alone, campaign={"primary_metric": "revenue"})
    change = result.before_after["treatment"]
    assert change.before == pytest.approx(0.1)
    assert change.during == pytest.approx(alone["revenue"].mean() / 28)
    assert change.warning == WEAK
    assert result.decision.decision == "invalid"
    assert measure(outcomes).before_after == {}


def test_a_running_campaigns_sizes_may_be_watched_daily() -> None:
    rng = np.random.default_rng(9)
    wrong = caught = 0
    for _campaign in range(300):
        fair, skewed = ((rng.random(20_000) < share).cumsum() for share in (0.50, 0.52))
        looks = range(699, 20_000, 700)
        for arm, is_fair in ((fair, True), (skewed, False)):
            failed = any(
                watch_sample_ratio(
                    {"control": int(arm[n]), "treatment": n + 1 - int(arm[n])}, control_share=0.5, alpha=0.002
                ).passed is False
                for n in looks
            )  # fmt: skip
            wrong += failed and is_fair
            caught += failed and not is_fair
    assert wrong <= 2  # at most .002 of 300 are expected; three would come once in forty times
    assert caught >= 285


def test_one_final_look_catches_52_to_48() -> None:
    rng = np.random.default_rng(10)
    controls = {share: rng.binomial(20_000, share, 2000) for share in (0.50, 0.52)}
    failed = {
        share: np.mean(
            [
                check_sample_ratio(
                    {"control": int(n), "treatment": 20_000 - int(n)}, control_share=0.5, alpha=0.002
                ).passed is False
                for n in drawn
            ]
        )
        for share, drawn in controls.items()
    }  # fmt: skip
    assert failed[0.50] <= 0.005
    assert failed[0.52] >= 0.99


def test_weeks_are_compared_over_everybody_assigned() -> None:
    connection = ibis.duckdb.connect()
    connection.raw_sql("set timezone = 'UTC'")
    size = 400
    customers = pd.Series([f"c{n}" for n in range(size)], dtype="string")
    arm = pd.Series(np.where(np.arange(size) % 2 == 0, "control", "treatment"), dtype="string")
    assigned = pd.DataFrame(
        {"campaign_id": "spring", "customer_id": customers, "arm": arm, "segment_id": 1, "assigned_at": START}
    )
    bought = [(n, day) for n in range(size) for day in (3, 10) if (n % 2 == 1 and day == 3) or n % 10 == 0]
    events = pd.DataFrame(
        {
            "source": "shop", "event_id": [f"e{n}" for n in range(len(bought))], "kind": "purchase", "value": 10.0,
            "customer_id": pd.Series([f"c{n}" for n, _day in bought], dtype="string"),
            "occurred_at": [START + timedelta(days=day) for _n, day in bought],
        }
    )  # fmt: skip
    sums = sum_weeks(
        connection.create_table("events", events),
        connection.create_table("assignments", assigned),
        campaign=CAMPAIGN,
        until=START + timedelta(days=15),
    )
    assert sorted(set(sums["week"])) == [1, 2]
    found = compare_weeks(sums, column="converted", alpha=0.05).set_index("week")
    assert found.loc[1, "absolute"] == pytest.approx(1.0 - 0.2)
    assert found.loc[2, "absolute"] == pytest.approx(0.0 - 0.2)
    assert found.loc[1, "low"] < 0.8 < found.loc[1, "high"]
    assert len(list_weeks(CAMPAIGN, until=LATER)) == 4
    assert list_weeks(CAMPAIGN, until=START) == []
    connection.disconnect()
