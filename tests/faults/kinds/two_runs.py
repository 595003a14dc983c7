"""A second command is started while the first is at work: it is refused in one line, and the first ends well."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind
from faults.acts import PATIENCE_S
from faults.courses import Course, Watched
from faults.lane import Lane

REFUSAL = "another run is writing to"
INSIDE = 2


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.answers:
        return []
    # Within the lock: the first step takes it, after the last it is given back.
    inside = [m for m in watched.starts[1:] if not m.where.startswith("before tasks.lake.write_lake")]
    moments = draw.sample(inside, min(INSIDE, len(inside)))
    return [
        Fault("two runs at once", watched.course, str(moment), partial(run_beside, watched.course, moment))
        for moment in moments
    ]


def run_beside(course: Course, moment: Moment, lane: Lane) -> Ending | None:
    meeting = lane.disk / "tmp"
    command = course.command(lane.shop)
    act = ("faults.acts:hold", str(meeting))
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(lane.killer.disturb, act, *command, at=moment)
        until = time.monotonic() + PATIENCE_S
        while not (meeting / "held").exists() and not first.done() and time.monotonic() < until:
            time.sleep(0.01)
        try:
            second = lane.second_killer.run(*command)
        finally:
            (meeting / "go").touch()
        ending = first.result()
    if not ending.was_disturbed:
        return None
    assert (second.code, REFUSAL in second.err) == (1, True), (
        f"the second ended with {second.code}: {second.err}"
    )
    assert ending.code == 0, f"the first ended with {ending.code}: {ending.err}"
    return ending


KIND = Kind("two runs at once", "the second is refused, the first ends well", list_faults)
