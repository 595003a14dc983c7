"""The lake: Delta tables under one root, seen as the last finished run left them.

Delta is atomic per table only. The row in `runs`, written last, names every table's version; readers use those
versions, and a writer first restores what a run that died had left behind. So a failed run is never seen.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import ibis
import pyarrow
import pyarrow.compute
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from ibis import _

from models.batch_checks import check_batches, has_contract
from models.mapping import quote_name
from tasks.engines import EngineSettings, connect_analytics, connect_engine, read_parquet
from tasks.json_logs import forget_run, name_run, read_run_id
from tasks.lake_lock import lock_lake, scratch_folder
from tasks.lake_schema import MIGRATING_FLOW, SCHEMA_VERSION, check_schema, migrate_rows
from tasks.logs import get_logger
from tasks.months import MONTH, PARTITIONED, Rows, add_month, in_months, month_sql
from tasks.run_metrics import reset_peak
from tasks.runs import RUNS, describe_run, read_runs, select_last, write_runs
from tasks.setbacks import note_run
from tasks.table_history import clean_log, purge_table, restore_version

# Deleted values must not live on in old log entries or files: nothing is kept for its own sake.
TABLE_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 0 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
    # Entries go when a person is forgotten, not whenever Delta makes a checkpoint: the version that `runs` names
    # must stay readable while a later run is at work, and be there to return to should that run die.
    "delta.enableExpiredLogCleanup": "false",
}
# Few different values, so worth a dictionary; of ids and amounts it would cost half the time of writing.
_REPEATED = (
    "source",
    "kind",
    "category",
    "device",
    "channel",
    "campaign_id",
    "key_kind",
    "arm",
    "model_version",
)
# Small row groups keep a writer's memory small, however many months it has open.
WRITING = WriterProperties(
    compression="LZ4_RAW",
    max_row_group_size=100_000,
    default_column_properties=ColumnProperties(dictionary_enabled=False),
    column_properties={name: ColumnProperties(dictionary_enabled=True) for name in _REPEATED},
)
_RUN_COUNTER = "segmentwerk.run"
BATCH_ROWS = 50_000
WEEKLY_FLOW, DAILY_FLOW, ERASING_FLOW = "weekly-retrain", "daily-score", "forget-customer"


@dataclass(slots=True)
class Lake:
    """The tables of one shop. `versions` names the Delta version of each that this reader sees."""

    home: str
    engine: Any
    versions: dict[str, int] = field(default_factory=dict)
    # Attempts that died have numbers too, so that their transactions are never taken for those of a finished run.
    attempt: int = 1
    finished: frozenset[int] = frozenset()
    settings: EngineSettings = field(default_factory=EngineSettings)
    schema_version: int = SCHEMA_VERSION
    _analytics: Any = None
    _runs: pyarrow.Table | None = None
    # Reading a table's log costs more than many a question to the table.
    _opened: dict[str, DeltaTable] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return f"{self.home}/lake"

    @property
    def scratch(self) -> Path:
        """A folder for this run's passing files; emptied by the next writer."""
        return scratch_folder(self.home)

    @property
    def analytics(self) -> Any:
        """The engine that rollups and factors run on; opened when it is first asked for."""
        if self._analytics is None:
            self._analytics = connect_analytics(self.settings, self.engine)
        return self._analytics

    def uri(self, table: str) -> str:
        return f"{self.root}/{table}"

    def has(self, table: str) -> bool:
        return table in self.versions

    def table(self, name: str, *, months: Collection[int] | None = None, engine: Any = None) -> ibis.Table:
        """The table as this reader sees it, or those of its months (`year * 100 + month`), in DuckDB or in `engine`.

        Events are under their customers' present names.

        Raises:
            LookupError: no finished run has written it yet.
        """
        rows = self._read(name, months=months, engine=engine)
        if name != "events" or not self.has("renames"):
            return rows
        return use_present_names(rows, self._read("renames", engine=engine))

    def _read(self, name: str, *, months: Collection[int] | None = None, engine: Any = None) -> ibis.Table:
        files = self.files(name, months=months)
        if engine is not None and engine is not self.engine:
            return read_parquet(engine, files, self.schema(name))
        if not files:
            return self.engine.create_table(
                f"empty_{name}", _plain(self.schema(name).empty_table()), overwrite=True
            )
        return self.engine.read_parquet(files, union_by_name=True, hive_partitioning=False)

    def stored(self, name: str, *, months: Collection[int] | None = None) -> str:
        """The table as it was written, events under their customers' former names, as a name that stands in SQL."""
        # A table without files has the name of its schema before its own.
        parts = self._read(name, months=months).get_name().split(".")
        return ".".join(quote_name(part) for part in parts)

    def relation(self, name: str, *, months: Collection[int] | None = None) -> str:
        """The table as this reader sees it, as a name or a query that stands in SQL for DuckDB."""
        source = self.stored(name, months=months)
        if name != "events" or not self.has("renames"):
            return source
        return (
            f"(SELECT e.* REPLACE (coalesce(r.customer_id, e.customer_id) AS customer_id) FROM {source} e "
            f"LEFT JOIN {self.relation('renames')} r ON r.old_customer_id = e.customer_id)"
        )

    def files(self, name: str, *, months: Collection[int] | None = None) -> list[str]:
        """The Parquet files the table consists of, or those of its months. They do not hold the month itself."""
        delta = self._open(name)
        if months is not None and not months:
            return []
        pruned = None if months is None else in_months(months)
        uris: list[str] = delta.file_uris(file_pruning_predicate=pruned)
        if "://" in self.home:
            return uris
        # Delta writes a blank or an umlaut of the folder as an address would; the file system does not.
        return [f"{self.uri(name)}/{uri.rpartition(f'/{name}/')[2]}" for uri in uris]

    def schema(self, name: str) -> pyarrow.Schema:
        """The table's columns, without the month it is partitioned by."""
        schema = pyarrow.schema(self._open(name).schema())
        return schema.remove(schema.get_field_index(MONTH)) if name in PARTITIONED else schema

    def _open(self, name: str) -> DeltaTable:
        if name not in self.versions:
            raise LookupError(
                f"the lake at {self.root} has no table '{name}' yet; run `segmentwerk ingest` first"
            )
        opened = self._opened.get(name)
        if opened is None or opened.version() != self.versions[name]:
            opened = self._opened[name] = DeltaTable(self.uri(name), version=self.versions[name])
        return opened

    def append(self, name: str, rows: Rows, *, batches: Iterable[str] = ()) -> None:
        """Add rows to a table, streamed; the table is created with the rows' own schema where it is missing.

        Args:
            name: the table.
            rows: what to add.
            batches: ids of the batches the rows come from. They are put on record in the same Delta commit; if
                a finished run has recorded them all, nothing is written.
        """
        batches = tuple(batches)
        if batches and not self.new_batches(name, batches):
            return
        self._write(name, rows, mode="append", batches=batches)

    def new_batches(self, name: str, batches: Iterable[str]) -> list[str]:
        """Those of the batches that no finished run has put on record in the table's transactions."""
        if not self.has(name):
            return list(batches)
        delta = self._open(name)
        return [batch for batch in batches if delta.transaction_version(batch) not in self.finished]

    def overwrite(self, name: str, rows: Rows, *, where: str | None = None) -> None:
        """Replace a table, or those of its rows for which the SQL predicate `where` is true."""
        self._write(name, rows, mode="overwrite", predicate=where if self.has(name) else None)

    def overwrite_months(self, name: str, rows: Rows, *, months: Collection[int]) -> None:
        """Replace whole months of a partitioned table. Every row must lie in one of them; a month without rows is
        empty afterwards."""
        if months:
            self.overwrite(name, rows, where=in_months(months))

    def _write(
        self, name: str, rows: Rows, *, mode: Any, predicate: str | None = None, batches: Iterable[str] = ()
    ) -> None:
        schema_mode: Any = "merge"
        if not self.has(name) or (mode == "overwrite" and predicate is None):
            mode, schema_mode = "overwrite", "overwrite"
        uri = self.uri(name)
        # Data and transactions go through one loaded table: whatever else was written since makes this fail.
        target = DeltaTable(uri) if DeltaTable.is_deltatable(uri) else uri
        written = (*batches, _RUN_COUNTER)
        write_deltalake(
            target, add_month(name, _checked(name, rows)), mode=mode, predicate=predicate, schema_mode=schema_mode,
            partition_by=[MONTH] if name in PARTITIONED and schema_mode == "overwrite" else None,
            configuration=TABLE_CONFIGURATION, writer_properties=WRITING, name=name,
            commit_properties=CommitProperties(app_transactions=[Transaction(b, self.attempt) for b in written]),
        )  # fmt: skip
        self._opened[name] = DeltaTable(uri)
        self.versions[name] = self._opened[name].version()

    def remove_customers(self, name: str, people: pyarrow.Table) -> int:
        """Delete the rows of some customers (`customer_id`), and say how many there were.

        The rest is written anew, by month where the table has months: a predicate with ids in it would stay in
        the log.
        """
        con = self.engine.con
        con.register("people_to_remove", people)
        source = self.relation(name)
        chosen = f"FROM {source} SEMI JOIN people_to_remove USING (customer_id)"
        (count,) = con.execute(f"SELECT count(*) {chosen}").fetchone()
        if count and name in PARTITIONED:
            months = [
                m
                for (m,) in con.execute(f"SELECT DISTINCT {month_sql(PARTITIONED[name])} {chosen}").fetchall()
            ]
            part = self.relation(name, months=months)
            rest = con.execute(f"SELECT * FROM {part} ANTI JOIN people_to_remove USING (customer_id)")
            self.overwrite_months(name, rest.to_arrow_reader(BATCH_ROWS), months=months)
        elif count:
            rest = con.execute(f"SELECT * FROM {source} ANTI JOIN people_to_remove USING (customer_id)")
            self.overwrite(name, rest.to_arrow_reader(BATCH_ROWS))
        return int(count)

    def purge_history(self, run: Run, summary: Mapping[str, Any]) -> None:
        """Remove every file and log entry that only earlier versions need. To be called after `commit`.

        Vacuuming makes versions of its own, so the run is put on record again with these before the log entries
        of the former ones go; at every moment the versions that `runs` names can be read.
        """
        for name in self.versions:
            self.versions[name] = purge_table(self.uri(name))
        self.commit(run, summary)
        for name in self.versions:
            clean_log(self.uri(name))

    def commit(self, run: Run, summary: Mapping[str, Any]) -> None:
        """Make the run visible: its row in `runs` names the version of every table, and says what the run took."""
        row = describe_run(self, run, summary)
        self._put_on_record(row, mode="append")
        counts = json.loads(row["metrics"][0].as_py())
        get_logger().info("run %s is on record", run.run_id, extra={"counts": counts})

    def migrate(self) -> None:
        """Bring a lake of an older schema to today's; nothing happens to one that is of today's."""
        since = self.schema_version
        if since == SCHEMA_VERSION:
            return
        rows = migrate_rows(self, read_runs(self.uri(RUNS)), since=since)
        self.schema_version = SCHEMA_VERSION
        run = begin_run(MIGRATING_FLOW, rows["as_of"][-1].as_py())
        own = describe_run(self, run, {"migrated": {"from": since, "to": SCHEMA_VERSION}})
        self._put_on_record(pyarrow.concat_tables([rows, own]), mode="overwrite")

    def _put_on_record(self, rows: pyarrow.Table, *, mode: Literal["append", "overwrite"]) -> None:
        write_runs(self.uri(RUNS), rows, mode=mode, configuration=TABLE_CONFIGURATION)
        self.finished |= {self.attempt}
        self.attempt += 1
        self._runs = None

    def runs(self) -> pyarrow.Table:
        """Every finished run, oldest first; a run put on record again counts once, as it stands last."""
        if self._runs is None:
            self._runs = select_last(read_runs(self.uri(RUNS)))
        return self._runs

    def read_last_summary(self) -> dict[str, Any]:
        """The summary of the newest finished run, of which there must be one; a migration is none."""
        runs = self.runs()
        told = runs.filter(pyarrow.compute.not_equal(runs["flow"], MIGRATING_FLOW))
        summary: dict[str, Any] = json.loads(told["summary"][-1].as_py())
        return summary


def use_present_names(rows: ibis.Table, renames: ibis.Table) -> ibis.Table:
    """The rows with the customers they belong to now, where they were written under a former name."""
    names = renames.select(former="old_customer_id", present="customer_id")
    found = rows.left_join(names, rows.customer_id == names.former)
    return found.mutate(customer_id=_.present.coalesce(_.customer_id)).select(*rows.columns)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow, as it will stand in `runs`."""

    run_id: str
    flow: str
    as_of: date
    started_at: datetime


def _checked(name: str, rows: Rows) -> Rows:
    """The rows as a stream that breaks off before its end where a row breaks the contract: then none is written."""
    if not has_contract(name):
        return rows
    reader = rows.to_reader() if isinstance(rows, pyarrow.Table) else rows
    return pyarrow.RecordBatchReader.from_batches(reader.schema, check_batches(name, reader))


def begin_run(flow: str, as_of: date) -> Run:
    """A run that starts now, under an id of its own."""
    now = datetime.now(UTC).replace(microsecond=0)
    run = Run(f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}", flow, as_of, now)
    name_run(run.run_id, flow)
    get_logger().info("run %s of %s, as of %s", run.run_id, flow, as_of)
    return run


def _plain(table: pyarrow.Table) -> pyarrow.Table:
    """The same table in Arrow types that DuckDB reads (Delta may hand out view types)."""
    plain = {
        "string_view": pyarrow.string(),
        "binary_view": pyarrow.binary(),
        "large_string": pyarrow.string(),
    }
    fields = [pyarrow.field(f.name, plain.get(str(f.type), f.type)) for f in table.schema]
    return table.cast(pyarrow.schema(fields))


def open_lake(home: str, *, engine: EngineSettings = EngineSettings()) -> Lake:  # noqa: B008 - frozen
    """The lake as the last finished run left it, for reading.

    Raises:
        LakeSchemaError: a newer program wrote it, or one too old for this.
    """
    lake = _look_up(home, engine=engine)
    check_schema(lake.schema_version, root=lake.root)
    return lake


def _look_up(home: str, *, engine: EngineSettings) -> Lake:
    lake = Lake(home=str(home), engine=connect_engine(engine), settings=engine)
    runs = lake.runs()
    if len(runs):
        lake.versions = json.loads(runs["versions"][-1].as_py())
        lake.finished = frozenset(runs["sequence"].to_pylist())
        lake.attempt = max(lake.finished) + 1
        lake.schema_version = runs["schema_version"][-1].as_py()
    return lake


@contextmanager
def write_lake(home: str, *, engine: EngineSettings = EngineSettings()) -> Iterator[Lake]:  # noqa: B008 - frozen
    """The lake for one writer at a time, in today's schema; what a run that died had left behind is undone first.

    Raises:
        LakeBusyError: another run holds the lake's lock.
        LakeSchemaError: a newer program wrote the lake.
    """
    reset_peak()
    forget_run()
    with lock_lake(home) as scratch:
        lake = _look_up(home, engine=engine)
        check_schema(lake.schema_version, root=lake.root, oldest=1)
        spill = str(scratch).replace("'", "''")
        lake.engine.raw_sql(f"SET temp_directory = '{spill}'")
        _undo_unfinished(lake)
        _finish_erasure(lake)
        lake.migrate()
        attempt = lake.attempt
        try:
            yield lake
        except BaseException as error:
            note_run(error, read_run_id(), on_record=lake.attempt > attempt)
            raise


def _undo_unfinished(lake: Lake) -> None:
    """Restore every table to the version the last finished run names; drop tables it does not know."""
    for name in _tables_on_disk(lake):
        delta = lake._opened[name] = DeltaTable(lake.uri(name))
        lake.attempt = max(lake.attempt, 1 + (delta.transaction_version(_RUN_COUNTER) or 0))
        visible = lake.versions.get(name)
        if visible is None:
            delta.delete()
        else:
            lake.versions[name] = restore_version(delta, visible)


def _finish_erasure(lake: Lake) -> None:
    """The history of who was forgotten last goes even if the run that forgot them died on the way."""
    runs = lake.runs()
    if len(runs) and runs["flow"][-1].as_py() == ERASING_FLOW:
        last = runs.slice(len(runs) - 1).to_pylist()[0]
        run = Run(last["run_id"], last["flow"], last["as_of"], last["started_at"])
        lake.purge_history(run, json.loads(last["summary"]))


def _tables_on_disk(lake: Lake) -> list[str]:
    from models.derived_schemas import DERIVED_SCHEMAS
    from models.schemas import SCHEMAS

    # What `runs` holds is what the others are undone to.
    names = {*SCHEMAS, *DERIVED_SCHEMAS, *WITHOUT_SCHEMA} - {RUNS}
    return [name for name in sorted(names) if DeltaTable.is_deltatable(lake.uri(name))]


WITHOUT_SCHEMA = ("snapshots", "suppressions")
"""Tables of the lake that have no contract: the columns of a snapshot are those of its model."""
