"""Runs a command and measures it: seconds, peak memory of its processes together, and seconds by stage."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

INTERVAL = 0.2
_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: by the clock.
        peak_bytes: most memory resident at a time in the process and all it started; None where the system
            has no /proc.
        stages: seconds by stage, as the runs recorded them, or the process itself told.
        processor: seconds of all cores together; the steadier figure on a machine that others use too.
        output: what it wrote to stdout.
    """

    seconds: float
    peak_bytes: int | None
    stages: dict[str, float]
    processor: float = 0.0
    output: str = ""


def sum_stages(cost: Cost) -> float:
    """Seconds of all stages together: what is left out is the start of the process."""
    return sum(cost.stages.values())


def measure_command(arguments: Sequence[str], *, home: Path) -> Cost:
    """Run `segmentwerk …` in a process of its own; stages are read from the runs it added to the lake.

    Raises:
        RuntimeError: the command failed; with its last line.
    """
    before = set(_read_runs(home))
    cost = measure_module("flows", arguments)
    stages: Counter[str] = Counter()
    for run, seconds_by_stage in _read_runs(home).items():
        if run not in before:
            stages.update(seconds_by_stage)
    return replace(cost, stages={name: round(spent, 2) for name, spent in stages.items()})


def measure_module(module: str, arguments: Sequence[str], *, patience: float | None = None) -> Cost:
    """Run `python -m module …` in a process of its own; it has no stages.

    Raises:
        RuntimeError: it failed; with its last line.
        TimeoutError: it was not done after `patience` seconds, and was stopped.
        MemoryError: it took nearly all the memory that was free, and was stopped.
    """
    before = _used_by_children()
    # Not pipes: one that nobody reads while the process works would stop it.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=output, stderr=errors, cwd=_PROJECT
        )
        peak = _Peak(process, ceiling=_available())
        code = _wait(process, patience=patience)
        seconds = time.monotonic() - started
        errors.seek(0)
        last = errors.read().strip().splitlines()[-1:]
        output.seek(0)
        written = output.read()
    highest = peak.stop()
    if peak.stopped:
        raise MemoryError(f"{module} wanted more than {(highest or 0) / 2**30:.1f} GiB, and there is no more")
    if code is None:
        raise TimeoutError(f"{module} was not done after {patience:,.0f} s")
    if code:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed ({code}): {' '.join(last)}")
    return Cost(seconds, highest, {}, _used_by_children() - before, written)


def measure_steps(module: str, arguments: Sequence[str], *, patience: float | None = None) -> Cost:
    """The same for a module that prints its seconds by stage as JSON; they leave out its start and imports."""
    cost = measure_module(module, arguments, patience=patience)
    return replace(cost, stages=json.loads(cost.output.splitlines()[-1]))


def _wait(process: subprocess.Popen[bytes], *, patience: float | None) -> int | None:
    """The exit code; None where the process had to be stopped."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _read_runs(home: Path) -> dict[str, dict[str, float]]:
    from tasks.lake import open_lake

    rows = open_lake(str(home)).runs().to_pylist()
    return {row["run_id"]: json.loads(row["summary"]).get("seconds", {}) for row in rows}


class _Peak:
    """Watches a process and its descendants from a thread, until stopped; stops it before memory runs out."""

    def __init__(self, process: subprocess.Popen[bytes], *, ceiling: float) -> None:
        self._process, self._ceiling = process, ceiling
        self._peak, self._done, self.stopped = 0, threading.Event(), False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(INTERVAL):
            self._peak = max(self._peak, sum(_resident(pid) for pid in _list_tree(self._process.pid)))
            if self._peak > self._ceiling and not self.stopped:
                self.stopped = True
                self._process.kill()

    def stop(self) -> int | None:
        self._done.set()
        self._thread.join()
        return self._peak or None


def _available() -> float:
    """Bytes a process may take: nine tenths of what is free now; without limit where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    free = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return int(free) * 1024 * 0.9


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _list_tree(root: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything; the parent is the second field after it.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    tree = {root}
    while grown := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    return tree


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
