"""BigQuery: `bigquery://project/dataset`, signed in by Google's application default credentials."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import google.auth
import ibis
import pyarrow

from tasks.databases import Database


def connect(connection: str) -> Any:
    """Open the project's client and the storage client beside it.

    Without credentials that is an error at once; Ibis would open a browser, and wait for somebody to sign in.
    """
    credentials, _project = google.auth.default(scopes=("https://www.googleapis.com/auth/cloud-platform",))
    return ibis.connect(connection, credentials=credentials)


def stream(client: Any, statement: str) -> Generator[pyarrow.RecordBatch]:
    """The rows as the storage API sends them; the statement reaches BigQuery as it is."""
    yield from client.raw_sql(statement).to_arrow_iterable(bqstorage_client=client.storage_client)


def close(client: Any) -> None:
    """Give up the client's connections."""
    client.client.close()


DATABASE = Database("bigquery", connect, stream, close)
