"""Databricks: `databricks://token:…@host?http_path=…&catalog=…&schema=…`."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow
from databricks import sql  # type: ignore[attr-defined]

from tasks.databases import Database

_ROWS_A_BATCH = 20_000


def connect(connection: str) -> Any:
    """Open the SQL warehouse with the client that Ibis uses; Ibis itself would create a volume in the account."""
    url = urlsplit(connection)
    if not url.password:
        raise ValueError("there is no token in databricks://token:…@host")
    options: dict[str, Any] = dict(parse_qsl(url.query))
    return sql.connect(url.hostname, access_token=unquote(url.password), **options)


def stream(client: Any, statement: str) -> Generator[pyarrow.RecordBatch]:
    """The rows, fetched piece by piece; the statement reaches Databricks as it is."""
    with client.cursor() as cursor:
        cursor.execute(statement)
        while (table := cursor.fetchmany_arrow(_ROWS_A_BATCH)).num_rows:
            yield from table.to_batches()


def close(client: Any) -> None:
    """End the session."""
    client.close()


DATABASE = Database("databricks", connect, stream, close)
