"""Whether a measured campaign is over, and when it was, from what a run's summary says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


def is_over(entry: Mapping[str, Any]) -> bool:
    """Whether the campaign's window had ended by what was known; one whose window is not told is not over."""
    window = entry.get("window") or {}
    if not {"ends_at", "until"} <= set(window):
        return False
    return datetime.fromisoformat(window["until"]) >= datetime.fromisoformat(window["ends_at"])


def find_last_day(entry: Mapping[str, Any], *, timezone: str) -> date | None:
    """The last whole day of the window in the shop's own days; its end is exclusive."""
    ends_at = (entry.get("window") or {}).get("ends_at")
    if ends_at is None:
        return None
    last = datetime.fromisoformat(ends_at) - timedelta(microseconds=1)
    return last.astimezone(ZoneInfo(timezone)).date()
