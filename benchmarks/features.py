"""Rollups and features in the engine, beside the same features by plain pandas."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.events import EVENTS_PER_CUSTOMER, START, TIMEZONE, Stream, write_canonical
from benchmarks.measure import Cost, measure_steps, sum_stages
from tasks.lake import begin_run, write_lake

MEMORY = "2500MB"
PATIENCE = 900.0
_BATCH = 200_000


@dataclass(frozen=True, slots=True)
class Contest:
    """What the features of `rows` events cost.

    Attributes:
        ours: rollups and features by the product's own tasks.
        plain: pandas on the columns as they come; None where it could not finish.
        tuned: pandas on numbers and categories in the place of words; None where it could not finish.
        reasons: why one of them could not finish.
    """

    rows: int
    ours: Cost
    plain: Cost | None
    tuned: Cost | None
    reasons: tuple[str, ...] = ()

    def speedup(self, pandas: Cost | None) -> float | None:
        """How many times faster ours is, without the start of either process."""
        return None if pandas is None else sum_stages(pandas) / sum_stages(self.ours)


def measure_features(folder: Path, *, rows: int, memory: str = MEMORY, patience: float = PATIENCE) -> Contest:
    """Compute the features of `rows` events, `EVENTS_PER_CUSTOMER` a customer; in a folder that does not exist yet."""
    stream = Stream(rows=rows, customers=max(rows // EVENTS_PER_CUSTOMER, 1))
    as_of = str(stream.end_of_week(stream.weeks))
    events, home = folder / "events.parquet", str(folder / "var")
    write_canonical(stream, events)
    fill_lake(home, events)
    ours = measure_steps("benchmarks.engine_features", [home, as_of, TIMEZONE, memory])
    # What comes next may need all the memory and disk there is.
    shutil.rmtree(home)
    theirs: dict[str, Cost | None] = {}
    reasons = []
    for manner in ("plain", "tuned"):
        arguments = [manner, str(events), as_of, TIMEZONE, str(folder / f"{manner}.parquet")]
        try:
            theirs[manner] = measure_steps("benchmarks.pandas_features", arguments, patience=patience)
        except (RuntimeError, TimeoutError, MemoryError) as error:
            theirs[manner] = None
            reasons.append(f"{manner} pandas: {error}")
    return Contest(rows, ours, theirs["plain"], theirs["tuned"], tuple(reasons))


def fill_lake(home: str, events: Path) -> None:
    """A lake whose events are those of the file."""
    with write_lake(home) as lake:
        run = begin_run("benchmark", START)
        lake.append("events", lake.engine.con.sql(f"FROM '{events}'").to_arrow_reader(_BATCH))
        lake.commit(run, {})
