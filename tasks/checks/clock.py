"""Whether the clock goes right, as far as the lake can tell: which day is whole depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.lake import open_lake

TOLERANCE = timedelta(minutes=1)


def look_at_clock(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    here = examination.now.astimezone(ZoneInfo(shop.timezone))
    told = f"{here:%Y-%m-%d %H:%M} in {shop.timezone}"
    finished = open_lake(shop.home).runs()["finished_at"].to_pylist()
    if finished and max(finished) > examination.now + TOLERANCE:
        last = f"{max(finished):%Y-%m-%d %H:%M} UTC"
        yield Finding("wrong", f"it is {told}, but a run finished on {last}", "set the machine's clock")
    else:
        yield Finding("ok", f"it is {told}")


CHECK = Check("clock", 100, look_at_clock)
