"""A week of a small lake whose upkeep finds something to do every time, for tests that end it at any of its writes."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow

from tasks import maintenance
from tasks.lake import begin_run, write_lake


def run_week(home: str, number: str) -> None:
    """Add a row to one table and replace another, put the lake in order, and commit."""
    maintenance.SMALL_FILES, maintenance.UNREAD_FILES, maintenance.LOG_ENTRIES = 3, 1, 2
    maintenance.KEPT_FOR = timedelta(0)
    rows = pyarrow.table({"n": pyarrow.array([int(number)], pyarrow.int64())})
    with write_lake(home) as lake:
        lake.append("snapshots", rows)
        lake.overwrite("suppressions", rows)
        maintenance.maintain_lake.fn(lake)
        lake.commit(begin_run("weekly-retrain", date(2026, 11, 16)), {})
