"""Databases that a query can be sent to, one a file, called as the scheme of its connection string.

Each exports a `DATABASE`. Only the file that is asked for is imported, since each needs a client library of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from urllib.parse import SplitResult, unquote

import pyarrow


class UnknownDatabaseError(ValueError):
    """No file here answers to the scheme; the message names those that do."""


@dataclass(frozen=True, slots=True)
class Database:
    """How a database is opened and read.

    Attributes:
        dialect: what sqlglot calls its SQL.
        connect: connection string to an open client.
        stream: client and statement to the rows as Arrow, in batches of a size that memory holds easily.
        close: ends what `connect` began.
    """

    dialect: str
    connect: Callable[[str], Any]
    stream: Callable[[Any, str], Generator[pyarrow.RecordBatch]]
    close: Callable[[Any], None]


def load_database(scheme: str) -> Database:
    """The database of a connection string's scheme.

    Raises:
        UnknownDatabaseError: there is none.
        ImportError: its client library is not installed.
    """
    known = sorted(found.name for found in iter_modules(__path__))
    if scheme not in known:
        raise UnknownDatabaseError(", ".join(f"{name}://" for name in known))
    database: Database = import_module(f"{__name__}.{scheme}").DATABASE
    return database


def decode_login(url: SplitResult) -> dict[str, str]:
    """User and password as they are meant. Ibis takes a `+` in a password for a space, and the user as it stands."""
    given = {"user": url.username, "password": url.password}
    return {name: unquote(text) for name, text in given.items() if text}
