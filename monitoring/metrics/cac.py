"""Cost per conversion, and what each additional one cost."""

from __future__ import annotations

import math

from monitoring.metrics import (
    ArmData,
    Lift,
    Metric,
    MetricResult,
    compare_shares,
    explain_arms,
    join_reasons,
    keep_finite,
)

NO_TEST = "a cost per additional conversion has no relative lift and no p-value"


def measure_cac(data: ArmData) -> MetricResult:
    """Per arm: cost over converted customers. As lift: incremental cost over incremental conversions.

    The lift's interval inverts that of the conversion lift, cost being fixed: where it touches zero, the cost
    is bounded from below only; where it lies wholly below, nothing was gained that could have a cost.
    """
    conversion = compare_shares(data, "converted")
    values = {arm: _cost_per_conversion(data, arm) for arm in data.arms}
    found = {arm: _cost_of_gain(data, arm, conversion.lift[arm]) for arm in data.treatments}
    valueless = [arm for arm, value in values.items() if value is None]
    return MetricResult(
        values,
        {arm: lift for arm, (lift, _reason) in found.items()},
        join_reasons(
            explain_arms(data, {arm: reason for arm, (_lift, reason) in found.items()}),
            conversion.reason,
            f"no cost per conversion in {', '.join(valueless)}" if valueless else None,
            NO_TEST,
        ),
    )


def _cost_per_conversion(data: ArmData, arm: str) -> float | None:
    conversions = data.count_nonzero(arm, "converted")
    return keep_finite(data.costs[arm] / conversions) if conversions and arm in data.costs else None


def _cost_of_gain(data: ArmData, arm: str, conversion: Lift) -> tuple[Lift, str | None]:
    cost, count = data.incremental_cost(arm), data.count(arm)
    if math.isnan(cost):
        return Lift(), "cost unknown"
    if cost <= 0:
        return Lift(), "no cost over control"
    if conversion.absolute is None or conversion.low is None or conversion.high is None:
        return Lift(), None
    if conversion.high <= 0:
        return Lift(), "no conversions gained"
    at_least = cost / (conversion.high * count)
    if conversion.low <= 0:
        average = cost / (conversion.absolute * count) if conversion.absolute > 0 else None
        return Lift(absolute=average, low=at_least), f"at least {at_least:.2f}, no upper bound"
    return Lift(
        absolute=cost / (conversion.absolute * count), low=at_least, high=cost / (conversion.low * count)
    ), None


METRIC = Metric(
    "cac",
    "Cost per conversion (CAC)",
    unit="money",
    better="lower",
    measure=measure_cac,
    decides=False,
)
