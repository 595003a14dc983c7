"""No file may grow beyond some size: what a quota does, or the limit of a shell (`ulimit -f`)."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

LARGEST = (8 << 10, 48 << 10)  # bytes


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.answers:
        return []
    return [
        Fault(
            "writing limit",
            watched.course,
            f"{largest >> 10} KiB a file",
            partial(limit, watched.course, largest),
        )
        for largest in LARGEST
    ]


def limit(course: Course, largest: int, lane: Lane) -> Ending | None:
    ending = lane.killer.disturb(("faults.acts:limit_writes", str(largest)), *course.command(lane.shop))
    # A run all of whose files are smaller than that has not been disturbed.
    return ending if ending.code != 0 else None


KIND = Kind("writing limit", "files may not grow beyond a limit", list_faults)
