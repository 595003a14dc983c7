"""The files of tables for BI: a folder a week, `latest/` the newest, every table once as Parquet and once as CSV."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.compute
from pyarrow.csv import CSVWriter
from pyarrow.parquet import ParquetWriter, read_table

from monitoring.bi_dictionary import DICTIONARY
from tasks.destinations import replace_file, replace_folder
from tasks.reports import LATEST, copy_site, link_or_copy
from tasks.spreadsheets import guard_texts

if TYPE_CHECKING:
    import ibis

CUSTOMER_TABLES = ("segments", "features")


def write_week(tables: Mapping[str, ibis.Table], folder: Path, *, as_of: date) -> Path:
    """Write a week's tables, all of them or none, and refresh `latest`; the folder of the week."""
    target = folder / as_of.isoformat()
    remove_leftovers(folder)
    with replace_folder(target) as fresh:
        for name, table in tables.items():
            # One at a time: the engine's next answer ends the stream of the one before.
            rows = table.to_pyarrow_batches()
            write_rows(rows, fresh / f"{name}.parquet", fresh / f"{name}.csv")
    copy_site(folder / list_written(folder)[0], folder / LATEST, place=link_or_copy)
    return target


def list_written(folder: Path) -> tuple[str, ...]:
    """The weeks a folder holds tables of, as ISO dates, newest first."""
    found = [path.parent.name for path in folder.glob(f"????-??-??/{DICTIONARY}.csv")]
    return tuple(sorted(found, reverse=True))


def write_rows(rows: pyarrow.RecordBatchReader, parquet: Path, csv: Path) -> None:
    """The same rows in both formats. CSV cannot tell an empty text from none, so neither file has empty ones.

    In the CSV a text that a spreadsheet would run as a formula has a quote before it.
    """
    spelt = pyarrow.schema(
        [field.with_type(pyarrow.string()) if _is_moment(field.type) else field for field in rows.schema]
    )
    with ParquetWriter(parquet, rows.schema) as exact, CSVWriter(csv, spelt) as plain:
        for batch in rows:
            full = pyarrow.record_batch([_drop_empty(column) for column in batch.columns], schema=rows.schema)
            exact.write_batch(full)
            plain.write_batch(
                pyarrow.record_batch(
                    [guard_texts(_spell_moment(column)) for column in full.columns], schema=spelt
                )
            )


def remove_customers(folder: Path, customers: pyarrow.ChunkedArray) -> int:
    """Take customers out of every week written to a folder; how many rows there were.

    Each file is replaced whole. A folder that is not there holds nobody.
    """
    remove_leftovers(folder)
    names = customers.combine_chunks()
    removed = 0
    for name in CUSTOMER_TABLES:
        for file in sorted(folder.glob(f"[!.]*/{name}.parquet")):
            holders = read_table(file, columns=["customer_id"])["customer_id"]
            theirs = pyarrow.compute.is_in(holders, value_set=names)
            count = pyarrow.compute.sum(theirs).as_py() or 0
            if count:
                kept = read_table(file).filter(pyarrow.compute.invert(theirs)).to_reader()
                with replace_file(file) as parquet, replace_file(file.with_suffix(".csv")) as csv:
                    write_rows(kept, parquet, csv)
            removed += count
    return removed


def count_customers(folder: Path, customers: pyarrow.ChunkedArray) -> int:
    """How many rows of customers the weeks in a folder hold, `latest` left aside."""
    names = customers.combine_chunks()
    counted = 0
    for name in CUSTOMER_TABLES:
        for file in folder.glob(f"????-??-??/{name}.parquet"):
            holders = read_table(file, columns=["customer_id"])["customer_id"]
            counted += pyarrow.compute.sum(pyarrow.compute.is_in(holders, value_set=names)).as_py() or 0
    return counted


def remove_leftovers(folder: Path) -> None:
    """Take away what writers that were killed have left half done, hidden, and with customers in it."""
    week, unique = "????-??-??", "?" * 32
    for name in (week, LATEST):
        for left in folder.glob(f".{name}.{unique}"):
            shutil.rmtree(left)
    for name in CUSTOMER_TABLES:
        for left in folder.glob(f"*/.{name}.{unique}.*"):
            left.unlink()


def _is_moment(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_timestamp(kind))


def _spell_moment(column: pyarrow.Array) -> pyarrow.Array:
    """Moments as ISO 8601 texts."""
    if not _is_moment(column.type):
        return column
    return pyarrow.compute.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")


def _drop_empty(column: pyarrow.Array) -> pyarrow.Array:
    if not pyarrow.types.is_string(column.type):
        return column
    return pyarrow.compute.if_else(pyarrow.compute.equal(column, ""), None, column)
