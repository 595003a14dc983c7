"""The check of everything that is written: pandera on the rows that decide whether it holds the contract.

A bound holds for a column if it holds for the least and the greatest value; an empty value or one that is no number is
as bad as a second one; and a text without certain signs names nobody. Arrow finds these rows many times faster than
pandas looks at all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute

from models.derived_schemas import DERIVED_SCHEMAS
from models.masking import BEFORE_LETTERS, MARKS, SEPARATORS
from models.schemas import SCHEMAS, Table

_ON_EXTREMES = frozenset(
    {"greater_than_or_equal_to", "less_than_or_equal_to", "greater_than", "less_than", "free_of", "one_line"}
)
_NEW_LINE = "\n"
_TOGETHER = 100_000
_PANDAS_TYPES = {pyarrow.bool_(): pd.BooleanDtype(), pyarrow.int64(): pd.Int64Dtype()}


def has_contract(table: str) -> bool:
    """Whether the table is one of the canonical ones."""
    return table in SCHEMAS or table in DERIVED_SCHEMAS


def check_batches(table: str, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """The batches themselves, as they come, held against the table's contract before their end is reached.

    Raises:
        pandera.errors.SchemaErrors: a row or a type breaks the contract; of several rows it may name only some.
    """
    model = SCHEMAS[table] if table in SCHEMAS else DERIVED_SCHEMAS[table]
    by_extremes = _goes_by_extremes(model)
    # A call of pandera costs as much for one row as for thousands.
    waiting: list[pyarrow.RecordBatch] = []
    for batch in batches:
        waiting.append(batch.take(find_deciding_rows(batch)) if by_extremes else batch)
        if sum(rows.num_rows for rows in waiting) >= _TOGETHER:
            _validate(model, waiting)
            waiting = []
        yield batch
    if waiting:
        _validate(model, waiting)


def _validate(model: type[Table], batches: list[pyarrow.RecordBatch]) -> None:
    rows = pyarrow.Table.from_batches(batches)
    model.validate(rows.to_pandas(types_mapper=_PANDAS_TYPES.get), lazy=True)


def find_deciding_rows(batch: pyarrow.RecordBatch) -> pyarrow.Array:
    """Places of rows that break a contract of bounds, missing values and text without identifiers if any row does."""
    found = [np.arange(min(1, batch.num_rows)), *(_find_deciding(column) for column in batch.columns)]
    return pyarrow.array(np.unique(np.concatenate(found)))


@cache
def _goes_by_extremes(model: type[Table]) -> bool:
    schema = model.to_schema()
    columns = schema.columns.values()
    checks = {check.name for column in columns for check in column.checks}
    return checks <= _ON_EXTREMES and not (
        schema.checks or schema.unique or any(column.unique for column in columns)
    )


def _find_deciding(column: pyarrow.Array) -> np.ndarray:
    """Of one column: the first empty value, the first that is no number, and the extremes or the suspicious texts."""
    compute, kind = pyarrow.compute, column.type
    places: list[int] = []
    if column.null_count:
        places.append(compute.index(column.is_null(), True).as_py())
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return np.concatenate([np.array(places, dtype="int64"), _find_suspicious(column)])
    if pyarrow.types.is_floating(kind):
        places.append(compute.index(compute.is_nan(column), True).as_py())
    if not _is_ordered(kind):
        return np.arange(len(column))
    extremes: Any = compute.min_max(column)
    places += [compute.index(column, extremes[end]).as_py() for end in ("min", "max")]
    return np.array([place for place in places if place >= 0], dtype="int64")


def _is_ordered(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    return (
        types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_temporal(kind)
    )


def _find_suspicious(texts: pyarrow.Array) -> np.ndarray:
    """Texts that may hold an address, a phone number or a second line."""
    # The letters of all texts lie one behind the other, so a sign that is in none of them is found missing at once.
    letters = texts.buffers()[2]
    written = letters.to_pybytes() if letters else b""
    compute = pyarrow.compute
    suspicious = np.zeros(len(texts), dtype=bool)
    for sign in (*MARKS, _NEW_LINE):
        if sign.encode() in written:
            suspicious |= _to_mask(compute.match_substring(texts, sign))
    if any(sign.encode() in written for sign in SEPARATORS):
        suspicious |= _to_mask(compute.less(texts, BEFORE_LETTERS))
    return np.flatnonzero(suspicious)


def _to_mask(found: pyarrow.Array) -> np.ndarray:
    return np.asarray(found.fill_null(False))
