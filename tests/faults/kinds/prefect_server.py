"""The Prefect server is gone, for good or for a moment, or answers 500."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending, Moment

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

WITHOUT_PREFECT = ("ingest", "ingest sql", "retry")
FROM_THE_START, ON_THE_WAY = ("gone",), ("gone", "gone", "error")


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.name in WITHOUT_PREFECT:
        return []
    wishes: list[tuple[str, Moment | None]] = [(words, None) for words in FROM_THE_START]
    wishes += [(words, draw.choice(watched.boundaries)) for words in ON_THE_WAY]
    return [
        Fault(
            "Prefect server", watched.course, f"{words} {moment or 'from the start'}",
            partial(misbehave, watched.course, words, moment),
        )
        for words, moment in wishes
    ]  # fmt: skip


def misbehave(course: Course, words: str, moment: Moment | None, lane: Lane) -> Ending | None:
    relay = lane.prefect_relay
    act = ("faults.acts:order_relay", str(relay.control), words)
    try:
        ending = lane.killer.disturb(act, *course.command(lane.shop), at=moment)
    finally:
        relay.order("answer")
    return ending if ending.was_disturbed else None


KIND = Kind("Prefect server", "gone, or answering 500", list_faults)
