"""Parquet files, with the types they carry."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan
from tasks.sources.opening import quote_path


def scan_parquet(_con: DuckDBPyConnection, path: str) -> Scan:
    """A Parquet file is readable as a whole or not at all."""
    return Scan(rows=f"SELECT * FROM read_parquet({quote_path(path)})")


READER = Reader("parquet", (".parquet", ".pq"), scan_parquet)
