"""Opens: who opened what was sent."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares


def measure_opens(data: ArmData) -> MetricResult:
    """Share of assigned customers who opened an e-mail or a push message in the window; also of those sent none."""
    return compare_shares(data, "opened")


METRIC = Metric("opens", "Customers who opened", unit="share", better="higher", measure=measure_opens)
