"""Readers of raw sources, one a file: each exports a `READER` and is found by being in this folder.

A reader looks at the end of a file's name and hands DuckDB a relation with the file's rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import duckdb
import fsspec
from duckdb import DuckDBPyConnection

from models.mapping import Source
from models.schemas import EARLIEST

# The engine begins with it: "Invalid Input Error: …"; the system with a number: "[Errno 2] …".
_KIND = re.compile(
    r"^((?:[A-Z][A-Za-z/-]*(?: [A-Z][A-Za-z]*)* Error|[A-Z]\w*(?:Exception|Error)): |\[Errno \d+\] )+"
)


class SourceError(ValueError):
    """A source cannot be read; the message names it and what to do."""


class SchemaBreakError(SourceError):
    """A source no longer has a column that its mapping reads."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How to read one file in SQL.

    Attributes:
        rows: a SELECT of the file's rows; empty where it holds none, and so tells of no columns.
        lost: a SELECT of `line` and `reason` for what could not be read as a row, to be run after `rows`.
        lines: a SELECT of how many lines the file has for its rows, where a row is meant to be one.
        stored_keys: the rows have a column `_stored` of identity keys that are hashed already.
        numbered: the rows have a column `_row` with their place; counting them would take one core.
    """

    rows: str
    lost: str | None = None
    lines: str | None = None
    stored_keys: bool = False
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """A file format: its name, the name endings it answers to, and how it reads one file.

    In a `sparse` format a row leaves out what it does not have, and so may a whole file.
    """

    name: str
    suffixes: tuple[str, ...]
    scan: Callable[[DuckDBPyConnection, str], Scan]
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file of a source, as it is now.

    Attributes:
        source: the source's name.
        path: where the file is.
        name: what it is remembered as: its path from the configuration, so that a shop may be moved.
        fingerprint: changes when the file does.
        made_at: when the file was last written.
    """

    source: str
    path: str
    name: str
    fingerprint: str
    made_at: datetime


def load_readers() -> dict[str, Reader]:
    """Every reader of files in this folder, by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.READER.name: module.READER for module in modules if hasattr(module, "READER")}


def find_reader(path: str) -> Reader:
    """The reader that answers to the file's name.

    Raises:
        SourceError: none does.
    """
    readers = load_readers().values()
    for reader in readers:
        if path.lower().endswith(reader.suffixes):
            return reader
    known = ", ".join(suffix for reader in readers for suffix in reader.suffixes)
    raise SourceError(f"there is no reader for this kind of file; its name must end in one of: {known}")


def list_deliveries(source: Source, *, base: str) -> list[Delivery]:
    """The files a source has now, by name. A relative path is relative to `base`.

    Raises:
        SourceError: there is none.
    """
    path = str(source.path)
    pattern = path if "://" in path or path.startswith("/") else f"{base}/{path}"
    filesystem, location = _find_filesystem(source, pattern)
    found = sorted(str(file) for file in filesystem.glob(location) if filesystem.isfile(file))
    if not found:
        raise SourceError(f'sources.{source.name}: no file matches path = "{path}" (looked in {base})')
    remote = "://" in pattern
    deliveries = []
    for file in found:
        about = filesystem.info(file)
        full = filesystem.unstrip_protocol(file) if remote else file
        name = full.removeprefix(f"{base}/")
        deliveries.append(
            Delivery(source.name, full, name, _fingerprint(filesystem, file, about), _made_at(about))
        )
    return deliveries


def _find_filesystem(source: Source, pattern: str) -> tuple[Any, str]:
    try:
        filesystem, location = fsspec.core.url_to_fs(pattern)
    except (ImportError, ValueError) as error:
        raise SourceError(f"sources.{source.name}: {pattern} cannot be reached: {error}") from None
    return filesystem, str(location)


def scan_delivery(con: DuckDBPyConnection, delivery: Delivery) -> Scan:
    """How to read a file, wherever it lies.

    Raises:
        SourceError: no reader answers to its name, or its storage cannot be reached.
    """
    if "://" in delivery.path:
        filesystem, _location = fsspec.core.url_to_fs(delivery.path)
        protocols = filesystem.protocol if isinstance(filesystem.protocol, tuple) else (filesystem.protocol,)
        # DuckDB's own access to remote files would have to be downloaded first.
        if not any(con.filesystem_is_registered(protocol) for protocol in protocols):
            con.register_filesystem(filesystem)
    from tasks.sources.opening import check_whole

    reader = find_delivery_reader(delivery)
    try:
        check_whole(delivery.path)
        return reader.scan(con, delivery.path)
    except SourceError as error:
        raise SourceError(f"sources.{delivery.source}: cannot read {delivery.name}: {error}") from error
    except (OSError, duckdb.Error) as error:
        raise SourceError(
            f"sources.{delivery.source}: cannot read {delivery.name}: {first_line(error)}; deliver it again"
        ) from error


def find_delivery_reader(delivery: Delivery) -> Reader:
    """The reader of a source's file.

    Raises:
        SourceError: no reader answers to its name.
    """
    try:
        return find_reader(delivery.path)
    except SourceError as error:
        raise SourceError(f"sources.{delivery.source}: cannot read {delivery.name}: {error}") from None


def list_columns(con: DuckDBPyConnection, path: str) -> list[str]:
    """The names of a file's columns.

    Raises:
        SourceError: no reader answers to its name, it cannot be read, or it has none.
    """
    from tasks.sources.opening import check_whole

    try:
        check_whole(path)
        rows = find_reader(path).scan(con, path).rows
        found = con.execute(f"DESCRIBE {rows}").fetchall() if rows else []
    except (OSError, duckdb.Error, SourceError) as error:
        raise SourceError(f"{path}: cannot be read: {first_line(error)}") from error
    if not found:
        raise SourceError(f"{path}: there are no rows in it, and so no columns; give it one row at least")
    return [name for name, *_ in found]


def first_line(error: Exception) -> str:
    """What an error says, without its kind, and without the pieces of the file it may quote."""
    line = str(error).split("\n")[0].split(" Original Line:")[0].strip()
    return _KIND.sub("", line)


def has_changed(delivery: Delivery) -> bool:
    """Whether the file is another now than when it was listed."""
    filesystem, location = fsspec.core.url_to_fs(delivery.path)
    return _fingerprint(filesystem, location, filesystem.info(location)) != delivery.fingerprint


def _changed_at(info: dict[str, Any]) -> Any:
    return info.get("mtime") or info.get("LastModified") or info.get("last_modified") or info.get("created")


def _fingerprint(filesystem: Any, file: str, info: dict[str, Any]) -> str:
    mark = info.get("ETag") or _changed_at(info)
    if mark is None:  # some web servers tell neither
        with filesystem.open(file, "rb") as content:
            mark = hashlib.file_digest(content, "sha256").hexdigest()
    return f"{info['size']}-{mark}"


def _made_at(info: dict[str, Any]) -> datetime:
    moment = _changed_at(info)
    if isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    if not isinstance(moment, datetime):
        return EARLIEST.to_pydatetime()
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)
    # Reproducible archives date their files 1970.
    return max(moment, EARLIEST.to_pydatetime())


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
