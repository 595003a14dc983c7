"""Rows that were refused: kept once each, with every reason, and tried again when their cause is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from models.keys import LINK_KEYS
from models.mapping import Source, quote_name, read_columns
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
    keys = (
        "SELECT link_id, "
        "to_json(list({'kind': key_kind, 'hash': key_hash} ORDER BY key_kind, key_hash))::VARCHAR AS keys "
        "FROM (SELECT DISTINCT link_id, key_kind, key_hash FROM new_links) GROUP BY link_id"
    )
    rows = (
        "SELECT _source AS source, sha256(concat_ws('#', _raw, _link, row_number() OVER "
        "(PARTITION BY _source, _file, _raw, _link ORDER BY _row))) AS row_hash, "
        "to_json(_reasons)::VARCHAR AS reasons, "
        f'_raw AS "row", _columns AS columns, k.keys FROM ({bad}) b LEFT JOIN ({keys}) k ON k.link_id = b._link'
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


def scan_quarantined(lake: Lake, source: Source) -> Iterator[Scan]:
    """The refused rows of a source that can be mapped again, by the columns they came with.

    Leaves `retried_rows` (_row, row_hash) in the engine.
    """
    con = lake.engine.con
    con.execute(
        "CREATE OR REPLACE TEMP TABLE retried_rows AS SELECT row_number() OVER (ORDER BY row_hash) AS _row, row_hash, "
        f'"row", columns, keys FROM {lake.relation("quarantine")} WHERE source = $name AND columns IS NOT NULL',
        {"name": source.name},
    )
    shapes = con.execute("SELECT DISTINCT columns FROM retried_rows ORDER BY columns").fetchall()
    needed = read_columns(source)
    for (columns,) in shapes:
        kept = {name: _read(name, kind) for name, kind in json.loads(columns).items()}
        # What was not kept of the row is not known any more.
        unknown = {name: "NULL::VARCHAR" for name in needed if name.lower() not in {k.lower() for k in kept}}
        values = "".join(f"{value} AS {quote_name(name)}, " for name, value in (kept | unknown).items())
        yield Scan(
            rows=f"SELECT {values}coalesce(from_json(keys, '{_KEYS_SHAPE}'), [])::{LINK_KEYS} AS _stored, _row "
            f"FROM retried_rows WHERE columns = {quote(columns)}",
            stored_keys=True,
        )


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
