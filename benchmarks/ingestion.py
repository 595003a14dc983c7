"""Events from Parquet through mapping, contract, identity, deduplication and commit, beside a copy of the file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.events import EVENTS_PER_CUSTOMER, Stream, write_config, write_raw
from benchmarks.measure import Cost, measure_module

THREADS = 2


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in `rows` rows cost.

    Attributes:
        cost: the whole command, its start included.
        again: the command once more, with nothing new to read.
        copied: seconds in which DuckDB copies the same file from Parquet to Parquet.
        copied_processor: the same in seconds of all cores together.
        counts: what became of the rows.
    """

    rows: int
    cost: Cost
    again: Cost
    copied: float
    copied_processor: float
    counts: dict[str, int]

    @property
    def ratio(self) -> float:
        return self.cost.seconds / self.copied

    @property
    def processor_ratio(self) -> float:
        """The ratio of work rather than of time: other users of the machine do not change it."""
        return self.cost.processor / self.copied_processor

    @property
    def events_a_second(self) -> float:
        return self.rows / self.cost.seconds


def measure_intake(folder: Path, *, rows: int) -> Intake:
    """Take in `rows` events with `segmentwerk ingest` on an empty lake, in a folder that does not exist yet."""
    folder.mkdir(parents=True)
    file = folder / "events.parquet"
    write_raw(Stream(rows=rows, customers=max(rows // EVENTS_PER_CUSTOMER, 1)), file)
    config = write_config(folder, path=file.name)
    copied, copied_processor = _copy(file)
    arguments = ["ingest", "--config", str(config), "--json"]
    cost = measure_module("flows", arguments)
    again = measure_module("flows", arguments)
    told = json.loads(cost.output)
    counts = {name: told[name] for name in ("read", "accepted", "duplicates", "quarantined", "filtered")}
    return Intake(rows, cost, again, copied, copied_processor, counts)


def _copy(file: Path) -> tuple[float, float]:
    target = file.with_name("copy.parquet")
    with duckdb.connect() as con:
        con.execute(f"SET threads = {THREADS}")
        started, worked = time.monotonic(), time.process_time()
        con.execute(f"COPY (FROM '{file}') TO '{target}' (FORMAT parquet)")
        seconds, processor = time.monotonic() - started, time.process_time() - worked
    target.unlink()
    return seconds, processor
