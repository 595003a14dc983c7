"""PostgreSQL as a stream: a cursor on the server, its rows as text, typed by Arrow.

Ibis opens the connection. Its own way to Arrow would hand the owner's query to a parser that writes it anew, make a
temporary view to learn its types, and fail on the first NaN in a decimal.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ibis
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.types.string import TextLoader

from tasks.databases import Database, decode_login

_FIRST_ROWS, _MOST_ROWS = 100, 20_000  # a fetch
_BYTES_A_FETCH = 32 << 20
_EXACT_DIGITS = 15  # a double holds so many decimal digits exactly
_TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
# For the transaction, not the session: behind a connection pool the next statement may meet another session.
_SETTINGS = {
    "client_encoding": "UTF8",
    "datestyle": "ISO",
    "timezone": "UTC",
    "extra_float_digits": "1",
    # Plan for the whole result: by default a cursor is planned for its first tenth.
    "cursor_tuple_fraction": "1",
}


def connect(connection: str) -> psycopg.Connection:
    """Open the database."""
    url = urlsplit(connection)
    patience = {} if "connect_timeout" in dict(parse_qsl(url.query)) else {"connect_timeout": 30}
    client: psycopg.Connection = ibis.connect(connection, **decode_login(url), **patience).con
    return client


def stream(client: psycopg.Connection, statement: str) -> Generator[pa.RecordBatch]:
    """The statement's rows, from one snapshot, in a transaction that cannot write. An empty result is one empty batch.

    Integers, floats, booleans, dates and timestamps keep their type. A `numeric` of up to 15 declared digits becomes
    a double (which holds NaN), of up to 38 a decimal. All else, also a `numeric` without declared digits, is text as
    PostgreSQL writes it. Times beyond the years 1 to 9999, `infinity` among them, become the nearest of those.
    """
    _load_as_text(client)
    with client.transaction(), client.cursor(name="segmentwerk") as cursor:
        client.execute("SET TRANSACTION READ ONLY")
        for name, value in _SETTINGS.items():
            client.execute("SELECT set_config(%s, %s, true)", (name, value), prepare=False)
        cursor.execute(statement.encode())
        columns = cursor.description or []
        schema = pa.schema([(column.name, _arrow_type(column, client)) for column in columns])
        rows = cursor.fetchmany(_FIRST_ROWS)
        while True:
            batch = _to_batch(rows, schema)
            yield batch
            rows = cursor.fetchmany(_rows_to_fetch(batch))
            if not rows:
                return


def _rows_to_fetch(batch: pa.RecordBatch) -> int:
    """Fewer where rows are wide, so that a piece stays small."""
    return max(1, min(_MOST_ROWS, _BYTES_A_FETCH * batch.num_rows // max(1, batch.nbytes)))


def _load_as_text(client: psycopg.Connection) -> None:
    for known in client.adapters.types:
        for oid in filter(None, (known.oid, known.array_oid)):
            client.adapters.register_loader(oid, TextLoader)


def _arrow_type(column: psycopg.Column, client: psycopg.Connection) -> pa.DataType:
    known = client.adapters.types.get(column.type_code)
    name = known.name if known and known.oid == column.type_code else ""
    if name == "numeric" and column.precision and 0 <= (column.scale or 0) <= column.precision <= 38:
        digits, scale = column.precision, column.scale or 0
        return pa.float64() if digits <= _EXACT_DIGITS else pa.decimal128(digits, scale)
    return _TYPES.get(name, pa.string())


def _to_batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [
        _parse(pa.array(texts, pa.string()), field) for texts, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _parse(texts: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_boolean(field.type):
        return pc.equal(texts, "t")
    if pa.types.is_temporal(field.type):
        texts = _clamp(texts, field.type)
    try:
        return texts.cast(field.type)
    except pa.ArrowInvalid:
        raise ValueError(
            f"column '{field.name}' holds a value that is no {field.type}; "
            f"cast it in the query: {field.name}::double precision or ::text"
        ) from None


def _clamp(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    clock = "" if pa.types.is_date(kind) else " 00:00:00+00" if kind.tz else " 00:00:00"
    ordinary = pc.match_substring_regex(texts, r"^\d{4}-[^C]*$")
    early = pc.match_substring_regex(texts, r"^-|BC$")
    nearest = pc.if_else(early, f"0001-01-01{clock}", f"9999-12-31{clock}")
    return pc.if_else(ordinary, texts, nearest)


DATABASE = Database("postgres", connect, stream, psycopg.Connection.close)
