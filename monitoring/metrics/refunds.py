"""Refunds: how much of what was bought came back."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_ratios


def measure_refunds(data: ArmData) -> MetricResult:
    """Refunds an order in the window; not a customer, or every campaign that sells would be blamed for them."""
    return compare_ratios(data, "refunds", "orders")


METRIC = Metric(
    "refunds",
    "Refunds an order",
    unit="share",
    better="lower",
    measure=measure_refunds,
    decides=False,
    guards=True,
)
