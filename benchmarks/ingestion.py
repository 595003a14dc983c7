"""Events from Parquet through mapping, contract, identity, deduplication and commit, beside a copy of the file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.events import EVENTS_PER_CUSTOMER, Stream, write_config, write_raw
from benchmarks.measure import measure_module

THREADS = 2
COUNTS = ("read", "accepted", "duplicates", "quarantined", "filtered")


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in `rows` rows cost.

    Attributes:
        peak_bytes: the most memory its process had, its start included.
        seconds, processor: from opening the lake to the commit, by the clock and of all cores together.
        again: seconds once more, with nothing new to read.
        copied: seconds in which DuckDB copies the same file from Parquet to Parquet.
        copied_processor: the same in seconds of all cores together.
        counts: what became of the rows.
    """

    rows: int
    peak_bytes: int | None
    seconds: float
    processor: float
    again: float
    copied: float
    copied_processor: float
    counts: dict[str, int]

    @property
    def ratio(self) -> float:
        return self.seconds / self.copied

    @property
    def processor_ratio(self) -> float:
        """The ratio of work rather than of time: other users of the machine do not change it."""
        return self.processor / self.copied_processor

    @property
    def events_a_second(self) -> float:
        return self.rows / self.seconds


def measure_intake(folder: Path, *, rows: int) -> Intake:
    """Take in `rows` events on an empty lake, in a folder that does not exist yet."""
    folder.mkdir(parents=True)
    file = folder / "events.parquet"
    write_raw(Stream(rows=rows, customers=max(rows // EVENTS_PER_CUSTOMER, 1)), file)
    config = str(write_config(folder, path=file.name))
    copied, copied_processor = _copy(file)
    cost = measure_module("benchmarks.take_in", [config])
    first = json.loads(cost.output)
    again = json.loads(measure_module("benchmarks.take_in", [config]).output)
    return Intake(
        rows=rows, peak_bytes=cost.peak_bytes, seconds=first["seconds"], processor=first["processor"],
        again=again["seconds"], copied=copied, copied_processor=copied_processor,
        counts={name: first["counts"][name] for name in COUNTS},
    )  # fmt: skip


def _copy(file: Path) -> tuple[float, float]:
    target = file.with_name("copy.parquet")
    with duckdb.connect() as con:
        con.execute(f"SET threads = {THREADS}")
        started, worked = time.monotonic(), time.process_time()
        con.execute(f"COPY (FROM '{file}') TO '{target}' (FORMAT parquet)")
        seconds, processor = time.monotonic() - started, time.process_time() - worked
    target.unlink()
    return seconds, processor
