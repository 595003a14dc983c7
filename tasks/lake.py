"""The lake: Delta tables under one root, seen as the last finished run left them.

Delta is atomic per table only. The row in `runs`, written last, names every table's version; readers use those
versions, and a writer first restores what a run that died had left behind. So a failed run is never seen.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow
import pyarrow.compute
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock, Timeout

from models.derived_schemas import check_batch, has_contract

# Deleted values must not live on in old log entries or files: nothing is kept for its own sake.
_TABLE_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 0 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
}
_RUNS = pyarrow.schema(
    [
        ("run_id", pyarrow.string()),
        ("sequence", pyarrow.int64()),
        ("flow", pyarrow.string()),
        ("as_of", pyarrow.date32()),
        ("started_at", pyarrow.timestamp("us", "UTC")),
        ("finished_at", pyarrow.timestamp("us", "UTC")),
        ("summary", pyarrow.string()),
        ("versions", pyarrow.string()),
    ]
)


class LakeBusyError(RuntimeError):
    """Another run is writing to the lake."""


def connect_engine(*, scratch: str | None = None) -> ibis.BaseBackend:
    """A DuckDB in process, in UTC, which spills to `scratch` (a folder) when memory runs short."""
    engine = ibis.duckdb.connect()
    engine.raw_sql("SET TimeZone = 'UTC'")
    engine.raw_sql("SET enable_progress_bar = false")
    if scratch:
        engine.raw_sql(f"SET temp_directory = '{scratch}'")
    return engine


@dataclass(slots=True)
class Lake:
    """The tables of one shop. `versions` names the Delta version of each that this reader sees."""

    home: str
    engine: Any
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return f"{self.home}/lake"

    def uri(self, table: str) -> str:
        return f"{self.root}/{table}"

    def has(self, table: str) -> bool:
        return table in self.versions

    def table(self, name: str) -> ibis.Table:
        """The table as this reader sees it.

        Raises:
            LookupError: no finished run has written it yet.
        """
        if name not in self.versions:
            raise LookupError(
                f"the lake at {self.root} has no table '{name}' yet; run `segmentwerk ingest` first"
            )
        delta = DeltaTable(self.uri(name), version=self.versions[name])
        files = delta.file_uris()
        if not files:
            return self.engine.create_table(
                f"empty_{name}",
                _plain(pyarrow.schema(delta.schema()).empty_table()),
                temp=True,
                overwrite=True,
            )
        return self.engine.read_parquet(files, union_by_name=True)

    def append(self, name: str, rows: pyarrow.RecordBatchReader) -> None:
        """Add rows to a table, streamed; the table is created with the rows' own schema where it is missing."""
        self._write(name, rows, mode="append")

    def overwrite(
        self, name: str, rows: pyarrow.RecordBatchReader | pyarrow.Table, *, where: str | None = None
    ) -> None:
        """Replace a table, or those of its rows for which the SQL predicate `where` is true."""
        self._write(name, rows, mode="overwrite", predicate=where if self.has(name) else None)

    def _write(self, name: str, rows: Any, *, mode: Any, predicate: str | None = None) -> None:
        schema_mode: Any = "merge"
        if not self.has(name) or (mode == "overwrite" and predicate is None):
            mode, schema_mode = "overwrite", "overwrite"
        write_deltalake(
            self.uri(name), _checked(name, rows), mode=mode, predicate=predicate, schema_mode=schema_mode,
            configuration=_TABLE_CONFIGURATION, name=name,
        )  # fmt: skip
        self.versions[name] = DeltaTable(self.uri(name)).version()

    def rename_customers(self, name: str, merges: pyarrow.Table) -> None:
        """Give the rows of merged customers (`old_customer_id` → `customer_id`) to the one who remains."""
        delta = DeltaTable(self.uri(name))
        (
            delta.merge(
                merges, predicate="t.customer_id = s.old_customer_id", source_alias="s", target_alias="t"
            )
            .when_matched_update({"customer_id": "s.customer_id"})
            .execute()
        )
        self.versions[name] = DeltaTable(self.uri(name)).version()

    def remove_customers(self, name: str, people: pyarrow.Table) -> int:
        """Delete the rows of some customers (`customer_id`), and say how many there were."""
        delta = DeltaTable(self.uri(name))
        # A merge, because a predicate with the ids in it would stay in the log.
        done = (
            delta.merge(people, predicate="t.customer_id = s.customer_id", source_alias="s", target_alias="t")
            .when_matched_delete()
            .execute()
        )
        self.versions[name] = DeltaTable(self.uri(name)).version()
        return int(done["num_target_rows_deleted"])

    def purge_history(self, run: Run, summary: Mapping[str, Any]) -> None:
        """Remove every file and log entry that only earlier versions need. To be called after `commit`.

        Vacuuming makes versions of its own, so the run is put on record again with these before the log entries
        of the former ones go; at every moment the versions that `runs` names can be read.
        """
        for name in self.versions:
            delta = DeltaTable(self.uri(name))
            delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
            delta = DeltaTable(self.uri(name))
            delta.create_checkpoint()
            self.versions[name] = delta.version()
        self.commit(run, summary)
        for name in self.versions:
            DeltaTable(self.uri(name)).cleanup_metadata()

    def commit(self, run: Run, summary: Mapping[str, Any]) -> None:
        """Make the run visible: its row in `runs` names the version of every table."""
        row = {
            "run_id": run.run_id,
            # Clocks jump and seconds collide; under the lock a count does neither.
            "sequence": self._next_sequence(),
            "flow": run.flow,
            "as_of": run.as_of,
            "started_at": run.started_at,
            "finished_at": datetime.now(UTC).replace(microsecond=0),
            "summary": json.dumps(summary, sort_keys=True, default=str),
            "versions": json.dumps(self.versions, sort_keys=True),
        }
        write_deltalake(
            self.uri("runs"), _checked("runs", pyarrow.Table.from_pylist([row], schema=_RUNS)), mode="append",
            configuration=_TABLE_CONFIGURATION, name="runs",
        )  # fmt: skip

    def _next_sequence(self) -> int:
        runs = self.runs()
        return int(runs["sequence"][-1].as_py()) + 1 if len(runs) else 1

    def runs(self) -> pyarrow.Table:
        """Every finished run, oldest first; a run put on record again counts once, as it stands last."""
        if not DeltaTable.is_deltatable(self.uri("runs")):
            return _RUNS.empty_table()
        rows = DeltaTable(self.uri("runs")).to_pyarrow_table().sort_by("sequence")
        last = rows.group_by("run_id").aggregate([("sequence", "max")])["sequence_max"]
        return rows.filter(pyarrow.compute.is_in(rows["sequence"], value_set=last))


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow, as it will stand in `runs`."""

    run_id: str
    flow: str
    as_of: date
    started_at: datetime


def _checked(name: str, rows: Any) -> pyarrow.RecordBatchReader:
    """The rows as a stream of batches, each held against the table's contract before it is written."""
    if not has_contract(name):
        return rows
    reader = rows.to_reader() if isinstance(rows, pyarrow.Table) else rows
    return pyarrow.RecordBatchReader.from_batches(
        reader.schema, (check_batch(name, batch) for batch in reader)
    )


def begin_run(flow: str, as_of: date) -> Run:
    """A run that starts now, under an id of its own."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Run(f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}", flow, as_of, now)


def _plain(table: pyarrow.Table) -> pyarrow.Table:
    """The same table in Arrow types that DuckDB reads (Delta may hand out view types)."""
    plain = {
        "string_view": pyarrow.string(),
        "binary_view": pyarrow.binary(),
        "large_string": pyarrow.string(),
    }
    fields = [pyarrow.field(f.name, plain.get(str(f.type), f.type)) for f in table.schema]
    return table.cast(pyarrow.schema(fields))


def open_lake(home: str) -> Lake:
    """The lake as the last finished run left it, for reading."""
    engine = connect_engine()
    lake = Lake(home=str(home), engine=engine)
    runs = lake.runs()
    if len(runs):
        lake.versions = json.loads(runs["versions"][-1].as_py())
    return lake


@contextmanager
def write_lake(home: str) -> Iterator[Lake]:
    """The lake for one writer at a time; what a run that died had left behind is undone first.

    Raises:
        LakeBusyError: another run holds the lake's lock.
    """
    lock = _lock(home)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LakeBusyError(
            f"another run is writing to {home}; wait for it to end, then run this again"
        ) from None
    try:
        lake = open_lake(home)
        scratch = Path(home) / "scratch" if "://" not in home else None
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
            lake.engine.raw_sql(f"SET temp_directory = '{scratch}'")
        _undo_unfinished(lake)
        yield lake
    finally:
        lock.release()


def _lock(home: str) -> FileLock:
    if "://" in home:
        import hashlib
        import tempfile

        return FileLock(
            Path(tempfile.gettempdir()) / f"segmentwerk-{hashlib.sha256(home.encode()).hexdigest()[:16]}.lock"
        )
    Path(home).mkdir(parents=True, exist_ok=True)
    return FileLock(Path(home) / "lake.lock")


def _undo_unfinished(lake: Lake) -> None:
    """Restore every table to the version the last finished run names; drop tables it does not know."""
    for name in _tables_on_disk(lake):
        delta = DeltaTable(lake.uri(name))
        visible = lake.versions.get(name)
        if visible is None:
            delta.delete()
        elif delta.version() != visible:
            delta.restore(visible)
            lake.versions[name] = DeltaTable(lake.uri(name)).version()


def _tables_on_disk(lake: Lake) -> list[str]:
    from models.schemas import SCHEMAS

    names = {*SCHEMAS, *LAKE_TABLES}
    return [name for name in sorted(names) if DeltaTable.is_deltatable(lake.uri(name))]


LAKE_TABLES = (
    "deliveries", "activity_daily", "orders", "sessions", "categories_daily", "features", "snapshots",
    "segments", "segment_profiles", "promotions", "quarantine", "suppressions",
)  # fmt: skip
