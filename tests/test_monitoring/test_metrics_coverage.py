"""Known truth: many small experiments, each a "segment" of one table, all read by the engine at once."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.aggregates import read_cells
from monitoring.metrics import ArmData, MetricResult, load_metrics

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=14)
ARMS = ("control", "treatment")
METRICS = load_metrics()
EXPERIMENTS, CONTROL_SIZE, TREATMENT_SIZE = 400, 500, 1_000
COST = 600.0
CONVERSION, CHURN, ORDER_VALUE = (0.10, 0.16), (0.40, 0.34), (22.0, 26.0)
MARGIN_RATE, ORDERS_A_BUYER = 0.5, 1.5


def read_experiments(rows: pd.DataFrame, *, costs: dict[str, float] | None = None) -> list[ArmData]:
    """Each segment of the outcomes as an experiment."""
    cells = read_cells(ibis.memtable(rows))
    campaign = Campaign(campaign_id="c", name="Spring", channel=None, starts_at=START, ends_at=END)
    return [
        ArmData(
            arms=ARMS,
            statistics={arm: cells[experiment, arm] for arm in ARMS},
            costs=costs or {},
            campaign=campaign,
            settings=MeasurementSettings(),
            until=START + timedelta(days=365),
        )
        for experiment in range(EXPERIMENTS)
    ]


@pytest.fixture(scope="module")
def experiments() -> dict[str, list[MetricResult]]:
    """Every metric of every simulated experiment."""
    rng = np.random.default_rng(2026)
    arms = []
    for arm, size, which in (("control", CONTROL_SIZE, 0), ("treatment", TREATMENT_SIZE, 1)):
        rows = EXPERIMENTS * size
        converted = rng.binomial(1, CONVERSION[which], rows)
        orders = converted * rng.integers(1, 3, rows)
        revenue = orders * ORDER_VALUE[which] * rng.lognormal(-(0.5**2) / 2, 0.5, rows)
        arms.append(
            pd.DataFrame(
                {
                    "segment_id": np.repeat(np.arange(EXPERIMENTS), size),
                    "arm": arm,
                    "converted": converted,
                    "orders": orders,
                    "revenue": revenue,
                    "margin": MARGIN_RATE * revenue,
                    "realised": MARGIN_RATE * revenue,
                    "churned": rng.binomial(1, CHURN[which], rows),
                }
            )
        )
    data = read_experiments(pd.concat(arms, ignore_index=True), costs={"treatment": COST})
    return {name: [METRICS[name].measure(one) for one in data] for name in list_true_lifts()}


def list_true_lifts() -> dict[str, float]:
    """What the intervals are to cover."""
    (control, treatment), (less, more) = CONVERSION, ORDER_VALUE
    margin = MARGIN_RATE * ORDERS_A_BUYER * (treatment * more - control * less)
    return {
        "conversion": treatment - control,
        "churn": CHURN[1] - CHURN[0],
        "aov": more - less,
        "ltv": margin,
        "cost_per_conversion": COST / ((treatment - control) * TREATMENT_SIZE),
        "roi": (margin * TREATMENT_SIZE - COST) / COST,
    }


@pytest.mark.parametrize(("name", "truth"), list_true_lifts().items())
def test_intervals_cover_the_truth_as_often_as_they_say(experiments, name: str, truth: float) -> None:
    lifts = [result.lift["treatment"] for result in experiments[name]]
    covered = np.mean([one.low <= truth <= (math.inf if one.high is None else one.high) for one in lifts])
    assert covered == pytest.approx(0.95, abs=0.033)  # three standard errors of 400 experiments
    middle = np.median([one.absolute for one in lifts if one.absolute is not None])
    assert middle == pytest.approx(truth, rel=0.05)


def test_an_effect_that_is_not_there_is_found_once_in_twenty() -> None:
    size = 300
    rows = pd.DataFrame(
        {
            "segment_id": np.repeat(np.arange(EXPERIMENTS), 2 * size),
            "arm": np.tile(np.repeat(ARMS, size), EXPERIMENTS),
            "converted": np.random.default_rng(5).binomial(1, 0.1, EXPERIMENTS * 2 * size),
        }
    )
    measured = [METRICS["conversion"].measure(one).lift["treatment"] for one in read_experiments(rows)]
    assert np.mean([one.p_value < 0.05 for one in measured]) == pytest.approx(0.05, abs=0.033)
