"""CSV files: every column is text, whatever a sniffer would guess, for guesses change from file to file."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan, quote


def scan_csv(con: DuckDBPyConnection, path: str) -> Scan:
    """Lines with too few or too many fields, or in another encoding, are lost, and listed with the reason."""
    for table in ("csv_errors", "csv_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    options = (
        "all_varchar = true, header = true, store_rejects = true, "
        "rejects_table = 'csv_errors', rejects_scan = 'csv_scans'"
    )
    return Scan(
        rows=f"SELECT * FROM read_csv({quote(path)}, {options})",
        lost="SELECT any_value(csv_line) AS line, 'row: ' || lower(any_value(error_type::VARCHAR)) AS reason "
        "FROM csv_errors GROUP BY line",
    )


READER = Reader("csv", (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".txt"), scan_csv)
