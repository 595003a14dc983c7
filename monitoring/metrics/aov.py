"""Average order value."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_ratios


def measure_aov(data: ArmData) -> MetricResult:
    """Revenue over orders in the window, net of refunds.

    A campaign changes who buys, so this compares different people and describes rather than decides.
    """
    return compare_ratios(data, "revenue", "orders")


METRIC = Metric(
    "aov", "Average order value", unit="money", better="higher", measure=measure_aov, decides=False
)
