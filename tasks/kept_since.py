"""From which day on a table of the lake still has its rows: what lies before it was deleted, and does not come back."""

from __future__ import annotations

from datetime import date

import pyarrow

from tasks.lake import Lake

TABLE = "kept_since"
_SCHEMA = pyarrow.schema([("table", pyarrow.string()), ("since", pyarrow.date32())])


def read_kept_since(lake: Lake) -> dict[str, date]:
    """That day by table, for those that have lost rows to a limit."""
    if not lake.has(TABLE):
        return {}
    return {row["table"]: row["since"] for row in lake.table(TABLE).to_pyarrow().to_pylist()}


def remember_since(lake: Lake, table: str, since: date) -> None:
    """Put on record that the rows from before a day were deleted. The day never goes back."""
    kept = read_kept_since(lake)
    days = kept | {table: max(since, kept.get(table, since))}
    rows = [{"table": name, "since": day} for name, day in sorted(days.items())]
    lake.overwrite(TABLE, pyarrow.Table.from_pylist(rows, schema=_SCHEMA))
