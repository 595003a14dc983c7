"""How a segment's size has gone, week by week: against the week before in words, and as a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from monitoring.pages.layout.words import Words

WIDTH, HEIGHT, EDGE = 120, 28, 2
FEWEST = 3  # two points are a straight line


@dataclass(frozen=True, slots=True)
class Trend:
    """The change in words, and the line: its points in a picture of WIDTH by HEIGHT, and what it shows in words.

    Either is empty where too little is known.
    """

    change: str = ""
    points: str = ""
    label: str = ""


def read_trend(sizes: pd.DataFrame, words: Words, *, segment_id: int, as_of: Any) -> Trend:
    """One segment's trend up to a day.

    Args:
        sizes: as_of, segment_id, customers, every week there is; a missing count is one that is not shown.
    """
    if sizes.empty:
        return Trend()
    days = sizes["as_of"].astype(str).str[:10].to_numpy()
    week = str(as_of)
    ours = (sizes["segment_id"] == segment_id).to_numpy()
    counts = pd.Series(sizes["customers"].to_numpy(dtype=float)[ours], days[ours])
    counts = counts.reindex(sorted({day for day in days if day <= week}))
    if week not in counts.index or pd.isna(counts[week]):
        return Trend()
    known = counts.dropna()
    change = _tell_change(counts, known, words)
    if len(known) < FEWEST:
        return Trend(change)
    label = words.gettext(
        "Customers week by week since {day}: {counts}",
        day=words.format_date(known.index[0]),
        counts=words.gettext(", ").join(map(words.format_count, known)),
    )
    return Trend(change, _place_points(counts), label)


def _tell_change(counts: pd.Series, known: pd.Series, words: Words) -> str:
    """Against the week before; a segment that week did not have is new, and one that is not shown is not compared."""
    if len(counts) < 2 or pd.isna(counts.iloc[-2]):
        return ""
    difference = known.iloc[-1] - counts.iloc[-2]
    if not difference:
        return words.gettext("as the week before")
    count = words.format_count(abs(difference))
    if difference > 0:
        return words.gettext("{count} more than the week before", count=count)
    return words.gettext("{count} fewer than the week before", count=count)


def _place_points(counts: pd.Series) -> str:
    """A point a week that is known, from zero at the foot to the largest count at the head."""
    step = (WIDTH - 2 * EDGE) / (len(counts) - 1)
    room = (HEIGHT - 2 * EDGE) / (counts.max() or 1.0)
    places = (
        (EDGE + place * step, HEIGHT - EDGE - count * room)
        for place, count in enumerate(counts)
        if pd.notna(count)
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
