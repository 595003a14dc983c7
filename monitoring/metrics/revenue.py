"""Revenue a customer."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_means


def measure_revenue(data: ArmData) -> MetricResult:
    """Money paid minus money given back in the window, per assigned customer, buyer or not."""
    return compare_means(data, "revenue")


METRIC = Metric("revenue", "Revenue a customer", unit="money", better="higher", measure=measure_revenue)
