"""Snowflake: `snowflake://user:password@account/database/schema?warehouse=…`."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import ibis
import pyarrow

from tasks.databases import Database, decode_login

_ROWS_A_BATCH = 20_000


def connect(connection: str) -> Any:
    """Open a session in UTC. Ibis is told not to create its functions: a reader may need no right to create."""
    return ibis.connect(connection, **decode_login(urlsplit(connection)), create_object_udfs=False).con


def stream(client: Any, statement: str) -> Generator[pyarrow.RecordBatch]:
    """The rows, one result file of the warehouse after the other; the statement reaches Snowflake as it is."""
    with client.cursor() as cursor:
        for table in cursor.execute(statement).fetch_arrow_batches(force_microsecond_precision=True):
            yield from table.to_batches(max_chunksize=_ROWS_A_BATCH)


def close(client: Any) -> None:
    """End the session."""
    client.close()


DATABASE = Database("snowflake", connect, stream, close)
