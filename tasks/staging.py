"""From files to typed, checked rows in the engine, before anything is written to the lake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from models.identity import hmac_pads
from models.mapping import Source, map_rows
from models.schemas import list_columns
from tasks.sources import Delivery, SourceError, find_reader


@dataclass(frozen=True, slots=True)
class Staged:
    """What one source handed in: rows read, set aside by `where`, and bad, with the reasons counted."""

    source: str
    read: int
    filtered: int
    bad: int
    reasons: tuple[tuple[str, int, str], ...]


def stage_source(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    deliveries: Iterable[Delivery],
    *,
    secret: bytes,
    latest: datetime,
    kinds: Iterable[str],
) -> Staged:
    """Read a source's files into the temporary table `staged_<table>` of typed rows with their faults.

    Raises:
        SourceError: a file cannot be read, or an expression does not fit it.
    """
    create_staging(con, source.table)
    read = filtered = 0
    for delivery in deliveries:
        try:
            counts = _stage_file(con, source, delivery, secret=secret, latest=latest, kinds=tuple(kinds))
        except duckdb.Error as error:
            first = str(error).split("\n\n")[0].splitlines()[0]
            raise SourceError(f"sources.{source.name}: cannot read {delivery.path}: {first}") from error
        read, filtered = read + counts[0], filtered + counts[1]
    return _count_faults(con, source, read=read, filtered=filtered)


def create_staging(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """An empty staging table for a canonical table, unless there is one."""
    columns = ", ".join(f'"{c.name}" {c.type}' for c in list_columns(table) if c.name != "customer_id")
    con.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS staged_{table} ({columns}, _keys STRUCT(kind VARCHAR, hash VARCHAR)[], "
        "_reasons VARCHAR[], _raw VARCHAR, _file VARCHAR, _row BIGINT, _source VARCHAR)"
    )


def preview_source(
    con: duckdb.DuckDBPyConnection, source: Source, delivery: Delivery, *, secret: bytes, latest: datetime,
    kinds: Iterable[str], rows: int,
) -> Any:  # fmt: skip
    """What the first rows of a file become: a frame of canonical columns and the reasons they would be refused."""
    con.execute(f"CREATE OR REPLACE TEMP VIEW raw_rows AS {_numbered(con, delivery.path)} LIMIT {int(rows)}")
    inner, outer = hmac_pads(secret)
    query = map_rows(source, relation="raw_rows", columns=_columns(con), kinds=kinds)
    return con.execute(query, _named(query, ipad=inner, opad=outer, latest=latest)).df()


def _stage_file(
    con: duckdb.DuckDBPyConnection, source: Source, delivery: Delivery, *, secret: bytes, latest: datetime,
    kinds: tuple[str, ...],
) -> tuple[int, int]:  # fmt: skip
    scan = find_reader(delivery.path).scan(con, delivery.path)
    con.execute(f"CREATE OR REPLACE TEMP TABLE raw_rows AS {_numbered_scan(scan.rows, delivery.path)}")
    query = map_rows(source, relation="raw_rows", columns=_columns(con), kinds=kinds)
    inner, outer = hmac_pads(secret)
    insert = (
        f"INSERT INTO staged_{source.table} BY NAME "
        f"SELECT {_with_event_id(source)}, $name AS _source FROM ({query})"
    )
    con.execute(insert, _named(insert, ipad=inner, opad=outer, latest=latest, name=source.name))
    rows = _one(con, "SELECT count(*) FROM raw_rows")
    kept = _one(
        con,
        f"SELECT count(*) FROM staged_{source.table} WHERE _source = $name AND _file = $path",
        name=source.name,
        path=delivery.path,
    )
    lost = _stage_lost(con, source, delivery, scan.lost, secret=secret) if scan.lost else 0
    return rows + lost, rows - kept


def _with_event_id(source: Source) -> str:
    """Where a source has no event ids, the mapped row and its number among the file's identical rows serve."""
    if source.table != "events" or "event_id" in source.columns:
        return "*"
    names = [c.name for c in list_columns("events") if c.name not in ("customer_id", "event_id")]
    values = ", ".join(f'coalesce("{name}"::VARCHAR, chr(0))' for name in names)
    text = f"concat_ws('|', {values}, _keys::VARCHAR)"
    return f"* REPLACE (sha256({text} || '#' || row_number() OVER (PARTITION BY {text} ORDER BY _row)) AS event_id)"


def _stage_lost(
    con: duckdb.DuckDBPyConnection, source: Source, delivery: Delivery, lost: str, *, secret: bytes
) -> int:
    """Lines that are no rows go to quarantine too, without their text: it may hold anything."""
    inner, outer = hmac_pads(secret)
    digest = "sha256($opad || unhex(sha256($ipad || encode(line))))"
    counted = con.execute(
        f"INSERT INTO staged_{source.table} BY NAME SELECT [reason] AS _reasons, "
        f"json_object('characters', length(line), 'digest', {digest})::VARCHAR AS _raw, $path AS _file, "
        f"$name AS _source FROM ({lost})",
        {"ipad": inner, "opad": outer, "path": delivery.path, "name": source.name},
    ).fetchone()
    return int(counted[0]) if counted else 0


def _numbered(con: duckdb.DuckDBPyConnection, path: str) -> str:
    return _numbered_scan(find_reader(path).scan(con, path).rows, path)


def _numbered_scan(rows: str, path: str) -> str:
    quoted = path.replace("'", "''")
    return f"SELECT *, '{quoted}' AS _file, row_number() OVER () AS _row FROM ({rows})"


def _columns(con: duckdb.DuckDBPyConnection) -> list[str]:
    described = con.execute("DESCRIBE raw_rows").fetchall()
    return [name for name, *_ in described if name not in ("_file", "_row")]


def _count_faults(con: duckdb.DuckDBPyConnection, source: Source, *, read: int, filtered: int) -> Staged:
    reasons = con.execute(
        f"SELECT reason, count(*) AS rows, min(_raw) AS example FROM (SELECT unnest(_reasons) AS reason, _raw "
        f"FROM staged_{source.table} WHERE _source = $name) GROUP BY reason ORDER BY rows DESC, reason LIMIT 5",
        {"name": source.name},
    ).fetchall()
    bad = _one(
        con,
        f"SELECT count(*) FROM staged_{source.table} WHERE _source = $name AND len(_reasons) > 0",
        name=source.name,
    )
    return Staged(source.name, read=read, filtered=filtered, bad=bad, reasons=tuple(reasons))


def _named(query: str, **parameters: Any) -> dict[str, Any]:
    """Those of the parameters that the query names: DuckDB refuses others."""
    return {name: value for name, value in parameters.items() if f"${name}" in query}


def _one(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> int:
    row = con.execute(query, parameters or None).fetchone()
    return int(row[0]) if row else 0
