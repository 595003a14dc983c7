"""The weeks on record: what drift is measured against once nobody's rows of those weeks are looked at any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import pandas as pd
import pyarrow
from ibis import _

from models.factors import CUSTOMER_INITIATED
from monitoring.calibration import choose_weekly
from monitoring.week_profiles import (
    ACTIVITY_SUMS,
    MONTH,
    WeekProfile,
    profile_week,
    rate_activity,
    read_profile,
)
from tasks.lake import Lake
from tasks.rollups import read_rollups

_SCHEMA = pyarrow.schema(
    [
        ("as_of", pyarrow.date32()),
        ("decision", pyarrow.string()),
        ("model_version", pyarrow.string()),
        ("profile", pyarrow.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class WeekRecord:
    """What is on record before a day.

    Attributes:
        weeks: the profiles one week apart, counted back from that day, oldest first.
        decisions: what was decided about drift, by day, of every run.
    """

    weeks: tuple[WeekProfile, ...]
    decisions: Mapping[date, str]


def profile_now(
    lake: Lake, factors: pd.DataFrame, *, as_of: date, rows: pd.Series, churn_days: int
) -> WeekProfile:
    """The profile of the seven days up to `as_of`, not yet in anybody's segments.

    Args:
        factors: of that day, one row a customer.
        rows: events of the week by source.
        churn_days: customers without any activity for longer count as lost.
    """
    silent = float((factors["days_since_last_activity"] > churn_days).mean())
    levels = rate_activity(
        read_sums(sum_activity(read_rollups(lake).activity, as_of=as_of)),
        customers=len(factors),
        silent=silent,
    )
    return profile_week(factors, as_of=as_of, levels=levels, rows=rows)


def read_record(lake: Lake, *, before: date, most: int) -> WeekRecord:
    """What the last `most` weeks before a day have left.

    Daily runs leave a profile a day; a week is represented once, or days that share six of seven would count as seven
    weeks.
    """
    if not lake.has("week_profiles"):
        return WeekRecord((), {})
    table = lake.table("week_profiles")
    first = before - timedelta(weeks=most)
    recent = table.filter((table.as_of < ibis.literal(before)) & (table.as_of >= ibis.literal(first)))
    decided = recent.select("as_of", "decision").order_by("as_of").to_pyarrow().to_pylist()
    decisions = {row["as_of"]: row["decision"] for row in decided}
    chosen = recent.filter(recent.as_of.isin(choose_weekly(decisions, before=before)))
    return WeekRecord(tuple(_read_profiles(chosen)), decisions)


def read_week(lake: Lake, day: date) -> WeekProfile | None:
    """The profile on record of a day; None where there is none."""
    if not lake.has("week_profiles"):
        return None
    table = lake.table("week_profiles")
    return next(iter(_read_profiles(table.filter(table.as_of == ibis.literal(day)))), None)


def _read_profiles(rows: ibis.Table) -> list[WeekProfile]:
    return [
        read_profile(row["profile"], as_of=row["as_of"], model_version=row["model_version"])
        for row in rows.order_by("as_of").to_pyarrow().to_pylist()
    ]


def store_week(lake: Lake, profile: WeekProfile, *, decision: str) -> None:
    """Put a week on record, in place of what is there of the same day."""
    row = {
        "as_of": profile.as_of,
        "decision": decision,
        "model_version": profile.model_version,
        "profile": profile.to_json(),
    }
    rows = pyarrow.Table.from_pylist([row], schema=_SCHEMA)
    lake.overwrite("week_profiles", rows, where=f"as_of = '{profile.as_of}'")


def sum_activity(activity: ibis.Table, *, as_of: date) -> ibis.Table:
    """`ACTIVITY_SUMS` of the week as one row, from the rollup by customer and day."""
    month = activity.filter(
        activity.day.between(ibis.literal(as_of - timedelta(days=MONTH - 1)), ibis.literal(as_of))
    ).mutate(did=CUSTOMER_INITIATED)
    is_recent = month.day > ibis.literal(as_of - timedelta(weeks=1))
    by_customer = month.group_by("customer_id").aggregate(
        **{name: month[name].sum(where=is_recent) for name in ("did", "purchases", "revenue", "discount")},
        **{name: month[name].sum() for name in ("emails_sent", "emails_opened", "emails_clicked")},
    )
    return by_customer.aggregate(
        buyers=(_.purchases > 0).sum(),
        active=(_.did > 0).sum(),
        **{name: _[name].sum() for name in ACTIVITY_SUMS[2:]},
    )


def read_sums(sums: ibis.Table) -> dict[str, float]:
    """The one row of `sum_activity`; 0 where nothing happened."""
    return {name: float(value or 0.0) for name, value in sums.to_pyarrow().to_pylist()[0].items()}
