"""The weeks on record: what drift is measured against once nobody's rows of those weeks are looked at any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import pandas as pd
import pyarrow
from ibis import _

from models.factors import CUSTOMER_INITIATED
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
class RecordedWeek:
    """A week's profile, and what was decided about drift then."""

    profile: WeekProfile
    decision: str


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


def read_weeks(lake: Lake, *, before: date, most: int) -> list[RecordedWeek]:
    """The weeks on record from the last `most` weeks before a day, oldest first."""
    if not lake.has("week_profiles"):
        return []
    table = lake.table("week_profiles")
    first = before - timedelta(weeks=most)
    rows = table.filter((table.as_of < ibis.literal(before)) & (table.as_of >= ibis.literal(first)))
    return [
        RecordedWeek(
            read_profile(row["profile"], as_of=row["as_of"], model_version=row["model_version"]),
            row["decision"],
        )
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
