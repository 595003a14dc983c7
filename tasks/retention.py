"""Keeping no longer than `[retention]` says: rows by table, past reports and exports; and what is gone stays gone.

Rollups stand on events that may be gone. So the day from which events are kept is put on record (`kept_since`), rows
delivered from before it are not let in, and `tasks/rollups.py` never builds anew what lies before it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.retention import DATED, DELIVERED, RetentionLimits
from models.rollups import end_of_day
from tasks.bi_files import list_written
from tasks.export_erasure import settle_exports
from tasks.export_ledger import BI, MAP, PUBLISH, drop_exported, list_exported
from tasks.identities import GOOD
from tasks.intake import Intake
from tasks.kept_since import read_kept_since, remember_since
from tasks.lake import BATCH_ROWS, PARTITIONED, Lake, Run, month_sql
from tasks.logs import get_logger
from tasks.places import Places
from tasks.report_erasure import drop_weeks
from tasks.staging import Staging


@task(name="keep to limits", cache_policy=NO_CACHE, persist_result=False)
def apply_retention(
    lake: Lake, limits: RetentionLimits, *, as_of: date, timezone: str, places: Places
) -> dict[str, int]:
    """Delete what is older than its limit, and carry out what erasures are still owed.

    Args:
        limits: days to keep.
        as_of: the last of these days.
        timezone: the shop's own, in which a day begins.

    Returns:
        rows deleted by table, weeks of `reports`, files and folders of `exports`, and places still `owed`; only
        where there are any.
    """
    counts = {}
    for name, since in limits.find_cutoffs(as_of).items():
        if name == "reports":
            folders = [
                places.reports,
                *(e.path for e in places.exports if e.destination == PUBLISH and not e.uri),
            ]
            counts[name] = sum(drop_weeks(folder, before=since) for folder in folders)
        elif name == "exports":
            counts[name] = _drop_exports(lake, places, before=since)
        elif lake.has(name):
            counts[name] = _drop_rows(lake, name, since=since, timezone=timezone)
    counts["owed"] = settle_exports(lake, places)
    told = {name: count for name, count in counts.items() if count}
    if told:
        get_logger().info("kept to limits: %s", ", ".join(f"{n:,} × {name}" for name, n in told.items()))
    return told


def purge_deleted(lake: Lake, run: Run, summary: Mapping[str, Any]) -> None:
    """Take what a finished run deleted out of the tables' history as well."""
    if set(summary["retention"]) & set(DATED):
        lake.purge_history(run, summary)


def set_aside_outdated(lake: Lake, staging: Staging, intake: Intake) -> None:
    """Rows from before the day their table is kept from are not let in again; they count as `filtered`."""
    kept = read_kept_since(lake)
    for table in DELIVERED:
        if table not in kept:
            continue
        start = end_of_day(kept[table] - timedelta(days=1), timezone=staging.rules.timezone)
        old = f"coalesce(\"{DATED[table]}\" < TIMESTAMPTZ '{start.isoformat()}', false)"
        rows = lake.engine.con.execute(
            f"SELECT _source, count(*) FROM staged_{table} WHERE {GOOD} AND {old} GROUP BY _source"
        ).fetchall()
        for source, count in rows:
            intake.by_source[source].filtered += count
            intake.warnings.append(
                f"sources.{source}: {count:,} row(s) are from before {kept[table]}, the day that {table} are kept "
                "from; they were left out"
            )
        if rows:
            staging.barred[table] = f"{GOOD} AND {old}"
            staging.finish()


def _drop_rows(lake: Lake, name: str, *, since: date, timezone: str) -> int:
    """Delete the rows of a table from before a day; how many. Months are rewritten where the table has months."""
    con, column = lake.engine.con, DATED[name]
    field = lake.schema(name).field(column).type
    start = end_of_day(since - timedelta(days=1), timezone=timezone)
    limit = f"TIMESTAMPTZ '{start.isoformat()}'" if pyarrow.types.is_timestamp(field) else f"DATE '{since}'"
    old = f'coalesce("{column}" < {limit}, false)'
    source = lake.relation(name)
    row = con.execute(f"SELECT count(*) FROM {source} WHERE {old}").fetchone()
    count = int(row[0]) if row else 0
    if not count:
        return 0
    if name in PARTITIONED:
        found = con.execute(f"SELECT DISTINCT {month_sql(column)} FROM {source} WHERE {old}").fetchall()
        months = [month for (month,) in found]
        rest = con.execute(f"SELECT * FROM {lake.relation(name, months=months)} WHERE NOT {old}")
        lake.overwrite_months(name, rest.to_arrow_reader(BATCH_ROWS), months=months)
    else:
        rest = con.execute(f"SELECT * FROM {source} WHERE NOT {old}")
        lake.overwrite(name, rest.to_arrow_reader(BATCH_ROWS))
    if name in DELIVERED:
        remember_since(lake, name, since)
    return count


def _drop_exports(lake: Lake, places: Places, *, before: date) -> int:
    """Delete weeks of tables for BI and files of customers that were written as of days before; how many."""
    dropped = 0
    for export in places.exports:
        if export.destination == BI:
            old = [week for week in list_written(export.path)[1:] if date.fromisoformat(week) < before]
            for week in old:
                shutil.rmtree(export.path / week)
            dropped += len(old)
    newest = {one.place: one for one in list_exported(lake)}
    for one in newest.values():
        if one.kind in (BI, MAP, PUBLISH) or one.as_of >= before or not Path(one.place).is_file():
            continue
        Path(one.place).unlink()
        dropped += 1
    drop_exported(lake, before=before)
    return dropped
