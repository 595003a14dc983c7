"""The months that growing tables are partitioned by, so that a change rewrites months and not years."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

import pyarrow
import pyarrow.compute

Rows: TypeAlias = pyarrow.RecordBatchReader | pyarrow.Table

MONTH = "month"
PARTITIONED = {
    "events": "occurred_at",
    "activity_daily": "day",
    "orders": "day",
    "sessions": "day",
    "categories_daily": "day",
}
"""The tables that have months, and the column that a row's month is told from."""


def month_sql(column: str) -> str:
    """SQL of the month a row lies in, as the lake's partitions are numbered: `year * 100 + month`."""
    return f'(year("{column}") * 100 + month("{column}"))::INTEGER'


def in_months(months: Collection[int]) -> str:
    """A predicate that is true for the rows of these months."""
    return f"{MONTH} IN ({', '.join(str(int(month)) for month in sorted(months))})"


def add_month(name: str, rows: Rows) -> Rows:
    """The rows of a table with the month they lie in, if it is one that is partitioned by it."""
    if name not in PARTITIONED:
        return rows
    reader = rows.to_reader() if isinstance(rows, pyarrow.Table) else rows
    number = pyarrow.field(MONTH, pyarrow.int32())
    return pyarrow.RecordBatchReader.from_batches(
        reader.schema.append(number),
        (batch.append_column(number, _find_month(batch[PARTITIONED[name]])) for batch in reader),
    )


def _find_month(moments: pyarrow.Array) -> pyarrow.Array:
    compute = pyarrow.compute
    return compute.add(compute.multiply(compute.year(moments), 100), compute.month(moments)).cast("int32")
