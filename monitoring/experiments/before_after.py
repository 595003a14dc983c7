"""Before and after: all there is where nobody was left without the campaign, and weak evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.experiments import CONTROL
from monitoring.experiments.arms import ArmData, keep_finite
from monitoring.experiments.outcomes import PRIOR_DAYS

if TYPE_CHECKING:
    from monitoring.metrics import Metric

WEAK = (
    "weak evidence: without a control group, season, prices and chance look like the campaign; plan a control group "
    "next time"
)
COLUMNS = {"conversion": "orders", "revenue": "revenue", "margin": "margin", "ltv": "margin"}


@dataclass(frozen=True, slots=True)
class Change:
    """What an arm's customers did a day, before and during the campaign; of conversions, orders.

    There is no interval: chance is the least of what could have made the difference.
    """

    before: float | None
    during: float | None
    warning: str = WEAK


def compare_before(data: ArmData, metric: Metric) -> dict[str, Change]:
    """By arm, what customers did a day in the 180 days before and in the window; empty where there is a control."""
    column = COLUMNS.get(metric.name)
    if data.count(CONTROL) or column is None:
        return {}
    end = min(data.until, data.campaign.ends_at)
    days = (end - data.campaign.starts_at).total_seconds() / 86_400
    if days <= 0:
        return {}
    return {
        arm: Change(
            before=keep_finite(data.mean(arm, f"prior_{column}") / PRIOR_DAYS),
            during=keep_finite(data.mean(arm, column) / days),
        )
        for arm in data.treatments
        if data.count(arm)
    }
