"""Lifetime value, as far as it has been realised."""

from __future__ import annotations

from dataclasses import replace

from monitoring.metrics import ArmData, Metric, MetricResult, compare_means, join_reasons


def measure_ltv(data: ArmData) -> MetricResult:
    """Margin earned in the window per assigned customer; where unknown, revenue, and `reason` says so."""
    if data.knows("margin"):
        return compare_means(data, "margin")
    revenue = compare_means(data, "revenue")
    return replace(revenue, reason=join_reasons("revenue, because the margin is not known", revenue.reason))


METRIC = Metric(
    "ltv", "Realised lifetime value a customer", unit="money", better="higher", measure=measure_ltv
)
