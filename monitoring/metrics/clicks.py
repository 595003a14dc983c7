"""Clicks: who followed a link."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_clicks(data: ArmData) -> MetricResult:
    """Share of assigned customers who clicked in an e-mail or on an advertisement in the window."""
    return compare_shares(data, "clicked")


METRIC = Metric("clicks", "Customers who clicked", unit="share", better="higher", measure=measure_clicks)
