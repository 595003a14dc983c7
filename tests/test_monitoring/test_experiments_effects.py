"""A campaign measured as a whole: the result, the checks, the decision, and clear words for bad input."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.stats import binomtest, chisquare

from monitoring.experiments import Campaign, MeasurementSettings, read_campaigns
from monitoring.experiments.decision import judge_arms
from monitoring.experiments.effects import CampaignResult, measure_campaign
from monitoring.experiments.outcomes import build_outcomes
from monitoring.experiments.trust import check_overlaps, check_sample_ratio
from monitoring.metrics import Lift

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=14)
LATER = END + timedelta(days=100)
CAMPAIGN = Campaign(
    campaign_id="spring", name="Spring mail", channel="email", starts_at=START, ends_at=END,
    control_share=0.25,
)  # fmt: skip
COSTS = pd.DataFrame({"arm": ["treatment", "treatment"], "amount": [200.0, 100.0]})
NO_COSTS = pd.DataFrame({"arm": [], "amount": []})


def draw_outcomes(*, seed: int = 1, **arms: tuple[int, float]) -> pd.DataFrame:
    """Customers of arms given as (size, conversion), half of them in segment 0 and half in 1."""
    rng = np.random.default_rng(seed)
    arm = np.repeat(np.array(list(arms), dtype=object), [size for size, _share in arms.values()])
    share = np.repeat([share for _size, share in arms.values()], [size for size, _share in arms.values()])
    converted = rng.binomial(1, share)
    revenue = converted * rng.lognormal(3, 0.5, len(arm))
    churned = rng.binomial(1, 0.4, len(arm))
    prior_orders = rng.poisson(1.5, len(arm))
    return pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(len(arm))], "arm": pd.Series(arm, dtype="string"),
            "segment_id": np.arange(len(arm)) % 2, "converted": converted, "orders": converted,
            "revenue": revenue, "margin": 0.4 * revenue, "realised": 0.4 * revenue,
            "active": 1 - churned, "churned": churned,
            "prior_orders": prior_orders, "prior_revenue": 20.0 * prior_orders,
        }
    )  # fmt: skip


def measure(
    outcomes: pd.DataFrame,
    *,
    campaign: Campaign = CAMPAIGN,
    costs: pd.DataFrame = COSTS,
    until: datetime = LATER,
    overlaps: int | None = 0,
) -> CampaignResult:
    """Measure, and see to it that the JSON holds together whatever the input."""
    result = measure_campaign(
        ibis.memtable(outcomes),
        campaign=campaign,
        costs=costs,
        settings=MeasurementSettings(),
        until=until,
        overlaps=overlaps,
    )
    entry = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    for metric in [*entry["metrics"].values(), *entry["by_segment"].values()]:
        numbers = [*metric["arms"].values(), *(v for lift in metric["lift"].values() for v in lift.values())]
        assert metric["reason"] or None not in numbers
    return result


@pytest.fixture(scope="module")
def worked() -> CampaignResult:
    return measure(draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18)))


def test_a_campaign_that_worked_is_shipped(worked: CampaignResult) -> None:
    assert worked.decision.decision == "ship"
    sentence = worked.decision.sentence
    assert sentence.startswith("Spring mail worked: conversion was ")
    assert "in control and" in sentence
    assert "95 % interval +" in sentence


def test_the_json_entry_has_what_the_design_promises(worked: CampaignResult) -> None:
    entry = worked.to_dict()
    assert {"campaign_id", "srm_p", "decision", "sentence", "metrics"} <= set(entry)
    assert {"arms", "reason", "lift"} <= set(entry["metrics"]["conversion"])
    assert entry["metrics"]["conversion"]["interval"] == "fixed"
    assert set(entry["metrics"]["conversion"]["lift"]["treatment"]) == {
        "absolute", "low", "high", "relative", "relative_low", "relative_high", "p_value",
    }  # fmt: skip
    assert entry["customers"] == {"control": 1_000, "treatment": 3_000}
    assert entry["window"]["starts_at"] == "2026-06-01T00:00:00+00:00"
    assert entry["costs"] == {"control": None, "treatment": 300.0}
    assert entry["immature"] == {"window": False, "churn": False, "value": False}


def test_segments_add_up_to_the_whole(worked: CampaignResult) -> None:
    parts = worked.by_segment
    assert set(parts) == {0, 1}
    total = sum(one.customers["treatment"] * one.result.arms["treatment"] for one in parts.values())
    assert total == pytest.approx(3_000 * worked.metrics["conversion"].arms["treatment"])
    assert all(one.result.lift["treatment"].low is not None for one in parts.values())


def test_customers_without_a_segment_count_in_the_whole_alone() -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18))
    outcomes["segment_id"] = outcomes["segment_id"].astype("Int64").mask(outcomes.index % 2 == 1)
    result = measure(outcomes)
    assert set(result.by_segment) == {0}
    assert sum(result.customers.values()) == 4_000


def test_less_is_better_for_churn() -> None:
    outcomes = draw_outcomes(control=(2_000, 0.1), treatment=(6_000, 0.1))
    treated = outcomes["arm"] == "treatment"
    outcomes.loc[treated, "churned"] *= np.random.default_rng(0).binomial(1, 0.7, int(treated.sum()))
    result = measure(outcomes, campaign=replace(CAMPAIGN, primary_metric="churn"))
    assert result.metrics["churn"].lift["treatment"].high < 0
    assert result.decision.decision == "ship"


def test_harm_is_stopped_and_a_draw_is_inconclusive() -> None:
    harm = measure(draw_outcomes(control=(1_000, 0.20), treatment=(3_000, 0.10)))
    assert harm.decision.decision == "stop"
    draw = measure(draw_outcomes(control=(1_000, 0.15), treatment=(3_000, 0.15)))
    assert draw.decision.decision == "inconclusive"
    assert draw.decision.sentence.startswith("Spring mail is undecided")
    assert "may be chance" in draw.decision.sentence


def test_every_treatment_is_held_against_control() -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), mail=(1_500, 0.20), push=(1_500, 0.02))
    result = measure(outcomes, costs=NO_COSTS)
    lift = result.metrics["conversion"].lift
    assert lift["mail"].low > 0 > lift["push"].high
    assert list(result.customers) == ["control", "mail", "push"]
    assert result.decision.decision == "ship"
    assert ": better); " in result.decision.sentence
    assert result.decision.sentence.endswith(": worse).")


def test_several_arms_are_corrected_for_by_holm() -> None:
    lift = {"a": Lift(absolute=1.0, p_value=0.03), "b": Lift(absolute=1.0, p_value=0.04)}
    assert judge_arms(lift, better="higher", alpha=0.05) == {"a": "inconclusive", "b": "inconclusive"}
    assert judge_arms({"a": lift["a"]}, better="higher", alpha=0.05) == {"a": "ship"}
    lift["a"] = Lift(absolute=-1.0, p_value=0.01)
    assert judge_arms(lift, better="higher", alpha=0.05) == {"a": "stop", "b": "ship"}
    assert judge_arms(lift, better="lower", alpha=0.05) == {"a": "ship", "b": "stop"}


# May it be believed?


@pytest.mark.parametrize(("control", "treatment"), [(5_200, 14_800), (4_900, 15_100)])
def test_sample_ratio_is_pearsons_test(control: int, treatment: int) -> None:
    check = check_sample_ratio({"control": control, "treatment": treatment}, control_share=0.25, alpha=0.002)
    theirs = chisquare([control, treatment], [5_000, 15_000]).pvalue
    assert check.value == pytest.approx(theirs, rel=1e-9)
    assert check.passed == (theirs >= 0.002)


def test_small_sample_ratios_are_tested_exactly() -> None:
    check = check_sample_ratio({"control": 30, "a": 40, "b": 50}, control_share=0.2, alpha=0.002)
    assert check.value == pytest.approx(binomtest(90, 120, 0.8).pvalue)


def test_sample_ratio_mismatch_is_caught_and_seldom_imagined() -> None:
    rng = np.random.default_rng(8)
    p_values = {
        planned: np.array(
            [
                check_sample_ratio(
                    {"control": control, "treatment": 20_000 - control}, control_share=0.5, alpha=0.002
                ).value
                for control in rng.binomial(20_000, planned, 300)
            ]
        )
        for planned in (0.5, 0.52)
    }
    assert np.mean(p_values[0.52] < 0.002) > 0.97
    assert np.mean(p_values[0.5] < 0.002) <= 0.01


def test_a_mismatch_makes_the_result_invalid() -> None:
    result = measure(draw_outcomes(control=(1_000, 0.10), treatment=(2_000, 0.18)))
    assert result.srm_p < 1e-6
    assert result.decision.decision == "invalid"
    assert "33.3% of customers are in control where 25.0% were planned" in result.decision.sentence
    assert all("not chance" in metric.reason for metric in result.metrics.values())


@pytest.mark.parametrize("share", [None, math.nan, 0.0])
def test_without_a_planned_share_sizes_are_not_judged(share: float | None) -> None:
    result = measure(
        draw_outcomes(control=(1_000, 0.10), treatment=(2_000, 0.18)),
        campaign=replace(CAMPAIGN, control_share=share),
    )
    assert result.srm_p is None
    assert result.decision.decision == "ship"


def test_arms_that_differed_before_are_no_experiment() -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18))
    outcomes.loc[outcomes["arm"] == "treatment", "prior_orders"] += 1
    result = measure(outcomes)
    assert result.decision.decision == "invalid"
    assert "the arms already differed before, in orders of treatment" in result.decision.sentence


def test_many_customers_in_two_arms_are_no_experiment() -> None:
    assert check_overlaps(None, customers=100).passed is None
    assert check_overlaps(0, customers=100).passed is True
    assert check_overlaps(1, customers=1_000).passed is True
    result = measure(draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18)), overlaps=100)
    assert result.decision.decision == "invalid"
    assert "100 customers (2.4%) were in two arms" in result.decision.sentence


def test_a_small_arm_is_pointed_out() -> None:
    result = measure(draw_outcomes(control=(50, 0.3), treatment=(150, 0.3)))
    small = next(check for check in result.checks if check.name == "smallest_arm")
    assert small.passed is False
    assert small.sentence == "the smallest arm, control, has 50 customers"
    assert result.decision.decision == "inconclusive"


# Bad input: a clear word, never a number that looks fine.


def test_no_control() -> None:
    result = measure(draw_outcomes(treatment=(500, 0.1)))
    assert result.decision.decision == "invalid"
    assert "it has no control group" in result.decision.sentence
    assert all(lift == Lift() for metric in result.metrics.values() for lift in metric.lift.values())


def test_no_treatment() -> None:
    result = measure(draw_outcomes(control=(500, 0.1)), costs=NO_COSTS)
    assert "nobody but the control group" in result.decision.sentence


def test_nobody_at_all() -> None:
    outcomes = draw_outcomes(control=(500, 0.1)).query("arm == 'nobody'")
    result = measure(outcomes, costs=NO_COSTS)
    assert (result.decision.decision, result.customers, result.by_segment) == ("invalid", {}, {})
    assert "no customer was assigned to it" in result.decision.sentence


def test_an_empty_arm_leaves_the_others_comparable() -> None:
    costs = pd.DataFrame({"arm": ["treatment", "push"], "amount": [300.0, 50.0]})
    result = measure(draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18)), costs=costs)
    assert result.customers == {"control": 1_000, "push": 0, "treatment": 3_000}
    conversion = result.metrics["conversion"]
    assert conversion.arms["push"] is None
    assert "nobody is in arm push" in conversion.reason
    assert conversion.lift["treatment"].low > 0
    assert result.decision.decision == "ship"
    assert "cannot be compared in push" in result.decision.sentence


@pytest.mark.parametrize("share", [0.0, 0.001])
def test_nothing_happened_or_hardly_anything(share: float) -> None:
    result = measure(draw_outcomes(control=(1_000, 0.0), treatment=(3_000, share)))
    assert result.metrics["conversion"].lift == {"treatment": Lift()}
    assert result.decision.decision == "inconclusive"
    assert "control rests on 0 of its 1000 customers, an interval needs 5" in result.decision.sentence


@pytest.mark.parametrize(
    "costs", [NO_COSTS, pd.DataFrame(), pd.DataFrame({"arm": ["treatment"] * 2, "amount": [5.0, None]})]
)
def test_cost_missing(costs: pd.DataFrame) -> None:
    result = measure(draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18)), costs=costs)
    assert result.costs["treatment"] is None
    for name in ("cost_per_conversion", "roi"):
        assert result.metrics[name].lift == {"treatment": Lift()}
        assert result.metrics[name].reason.startswith("cost unknown")
    assert result.decision.decision == "ship"


def test_a_decision_on_revenue_in_place_of_margin_says_so() -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18))
    unknown = outcomes.assign(margin=math.nan, realised=math.nan)
    result = measure(unknown, campaign=replace(CAMPAIGN, primary_metric="ltv"))
    assert result.decision.decision == "ship"
    assert result.decision.sentence.endswith("; note: revenue, because the margin is not known.")


def test_not_started() -> None:
    result = measure(draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18)), until=START)
    assert result.decision == replace(
        result.decision, decision="continue", sentence="Spring mail starts on 2026-06-01."
    )
    for metric in result.metrics.values():
        assert metric.arms == {"control": None, "treatment": None}
        assert metric.reason == "the campaign starts on 2026-06-01"


def test_not_finished() -> None:
    running = END - timedelta(seconds=1)
    result = measure(draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18)), until=running)
    assert result.decision.decision == "continue"
    assert "it is decided on 2026-06-15" in result.decision.sentence
    assert result.immature == {"window": True, "churn": True, "value": True}
    assert all(metric.reason.startswith("interim:") for metric in result.metrics.values())


def test_churn_as_primary_metric_waits_for_its_horizon() -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18))
    result = measure(outcomes, campaign=replace(CAMPAIGN, primary_metric="churn"), until=END)
    assert result.decision.decision == "continue"
    assert "2026-08-14" in result.decision.sentence
    assert result.immature == {"window": False, "churn": True, "value": False}


@pytest.mark.parametrize("name", ["aov", "cac", "applause"])
def test_a_metric_that_cannot_decide_does_not(name: str) -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18))
    result = measure(outcomes, campaign=replace(CAMPAIGN, primary_metric=name))
    assert result.decision.decision == "invalid"
    assert f"'{name}' is not a metric that can decide" in result.decision.sentence


def test_a_window_that_ends_before_it_starts() -> None:
    outcomes = draw_outcomes(control=(1_000, 0.10), treatment=(3_000, 0.18))
    result = measure(outcomes, campaign=replace(CAMPAIGN, ends_at=START - timedelta(days=1)))
    assert result.decision.decision == "invalid"
    assert "not after its start" in result.decision.sentence


def test_settings_forbid_unknown_keys() -> None:
    with pytest.raises(ValidationError, match="churn_dayz"):
        MeasurementSettings(churn_dayz=30)


# From events to the decision.


def test_from_events_to_the_decision() -> None:
    rng = np.random.default_rng(4)
    size = 2_000
    customer_id = pd.Series([f"c{i}" for i in range(size)], dtype="string")
    arm = pd.Series(np.where(np.arange(size) % 4 == 0, "control", "treatment"), dtype="string")
    bought = rng.random(size) < np.where(arm == "control", 0.10, 0.20)
    assignments = pd.DataFrame(
        {"campaign_id": "spring", "customer_id": customer_id, "arm": arm, "segment_id": 1,
         "assigned_at": pd.Timestamp(START)}
    )  # fmt: skip
    events = pd.DataFrame(
        {"source": "shop", "event_id": customer_id[bought], "customer_id": customer_id[bought],
         "occurred_at": pd.Timestamp(START + timedelta(days=3)), "kind": "purchase", "value": 30.0,
         "margin": 12.0, "order_id": customer_id[bought], "discount": 0.0}
    )  # fmt: skip
    rows = pd.DataFrame(
        {"campaign_id": ["spring"], "name": ["Spring mail"], "channel": ["email"], "control_share": [0.25],
         "starts_at": [pd.Timestamp(START)], "ends_at": [pd.Timestamp(END)], "primary_metric": [None]}
    )  # fmt: skip
    (campaign,) = read_campaigns(rows)
    connection = ibis.duckdb.connect()
    connection.raw_sql("set timezone = 'UTC'")
    outcomes = build_outcomes(
        connection.create_table("events", events),
        connection.create_table("assignments", assignments),
        campaign=campaign,
        until=LATER,
        settings=MeasurementSettings(),
    )
    result = measure_campaign(
        outcomes, campaign=campaign, costs=COSTS, settings=MeasurementSettings(), until=LATER
    )
    assert result.decision.decision == "ship"
    conversion, ltv, churn = (result.metrics[name] for name in ("conversion", "ltv", "churn"))
    assert conversion.arms["control"] == pytest.approx(bought[arm == "control"].mean())
    assert ltv.arms["control"] == pytest.approx(12.0 * conversion.arms["control"])
    assert churn.arms == {"control": 1.0, "treatment": 1.0}
    assert churn.lift == {"treatment": Lift()}
    connection.disconnect()
