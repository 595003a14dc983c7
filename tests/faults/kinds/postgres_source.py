"""The database that is a source refuses connections, or breaks one off while rows are read."""

from __future__ import annotations

import random
from functools import partial

from killing import Ending

from faults import Fault, Kind
from faults.courses import Course, Watched
from faults.lane import Lane

BYTES, CUTS = 2_500_000, 8


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.name != "ingest sql":
        return []
    cuts = [f"cut {draw.randrange(10, BYTES)}" for _ in range(CUTS)]
    return [
        Fault("PostgreSQL source", watched.course, words, partial(misbehave, watched.course, words))
        for words in ("gone", "cut 10", *cuts)
    ]


def misbehave(course: Course, words: str, lane: Lane) -> Ending | None:
    relay = lane.database_relay
    act = ("faults.acts:order_relay", str(relay.control), words)
    try:
        ending = lane.killer.disturb(act, *course.command(lane.shop))
    finally:
        relay.order("answer")
    # A cut beyond the last byte has not come about.
    return ending if ending.code != 0 else None


KIND = Kind("PostgreSQL source", "refuses, or drops the connection while rows are read", list_faults)
