"""Staged events into the lake: once each, however often and in however many files they come."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import duckdb

from models.rollups import end_of_day
from models.schemas import list_columns
from tasks.identities import GOOD
from tasks.intake import Intake
from tasks.lake import BATCH_ROWS, Lake
from tasks.sources import quote

# Other runs, such as a bare ingestion or a rollback, close no day.
REPORTING_FLOWS = ("weekly-retrain", "daily-score")
# Without event ids the content serves; its second row in a file is told apart by a number behind this mark.
_REPEAT = "#"
_COUNTED_AT_ONCE = 3_000_000


def add_events(lake: Lake, intake: Intake, *, timezone: str, batches: Collection[str]) -> None:
    """Append the staged events that the lake does not have, and count them.

    Suspects are found by hash: those whose id stands twice in what is staged, or in the lake. Only they are compared
    one by one; all others go straight from the passing files to the lake.
    """
    con = lake.engine.con
    offered = dict(
        con.execute(f"SELECT _source, count(*) FROM staged_events WHERE {GOOD} GROUP BY _source").fetchall()
    )
    if not offered:
        return
    _find_suspects(lake, rows=sum(offered.values()))
    before = set(lake.files("events")) if lake.has("events") else set()
    columns = ", ".join(f'"{column.name}"' for column in list_columns("events"))
    clean = f"SELECT {columns} FROM ({_select_good()}) ANTI JOIN suspects USING (_mark)"
    rows = con.execute(f"{clean} UNION ALL SELECT {columns} FROM cleared_suspects")
    lake.append("events", rows.to_arrow_reader(BATCH_ROWS), batches=batches)
    intake.new_files = tuple(sorted(set(lake.files("events")) - before))
    new, late = _count_new(con, intake.new_files, closed=_closed_until(lake, timezone=timezone))
    intake.count_new(offered, new)
    for source, count in late.items():
        intake.by_source[source].late += count


def _mark(source: str, event_id: str) -> str:
    # To look for the few repeats costs less than to split every id.
    first = f"split_part({event_id}, '{_REPEAT}', 1)"
    return f"hash({source}, CASE WHEN contains({event_id}, '{_REPEAT}') THEN {first} ELSE {event_id} END)"


def _select_good() -> str:
    own = ", ".join(
        f's."{c.name}"'
        for c in list_columns("events")
        if c.name not in ("source", "event_id", "customer_id", "link_id")
    )
    event_id = "coalesce(s.event_id, s._content)"
    return (
        f"SELECT {own}, s._source AS source, {event_id} AS event_id, c.customer_id, s._link AS link_id, "
        f"{_mark('s._source', event_id)} AS _mark, s._content IS NOT NULL AS _anonymous, s._file, s._row "
        f"FROM staged_events s JOIN link_customers c ON c.link_id = s._link WHERE {GOOD}"
    )


def _find_suspects(lake: Lake, *, rows: int) -> None:
    """`suspects`, marks that stand more than once, and `cleared_suspects`, their events that are new after all.

    Marks are counted a part at a time, so that ten times the rows want ten passes rather than ten times the memory.
    """
    con = lake.engine.con
    staged = (
        f"SELECT {_mark('_source', 'coalesce(event_id, _content)')} AS _mark FROM staged_events WHERE {GOOD}"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE suspects (_mark UBIGINT)")
    parts = 1 + rows // _COUNTED_AT_ONCE
    for part in range(parts):
        con.execute(
            f"INSERT INTO suspects SELECT _mark FROM ({staged}) WHERE _mark % {parts} = {part} "
            "GROUP BY _mark HAVING count(*) > 1"
        )
    con.execute("CREATE OR REPLACE TEMP TABLE known_events (source VARCHAR, event_id VARCHAR)")
    if lake.has("events"):
        stored = (
            f"SELECT source, event_id, {_mark('source', 'event_id')} AS _mark FROM {lake.stored('events')}"
        )
        con.execute(
            f"INSERT INTO known_events SELECT source, event_id FROM ({stored}) SEMI JOIN ({staged}) USING (_mark)"
        )
        con.execute(f"INSERT INTO suspects SELECT DISTINCT {_mark('source', 'event_id')} FROM known_events")
    numbered = (
        "SELECT * REPLACE (CASE WHEN _anonymous AND _copy > 1 THEN concat(event_id, $repeat, _copy) ELSE event_id END "
        "AS event_id) FROM (SELECT *, row_number() OVER (PARTITION BY source, _file, event_id ORDER BY _row) AS _copy "
        f"FROM ({_select_good()}) SEMI JOIN suspects USING (_mark))"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE cleared_suspects AS SELECT * FROM ({numbered}) "
        "ANTI JOIN known_events USING (source, event_id) "
        "QUALIFY row_number() OVER (PARTITION BY source, event_id ORDER BY _file, _row) = 1",
        {"repeat": _REPEAT},
    )


def _count_new(
    con: duckdb.DuckDBPyConnection, files: tuple[str, ...], *, closed: datetime | None
) -> tuple[dict[str, int], dict[str, int]]:
    if not files:
        return {}, {}
    listed = ", ".join(quote(file) for file in files)
    rows = con.execute(
        "SELECT source, count(*), count(*) FILTER (occurred_at < $closed::TIMESTAMPTZ) "
        f"FROM read_parquet([{listed}], hive_partitioning = false) GROUP BY source",
        {"closed": closed},
    ).fetchall()
    return {source: new for source, new, _late in rows}, {source: late for source, _new, late in rows}


def _closed_until(lake: Lake, *, timezone: str) -> datetime | None:
    """The end of the last day that a finished run has reported on; what happened before it comes late."""
    runs = lake.runs().to_pylist()
    reported = [run["as_of"] for run in runs if run["flow"] in REPORTING_FLOWS]
    return end_of_day(max(reported), timezone=timezone) if reported else None
