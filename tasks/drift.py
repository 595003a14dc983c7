"""Is this week still the week the champion was trained on, and may the data be believed at all?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
import pyarrow
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.rollups import end_of_day
from monitoring.calibration import Surprise, measure_surprise
from monitoring.comparison import DriftMeasurement, measure_drift
from monitoring.data_health import FeedFinding, check_feeds
from monitoring.drift import DriftDecision, decide_drift
from monitoring.drift_settings import DriftSettings
from monitoring.week_profiles import WeekProfile, profile_week
from tasks.intake import Intake
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.registry import LoadedModel
from tasks.scoring import Scored
from tasks.weeks import profile_now, read_record, read_week, store_week

WEEKS_WATCHED = 9
BROKEN = ("retrain", "data_fault")
"""Decisions after which a week is nothing to compare others with."""
_SCORES = pyarrow.schema(
    [
        ("as_of", pyarrow.date32()),
        ("factor", pyarrow.string()),
        ("method", pyarrow.string()),
        ("score", pyarrow.float64()),
        ("threshold", pyarrow.float64()),
        ("drifted", pyarrow.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class CheckedSources:
    """What the sources have delivered in a week: what is wrong with it, and events by source."""

    faults: tuple[FeedFinding, ...]
    rows: pd.Series


@dataclass(frozen=True, slots=True)
class DriftWatch:
    """The verdict of a week, and what it rests on.

    Attributes:
        measurement: the factors beside those the champion was trained on; None without a champion.
        surprise: how unusual the week is for this shop; None where too few weeks are on record.
        profile: what is kept of the week.
        training: of the week the champion was trained on; None without a champion.
    """

    decision: DriftDecision
    measurement: DriftMeasurement | None
    surprise: Surprise | None
    profile: WeekProfile
    training: WeekProfile | None = None

    @property
    def data_fault(self) -> str | None:
        """Why this week's data may not be learnt from, if so."""
        return self.decision.reasons[0] if self.decision.decision == "data_fault" else None

    def share_of(self, inputs: Collection[str]) -> float | None:
        """The share of a model's inputs that have drifted; None where nothing was measured."""
        if self.measurement is None or not inputs:
            return None
        return len(set(self.decision.drifted) & set(inputs)) / len(inputs)

    def list_columns(self) -> pd.DataFrame:
        """Everything compared, with its score and the limit for it: column, method, score, threshold, drifted."""
        if self.surprise is not None:
            return self.surprise.to_columns()
        return pd.DataFrame() if self.measurement is None else self.measurement.columns

    def list_weeks(self) -> pd.DataFrame:
        """How unusual each week on record was, with this week's limits; empty while too few are on record."""
        if self.surprise is None:
            return pd.DataFrame()
        limits = self.surprise.limits
        return self.surprise.timeline.assign(watch=limits.watch, retrain=limits.retrain)

    def list_distributions(self, *, most: int = 5) -> pd.DataFrame:
        """Quantiles of the factors that moved most, at training and now: factor, then, now."""
        columns = self.list_columns()
        if self.training is None or columns.empty:
            return pd.DataFrame()
        then, now = self.training.quantiles, self.profile.quantiles
        shared = [name for name in columns["column"] if name in then and name in now]
        parts = [
            pd.DataFrame({"factor": name, "then": then[name].to_numpy(), "now": now[name].to_numpy()})
            for name in shared
            if then[name].notna().any() and now[name].notna().any()
        ]
        return pd.concat(parts[:most], ignore_index=True) if parts else pd.DataFrame()

    def to_dict(self) -> dict[str, Any]:
        return {
            "decision": self.decision.decision,
            "drifted": list(self.decision.drifted),
            "reasons": list(self.decision.reasons),
            "surprise": _tell_surprise(self.surprise),
        }


def _tell_surprise(surprise: Surprise | None) -> dict[str, Any]:
    if surprise is None:
        return {"score": None, "reason": "too few weeks are on record to say what is usual"}
    limits = surprise.limits
    return {
        "score": surprise.score,
        "watch_from": limits.watch,
        "retrain_from": limits.retrain,
        "past_weeks": limits.weeks,
    }


@task(name="check sources", cache_policy=NO_CACHE, persist_result=False)
def check_sources(lake: Lake, intake: Intake, *, as_of: date, timezone: str) -> CheckedSources:
    """Find sources that lost a column, fell silent, came twice or changed their unit this week."""
    breaks = tuple(
        FeedFinding(name, "schema_break", f"source '{name}' has lost a column, and was left aside: {reason}")
        for name, reason in intake.schema_breaks.items()
    )
    weekly = count_weeks(lake, as_of=as_of, timezone=timezone)
    others = check_feeds(weekly, as_of=as_of)
    # What was left aside delivered nothing; that is no second fault.
    faults = breaks + tuple(fault for fault in others if fault.source not in intake.schema_breaks)
    for fault in faults:
        get_logger().warning(fault.sentence)
    return CheckedSources(faults, weekly[weekly["week"] == as_of].set_index("source")["rows"])


def count_weeks(lake: Lake, *, as_of: date, timezone: str) -> pd.DataFrame:
    """Rows and mean value by source and week (its last day), for the weeks that end on the weekday of `as_of`.

    For the last two weeks also `repeated`: the share of rows that say of a customer what another row says.
    """
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
    repeated = (
        weeks.filter(_.weeks_ago <= 1)
        .group_by("source", "weeks_ago", "customer_id", "kind", "occurred_at", "value", "category")
        .aggregate(alike=_.count())
        .group_by("source", "weeks_ago")
        .aggregate(repeated=1 - _.count().cast("float64") / _.alike.sum())
        .to_pandas()
    )
    counted = counted.merge(repeated, on=["source", "weeks_ago"], how="left")
    counted["week"] = [as_of - timedelta(weeks=int(n)) for n in counted.pop("weeks_ago")]
    return counted[["source", "week", "rows", "mean_value", "repeated"]]


@task(name="watch drift", cache_policy=NO_CACHE, persist_result=False)
def watch_drift(
    lake: Lake,
    champion: LoadedModel | None,
    reference: pd.DataFrame | None,
    factors: pd.DataFrame,
    *,
    as_of: date,
    sources: CheckedSources,
    settings: DriftSettings,
    churn_days: int,
) -> DriftWatch:
    """Compare this week with those the champion was trained on and with the shop's own past weeks.

    `reference` holds the factors the champion was trained on; both are None where there is no champion.
    """
    profile = profile_now(lake, factors, as_of=as_of, rows=sources.rows, churn_days=churn_days)
    if champion is not None:
        profile = profile.place(champion.segmenter.assign(factors), model_version=champion.version)
    record = read_record(lake, before=as_of, most=settings.weeks_max)
    measurement = None if reference is None else measure_drift(reference, factors, settings=settings, seed=0)
    training = _find_training(lake, champion, reference)
    surprise = measure_surprise(
        profile,
        record.weeks,
        reference=training,
        broken=[day for day, decided in record.decisions.items() if decided in BROKEN],
        watch_at=settings.watch_at,
        retrain_at=settings.retrain_at,
        weeks_min=settings.weeks_min,
        ignored=settings.ignored,
    )
    decision = decide_drift(
        measurement,
        data_faults=[fault.sentence for fault in sources.faults],
        settings=settings,
        surprise=surprise,
    )
    get_logger().info("drift: %s", decision.decision)
    return DriftWatch(decision, measurement, surprise, profile, training)


@task(name="record week", cache_policy=NO_CACHE, persist_result=False)
def record_week(lake: Lake, drift: DriftWatch, scored: Scored) -> None:
    """Keep the week's profile, its customers where the model now in use has placed them, and how far what has moved."""
    profile = drift.profile.place(scored.assignment, model_version=scored.version)
    store_week(lake, profile, decision=drift.decision.decision)
    _store_scores(lake, drift.list_columns(), as_of=profile.as_of)


def _store_scores(lake: Lake, columns: pd.DataFrame, *, as_of: date) -> None:
    rows = columns.rename(columns={"column": "factor"}).assign(as_of=as_of).reindex(columns=_SCORES.names)
    table = pyarrow.Table.from_pandas(rows, schema=_SCORES, preserve_index=False)
    lake.overwrite("drift_scores", table, where=f"as_of = '{as_of}'")


def _find_training(
    lake: Lake, champion: LoadedModel | None, reference: pd.DataFrame | None
) -> WeekProfile | None:
    """The week the champion was trained on: as it is on record, else from the rows of the training."""
    if champion is None or reference is None:
        return None
    trained_on = date.fromisoformat(champion.tags["as_of"])
    return read_week(lake, trained_on) or profile_week(reference, as_of=trained_on)
