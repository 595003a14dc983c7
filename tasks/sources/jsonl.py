"""JSON lines: one object a line, typed as JSON is; text stays text, so that a time keeps its zone."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan, quote

_FAULT = """CASE
    WHEN NOT json_valid(line) THEN 'row: not JSON'
    WHEN json_type(line) <> 'OBJECT' THEN 'row: not a JSON object'
    END"""


def scan_jsonl(con: DuckDBPyConnection, path: str) -> Scan:
    """Lines that are no JSON object are lost, and listed; an empty object is a row that lacks everything."""
    lines = (
        f"SELECT line, {_FAULT} AS reason FROM read_csv({quote(path)}, columns = {{'line': 'VARCHAR'}}, "
        "delim = '\\0', quote = '', escape = '', header = false, auto_detect = false, max_line_size = 10000000)"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE json_lines AS {lines}")
    # Looking at a line's shape is slow and there are few shapes, so each is looked at once.
    shapes = "SELECT any_value(line) AS line FROM json_lines WHERE reason IS NULL GROUP BY json_structure(line::JSON)"
    found = con.execute(f"SELECT json_group_structure(line::JSON) FROM ({shapes})").fetchone()
    structure = found[0] if found and found[0] else '{"empty": "VARCHAR"}'
    # A field that is null in every line has no type of its own; as text it fits any expression.
    structure = structure.replace(':"NULL"', ':"VARCHAR"')
    parsed = (
        f"SELECT json_transform(line::JSON, {quote(structure)}) AS r FROM json_lines WHERE reason IS NULL"
    )
    return Scan(
        rows=f"SELECT unnest(r) FROM ({parsed})",
        lost="SELECT line, reason FROM json_lines WHERE reason IS NOT NULL",
    )


READER = Reader("jsonl", (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz"), scan_jsonl)
