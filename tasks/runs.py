"""The table `runs`: a row for every finished run, which makes what it wrote visible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import pyarrow
import pyarrow.compute
from deltalake import DeltaTable, write_deltalake

from models.batch_checks import check_batches
from tasks.run_metrics import measure_run, read_program_version

if TYPE_CHECKING:
    from tasks.lake import Lake, Run

RUNS = "runs"
_SCHEMA = pyarrow.schema(
    [
        ("run_id", pyarrow.string()),
        ("sequence", pyarrow.int64()),
        ("flow", pyarrow.string()),
        ("as_of", pyarrow.date32()),
        ("started_at", pyarrow.timestamp("us", "UTC")),
        ("finished_at", pyarrow.timestamp("us", "UTC")),
        ("summary", pyarrow.string()),
        ("versions", pyarrow.string()),
        ("schema_version", pyarrow.int64()),
        ("program", pyarrow.string()),
        ("metrics", pyarrow.string()),
    ]
)


def describe_run(lake: Lake, run: Run, summary: Mapping[str, Any]) -> pyarrow.Table:
    """The row of a run that ends now."""
    finished_at = datetime.now(UTC).replace(microsecond=0)
    metrics = measure_run(lake.home, summary, started_at=run.started_at, finished_at=finished_at)
    row = {
        "run_id": run.run_id,
        # Clocks jump and seconds collide; under the lock a count does neither.
        "sequence": lake.attempt,
        "flow": run.flow,
        "as_of": run.as_of,
        "started_at": run.started_at,
        "finished_at": finished_at,
        "summary": json.dumps(summary, sort_keys=True, default=str),
        "versions": json.dumps(lake.versions, sort_keys=True),
        "schema_version": lake.schema_version,
        "program": read_program_version(),
        "metrics": json.dumps(metrics, sort_keys=True),
    }
    return pyarrow.Table.from_pylist([row], schema=_SCHEMA)


def read_runs(uri: str) -> pyarrow.Table:
    """Every row, oldest first; a lake of schema 1 has neither programs nor metrics."""
    if not DeltaTable.is_deltatable(uri):
        return _SCHEMA.empty_table()
    rows = DeltaTable(uri).to_pyarrow_table().sort_by("sequence")
    for column in _SCHEMA:
        if column.name not in rows.column_names:
            value = 1 if column.name == "schema_version" else None
            rows = rows.append_column(column, pyarrow.array([value] * len(rows), column.type))
    return rows.select(_SCHEMA.names).cast(_SCHEMA)


def select_last(rows: pyarrow.Table) -> pyarrow.Table:
    """The rows of runs as they stand last: one that was put on record again counts once."""
    last = rows.group_by("run_id").aggregate([("sequence", "max")])["sequence_max"]
    return rows.filter(pyarrow.compute.is_in(rows["sequence"], value_set=last))


def write_runs(
    uri: str, rows: pyarrow.Table, *, mode: Literal["append", "overwrite"], configuration: Mapping[str, str]
) -> None:
    """Add rows, or put them in the place of all there are, in one commit."""
    checked = pyarrow.RecordBatchReader.from_batches(_SCHEMA, check_batches(RUNS, rows.to_reader()))
    write_deltalake(
        uri, checked, mode=mode, schema_mode="merge" if mode == "append" else "overwrite",
        configuration=dict(configuration), name=RUNS,
    )  # fmt: skip


def read_last_metrics(home: str) -> dict[str, Any]:
    """What the newest run that says so took; empty where none does."""
    for metrics in reversed(read_runs(f"{home}/lake/{RUNS}")["metrics"].to_pylist()):
        if metrics:
            found: dict[str, Any] = json.loads(metrics)
            return found
    return {}
