"""Conversion: who did what the campaign was for."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_conversion(data: ArmData) -> MetricResult:
    """Share of assigned customers with at least one conversion in the window."""
    return compare_shares(data, "converted")


METRIC = Metric("conversion", "Conversion", unit="share", better="higher", measure=measure_conversion)
