"""CSV files: every column is text and the dialect is told by the header alone, for guesses change from file to file."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from itertools import dropwhile

from duckdb import DuckDBPyConnection

from tasks.sources import Reader, Scan, SourceError, quote
from tasks.sources.opening import open_stream, quote_path

_DELIMITERS = ",;\t|"
_LONGEST_LINE = 16_000_000


def scan_csv(con: DuckDBPyConnection, path: str) -> Scan:
    """Lines with too few or too many fields, or in another encoding, are lost, and listed with the reason."""
    for table in ("csv_errors", "csv_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    header = _read_header(path)
    if not header.names:
        return Scan(rows="")
    columns = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in header.names)
    options = (
        f"columns = {{{columns}}}, header = true, skip = {header.line}, auto_detect = false, "
        f"delim = {quote(header.delimiter)}, quote = '\"', "
        f"escape = '\"', comment = '', max_line_size = {_LONGEST_LINE}, store_rejects = true, "
        "rejects_table = 'csv_errors', rejects_scan = 'csv_scans'"
    )
    return Scan(
        rows=f"SELECT * FROM read_csv({quote_path(path)}, {options})",
        # A quote that is never closed takes all lines to the end of the file with it; each is one that is lost.
        lost="SELECT unnest(CASE WHEN kind = 'UNQUOTED VALUE' THEN string_split(rtrim(text, chr(10)), chr(10)) "
        "ELSE [text] END) AS line, 'row: ' || lower(kind) AS reason FROM "
        "(SELECT any_value(csv_line) AS text, any_value(error_type::VARCHAR) AS kind "
        # The file is read more than once; the faults of the last reading are all of them.
        "FROM csv_errors WHERE scan_id = (SELECT max(scan_id) FROM csv_errors) GROUP BY line)",
        lines=f"SELECT count(*) - 1 FROM read_csv({quote_path(path)}, columns = {{'line': 'VARCHAR'}}, delim = '\\0', "
        f"quote = '', escape = '', header = false, auto_detect = false, max_line_size = {_LONGEST_LINE}, "
        "ignore_errors = true) WHERE trim(line) <> ''",
    )


@dataclass(frozen=True, slots=True)
class _Header:
    """The column names (none where the file is empty), what stands between them, and the blank lines before."""

    names: tuple[str, ...] = ()
    delimiter: str = ","
    line: int = 0


def _read_header(path: str) -> _Header:
    with open_stream(path) as stream:
        start = stream.read(4_000_000)
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < 4_000_000 else "ignore")
    except UnicodeDecodeError:
        # A row in another encoding is a bad row; a header in one is a bad file.
        text = start.decode("utf-8-sig", errors="replace")
    lines = list(dropwhile(lambda line: not line.strip(), text.splitlines(keepends=True)))
    if not lines:
        return _Header()
    if "\0" in lines[0] or "\ufffd" in lines[0]:
        raise SourceError("the header is not UTF-8 text; save the file as UTF-8")
    counts = Counter(letter for letter in lines[0] if letter in _DELIMITERS)
    delimiter = max(_DELIMITERS, key=lambda letter: counts[letter])
    try:
        names = next(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise SourceError(f"the heading cannot be read ({error}); see that the file has one") from None
    twice = [name for name, times in Counter(name.lower() for name in names).items() if times > 1]
    if twice:
        raise SourceError(f"column '{twice[0]}' is there twice; give each column a name of its own")
    return _Header(tuple(names), delimiter, len(text.splitlines()) - len(lines))


READER = Reader("csv", (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".txt"), scan_csv)
