"""Complaints."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_complaints(data: ArmData) -> MetricResult:
    """Share of assigned customers who complained in the window."""
    return compare_shares(data, "complained")


METRIC = Metric(
    "complaints",
    "Customers who complained",
    unit="share",
    better="lower",
    measure=measure_complaints,
    guards=True,
)
