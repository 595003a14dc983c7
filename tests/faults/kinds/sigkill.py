"""The process is killed: between any two steps, and anywhere inside them."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

INSIDE = 6
LONGEST_S = 0.4


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    at_boundaries = [
        Fault("sigkill", watched.course, str(moment), partial(kill_at, watched.course, moment))
        for moment in watched.between
    ]
    # Some time after whatever the command passes: in the middle of what the product calls, too.
    inside = [(draw.choice(watched.moments), draw.uniform(0, LONGEST_S)) for _ in range(INSIDE)]
    return at_boundaries + [
        Fault(
            "sigkill", watched.course, f"{seconds:.2f} s {moment}",
            partial(kill_inside, watched.course, moment, seconds),
        )
        for moment, seconds in inside
    ]  # fmt: skip


def kill_at(course: Course, moment: Moment, lane: Lane) -> Ending | None:
    ending = lane.killer.kill_at(moment, *course.command(lane.shop))
    return ending if ending.was_killed else None


def kill_inside(course: Course, moment: Moment, seconds: float, lane: Lane) -> Ending | None:
    act = ("faults.acts:die_after", str(seconds))
    ending = lane.killer.disturb(act, *course.command(lane.shop), at=moment)
    return ending if ending.was_killed else None


KIND = Kind("sigkill", "SIGKILL between any two steps, and inside them", list_faults)
