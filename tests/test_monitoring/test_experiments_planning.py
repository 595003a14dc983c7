"""What a campaign will be able to show: textbook sizes, simulated experiments, and honest answers to hopeless plans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.history import History, combine_histories, measure_history, read_history
from monitoring.experiments.plan_sentences import describe_history, describe_power
from monitoring.experiments.planning import (
    CampaignPlan,
    ExperimentDesign,
    is_too_small,
    plan_arm,
    pool_quarter,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS = MeasurementSettings()
TWO_ARMS = {"control": 0.5, "treatment": 0.5}


def make_design(
    metric: str = "conversion", *, effect: float | None = None, shares: Any = None, days: int = 28
) -> ExperimentDesign:
    campaign = Campaign(
        campaign_id="c", name="C", channel=None, starts_at=START, ends_at=START + timedelta(days=days),
        primary_metric=metric,
    )  # fmt: skip
    return ExperimentDesign(campaign=campaign, shares=shares or TWO_ARMS, smallest_effect=effect)


def make_share(share: float, customers: int = 1000) -> History:
    return History(customers, share, share * (1 - share))


def test_sizes_are_those_of_the_textbook() -> None:
    """Chow, Shao, Wang & Lokhnygina (2018): 63 a group for a difference of half a standard deviation (3.2.4), 70 a
    group for response rates of 65 % and 85 % (4.2.4)."""
    counts = {"control": 500, "treatment": 500}
    means = plan_arm(
        History(1000, 0.0, 0.10**2), arm="treatment", counts=counts,
        design=make_design("revenue", effect=0.05), settings=SETTINGS,
    )  # fmt: skip
    assert means.needed == 2 * 63
    rates = plan_arm(
        make_share(0.65), arm="treatment", counts=counts, design=make_design(effect=0.20), settings=SETTINGS
    )
    assert rates.needed == 2 * 70


def test_a_fall_of_churn_is_planned_as_a_gain_of_those_who_stay() -> None:
    counts = {"control": 400, "treatment": 400}
    churn = plan_arm(
        make_share(0.30),
        arm="treatment",
        counts=counts,
        design=make_design("churn", effect=0.05),
        settings=SETTINGS,
    )
    stay = plan_arm(
        make_share(0.70), arm="treatment", counts=counts, design=make_design(effect=0.05), settings=SETTINGS
    )
    assert churn.baseline == 0.30
    assert (churn.needed, churn.power, churn.mde) == (stay.needed, stay.power, stay.mde)


def simulate_z(control: np.ndarray, treated: np.ndarray, *, alpha: float) -> float:
    """The share of experiments, one a row, whose arms differ significantly: Welch's test with large samples."""
    from scipy.stats import norm

    error = np.sqrt(
        control.var(axis=1, ddof=1) / control.shape[1] + treated.var(axis=1, ddof=1) / treated.shape[1]
    )
    z = (treated.mean(axis=1) - control.mean(axis=1)) / error
    return float(np.mean(np.abs(z) > norm.ppf(1 - alpha / 2)))


@pytest.mark.parametrize("effect", [0.02, 0.03, 0.04])
def test_the_power_of_three_arms_is_what_simulated_experiments_show(effect: float) -> None:
    shares = {"control": 0.3, "letter": 0.3, "call": 0.4}
    counts = {"control": 900, "letter": 900, "call": 1200}
    design = make_design(effect=effect, shares=shares)
    found = plan_arm(make_share(0.08, 3000), arm="call", counts=counts, design=design, settings=SETTINGS)
    rng = np.random.default_rng(11)
    control, call = rng.binomial(900, 0.08, 40_000) / 900, rng.binomial(1200, 0.08 + effect, 40_000) / 1200
    error = np.sqrt(control * (1 - control) / 900 + call * (1 - call) / 1200)
    # Two comparisons share the error probability: 2.2414 is the normal quantile of 1 − 0.05 / 4.
    seen = np.mean(np.abs(call - control) / error > 2.241403)
    assert found.power == pytest.approx(seen, abs=0.03)


@pytest.mark.parametrize("effect", [1.0, 1.5, 2.0])
def test_the_power_of_skewed_spend_is_what_simulated_experiments_show(effect: float) -> None:
    rng = np.random.default_rng(5)
    spend = np.where(rng.random(4000) < 0.15, rng.gamma(2.0, 25.0, 4000), 0.0)
    history = History(4000, float(spend.mean()), float(spend.var()))
    design = make_design("revenue", effect=effect, shares={"control": 0.4, "treatment": 0.6})
    found = plan_arm(
        history,
        arm="treatment",
        counts={"control": 1600, "treatment": 2400},
        design=design,
        settings=SETTINGS,
    )
    control = rng.choice(spend, (4000, 1600))
    treated = rng.choice(spend, (4000, 2400)) + effect
    assert found.power == pytest.approx(simulate_z(control, treated, alpha=0.05), abs=0.03)


def test_needed_customers_are_just_enough() -> None:
    design = make_design(effect=0.02)
    small = plan_arm(
        make_share(0.05),
        arm="treatment",
        counts={"control": 200, "treatment": 200},
        design=design,
        settings=SETTINGS,
    )
    assert small.needed is not None
    half = small.needed // 2
    for customers, enough in ((half - 5, False), (half + 1, True)):
        found = plan_arm(
            make_share(0.05), arm="treatment", counts={"control": customers, "treatment": customers},
            design=design, settings=SETTINGS,
        )  # fmt: skip
        assert (found.power >= 0.8) is enough
        assert is_too_small(found, design=design) is not enough


@pytest.mark.parametrize(
    ("history", "counts", "metric", "effect", "reason"),
    [
        (make_share(0.0), (500, 500), "conversion", 0.01, "nobody converted in the past"),
        (make_share(1.0), (500, 500), "conversion", 0.01, "everybody converted in the past"),
        (make_share(0.0), (500, 500), "churn", 0.01, "everybody was active in the past"),
        (History(1000, 0.0, 0.0), (500, 500), "revenue", 1.0, "all customers had the same revenue in the past"),
        (make_share(0.1), (0, 500), "conversion", 0.01, "nobody is in control"),
        (make_share(0.1), (500, 0), "conversion", 0.01, "nobody is in treatment"),
        (make_share(0.95), (500, 500), "conversion", 0.06, "a gain of 0.06 is more than there is room for"),
        (make_share(0.004), (500, 500), "conversion", 0.01, "about 2.0 customers of the smaller arm would count"),
        (History(1000, 1.0, 1.0, unknown=3), (500, 500), "ltv", 1.0, "the margin of 3 purchases or refunds"),
        (make_share(0.1), (500, 500), "nps", 0.01, "power cannot be planned for 'nps'"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_has_a_reason_and_no_figure(
    history: History, counts: tuple[int, int], metric: str, effect: float, reason: str
) -> None:
    design = make_design(metric, effect=effect)
    found = plan_arm(
        history, arm="treatment", counts=dict(zip(("control", "treatment"), counts, strict=True)), design=design,
        settings=SETTINGS,
    )  # fmt: skip
    assert found.power is None
    assert reason in str(found.reason)
    assert reason in describe_power(found, design=design, days=28)


def test_pooled_campaigns_reach_what_one_cannot() -> None:
    design = make_design(effect=0.02, days=14)
    found = plan_arm(
        make_share(0.05),
        arm="treatment",
        counts={"control": 400, "treatment": 400},
        design=design,
        settings=SETTINGS,
    )
    pooling = pool_quarter(found, make_share(0.05), design=design, settings=SETTINGS)
    assert pooling is not None
    assert (pooling.campaigns, pooling.fitting, pooling.suffices) == (6, 6, True)
    many = 400 * pooling.campaigns
    pooled = plan_arm(
        make_share(0.05), arm="treatment", counts={"control": many, "treatment": many}, design=design,
        settings=SETTINGS,
    )  # fmt: skip
    assert pooled.power >= 0.8
    assert pooling.mde == pytest.approx(pooled.mde)
    sentence = describe_power(found, design=design, days=14, pooling=pooling)
    assert "Pool over a quarter: 6 campaigns like this one would reach 80%, and a quarter holds 6" in sentence


def test_a_tiny_shop_is_told_that_even_a_quarter_shows_nothing() -> None:
    design = make_design(effect=0.02)
    found = plan_arm(
        make_share(0.02, 40), arm="treatment", counts={"control": 20, "treatment": 20}, design=design,
        settings=SETTINGS,
    )  # fmt: skip
    pooling = pool_quarter(found, make_share(0.02, 40), design=design, settings=SETTINGS)
    assert pooling is not None
    assert not pooling.suffices
    assert pooling.mde is None
    sentence = describe_power(found, design=design, days=28, pooling=pooling)
    assert "too small for a gain of 2 points" in sentence
    assert "not enough either" in sentence
    assert "even those of a whole quarter together show nothing" in sentence


def test_without_a_smallest_effect_the_plan_says_what_would_be_found() -> None:
    design = make_design()
    found = plan_arm(
        make_share(0.05),
        arm="treatment",
        counts={"control": 500, "treatment": 500},
        design=design,
        settings=SETTINGS,
    )
    assert (found.needed, found.power, found.reason) == (None, None, None)
    sentence = describe_power(found, design=design, days=28)
    assert found.mde == pytest.approx(0.0459, abs=5e-5)
    assert "a gain of 4.59 points or more would be found with 80% probability" in sentence


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(
        st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 2)), min_size=1, max_size=30),
        min_size=1,
        max_size=6,
    )
)
def test_combined_groups_have_the_mean_and_variance_of_all(groups: list[list[float]]) -> None:
    parts = [History(len(group), float(np.mean(group)), float(np.var(group)), unknown=1) for group in groups]
    everyone = np.concatenate([np.asarray(group) for group in groups])
    found = combine_histories(parts)
    assert found.customers == len(everyone)
    assert found.mean == pytest.approx(everyone.mean(), abs=1e-6)
    assert found.variance == pytest.approx(everyone.var(), rel=1e-6, abs=1e-6)
    assert found.unknown == len(groups)


def test_nobody_has_no_history() -> None:
    with pytest.raises(ValueError, match="there is nobody"):
        combine_histories([])


def make_events(*rows: tuple[str, str, int, float | None, float | None]) -> ibis.Table:
    """Events: customer, kind, days before START, value, margin."""
    frame = pd.DataFrame(rows, columns=["customer_id", "kind", "days", "value", "margin"])
    frame["occurred_at"] = pd.DatetimeIndex([START - timedelta(days=days) for days in frame["days"]])
    return ibis.memtable(frame.astype({"value": "float64", "margin": "float64"}))


PEOPLE = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "segment_id": [1, 1, 2, 2]}))
EVENTS = make_events(
    ("a", "purchase", 3, 100.0, 40.0),
    ("a", "refund", 2, 30.0, -10.0),
    ("b", "email_sent", 3, None, None),
    ("c", "purchase", 28, 10.0, None),
    ("d", "purchase", 29, 99.0, 9.0),
    ("stranger", "purchase", 1, 99.0, 9.0),
    ("c", "purchase", 0, 50.0, 5.0),
)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("conversion", {1: (0.5, 0), 2: (0.5, 0)}),
        ("churn", {1: (0.5, 0), 2: (0.5, 0)}),
        ("revenue", {1: (35.0, 0), 2: (5.0, 0)}),
        ("margin", {1: (15.0, 0), 2: (0.0, 1)}),
    ],
)
def test_only_the_last_days_of_these_customers_count(
    metric: str, expected: dict[int, tuple[float, int]]
) -> None:
    rows = measure_history(
        EVENTS, PEOPLE, campaign=make_design(metric).campaign, until=START,
        settings=MeasurementSettings(churn_days=28),
    ).to_pyarrow().to_pylist()  # fmt: skip
    found = {row.pop("segment_id"): read_history(**row) for row in rows}
    assert set(found) == {1, 2}
    for segment, (mean, unknown) in expected.items():
        assert found[segment] == History(2, mean, mean**2, unknown)


def test_the_history_is_the_same_to_the_last_digit_whatever_the_order_of_the_events() -> None:
    rng = np.random.default_rng(2)
    rows = [("abcd"[i % 4], "purchase", 3, float(v), None) for i, v in enumerate(rng.gamma(2.0, 30.0, 4000))]
    found = set()
    for _again in range(3):
        rng.shuffle(rows)
        table = measure_history(
            make_events(*rows),
            PEOPLE,
            campaign=make_design("revenue").campaign,
            until=START,
            settings=SETTINGS,
        )
        found.add(tuple(sorted(tuple(row.values()) for row in table.to_pyarrow().to_pylist())))
    assert len(found) == 1


def test_a_short_history_is_mentioned() -> None:
    plan = CampaignPlan(
        design=make_design(), counts={}, days=28, known_days=28, arms=(), segments=(), poolings=()
    )
    assert describe_history(plan) is None
