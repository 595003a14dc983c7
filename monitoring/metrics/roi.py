"""Return on what the campaign cost."""

from __future__ import annotations

from monitoring.experiments.arms import explain_arms
from monitoring.experiments.costs import return_on_cost
from monitoring.metrics import ArmData, Metric, MetricResult, compare_means, join_reasons

ONLY_AGAINST_CONTROL = "a return exists only against control: no value an arm, no relative lift, no p-value"


def measure_roi(data: ArmData) -> MetricResult:
    """(Incremental margin − incremental cost) ÷ incremental cost; 0 is break-even, 1 doubles the money."""
    margin = compare_means(data, "margin")
    found = {arm: return_on_cost(data, arm, margin.lift[arm]) for arm in data.treatments}
    return MetricResult(
        dict.fromkeys(data.arms),
        {arm: lift for arm, (lift, _reason) in found.items()},
        join_reasons(
            explain_arms(data, {arm: reason for arm, (_lift, reason) in found.items()}),
            margin.reason,
            ONLY_AGAINST_CONTROL,
        ),
        interval=margin.interval if any(lift.low is not None for lift, _reason in found.values()) else None,
    )


METRIC = Metric(
    "roi",
    "Return on investment",
    unit="ratio",
    better="higher",
    measure=measure_roi,
    decides=False,
)
