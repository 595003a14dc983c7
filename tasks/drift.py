"""Is this week still the week the champion was trained on, and may the data be believed at all?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.rollups import end_of_day
from monitoring.data_health import FeedFinding, check_feeds
from monitoring.drift import DriftDecision, DriftMeasurement, DriftSettings, decide_drift, measure_drift
from tasks.lake import Lake
from tasks.logs import get_logger

WEEKS_WATCHED = 9


@dataclass(frozen=True, slots=True)
class DriftWatch:
    """The verdict of a week, and what it rests on."""

    decision: DriftDecision
    measurement: DriftMeasurement | None

    @property
    def data_fault(self) -> str | None:
        """Why this week's data may not be learnt from, if so."""
        return self.decision.reasons[0] if self.decision.decision == "data_fault" else None

    def share_of(self, inputs: Collection[str]) -> float | None:
        """The share of a model's inputs that have drifted; None where nothing was measured."""
        if self.measurement is None or not inputs:
            return None
        return len(set(self.decision.drifted) & set(inputs)) / len(inputs)

    def to_dict(self) -> dict[str, Any]:
        return {
            "decision": self.decision.decision,
            "drifted": list(self.decision.drifted),
            "reasons": list(self.decision.reasons),
        }


@task(name="check sources", cache_policy=NO_CACHE, persist_result=False)
def check_sources(lake: Lake, *, as_of: date, timezone: str) -> list[FeedFinding]:
    """Sources that fell silent, came twice or changed their unit this week."""
    findings = list(check_feeds(count_weeks(lake, as_of=as_of, timezone=timezone), as_of=as_of))
    for finding in findings:
        get_logger().warning(finding.sentence)
    return findings


def count_weeks(lake: Lake, *, as_of: date, timezone: str) -> pd.DataFrame:
    """Rows and mean value by source and week (its last day), for the weeks that end on the weekday of `as_of`."""
    until = end_of_day(as_of, timezone=timezone)
    events = lake.table("events")
    recent = events.filter(
        (_.occurred_at < ibis.literal(until))
        & (_.occurred_at >= ibis.literal(until - timedelta(weeks=WEEKS_WATCHED)))
    )
    age = ibis.literal(int(until.timestamp()) - 1) - recent.occurred_at.epoch_seconds()
    weeks = recent.mutate(weeks_ago=(age.cast("float64") / (7 * 86400.0)).floor().cast("int64"))
    counted = (
        weeks.group_by("source", "weeks_ago")
        .aggregate(rows=_.count(), mean_value=_.value.mean())
        .order_by("source", "weeks_ago")
        .to_pandas()
    )
    counted["week"] = [as_of - timedelta(weeks=int(n)) for n in counted.pop("weeks_ago")]
    return counted[["source", "week", "rows", "mean_value"]]


@task(name="watch drift", cache_policy=NO_CACHE, persist_result=False)
def watch_drift(
    reference: pd.DataFrame | None,
    current: pd.DataFrame,
    *,
    faults: list[FeedFinding],
    settings: DriftSettings,
) -> DriftWatch:
    """Compare this week's factors with those the champion was trained on (None where there is no champion)."""
    measurement = None if reference is None else measure_drift(reference, current, settings=settings, seed=0)
    decision = decide_drift(measurement, data_faults=[f.sentence for f in faults], settings=settings)
    get_logger().info("drift: %s", decision.decision)
    return DriftWatch(decision, measurement)
