"""Cost per conversion, and what each additional one cost."""

from __future__ import annotations

from monitoring.experiments.costs import price_conversions
from monitoring.metrics import ArmData, Metric, MetricResult


def measure_cost_per_conversion(data: ArmData) -> MetricResult:
    """Per arm: cost over converted customers. As lift: incremental cost over incremental conversions."""
    return price_conversions(data, "converted")


METRIC = Metric(
    "cost_per_conversion",
    "Cost per conversion",
    unit="money",
    better="lower",
    measure=measure_cost_per_conversion,
    decides=False,
)
