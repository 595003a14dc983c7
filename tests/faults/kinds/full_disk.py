"""The disk is full, from some moment on."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending, Moment, spread

from faults import Fault, Kind, needs_root
from faults.acts import BALLAST
from faults.courses import Course, Watched
from faults.lane import Lane

MOMENTS = 3
LEFT = (0, 64 << 10, 512 << 10)  # bytes


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.answers:
        return []
    moments = spread(watched.starts, MOMENTS)
    return [
        Fault(
            "full disk", watched.course, f"{left >> 10} KiB left {moment}",
            partial(fill, watched.course, moment, left),
        )
        for moment, left in zip(moments, [draw.choice(LEFT) for _ in moments], strict=True)
    ]  # fmt: skip


def fill(course: Course, moment: Moment, left: int, lane: Lane) -> Ending | None:
    act = ("faults.acts:fill_disk", str(lane.disk), str(left))
    try:
        ending = lane.killer.disturb(act, *course.command(lane.shop), at=moment)
    finally:
        (lane.disk / BALLAST).unlink(missing_ok=True)
    return ending if ending.was_disturbed else None


KIND = Kind("full disk", "no space left on the disk, from a step on", list_faults, needs_root)
