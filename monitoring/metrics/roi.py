"""Return on what the campaign cost."""

from __future__ import annotations

import math

from monitoring.metrics import (
    ArmData,
    Lift,
    Metric,
    MetricResult,
    compare_means,
    explain_arms,
    join_reasons,
)

ONLY_AGAINST_CONTROL = "a return exists only against control: no value an arm, no relative lift, no p-value"


def measure_roi(data: ArmData) -> MetricResult:
    """(Incremental margin − incremental cost) ÷ incremental cost; 0 is break-even, 1 doubles the money.

    The interval is that of the margin's lift, rescaled: cost is taken as fixed.
    """
    margin = compare_means(data, "margin")
    found = {arm: _return_on_cost(data, arm, margin.lift[arm]) for arm in data.treatments}
    return MetricResult(
        dict.fromkeys(data.arms),
        {arm: lift for arm, (lift, _reason) in found.items()},
        join_reasons(
            explain_arms(data, {arm: reason for arm, (_lift, reason) in found.items()}),
            margin.reason,
            ONLY_AGAINST_CONTROL,
        ),
    )


def _return_on_cost(data: ArmData, arm: str, margin: Lift) -> tuple[Lift, str | None]:
    cost, count = data.incremental_cost(arm), data.count(arm)
    if math.isnan(cost):
        return Lift(), "cost unknown"
    if cost <= 0:
        return Lift(), "no cost over control"
    if margin.absolute is None or margin.low is None or margin.high is None:
        return Lift(), None
    absolute, low, high = ((one * count - cost) / cost for one in (margin.absolute, margin.low, margin.high))
    return Lift(absolute=absolute, low=low, high=high), None


METRIC = Metric(
    "roi",
    "Return on investment",
    unit="ratio",
    better="higher",
    measure=measure_roi,
    decides=False,
)
