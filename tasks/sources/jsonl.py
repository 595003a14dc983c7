"""JSON lines: one object a line, typed as JSON is; text stays text, so that a time keeps its zone."""

from __future__ import annotations

import json
from typing import Any

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan, quote
from tasks.sources.opening import quote_path, refuse_utf16

# Reading a value that is nested deeper than this would overrun the engine's stack.
_DEEPEST = 2_000
# A field that is null in every line has no type of its own; as text it fits any expression.
_AS_TEXT = ("NULL", "JSON", "HUGEINT")
_FAULT = f"""CASE
    WHEN length(line) - length(replace(replace(line, '{{', ''), '[', '')) > {_DEEPEST} THEN 'row: too deeply nested'
    WHEN NOT json_valid(line) THEN 'row: not JSON'
    WHEN json_type(line) <> 'OBJECT' THEN 'row: not a JSON object'
    END"""


def scan_jsonl(con: DuckDBPyConnection, path: str) -> Scan:
    """Lines that are no JSON object are lost, and listed; an empty object is a row that lacks everything."""
    refuse_utf16(path)
    lines = (
        f"SELECT line, {_FAULT} AS reason FROM read_csv({quote_path(path)}, columns = {{'line': 'VARCHAR'}}, "
        "delim = '\\0', quote = '', escape = '', header = false, auto_detect = false, max_line_size = 10000000, "
        "store_rejects = true, rejects_table = 'json_errors', rejects_scan = 'json_scans') WHERE trim(line) <> ''"
    )
    for table in ("json_errors", "json_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE json_lines AS {lines}")
    # Looking at a line's shape is slow and there are few shapes, so each is looked at once.
    # In the order of their text, so that the columns come in the same order every time.
    shapes = (
        "SELECT min(line) AS line FROM json_lines WHERE reason IS NULL GROUP BY json_structure(line::JSON)"
    )
    found = con.execute(
        f"SELECT (json_structure(to_json(list(line::JSON ORDER BY line))) -> 0)::VARCHAR FROM ({shapes})"
    ).fetchone()
    lost = (
        "SELECT line, reason FROM json_lines WHERE reason IS NOT NULL UNION ALL "
        "SELECT any_value(csv_line), 'row: ' || lower(any_value(error_type::VARCHAR)) FROM json_errors GROUP BY line"
    )
    structure = _readable(json.loads(found[0])) if found and found[0] else {}
    if not structure:
        return Scan(rows="", lost=lost)
    structure |= dict.fromkeys(_list_inexact(con, structure), "VARCHAR")
    parsed = (
        f"SELECT json_transform(line::JSON, {quote(json.dumps(structure))}) AS r FROM json_lines "
        "WHERE reason IS NULL"
    )
    return Scan(rows=f"SELECT unnest(r) FROM ({parsed})", lost=lost)


def _readable(structure: Any) -> Any:
    """The structure in names and types that the engine can read: no two names but for their case, none empty."""
    if isinstance(structure, dict):
        first = {name.lower(): name for name in reversed(structure) if name}
        return {name: _readable(kind) for name, kind in structure.items() if first.get(name.lower()) == name}
    if isinstance(structure, list):
        return [_readable(kind) for kind in structure]
    return "VARCHAR" if structure in _AS_TEXT else structure


def _list_inexact(con: DuckDBPyConnection, structure: dict[str, Any]) -> list[str]:
    """The fields that hold whole numbers which a double would round, so that two ids became one."""
    doubles = [name for name, kind in structure.items() if kind == "DOUBLE"]
    if not doubles:
        return []
    paths = (quote("/" + name.replace("~", "~0").replace("/", "~1")) for name in doubles)
    tests = ", ".join(f"bool_or(regexp_full_match(line ->> {path}, '-?\\d{{16,}}'))" for path in paths)
    found = con.execute(f"SELECT {tests} FROM json_lines WHERE reason IS NULL").fetchone()
    return [name for name, inexact in zip(doubles, found or (), strict=True) if inexact]


READER = Reader(
    "jsonl",
    (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"),
    scan_jsonl,
    sparse=True,
)
