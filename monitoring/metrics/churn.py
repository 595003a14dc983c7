"""Churn: who did not come back after the campaign."""

from __future__ import annotations

from monitoring.metrics import ArmData, Metric, MetricResult, compare_shares, explain_nothing


def measure_churn(data: ArmData) -> MetricResult:
    """Share of assigned customers without any activity in the `churn_days` after the campaign's end.

    Unknown for everyone until these days are over: a share of those seen so far would only shrink.
    """
    return follow_activity(data, "churned", called="churn")


def follow_activity(data: ArmData, column: str, *, called: str) -> MetricResult:
    """A share that is known once the days after the campaign's end are over, and not told before."""
    days = data.settings.churn_days
    horizon = data.campaign.churn_horizon(days)
    if data.until < horizon:
        return explain_nothing(
            data,
            f"{called} is known {days} days after the campaign's end, on {data.campaign.find_day(horizon)}",
        )
    return compare_shares(data, column, horizon="churn")


METRIC = Metric("churn", "Churn", unit="share", better="lower", measure=measure_churn, horizon="churn")
