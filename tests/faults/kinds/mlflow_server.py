"""The MLflow server is gone, slow, silent, answers 500, or breaks a connection off."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

COURSES = ("weekly", "score", "rollback")
# Until the registry is in use for the first time, and somewhere on the way.
AT_START, ON_THE_WAY = ("gone", "slow 0.3", "silent", "error"), ("gone", "error", "cut 400")


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.name not in COURSES:
        return []
    inside = [m for m in watched.boundaries if m.where.startswith("before tasks.")]
    wishes: list[tuple[str, Moment | None]] = [(words, None) for words in AT_START]
    wishes += [(words, draw.choice(inside[:-1])) for words in ON_THE_WAY]
    return [
        Fault(
            "MLflow server", watched.course, f"{words} {moment or 'from the start'}",
            partial(misbehave, watched.course, words, moment), served=True,
        )
        for words, moment in wishes
    ]  # fmt: skip


def misbehave(course: Course, words: str, moment: Moment | None, lane: Lane) -> Ending | None:
    relay = lane.mlflow_relay
    act = ("faults.acts:order_relay", str(relay.control), words)
    try:
        ending = lane.killer.disturb(act, *course.command(lane.shop), at=moment)
    finally:
        relay.order("answer")
    return ending if ending.was_disturbed else None


KIND = Kind("MLflow server", "gone, slow, silent, answering 500, breaking off", list_faults)
