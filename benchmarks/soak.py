"""A year of weekly runs of a simulated shop in one process: whether seconds, memory, open files and the lake stay flat.

`python -m benchmarks.soak CONFIG STAGED` is that process: it runs a week for each folder in `STAGED`, whose files are
put where the sources deliver, and prints a line of JSON a week. Nothing of the simulation is in its memory.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.tables import start_table

if TYPE_CHECKING:
    import plotly.graph_objects as go

LAST_DAY = date(2026, 11, 15)
CUSTOMERS, WEEKS, HISTORY_WEEKS = 2000, 52, 26
EARLY_WEEK = 10
SLOWER_MAX = 1.5
_MIB = 2**20
_PROJECT = Path(__file__).resolve().parent.parent
# The same work every week: so many recipes, whatever the weeks before have found.
TRAINING = """
[training]
algorithms = ["kmeans"]
preparations = ["balanced"]
trials = 4
bootstraps = 4
finalists = 2
stability_mean = 0.0
stability_min = 0.0
"""


@dataclass(frozen=True, slots=True)
class SoakWeek:
    """What a week cost, and what there was after it.

    Attributes:
        as_of: the week's last day.
        seconds: of the weekly run.
        rss_mib, peak_mib: memory of the process after the week, and the most during it.
        server_mib: memory of the embedded Prefect server.
        files, threads, engines: open file descriptors and threads of the process, and DuckDBs that live in it.
        lake_files, lake_mib: of the lake, with what former versions need.
        log_entries: files in the tables' logs together.
        home_mib: of everything the shop keeps: lake, models, reports, Prefect's database.
        stages: seconds by stage.
    """

    as_of: str
    seconds: float
    rss_mib: float
    peak_mib: float
    server_mib: float
    files: int
    threads: int
    engines: int
    lake_files: int
    lake_mib: float
    log_entries: int
    home_mib: float
    stages: dict[str, float]


def soak_shop(
    folder: Path, *, weeks: int = WEEKS, customers: int = CUSTOMERS, seed: int = 0
) -> Iterator[SoakWeek]:
    """The weeks of a shop that already has half a year behind it, each as soon as it is over.

    Raises:
        RuntimeError: a week failed; with its last lines.
    """
    config, staged = write_weeks(folder, weeks=weeks, customers=customers, seed=seed)
    command = [sys.executable, "-m", "benchmarks.soak", str(config), str(staged)]
    with (folder / "errors.log").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=_PROJECT)
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                yield SoakWeek(**json.loads(line))
        if process.wait():
            errors.seek(0)
            raise RuntimeError(f"a week failed: {' '.join(errors.read().split()[-60:])}")


def write_weeks(folder: Path, *, weeks: int, customers: int, seed: int) -> tuple[Path, Path]:
    """The shop's configuration, and a folder with what its sources deliver in each of the weeks."""
    from models.simulation.shop import simulate_shop
    from tasks.simulated_shop import write_config, write_delivery

    shop = simulate_shop(customers=customers, weeks=HISTORY_WEEKS + weeks, last_day=LAST_DAY, seed=seed)
    config, staged = write_config(folder), folder / "staged"
    with config.open("a", encoding="utf-8") as file:
        file.write(TRAINING)
    ends = [LAST_DAY - timedelta(weeks=back) for back in reversed(range(weeks))]
    for start, end in zip([None, *ends], ends, strict=False):
        write_delivery(shop, folder=staged / end.isoformat(), start=start, end=end)
    _announce_sources(staged, first=ends[0])
    return config, staged


def _announce_sources(staged: Path, *, first: date) -> None:
    """Sources that have nothing to say in the first week deliver a file without rows: its heading alone."""
    begun = staged / first.isoformat() / "inbox"
    for file in sorted(staged.glob("*/inbox/*/*.csv"), reverse=True):
        if not list((begun / file.parent.name).glob("*")):
            empty = begun / file.parent.name / f"{first}.csv"
            empty.parent.mkdir(parents=True)
            heading = file.read_text(encoding="utf-8").partition("\n")[0]
            empty.write_text(heading + "\n", encoding="utf-8")


def run_weeks(config: Path, staged: Path) -> Iterator[SoakWeek]:
    """Deliver and run every week of `staged` in this process, with one Prefect server."""
    from flows.prefect_server import import_what_runs_need, set_defaults, start_server
    from flows.settings import load_settings

    home = Path(load_settings(config).home)
    set_defaults(home=str(home), debug=False)
    server = start_server()
    import_what_runs_need()
    server.join()
    from flows.weekly_retrain import weekly_retrain
    from tasks import maintenance
    from tasks.run_metrics import read_peak

    # Weeks lie minutes apart here, and none of them is to be taken for one of today's.
    maintenance.KEPT_FOR = timedelta(0)
    for week in sorted(staged.iterdir()):
        shutil.copytree(week / "inbox", config.parent / "inbox", dirs_exist_ok=True)
        started = time.monotonic()
        summary = weekly_retrain(config=str(config), as_of=date.fromisoformat(week.name))
        seconds = time.monotonic() - started
        gc.collect()
        yield _look_around(home, week.name, seconds=seconds, peak=read_peak(), stages=summary["seconds"])


def _look_around(
    home: Path, as_of: str, *, seconds: float, peak: float | None, stages: dict[str, float]
) -> SoakWeek:
    from ibis.backends.duckdb import Backend

    lake = [path for path in (home / "lake").rglob("*") if path.is_file()]
    everything = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return SoakWeek(
        as_of=as_of,
        seconds=round(seconds, 2),
        rss_mib=_read_resident(os.getpid()),
        peak_mib=peak or 0.0,
        server_mib=sum(_read_resident(pid) for pid in _list_children(os.getpid())),
        files=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        engines=sum(isinstance(one, Backend) for one in gc.get_objects()),
        lake_files=len(lake),
        lake_mib=round(sum(path.stat().st_size for path in lake) / _MIB, 1),
        log_entries=sum(path.parent.name == "_delta_log" for path in lake),
        home_mib=round(everything / _MIB, 1),
        stages=stages,
    )


def _read_resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / _MIB, 1)


def _list_children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]


def compare_weeks(weeks: Sequence[SoakWeek], measure: str, *, early: int = EARLY_WEEK) -> float:
    """How many times the early week's figure the last week's is; each the median of three weeks around it."""
    values = [float(getattr(week, measure)) for week in weeks]
    early = min(early, max(1, len(values) // 2))
    return statistics.median(values[-3:]) / statistics.median(values[max(0, early - 2) : early + 1])


def show_soak(weeks: Sequence[SoakWeek], out: Console, *, early: int = EARLY_WEEK) -> None:
    """The table of some weeks, and what the last one is to the early one."""
    table = start_table(f"{len(weeks)} weekly runs in one process")
    columns = [name for name in SoakWeek.__dataclass_fields__ if name not in ("as_of", "stages")]
    for name in ("week", *columns):
        table.add_column(name.replace("_", " "), justify="right")
    chosen = sorted({1, 2, early, *range(4, len(weeks), 4), len(weeks)} & set(range(1, len(weeks) + 1)))
    for number in chosen:
        week = asdict(weeks[number - 1])
        table.add_row(str(number), *(f"{week[name]:,}" for name in columns))
    out.print(table)
    for measure in columns:
        aim = f" (aim: at most {SLOWER_MAX})" if measure == "seconds" else ""
        ratio = compare_weeks(weeks, measure, early=early)
        out.print(f"{measure.replace('_', ' ')}: the last weeks are × {ratio:.2f} of week {early}{aim}")


def draw_soak(weeks: Sequence[SoakWeek]) -> go.Figure:
    """Seconds, memory, open files and files of the lake by week."""
    from plotly.subplots import make_subplots

    panels = {
        "seconds a week": ("seconds",), "memory, MiB": ("rss_mib", "peak_mib"), "open files": ("files", "threads"),
        "files of the lake": ("lake_files", "log_entries"),
    }  # fmt: skip
    figure = make_subplots(rows=2, cols=2, subplot_titles=list(panels))
    numbers = list(range(1, len(weeks) + 1))
    for place, measures in enumerate(panels.values()):
        for measure in measures:
            figure.add_scatter(
                x=numbers, y=[getattr(week, measure) for week in weeks], name=measure.replace("_", " "),
                row=place // 2 + 1, col=place % 2 + 1,
            )  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    return figure.update_layout(template="plotly_white", height=600, title="A year in one process")


if __name__ == "__main__":
    for one in run_weeks(Path(sys.argv[1]), Path(sys.argv[2])):
        print(json.dumps(asdict(one)), flush=True)
