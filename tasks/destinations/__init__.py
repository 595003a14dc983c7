"""Where results go besides the reports, one writer a file.

Each module of this package exports `DESTINATION`. A writer is given the lake's tables and one `[[exports]]`
section, and leaves whole files or none: `replace_file` and `replace_folder` put a finished one in the old
one's place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.mapping import KeyKind
from monitoring.experiments import CONTROL

if TYPE_CHECKING:
    import ibis


class Export(BaseModel):
    """One `[[exports]]` section: what to write where.

    Attributes:
        name: what the export is called; also in file names.
        destination: the writer, a file of this package.
        path: the file or folder to write, as the destination says; for some also a URI, which then stands in `uri`.
        segments: names or ids of the segments to keep; none keeps all.
        options: what only this destination knows.
        campaign, arm: whose treatment group to write (one arm of it, or all), as rows of a contact list.
        join: the contact list: a file of the shop's own, relative to the configuration.
        key, column: the identity key the list is joined by, and its column there, if that has another name.
        other_keys: further keys in the list by kind, with their columns; a row one of whose keys is of somebody
            in control or the hold-out is kept back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[\w-]+$", max_length=100)
    destination: str
    path: Path
    segments: tuple[str, ...] = ()
    options: dict[str, str] = {}
    campaign: str | None = None
    arm: str | None = None
    join: str | None = None
    key: KeyKind | None = None
    column: str | None = None
    other_keys: dict[KeyKind, str] = {}
    uri: str | None = None

    @property
    def listed_keys(self) -> dict[str, str]:
        """The column of every key of the contact list by kind, first that which says who is addressed."""
        return {} if self.key is None else {self.key: self.column or self.key} | self.other_keys

    @model_validator(mode="before")
    @classmethod
    def _tell_uri_from_path(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "://" not in str(values.get("path", "")):
            return values
        uri = str(values["path"]).rstrip("/")
        if urlsplit(uri).password:
            raise ValueError(
                "path must hold no password: it is told where it goes; put it in a block, options.block"
            )
        return values | {"uri": uri}

    @model_validator(mode="after")
    def _joins_a_whole_list(self) -> Export:
        parts = {name: getattr(self, name) for name in ("campaign", "join", "key")}
        given = [name for name, value in parts.items() if value is not None]
        more = [name for name in ("arm", "column", "other_keys") if getattr(self, name)]
        if not given and not more:
            return self
        missing = [name for name in parts if name not in given]
        if missing:
            raise ValueError(f"{missing[0]} is missing: campaign, join and key belong together")
        if self.destination != "audience" or self.segments:
            raise ValueError("a contact list goes with destination 'audience' and without segments")
        if self.arm == CONTROL:
            raise ValueError(f"arm '{CONTROL}' must not be addressed; name a treatment")
        if self.key in self.other_keys:
            raise ValueError(f"other_keys: '{self.key}' is the key itself; name its column with column")
        return self

    @model_validator(mode="after")
    def _fits_its_destination(self) -> Export:
        known = load_destinations()
        if self.destination not in known:
            raise ValueError(f"destination '{self.destination}' is not known; there are: {', '.join(known)}")
        if self.uri is not None and not known[self.destination].takes_uri:
            raise ValueError(f"'{self.destination}' writes to this machine; give a path that is no URI")
        allowed = known[self.destination].options
        unknown = sorted(set(self.options) - set(allowed))
        if unknown:
            allowed_text = ", ".join(allowed) or "none"
            raise ValueError(
                f"option '{unknown[0]}' is not known to '{self.destination}'; allowed: {allowed_text}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Destination:
    """A writer.

    Attributes:
        name: as in an export's `destination`.
        meaning: what it writes, for people.
        write: from tables, export and last day taken into account to the files, or URIs, written.
        options: names an export's `options` may hold.
        takes_uri: whether an export's `path` may be a URI.
        weekly: whether each weekly run writes it too, once it is on record. What is made to be sent is not: that is
            asked for.
    """

    name: str
    meaning: str
    write: Callable[[Mapping[str, ibis.Table], Export, date], tuple[Path | str, ...]]
    options: tuple[str, ...] = ()
    takes_uri: bool = False
    weekly: bool = False


def load_destinations() -> dict[str, Destination]:
    """Every destination of this package by name."""
    modules: list[Any] = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {module.DESTINATION.name: module.DESTINATION for module in modules}


def require_table(tables: Mapping[str, ibis.Table], name: str, *, export: Export) -> ibis.Table:
    """The table.

    Raises:
        LookupError: no run has written it yet.
    """
    if name not in tables:
        raise LookupError(
            f"exports.{export.name}: there is no table '{name}' yet; run `segmentwerk weekly` first"
        )
    return tables[name]


@contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """A path to write to; the file takes the target's place when the block ends well, else it vanishes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.stem}.{uuid4().hex}{target.suffix}")
    try:
        yield fresh
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill; it takes the target's place when the block ends well, else it vanishes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{uuid4().hex}")
    fresh.mkdir()
    try:
        yield fresh
        swap_folder(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def swap_folder(fresh: Path, target: Path) -> None:
    """Puts a finished folder in the target's place; should that fail, the old one is back where it was."""
    old = target.with_name(f".{target.name}.{uuid4().hex}.old")
    # A folder that is not empty cannot be replaced in one call.
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
