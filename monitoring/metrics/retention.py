"""Retention: who came back after the campaign."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult
from monitoring.metrics.churn import follow_activity


def measure_retention(data: ArmData) -> MetricResult:
    """Share of assigned customers with activity in the `churn_days` after the campaign's end: what churn leaves."""
    return follow_activity(data, "retained", called="retention")


METRIC = Metric(
    "retention", "Retention", unit="share", better="higher", measure=measure_retention, horizon="churn"
)
