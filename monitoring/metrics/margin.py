"""Margin a customer."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_means


def measure_margin(data: ArmData) -> MetricResult:
    """Margin earned in the window, less what refunds took back, per assigned customer, buyer or not."""
    return compare_means(data, "margin")


METRIC = Metric("margin", "Margin a customer", unit="money", better="higher", measure=measure_margin)
