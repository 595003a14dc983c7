"""Runs a command and measures it: seconds, peak memory of its processes together, and seconds by stage."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.2


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: by the clock.
        peak_bytes: most memory resident at a time in the process and all it started; None where the system
            has no /proc.
        stages: seconds by stage, as the runs recorded them.
    """

    seconds: float
    peak_bytes: int | None
    stages: dict[str, float]


def measure_command(arguments: Sequence[str], *, home: Path) -> Cost:
    """Run `segmentwerk …` in a process of its own; stages are read from the runs it added to the lake.

    Raises:
        RuntimeError: the command failed; with its last line.
    """
    before = set(_read_runs(home))
    started = time.monotonic()
    # Not a pipe: one that nobody reads while the process works would stop it.
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *arguments], stdout=subprocess.DEVNULL, stderr=errors
        )
        peak = _Peak(process.pid)
        code = process.wait()
        seconds = time.monotonic() - started
        errors.seek(0)
        last = errors.read().strip().splitlines()[-1:]
    if code:
        raise RuntimeError(f"segmentwerk {' '.join(arguments)} failed: {' '.join(last)}")
    stages: Counter[str] = Counter()
    for run, seconds_by_stage in _read_runs(home).items():
        if run not in before:
            stages.update(seconds_by_stage)
    return Cost(seconds, peak.stop(), {name: round(spent, 2) for name, spent in stages.items()})


def _read_runs(home: Path) -> dict[str, dict[str, float]]:
    import json

    from tasks.lake import open_lake

    rows = open_lake(str(home)).runs().to_pylist()
    return {row["run_id"]: json.loads(row["summary"]).get("seconds", {}) for row in rows}


class _Peak:
    """Watches a process and its descendants from a thread, until stopped."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._done = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(INTERVAL):
            self._peak = max(self._peak, sum(_resident(pid) for pid in _list_tree(self._pid)))

    def stop(self) -> int | None:
        self._done.set()
        self._thread.join()
        return self._peak or None


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
