"""Visits: who came to the shop, on whatever way."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_visits(data: ArmData) -> MetricResult:
    """Share of assigned customers with a session, a page view, a search or a visit to a store in the window."""
    return compare_shares(data, "visited")


METRIC = Metric("visits", "Customers who came", unit="share", better="higher", measure=measure_visits)
