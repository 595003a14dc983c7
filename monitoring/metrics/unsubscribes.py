"""Unsubscribes: who wants no more mail."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_unsubscribes(data: ArmData) -> MetricResult:
    """Share of assigned customers who unsubscribed in the window."""
    return compare_shares(data, "unsubscribed")


METRIC = Metric(
    "unsubscribes",
    "Customers who unsubscribed",
    unit="share",
    better="lower",
    measure=measure_unsubscribes,
    guards=True,
)
