"""What was handed on, and when: a table beside the lake's others that only grows, and names no customer.

An export leaves the house whatever becomes of the run that wrote it, so its record is no part of a run either: it is
made before the first byte is written, and is not undone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pyarrow
from deltalake import DeltaTable, write_deltalake

from tasks.destinations import Export
from tasks.lake import Lake

TABLE = "exports"
CONTACTS, MAP, PUBLISH, BI, AUDIENCE = "contacts", "map", "publish", "bi", "audience"
_SCHEMA = pyarrow.schema(
    [
        ("name", pyarrow.string()),
        ("kind", pyarrow.string()),
        ("place", pyarrow.string()),
        ("keys", pyarrow.string()),
        ("options", pyarrow.string()),
        ("as_of", pyarrow.date32()),
        ("written_at", pyarrow.timestamp("us", "UTC")),
    ]
)
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 0 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Something that was handed on.

    Attributes:
        name: of the `[[exports]]` section; of a map, `map`.
        kind: the destination; `contacts`, rows of a contact list; `map`, a picture of customers.
        place: the file, folder or URI, without credentials.
        keys: of a contact list, its columns of identity keys by kind.
        options: what the destination needs to reach the place again; no secrets, these are never in a section.
        as_of: the last day that was taken into account.
        written_at: when.
    """

    name: str
    kind: str
    place: str
    as_of: date
    written_at: datetime
    keys: Mapping[str, str]
    options: Mapping[str, str]

    @property
    def is_uri(self) -> bool:
        """Whether the place is in an object store."""
        return "://" in self.place


def describe_export(export: Export, as_of: date) -> Exported:
    """What is put on record of an export that is about to be written."""
    kind = CONTACTS if export.join is not None else export.destination
    place = _hide_credentials(export.uri) if export.uri else str(name_file(export, as_of).resolve())
    options = {name: value for name, value in export.options.items() if name != "reports"}
    return Exported(
        name=export.name, kind=kind, place=place, as_of=as_of, keys=export.listed_keys, options=options,
        written_at=datetime.now(UTC).replace(microsecond=0),
    )  # fmt: skip


def describe_map(out: Path, as_of: date) -> Exported:
    """What is put on record of a map of the customers."""
    return Exported(
        name=MAP, kind=MAP, place=str(out.resolve()), as_of=as_of, keys={}, options={},
        written_at=datetime.now(UTC).replace(microsecond=0),
    )  # fmt: skip


def name_file(export: Export, as_of: date) -> Path:
    """The file an audience or a contact list is written to; of other destinations the folder."""
    if export.destination != AUDIENCE or export.path.suffix.lower() == ".csv":
        return export.path
    return export.path / f"{export.name}_{as_of}.csv"


def record_export(lake: Lake, exported: Exported) -> None:
    """Put on record that something is handed on; to be called before it is."""
    write_deltalake(
        lake.uri(TABLE), _build_rows([exported]), mode="append", name=TABLE, configuration=_CONFIGURATION
    )


def list_exported(lake: Lake) -> list[Exported]:
    """Everything on record, oldest first."""
    if not DeltaTable.is_deltatable(lake.uri(TABLE)):
        return []
    rows = DeltaTable(lake.uri(TABLE)).to_pyarrow_table().sort_by("written_at").to_pylist()
    return [
        Exported(**row | {"keys": json.loads(row["keys"]), "options": json.loads(row["options"])})
        for row in rows
    ]


def drop_exported(lake: Lake, *, before: date) -> int:
    """Forget what was handed on as of days before; how many entries that were."""
    known = list_exported(lake)
    kept = [one for one in known if one.as_of >= before]
    if len(kept) < len(known):
        write_deltalake(lake.uri(TABLE), _build_rows(kept), mode="overwrite")
        delta = DeltaTable(lake.uri(TABLE))
        delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    return len(known) - len(kept)


def list_places(exported: Sequence[Exported]) -> list[Exported]:
    """The newest entry of every place, by name and place."""
    newest = {(one.kind, one.place): one for one in exported}
    return [newest[key] for key in sorted(newest)]


def _build_rows(exported: Sequence[Exported]) -> pyarrow.Table:
    rows = [
        asdict(one)
        | {name: json.dumps(dict(getattr(one, name)), sort_keys=True) for name in ("keys", "options")}
        for one in exported
    ]
    return pyarrow.Table.from_pylist(rows, schema=_SCHEMA)


def _hide_credentials(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
