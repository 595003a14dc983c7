"""Lifetime value, as far as it has been realised."""

from __future__ import annotations

from dataclasses import replace

from monitoring.metrics import ArmData, Metric, MetricResult, compare_means, join_reasons


def measure_ltv(data: ArmData) -> MetricResult:
    """Margin earned up to `value_days` from the campaign's start (to its end where that is not set), per assigned
    customer; where unknown, revenue of the window, and `reason` says so.

    What a model expects beyond it is no outcome: fitted to both arms together, it draws them towards each other.
    """
    if data.knows("realised"):
        return compare_means(data, "realised", horizon="value")
    revenue = compare_means(data, "revenue")
    return replace(revenue, reason=join_reasons("revenue, because the margin is not known", revenue.reason))


METRIC = Metric(
    "ltv",
    "Realised lifetime value a customer",
    unit="money",
    better="higher",
    measure=measure_ltv,
    horizon="value",
)
