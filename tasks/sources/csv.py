"""CSV files: every column is text and the dialect is told by the header alone, for guesses change from file to file."""

from __future__ import annotations

import csv
from collections import Counter

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan, SourceError, quote
from tasks.sources.opening import open_stream, quote_path

_DELIMITERS = ",;\t|"
_LONGEST_LINE = 16_000_000


def scan_csv(con: DuckDBPyConnection, path: str) -> Scan:
    """Lines with too few or too many fields, or in another encoding, are lost, and listed with the reason."""
    for table in ("csv_errors", "csv_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    names, delimiter = _read_header(path)
    if not names:
        return Scan(rows="")
    columns = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in names)
    options = (
        f"columns = {{{columns}}}, header = true, auto_detect = false, delim = {quote(delimiter)}, quote = '\"', "
        f"escape = '\"', comment = '', max_line_size = {_LONGEST_LINE}, store_rejects = true, "
        "rejects_table = 'csv_errors', rejects_scan = 'csv_scans'"
    )
    return Scan(
        rows=f"SELECT * FROM read_csv({quote_path(path)}, {options})",
        lost="SELECT any_value(csv_line) AS line, 'row: ' || lower(any_value(error_type::VARCHAR)) AS reason "
        # The file is read more than once; the faults of the last reading are all of them.
        "FROM csv_errors WHERE scan_id = (SELECT max(scan_id) FROM csv_errors) GROUP BY line",
    )


def _read_header(path: str) -> tuple[list[str], str]:
    """The column names and the delimiter; no names where the file is empty."""
    with open_stream(path) as stream:
        start = stream.read(4_000_000)
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < 4_000_000 else "ignore")
    except UnicodeDecodeError:
        # A row in another encoding is a bad row; a header in one is a bad file.
        text = start.decode("utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    if not lines:
        return [], ","
    if "\0" in lines[0] or "\ufffd" in lines[0]:
        raise SourceError("the header is not UTF-8 text; save the file as UTF-8")
    counts = Counter(letter for letter in lines[0] if letter in _DELIMITERS)
    delimiter = max(_DELIMITERS, key=lambda letter: counts[letter])
    names = next(csv.reader(lines, delimiter=delimiter))
    twice = [name for name, times in Counter(name.lower() for name in names).items() if times > 1]
    if twice:
        raise SourceError(f"column '{twice[0]}' is there twice; give each column a name of its own")
    return names, delimiter


READER = Reader("csv", (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".txt"), scan_csv)
