"""A machine with 1.5 GiB of memory; and one whose memory runs out, so that the kernel ends the run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from killing import HOUSE, Ending

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

GROUPS = Path("/sys/fs/cgroup/memory")
SMALL_MACHINE_MIB = 1536
# On top of what the fork shares with its parent: not enough, wherever that turns out.
TOO_LITTLE_MIB = (24, 48)
PATIENCE_S = 400


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    course = watched.course
    whole = Fault("1.5 GiB of memory", course, "the whole command", partial(run_small, course))
    short = [
        Fault("1.5 GiB of memory", course, f"{mib} MiB more than imports", partial(run_short, course, mib))
        for mib in TOO_LITTLE_MIB
    ]
    return [whole, *short]


def run_small(course: Course, lane: Lane) -> Ending:
    """A process of its own, with the embedded Prefect server beside it, within the memory of a small machine."""
    environment = {k: v for k, v in (os.environ | lane.environment).items() if not k.startswith("PREFECT_")}
    with limit_memory(SMALL_MACHINE_MIB) as group:
        started = time.monotonic()
        # The shell joins the group and becomes the command.
        process = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"),
             sys.executable, "-m", "flows", *course.command(lane.shop)],
            cwd=HOUSE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return Ending(process.returncode, time.monotonic() - started, out, err, was_disturbed=True)


def run_short(course: Course, mib: int, lane: Lane) -> Ending | None:
    with limit_memory(mib) as group:
        ending = lane.killer.disturb(("faults.acts:join_group", str(group)), *course.command(lane.shop))
    # What was enough is no fault.
    return ending if ending.code != 0 else None


@contextmanager
def limit_memory(mib: int) -> Iterator[Path]:
    """A control group whose processes have so much memory together, and no swap."""
    group = GROUPS / f"segmentwerk-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(mib << 20), encoding="utf-8")
        yield group
    finally:
        _empty(group)


def _empty(group: Path) -> None:
    """End what is left in it, and remove it."""
    until = time.monotonic() + 30
    while pids := (group / "cgroup.procs").read_text(encoding="utf-8").split():
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.1)
        assert time.monotonic() < until, f"{group} cannot be emptied"
    group.rmdir()


def find_hindrance() -> str | None:
    usable = (GROUPS / "memory.limit_in_bytes").exists() and os.access(GROUPS, os.W_OK)
    return None if usable else "needs root and the memory controller of control groups, version 1"


KIND = Kind(
    "1.5 GiB of memory", "the whole run in that; and too little, so that it dies", list_faults, find_hindrance
)
