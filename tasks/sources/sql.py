"""Rows of a database or warehouse, by the owner's own query: streamed, and from a watermark on where there is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from models.sql_rules import check_query
from tasks.databases import Database, UnknownDatabaseError, load_database
from tasks.sources import SourceError

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}")
# What names a database in the options of a connection string; everything else there may be a secret.
_PLACE_OPTIONS = ("host", "port", "dbname", "database", "schema", "catalog", "server_hostname", "http_path")
_PACKAGES = {"postgresql": "psycopg[binary]"}
_BYTES_A_CHUNK = 256 << 20
_FARTHEST_ZONE = timedelta(hours=14)

_Mark: TypeAlias = int | Decimal | date | datetime


def name_query(connection: str, query: str) -> str:
    """What a query's delivery is called: kind, host, database and a digest, such as
    `postgresql://db.example.com:5432/shop#1f0c9a3b7d42`. User, password and tokens have no part in it.

    Raises:
        SourceError: the connection string is none.
    """
    url = _split(connection)
    place = sorted((key, value) for key, value in parse_qsl(url.query) if key in _PLACE_OPTIONS)
    digest = sha256(repr((query.strip(), place)).encode()).hexdigest()[:12]
    return f"{_describe(url)}#{digest}"


def read_query(
    *,
    connection: str,
    query: str,
    watermark: str | None = None,
    since: str | None = None,
    chunk_rows: int = 200_000,
) -> QueryRows:
    """The rows of a query, in chunks; memory does not grow with their number.

    Args:
        connection: connection string; its scheme names a file of `tasks.databases`.
        query: one SELECT in the database's own dialect. It reaches the database to the letter.
        watermark: column of the result that grows with every change, such as `updated_at`.
        since: an earlier `QueryRows.latest_watermark`. Only rows at or above it are asked for: those at it may
            have been joined by others since, so some come twice.
        chunk_rows: rows a chunk, about; fewer where they are wide.

    Raises:
        SourceError: the connection string or the query is refused. Whatever goes wrong after that is raised, as a
            SourceError too, while the rows are read.
    """
    url = _split(connection)
    name = name_query(connection, query)
    database = _load(url)
    try:
        statement = check_query(query, dialect=database.dialect)
        if watermark and since:
            statement = ask_since(statement, watermark, parse_mark(since), dialect=database.dialect)
    except ValueError as error:
        raise SourceError(f"{name}: {error}") from None
    mark = Watermark(watermark, since) if watermark else None
    batches = _read(database, connection, statement, name=name, mark=mark)
    return QueryRows(_gather(batches, rows=chunk_rows), mark)


@dataclass(slots=True)
class QueryRows(Iterator[pa.Table]):
    """The chunks of a query's result, and how far it reached. A database that answers with no rows may give none."""

    chunks: Generator[pa.Table]
    mark: Watermark | None = None

    def __next__(self) -> pa.Table:
        return next(self.chunks)

    def close(self) -> None:
        """Give up reading, and the connection with it."""
        self.chunks.close()

    @property
    def latest_watermark(self) -> str | None:
        """The watermark to go on from next time, as text. It holds for the whole result once the last chunk is read."""
        return self.mark.text if self.mark else None


class Watermark:
    """The highest value of a column so far: whole or decimal numbers, dates or timestamps.

    Nulls do not count. Neither do times that lie ahead: one row dated 2099 would hide every row that is still to come.
    """

    def __init__(self, column: str, since: str | None = None, *, now: datetime | None = None) -> None:
        """A column's name in the result, where to start from (as `text` gave it), and when times begin to lie ahead."""
        self.column = column
        self._now = now or datetime.now(UTC)
        self._latest: _Mark | None = parse_mark(since) if since else None

    @property
    def text(self) -> str | None:
        """The value as ISO 8601 or decimal digits, which `parse_mark` reads back."""
        if isinstance(self._latest, date):
            return self._latest.isoformat()
        return None if self._latest is None else f"{self._latest:f}"

    def see(self, rows: pa.RecordBatch) -> None:
        """Take a batch into account.

        Raises:
            ValueError: the column is missing, of a type without a dependable order, or another type than before.
        """
        values = rows.column(self._find(rows.schema))
        limit = self._limit(values.type)
        if limit is not None:
            values = values.filter(pc.less_equal(values, pa.scalar(limit, values.type)))
        highest: _Mark | None = pc.max(_to_microseconds(values)).as_py()
        if highest is None:
            return
        highest = Decimal(highest) if isinstance(highest, int) else highest
        try:
            self._latest = highest if self._latest is None else max(self._latest, highest)
        except TypeError:
            raise ValueError(
                f"watermark column '{self.column}' is {values.type} now, but the last watermark was {self.text}; "
                "give the source a new name to read it from the start"
            ) from None

    def _find(self, schema: pa.Schema) -> str:
        alike = [name for name in schema.names if name.lower() == self.column]
        for name in (self.column, *alike):
            if name in schema.names:
                return name
        raise ValueError(
            f"watermark column '{self.column}' not found; the query gives: {', '.join(schema.names)}"
        )

    def _limit(self, kind: pa.DataType) -> _Mark | None:
        if pa.types.is_date(kind):
            return (self._now + _FARTHEST_ZONE).date()
        if pa.types.is_timestamp(kind):
            return self._now if kind.tz else (self._now + _FARTHEST_ZONE).replace(tzinfo=None)
        if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
            return None
        raise ValueError(
            f"watermark column '{self.column}' is {kind}; it must be a timestamp, a date or a whole number: "
            "cast it in the query"
        )


def parse_mark(text: str) -> _Mark:
    """A watermark from its text.

    Raises:
        ValueError: it is none.
    """
    readers: tuple[Callable[[str], _Mark], ...] = (_parse_number, date.fromisoformat, datetime.fromisoformat)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    raise ValueError(f"'{text}' is no watermark; it must be a number, a date or a timestamp")


def _parse_number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


def _to_microseconds(values: pa.Array) -> pa.Array:
    """Python knows no nanoseconds; what is cut off is read once more next time."""
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", values.type.tz), safe=False)
    return values


def ask_since(statement: str, column: str, mark: _Mark, *, dialect: str) -> str:
    """The statement's rows at or above the mark, and those without one. The statement stays as it is, in brackets."""
    # A name in small letters is left to the database, which may keep it in capitals.
    plain = _PLAIN_NAME.fullmatch(column)
    quoted = column if plain else exp.to_identifier(column, quoted=True).sql(dialect=dialect)
    return (
        f"SELECT * FROM (\n{statement}\n) AS source_rows\n"
        f"WHERE source_rows.{quoted} >= {_literal(mark, dialect=dialect)} OR source_rows.{quoted} IS NULL"
    )


def _literal(mark: _Mark, *, dialect: str) -> str:
    """The value in SQL, typed; written from a number or a time, so that no text of anyone's gets into the statement."""
    if isinstance(mark, int | Decimal):
        return f"{mark:f}"
    if not isinstance(mark, datetime):
        kind = exp.DataType.Type.DATE
    else:
        kind = exp.DataType.Type.TIMESTAMPTZ if mark.tzinfo else exp.DataType.Type.TIMESTAMPNTZ
    text = mark.isoformat(" ") if isinstance(mark, datetime) else mark.isoformat()
    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType(this=kind)).sql(dialect=dialect)


def _read(
    database: Database, connection: str, statement: str, *, name: str, mark: Watermark | None
) -> Generator[pa.RecordBatch]:
    """Every error on the way as one line without secrets."""
    client = _connect(database, connection, name=name)
    rows = 0
    try:
        with closing(database.stream(client, statement)) as batches:
            for batch in batches:
                if rows == 0:
                    _refuse_twins(batch.schema)
                if mark:
                    mark.see(batch)
                rows += batch.num_rows
                yield _readable(batch)
    except ValueError as error:
        raise SourceError(f"{name}: {_explain(error, connection)}") from None
    except Exception as error:
        step = f"reading stopped after {rows:,} rows, run it again" if rows else "the query fails"
        raise SourceError(f"{name}: {step}: {_explain(error, connection)}") from None
    finally:
        database.close(client)


def _connect(database: Database, connection: str, *, name: str) -> Any:
    try:
        return database.connect(connection)
    except ImportError as error:
        raise _missing_library(_scheme(urlsplit(connection)), error) from None
    except Exception as error:
        raise SourceError(
            f"{name}: cannot connect: {_explain(error, connection)}; check host, database, user and password in "
            "`connection`"
        ) from None


def _missing_library(scheme: str, error: ImportError) -> SourceError:
    package = _PACKAGES.get(scheme, f"segmentwerk[{scheme}]")
    return SourceError(
        f"connection: the client library of {scheme} is missing ({_first_line(error)}); pip install '{package}'"
    )


def _refuse_twins(schema: pa.Schema) -> None:
    counts = Counter(name.lower() for name in schema.names)
    twins = [name for name, count in counts.items() if count > 1]
    if twins:
        raise ValueError(f"two columns are called '{twins[0]}'; tell them apart with AS")


def _readable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Types that DuckDB does not know become text."""
    fields = [
        field.with_type(pa.string())
        if pa.types.is_decimal256(field.type) or pa.types.is_null(field.type)
        else field
        for field in batch.schema
    ]
    return batch.cast(pa.schema(fields))


def _gather(batches: Generator[pa.RecordBatch], *, rows: int) -> Generator[pa.Table]:
    held: list[pa.RecordBatch] = []
    with closing(batches):
        for batch in batches:
            if held and batch.schema != held[0].schema:  # Snowflake's numbers are as wide as a batch needs
                yield pa.Table.from_batches(held)
                held = []
            held.append(batch)
            if sum(b.num_rows for b in held) >= rows or sum(b.nbytes for b in held) >= _BYTES_A_CHUNK:
                yield pa.Table.from_batches(held)
                held = []
        if held:
            yield pa.Table.from_batches(held)


def _load(url: SplitResult) -> Database:
    scheme = _scheme(url)
    try:
        return load_database(scheme)
    except UnknownDatabaseError as error:
        raise SourceError(f"connection: there is no reader for '{scheme}://'; there are: {error}") from None
    except ImportError as error:
        raise _missing_library(scheme, error) from None


def _split(connection: str) -> SplitResult:
    """The parts of a connection string. A message about it must not show it."""
    try:
        url = urlsplit(connection)
        whole = bool(url.scheme) and "://" in connection and not url.fragment
        stray = "@" not in url.netloc and "@" in connection
        _ = url.port  # raises where it is none
    except ValueError:
        whole, stray = False, False
    if not whole or stray:
        raise SourceError(
            "connection: not of the form kind://user:password@host/database; special characters in a password are "
            "percent-encoded (# is %23, @ is %40, / is %2F)"
        )
    return url


def _scheme(url: SplitResult) -> str:
    return "postgresql" if url.scheme == "postgres" else url.scheme


def _describe(url: SplitResult) -> str:
    options = dict(parse_qsl(url.query))
    host = url.hostname or options.get("host") or options.get("server_hostname") or ""
    port = f":{url.port}" if url.port else ""
    database = (
        url.path.strip("/")
        or options.get("dbname")
        or options.get("database")
        or options.get("catalog")
        or ""
    )
    return f"{_scheme(url)}://{host}{port}/{database}"


def _explain(error: Exception, connection: str) -> str:
    """The first line of a message, without what the connection string keeps secret and without addresses."""
    url = urlsplit(connection)
    options = [value for key, value in parse_qsl(url.query) if key not in _PLACE_OPTIONS]
    secrets = {
        text for secret in (url.password or "", *options) for text in (secret, unquote(secret)) if text
    }
    message = _first_line(error)
    for secret in sorted(secrets, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", message)
    return _EMAIL.sub("<e-mail>", message)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(lines[0].split())[:300]
