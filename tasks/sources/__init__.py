"""Readers of raw sources, one a file: each exports a `READER` and is found by being in this folder.

A reader looks at the end of a file's name and hands DuckDB a relation with the file's rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import fsspec
from duckdb import DuckDBPyConnection

from models.mapping import Source


class SourceError(ValueError):
    """A source cannot be read; the message names it and what to do."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How to read one file in SQL.

    Attributes:
        rows: a SELECT of the file's rows.
        lost: a SELECT of `line` and `reason` for what could not be read as a row, to be run after `rows`.
    """

    rows: str
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A file format: its name, the name endings it answers to, and how it reads one file."""

    name: str
    suffixes: tuple[str, ...]
    scan: Callable[[DuckDBPyConnection, str], Scan]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file of a source, as it is now; the fingerprint changes when the file does."""

    source: str
    path: str
    fingerprint: str


def load_readers() -> dict[str, Reader]:
    """Every reader in this folder, by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.READER.name: module.READER for module in modules}


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
    raise SourceError(f"{path}: no reader for this kind of file; it must end in one of: {known}")


def list_deliveries(source: Source, *, base: str) -> list[Delivery]:
    """The files a source has now, by name. A relative path is relative to `base`.

    Raises:
        SourceError: there is none.
    """
    pattern = source.path if "://" in source.path or source.path.startswith("/") else f"{base}/{source.path}"
    filesystem, location = fsspec.core.url_to_fs(pattern)
    found = sorted(str(path) for path in filesystem.glob(location) if filesystem.isfile(path))
    if not found:
        raise SourceError(f'sources.{source.name}: no file matches path = "{source.path}" (looked in {base})')
    remote = "://" in pattern
    return [
        Delivery(
            source.name,
            filesystem.unstrip_protocol(path) if remote else path,
            _fingerprint(filesystem.info(path)),
        )
        for path in found
    ]


def _fingerprint(info: dict[str, Any]) -> str:
    changed = info.get("ETag") or info.get("mtime") or info.get("LastModified") or info.get("created")
    return f"{info['size']}-{changed}"


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
