"""One new week on top of 52, beside all 53 in one go: cost is to follow the new data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.events import Stream, write_config, write_raw
from benchmarks.measure import Cost, measure_steps, sum_stages

WEEKS = 53


@dataclass(frozen=True, slots=True)
class Increment:
    """`base` is the first 52 weeks, `week` the 53rd on top of them, `whole` all 53 on an empty lake."""

    base: Cost
    week: Cost
    whole: Cost

    @property
    def share(self) -> float:
        """What the week costs of the whole, without the start of a process, which costs the same either way."""
        return sum_stages(self.week) / sum_stages(self.whole)

    @property
    def share_with_start(self) -> float:
        return self.week.seconds / self.whole.seconds


def measure_increment(folder: Path, *, events: int, customers: int, weeks: int = WEEKS) -> Increment:
    """Measure with `events` events a week; in a folder that does not exist yet."""
    folder.mkdir(parents=True)
    stream = Stream(rows=events * weeks, customers=customers, weeks=weeks)
    files = [folder / "weeks" / f"{week:02}.parquet" for week in range(1, weeks + 1)]
    for number, file in enumerate(files):
        write_raw(stream, file, first=number * events, last=(number + 1) * events)
    base = _deliver(folder / "two_steps", files[:-1], stream, week=weeks - 1)
    week = _deliver(folder / "two_steps", files[-1:], stream, week=weeks)
    whole = _deliver(folder / "one_step", files, stream, week=weeks)
    return Increment(base, week, whole)


def _deliver(shop: Path, files: list[Path], stream: Stream, *, week: int) -> Cost:
    inbox = shop / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for file in files:
        os.link(file, inbox / file.name)
    config = write_config(shop, path="inbox/*.parquet")
    return measure_steps("benchmarks.cycle", [str(config), str(stream.end_of_week(week))])
