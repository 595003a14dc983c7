"""The process is killed: between any two steps, and anywhere inside them."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

INSIDE = 6
ATTEMPTS = 4


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    at_boundaries = [
        Fault("sigkill", watched.course, str(moment), partial(kill_at, watched.course, moment))
        for moment in watched.between
    ]
    shares = [draw.uniform(0.05, 0.95) for _ in range(INSIDE)]
    inside = [
        Fault(
            "sigkill", watched.course, f"after {share:.0%} of the time",
            partial(kill_inside, watched.course, share * watched.seconds),
        )
        for share in shares
    ]  # fmt: skip
    return at_boundaries + inside


def kill_at(course: Course, moment: Moment, lane: Lane) -> Ending | None:
    ending = lane.killer.kill_at(moment, *course.command(lane.shop))
    return ending if ending.was_killed else None


def kill_inside(course: Course, seconds: float, lane: Lane) -> Ending | None:
    """A command that was quicker than when it was watched is killed earlier."""
    for attempt in range(ATTEMPTS):
        lane.restore(course)
        ending = lane.killer.kill_after(seconds / 2**attempt, *course.command(lane.shop))
        if ending.was_killed:
            return ending
    return None


KIND = Kind("sigkill", "SIGKILL between any two steps, and inside them", list_faults)
