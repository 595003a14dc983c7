"""Cost of winning a customer, and what each additional one cost."""

from __future__ import annotations

from monitoring.experiments.costs import price_conversions
from monitoring.metrics import ArmData, Metric, MetricResult, explain_nothing


def measure_cac(data: ArmData) -> MetricResult:
    """Per arm: cost over converted customers, of those who had bought nothing before they were assigned.

    The arm's cost is shared evenly among its customers. As lift: incremental cost over incremental conversions of new
    customers. Where everybody had bought before, nobody is acquired: see `cost_per_conversion`.
    """
    if not data.knows("is_new"):
        return explain_nothing(data, "who had bought before is not known")
    if not any(data.count_nonzero(arm, "is_new") for arm in data.arms):
        return explain_nothing(
            data, "nobody assigned was new: everybody had bought before; see cost_per_conversion"
        )
    return price_conversions(data, "new_converted", among="is_new")


METRIC = Metric(
    "cac",
    "Cost per new customer (CAC)",
    unit="money",
    better="lower",
    measure=measure_cac,
    decides=False,
)
