"""Refunds: who gave something back."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_refunds(data: ArmData) -> MetricResult:
    """Share of assigned customers with a refund in the window."""
    return compare_shares(data, "refunded")


METRIC = Metric(
    "refunds", "Customers with a refund", unit="share", better="lower", measure=measure_refunds, guards=True
)
