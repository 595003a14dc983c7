"""What an effect cost and returned, also where cost differs from customer to customer."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.aggregates import list_arms, merge_cells, read_cells
from monitoring.experiments.arms import ArmData
from monitoring.experiments.costs import CustomerCost, divide
from monitoring.experiments.returns import list_returns, share_costs, sum_returns
from monitoring.metrics import load_metrics

START = datetime(2026, 6, 1, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="c", name="Spring", channel=None, starts_at=START, ends_at=START + timedelta(days=14)
)
METRICS = load_metrics()
RATES, MARGIN, VOUCHER, LETTER = (0.10, 0.20), 20.0, 5.0, 0.40


def read_data(outcomes: pd.DataFrame, *, costs: dict[str, float], discounts: str = "as_cost") -> ArmData:
    cells = read_cells(ibis.memtable(outcomes))
    return ArmData(
        arms=list_arms({arm for _segment, arm in cells}),
        statistics=merge_cells(cells),
        costs=costs,
        campaign=CAMPAIGN,
        settings=MeasurementSettings(discounts=discounts),  # type: ignore[arg-type]
        until=START + timedelta(days=365),
    )


def draw_outcomes(rng: np.random.Generator, *, size: int = 1500) -> pd.DataFrame:
    """Everybody who buys in the treatment arm redeems a voucher: who brings in more costs more."""
    arm = np.repeat(["control", "treatment"], size)
    converted = rng.binomial(1, np.repeat(RATES, size))
    margin = converted * MARGIN * rng.lognormal(-0.125, 0.5, 2 * size)
    frame = pd.DataFrame({"arm": pd.Series(arm, dtype="string"), "segment_id": 1, "converted": converted})
    return frame.assign(
        margin=margin, revenue=2 * margin, discounts=VOUCHER * converted * (arm == "treatment"),
        is_new=rng.binomial(1, 0.5, 2 * size),
    ).assign(new_converted=lambda rows: rows["is_new"] * rows["converted"])  # fmt: skip


def test_bounds_of_a_ratio_are_where_fiellers_test_rejects() -> None:
    cost, gain, variance, critical = CustomerCost(1.4, 0.01, -0.002), 0.1, 0.001, 1.96

    def rejects(ratio: float) -> bool:
        spread = cost.variance - 2 * ratio * cost.covariance + ratio**2 * variance
        return abs(cost.cost - ratio * gain) > critical * math.sqrt(spread)

    low, high = divide(cost, gain, variance=variance, critical=critical)
    assert high is not None
    assert rejects(low - 1e-6)
    assert not rejects(low + 1e-6)
    assert not rejects(high - 1e-6)
    assert rejects(high + 1e-6)
    low, high = divide(cost, gain, variance=0.01, critical=critical)
    assert high is None


def test_a_cost_that_may_be_nothing_bounds_nothing() -> None:
    assert divide(CustomerCost(0.1, 0.01), 0.1, variance=1e-4, critical=1.96) == (0.0, None)


def test_returns_and_costs_of_a_conversion_cover_the_truth_where_vouchers_differ() -> None:
    experiments, size = 300, 1500
    gained, cost = RATES[1] - RATES[0], LETTER + VOUCHER * RATES[1]
    truths = {"roi": MARGIN * gained / cost - 1, "cost_per_conversion": cost / gained}
    rng = np.random.default_rng(12)
    # One campaign a segment, so that the engine is asked once.
    rows = [draw_outcomes(rng, size=size).assign(segment_id=n) for n in range(experiments)]
    cells = read_cells(ibis.memtable(pd.concat(rows)))
    whole = read_data(rows[0], costs={"treatment": LETTER * size})
    arms = [merge_cells(cells, segment_id=n) for n in range(experiments)]
    for name, truth in truths.items():
        lifts = [METRICS[name].measure(replace(whole, statistics=one)).lift["treatment"] for one in arms]
        covered = [
            one.low is not None and one.low <= truth <= (math.inf if one.high is None else one.high)
            for one in lifts
        ]
        assert np.mean(covered) == pytest.approx(0.95, abs=0.038)  # three standard errors


def test_discounts_that_order_values_already_hold_are_counted_once() -> None:
    data = draw_outcomes(np.random.default_rng(1))
    costs = {"treatment": 600.0}
    in_value, as_cost = (
        METRICS["roi"].measure(read_data(data, costs=costs, discounts=how)).lift["treatment"]
        for how in ("in_value", "as_cost")
    )
    margin = METRICS["margin"].measure(read_data(data, costs=costs)).lift["treatment"]
    spent = 600.0 + data["discounts"].sum()
    assert margin.absolute is not None
    assert in_value.absolute == pytest.approx(margin.absolute * 1500 / 600 - 1)
    assert as_cost.absolute == pytest.approx(margin.absolute * 1500 / spent - 1)


def test_new_customers_carry_their_share_of_the_cost() -> None:
    outcomes = draw_outcomes(np.random.default_rng(2))
    data = read_data(outcomes, costs={"treatment": 600.0, "control": 0.0}, discounts="in_value")
    treated = outcomes[outcomes["arm"] == "treatment"]
    expected = 600.0 * treated["is_new"].mean() / treated["new_converted"].sum()
    assert METRICS["cac"].measure(data).arms["treatment"] == pytest.approx(expected)
    everybody_known = read_data(outcomes.assign(is_new=0, new_converted=0), costs={"treatment": 600.0})
    found = METRICS["cac"].measure(everybody_known)
    assert found.arms == {"control": None, "treatment": None}
    assert found.reason is not None
    assert "nobody assigned was new" in found.reason


def test_returns_of_segments_add_up_to_the_arms() -> None:
    rng = np.random.default_rng(3)
    outcomes = draw_outcomes(rng).assign(segment_id=np.arange(3000) % 3)
    data = read_data(outcomes, costs={"treatment": 600.0}, discounts="in_value")
    parts = {}
    for segment in range(3):
        part = read_data(outcomes[outcomes["segment_id"] == segment], costs={}, discounts="in_value")
        parts[segment] = replace(part, costs=share_costs(data, part))
    whole, *by_segment = list_returns(data, parts)
    assert whole.margin is not None
    assert whole.profit == pytest.approx(whole.margin - 600)
    assert whole.break_even_cost == pytest.approx(whole.margin)
    assert sum(one.cost for one in by_segment if one.cost) == pytest.approx(600)
    assert sum(one.margin for one in by_segment if one.margin) == pytest.approx(whole.margin, rel=0.05)


def test_campaigns_of_a_channel_add_up_with_their_uncertainty() -> None:
    returns = pd.DataFrame(
        {
            "channel": ["email", "email", "letter", "letter"], "margin": [100.0, 50.0, 80.0, math.nan],
            "margin_low": [40.0, -30.0, 10.0, math.nan], "margin_high": [160.0, 130.0, 150.0, math.nan],
            "cost": [60.0, 60.0, 100.0, 5.0],
        }
    )  # fmt: skip
    found = sum_returns(returns, by=["channel"], alpha=0.05).set_index("channel")
    assert found.loc["email", "margin"] == 150
    assert found.loc["email", "margin_high"] == pytest.approx(150 + math.hypot(60, 80))
    assert found.loc["email", "roi"] == pytest.approx(150 / 120 - 1)
    assert found.loc["email", "profit"] == pytest.approx(30)
    assert found.loc["letter", ["campaigns", "left_out"]].tolist() == [1, 1]
