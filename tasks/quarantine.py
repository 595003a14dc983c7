"""Rows that were refused: kept once each, with every reason, and tried again when their cause is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from models.keys import LINK_KEYS
from models.mapping import Source, columns_used, quote_name
from models.schemas import SCHEMAS
from tasks.lake import BATCH_ROWS, Lake
from tasks.sources import Scan, quote

_COLUMNS = 'source, row_hash, reasons, "row", columns, keys, first_seen_at'
_SCALARS = ("VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "DOUBLE", "FLOAT", "DECIMAL", "UUID", "BLOB")


def store_bad_rows(lake: Lake) -> None:
    """Add the staged rows with faults that are not in quarantine yet."""
    con = lake.engine.con
    bad = " UNION ALL ".join(
        f"SELECT _source, _raw, _reasons, _file, _row, _columns, _link FROM staged_{table} WHERE _bad"
        for table in SCHEMAS
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE bad_rows AS {bad}")
    keys = (
        "SELECT link_id, "
        "to_json(list({'kind': key_kind, 'hash': key_hash} ORDER BY key_kind, key_hash))::VARCHAR AS keys "
        "FROM (SELECT DISTINCT link_id, key_kind, key_hash FROM new_links "
        "SEMI JOIN bad_rows ON bad_rows._link = link_id) GROUP BY link_id"
    )
    rows = (
        "SELECT _source AS source, sha256(concat_ws('#', _raw, _link, row_number() OVER "
        "(PARTITION BY _source, _file, _raw, _link ORDER BY _row))) AS row_hash, "
        "to_json(_reasons)::VARCHAR AS reasons, "
        f'_raw AS "row", _columns AS columns, k.keys FROM bad_rows b LEFT JOIN ({keys}) k ON k.link_id = b._link'
    )
    known = ""
    if lake.has("quarantine"):
        known = (
            f"ANTI JOIN (SELECT source, row_hash FROM {lake.relation('quarantine')}) USING (source, row_hash)"
        )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE new_bad AS SELECT DISTINCT ON (source, row_hash) *, "
        f"$now::TIMESTAMPTZ AS first_seen_at FROM ({rows}) {known}",
        {"now": datetime.now(UTC).replace(microsecond=0)},
    )
    if con.execute("SELECT count(*) FROM new_bad").fetchone()[0]:
        lake.append("quarantine", con.execute(f"SELECT {_COLUMNS} FROM new_bad").to_arrow_reader(BATCH_ROWS))


@dataclass(frozen=True, slots=True)
class Retry:
    """Refused rows of a source that had the same columns, and the part of its mapping that reads no more than these.

    Attributes:
        source: the source without the keys and the condition that read what was not kept. The rows bring their own
            keys, and they met the condition when they were read first.
        unreadable: the columns of the mapping that cannot be read from what was kept; such rows stay where they are.
    """

    source: Source
    scan: Scan
    unreadable: tuple[str, ...]


def scan_quarantined(lake: Lake, source: Source) -> Iterator[Retry]:
    """The refused rows of a source that can be mapped again, by the columns that were kept of them.

    Leaves `retried_rows` (_row, row_hash) in the engine.
    """
    con = lake.engine.con
    con.execute(
        "CREATE OR REPLACE TEMP TABLE retried_rows AS SELECT row_number() OVER (ORDER BY row_hash) AS _row, row_hash, "
        f'"row", columns, keys FROM {lake.relation("quarantine")} WHERE source = $name AND columns IS NOT NULL',
        {"name": source.name},
    )
    shapes = con.execute(
        'SELECT DISTINCT columns, json_keys("row") AS kept FROM retried_rows ORDER BY ALL'
    ).fetchall()
    for columns, kept in shapes:
        told = {name.lower(): kind for name, kind in json.loads(columns).items()}
        # A column that a sparse file left out has no type of its own.
        types = {name: told.get(name.lower(), "VARCHAR") for name in kept}
        known = {name.lower() for name in types}
        values = "".join(f"{_read(name, kind)} AS {quote_name(name)}, " for name, kind in types.items())
        listed = ", ".join(quote(name) for name in kept)
        rows = (
            f"SELECT {values}coalesce(from_json(keys, '{_KEYS_SHAPE}'), [])::{LINK_KEYS} AS _stored, _row "
            f'FROM retried_rows WHERE columns = {quote(columns)} AND json_keys("row") = [{listed}]::VARCHAR[]'
        )
        unreadable = tuple(
            name for name, expression in source.columns.items() if not _reads_only(expression, known)
        )
        yield Retry(_reduce(source, known), Scan(rows, stored_keys=True, numbered=True), unreadable)


def _reads_only(expression: str, known: set[str]) -> bool:
    return {name.lower() for name in columns_used(expression)} <= known


def _reduce(source: Source, known: set[str]) -> Source:
    keys = {kind: sql for kind, sql in source.identity_keys.items() if _reads_only(sql, known)}
    where = source.where if source.where and _reads_only(source.where, known) else None
    return source.model_copy(update={"identity_keys": keys, "where": where})


_KEYS_SHAPE = '[{"kind":"VARCHAR","hash":"VARCHAR"}]'


def _read(name: str, kind: str) -> str:
    path = quote('$."' + name.replace('"', '\\"') + '"')
    operator = "->>" if kind.startswith(_SCALARS) or kind.endswith("INT") or kind == "INTEGER" else "->"
    return f'TRY_CAST(("row" {operator} {path}) AS {kind})'


def release_retried(lake: Lake, source: Source, *, table: str) -> int:
    """Take the retried rows that are good now out of quarantine, and give the others their reasons of today."""
    con = lake.engine.con
    stored = lake.relation("quarantine")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE verdicts AS SELECT row_hash, _reasons, _filtered "
        f"FROM staged_{table} JOIN retried_rows USING (_row) WHERE _source = $name",
        {"name": source.name},
    )
    rows = con.execute(
        "SELECT q.* REPLACE (coalesce(to_json(v._reasons)::VARCHAR, q.reasons) AS reasons) "
        f"FROM {stored} q LEFT JOIN verdicts v ON v.row_hash = q.row_hash AND q.source = $name "
        "WHERE v.row_hash IS NULL OR len(v._reasons) > 0",
        {"name": source.name},
    )
    lake.overwrite("quarantine", rows.to_arrow_table().select(_COLUMNS.replace('"', "").split(", ")))
    row = con.execute("SELECT count(*) FROM verdicts WHERE len(_reasons) = 0").fetchone()
    return int(row[0]) if row else 0
