"""The clock jumps, forwards or back, between two steps or before the run."""

from __future__ import annotations

import random
import shutil
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind
from faults.acts import write_offset
from faults.courses import Course, Watched
from faults.lane import Lane

HOUR, DAY = 3600, 86_400
JUMPS = {"+3 days": 3 * DAY, "-3 days": -3 * DAY, "+400 days": 400 * DAY, "-2 hours": -2 * HOUR}


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.answers:
        return []
    wishes: list[tuple[str, Moment | None]] = [
        (jump, draw.choice(watched.starts) if number % 2 else None) for number, jump in enumerate(JUMPS)
    ]
    return [
        Fault(
            "clock", watched.course, f"{jump} {moment or 'from the start'}",
            partial(jump_at, watched.course, jump, moment),
        )
        for jump, moment in wishes
    ]  # fmt: skip


def jump_at(course: Course, jump: str, moment: Moment | None, lane: Lane) -> Ending | None:
    act = ("faults.acts:set_clock", str(lane.clock), str(JUMPS[jump]))
    try:
        ending = lane.clock_killer.disturb(act, *course.command(lane.shop), at=moment)
    finally:
        write_offset(lane.clock, 0)
    return ending if ending.was_disturbed else None


def find_hindrance() -> str | None:
    return None if shutil.which("cc") else "needs a C compiler (Debian: apt-get install gcc libc6-dev)"


KIND = Kind("clock", "jumps by hours, days or a year, forwards or back", list_faults, find_hindrance)
