"""Parquet files, with the types they carry."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan
from tasks.sources.opening import quote_path


def scan_parquet(_con: DuckDBPyConnection, path: str) -> Scan:
    """A Parquet file is readable as a whole or not at all."""
    return Scan(
        rows="SELECT * EXCLUDE (file_row_number), file_row_number AS _row "
        f"FROM read_parquet({quote_path(path)}, file_row_number = true)",
        numbered=True,
    )


READER = Reader("parquet", (".parquet", ".pq"), scan_parquet)
