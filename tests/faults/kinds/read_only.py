"""A folder cannot be written to: all of the home from the start, or a part of it from some moment on."""

from __future__ import annotations

import random
import subprocess
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind, needs_root
from faults.courses import Course, Watched
from faults.lane import Lane

PARTS = {"weekly": ("var/lake", "var/reports", "var/artifacts", "var/exports")}


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.answers:
        return []
    parts = PARTS.get(watched.course.name, ("var/lake",))
    wishes: list[tuple[str, Moment | None]] = [("var", None), ("var/lake", None)]
    wishes += [(part, draw.choice(watched.starts[1:])) for part in parts]
    return [
        Fault(
            "read-only folder", watched.course, f"{part} {moment or 'from the start'}",
            partial(forbid, watched.course, part, moment),
        )
        for part, moment in wishes
    ]  # fmt: skip


def forbid(course: Course, part: str, moment: Moment | None, lane: Lane) -> Ending | None:
    folder = str(lane.shop / part)
    try:
        ending = lane.killer.disturb(
            ("faults.acts:forbid_writing", folder), *course.command(lane.shop), at=moment
        )
    finally:
        subprocess.run(["umount", folder], check=False, capture_output=True)
    return ending if ending.was_disturbed else None


KIND = Kind("read-only folder", "the home, or a part of it, cannot be written to", list_faults, needs_root)
