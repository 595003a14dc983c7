"""How unusual a week is for this very shop, by what its own past weeks have looked like.

Every watcher's change is put in units of its usual change over as many weeks: the root mean square of the changes the
shop has on record. The largest of all these is the week's surprise. How large that gets by itself is on record, too:
its logarithm's mean and standard deviation over the past weeks, each left out of its own yardstick, make the limits.
So the limits hold for the maximum over all watchers, however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from monitoring.watchers import CORRELATION, CORRELATION_FLOOR, Distances, Floats, WatchedWeeks, find_floor
from monitoring.week_profiles import WeekProfile

WEEK, YEAR = 7, 52
TOLERANCE = 3
"""Days by which a week on record may miss the day looked for."""
NEAR, FAR = 4, 26
"""The week before is looked for among so many; beyond half a year the seasons come closer to each other again."""
CALIBRATED = "times its usual change"
"""The measure of every score here, as reports call it."""
PAIRS_MIN = 8
"""A usual change is known from so many changes on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The surprise from which on a week is watched, or calls for a retrain, and the weeks they were learnt from."""

    watch: float
    retrain: float
    weeks: int


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What the present week, the last of those watched, is compared with.

    Attributes:
        weeks: by number; of several, what differs least counts.
        lag: how many weeks lie between.
        since: the day of the first of them.
    """

    against: Literal["week", "training"]
    weeks: tuple[int, ...]
    lag: int
    since: date


@dataclass(frozen=True, slots=True)
class Surprise:
    """How unusual the present week is.

    Attributes:
        changes: a row a watcher, most unusual first: `watcher`, `score` (times its usual change), `change` (in its own
            measure), `usual`, `before` and `after` (what the watcher read, NaN where that is no number), `against`
            (`week` or `training`), `since` (the day compared with).
        limits: for the largest score.
        timeline: the largest score of each past week (`as_of`, `score`), by a yardstick made of the others; the present
            week is the last.
    """

    changes: pd.DataFrame
    limits: Limits
    timeline: pd.DataFrame

    @property
    def score(self) -> float:
        return float(self.changes["score"].max())

    def to_columns(self) -> pd.DataFrame:
        """The changes as the report shows them: column, method, score, threshold, drifted."""
        scored = self.changes[["watcher", "score"]].rename(columns={"watcher": "column"})
        return scored.assign(
            method=CALIBRATED,
            threshold=self.limits.watch,
            drifted=scored["score"] >= self.limits.watch,
        )

    def list_beyond(self, limit: float) -> pd.DataFrame:
        """The changes from a limit on, most unusual first."""
        return self.changes[self.changes["score"] >= limit]


def measure_surprise(
    now: WeekProfile,
    past: Sequence[WeekProfile],
    *,
    reference: WeekProfile | None,
    broken: Collection[date],
    watch_at: float,
    retrain_at: float,
    weeks_min: int,
    ignored: Sequence[str] = (),
) -> Surprise | None:
    """Compare a week with the one before, with the champion's training, and with last year's season.

    A change since the training counts only as far as last year's same season, if it is on record, does not explain it.

    Args:
        now: the week in question.
        past: the weeks on record before it, in any order.
        reference: the week the champion was trained on; None where there is none.
        broken: days of weeks whose behaviour or data had changed. Changes across them are not usual ones, and they are
            not compared with, unless the champion was trained since.
        watch_at, retrain_at: the limits, in standard deviations of the logarithm of past surprises.
        weeks_min: so many changes from week to week have to be on record.
        ignored: factors that are not watched.

    Returns:
        None where too few weeks are on record.
    """
    weeks = sorted((week for week in past if week.as_of < now.as_of), key=lambda week: week.as_of)
    trained = [] if reference is None else [reference]
    watched = WatchedWeeks([*weeks, *trained, now], ignored=ignored)
    days = [week.as_of for week in weeks]
    usual = _pair_weeks(days, 1, broken)
    if len(usual) < weeks_min:
        return None
    yardstick = _Yardstick(watched.measure(*_split(usual)))
    surprises = np.log(yardstick.score_left_out())
    spread = float(surprises.std())
    limits = Limits(
        watch=float(np.exp(surprises.mean() + watch_at * spread)),
        retrain=float(np.exp(surprises.mean() + retrain_at * spread)),
        weeks=len(usual),
    )
    changes = [
        _measure_against(watched, days, comparison, broken)
        for comparison in _choose_comparisons(now, days, reference, broken)
    ]
    if not changes:
        return None
    merged = pd.concat(changes).sort_values("score", ascending=False, kind="stable")
    merged = merged.drop_duplicates("watcher").reset_index(drop=True)
    timeline = pd.DataFrame(
        {
            "as_of": [*(days[late] for late, _early in usual), now.as_of],
            "score": [*np.exp(surprises), merged["score"].max()],
        }
    )
    return Surprise(merged, limits, timeline)


def choose_weekly(days: Iterable[date], *, before: date) -> list[date]:
    """Of each week counted back from a day, the one day on record that is nearest to whole weeks before it."""
    nearest: dict[int, date] = {}
    for day in sorted(days):
        weeks = _count_weeks(day, before)
        other = nearest.setdefault(weeks, day)
        if abs((before - day).days - WEEK * weeks) < abs((before - other).days - WEEK * weeks):
            nearest[weeks] = day
    return sorted(day for weeks, day in nearest.items() if weeks >= 1)


class _Yardstick:
    """The usual change of every watcher, and of the most unusual of all correlations."""

    def __init__(self, past: Distances) -> None:
        self._past = past
        self._floors = np.array([find_floor(name) for name in past.single.columns])
        self._pairs = _root_mean_square(past.pairs, CORRELATION_FLOOR)
        most = (past.pairs / _leave_out(past.pairs, CORRELATION_FLOOR)).max(axis=1, initial=0.0)
        self._most = most
        self._usual_most = max(float(np.sqrt((most**2).mean())), 1.0)
        single = past.single.to_numpy()
        self._known = (~np.isnan(single)).sum(axis=0) >= PAIRS_MIN
        self._single = _root_mean_square(single, self._floors)

    def score_left_out(self) -> Floats:
        """The surprise of every past change, by a yardstick made of the others."""
        single = self._past.single.to_numpy()
        scores = np.where(self._known, single / _leave_out(single, self._floors), np.nan)
        together = np.column_stack([scores, self._most / self._usual_most])
        return np.maximum(np.nanmax(together, axis=1), np.finfo(float).tiny)

    def score(self, change: Distances) -> pd.DataFrame:
        """One change, watcher by watcher: `watcher`, `score`, `change`, `usual`; watchers without a usual are left
        out.
        """
        single = change.single.iloc[0].reindex(self._past.single.columns)
        relative = float((change.pairs[0] / self._pairs).max(initial=0.0))
        rows = pd.DataFrame(
            {
                "watcher": [*single.index, CORRELATION],
                "score": [*np.where(self._known, single / self._single, np.nan), relative / self._usual_most],
                "change": [*single, relative],
                "usual": [*self._single, self._usual_most],
            }
        )
        return rows.dropna(subset=["score"])


def _measure_against(
    watched: WatchedWeeks, days: list[date], comparison: _Comparison, broken: Collection[date]
) -> pd.DataFrame:
    lag = comparison.lag
    while lag > 1 and len(_pair_weeks(days, lag, broken)) < PAIRS_MIN:
        lag -= 1
    usual = _pair_weeks(days, lag, broken)
    present = len(watched) - 1
    found = watched.measure([present] * len(comparison.weeks), comparison.weeks)
    least = Distances(found.single.min(axis=0).to_frame().T, found.pairs.min(axis=0, keepdims=True))
    scored = _Yardstick(watched.measure(*_split(usual))).score(least)
    before, after = watched.read(comparison.weeks[0]), watched.read(present)
    return scored.assign(
        before=scored["watcher"].map(before),
        after=scored["watcher"].map(after),
        against=comparison.against,
        since=comparison.since,
    )


def _choose_comparisons(
    now: WeekProfile, days: list[date], reference: WeekProfile | None, broken: Collection[date]
) -> list[_Comparison]:
    """The last sound week, and the champion's training beside last year's season."""
    chosen = []
    sound = [day for day in days if day not in broken or (reference and day >= reference.as_of)]
    if sound and (weeks := _count_weeks(sound[-1], now.as_of)) <= NEAR:
        chosen.append(_Comparison("week", (days.index(sound[-1]),), max(weeks, 1), sound[-1]))
    if reference is not None and (weeks := _count_weeks(reference.as_of, now.as_of)) >= 1:
        season = _find_day(days, now.as_of - timedelta(weeks=YEAR))
        others = (len(days),) if season is None else (len(days), season)
        chosen.append(_Comparison("training", others, min(weeks, FAR), reference.as_of))
    return chosen


def _pair_weeks(days: list[date], lag: int, broken: Collection[date]) -> list[tuple[int, int]]:
    """Weeks on record and those `lag` weeks before them, by number, unless something broke in between."""
    pairs = []
    for late, day in enumerate(days):
        early = _find_day(days, day - timedelta(weeks=lag))
        if early is not None and not any(days[early] < moment <= day for moment in broken):
            pairs.append((late, early))
    return pairs


def _find_day(days: list[date], wanted: date) -> int | None:
    """The day on record nearest to the one wanted, if near enough."""
    if not days:
        return None
    nearest = min(range(len(days)), key=lambda number: abs((days[number] - wanted).days))
    return nearest if abs((days[nearest] - wanted).days) <= TOLERANCE else None


def _count_weeks(earlier: date, later: date) -> int:
    return round((later - earlier).days / WEEK)


def _split(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [late for late, _early in pairs], [early for _late, early in pairs]


def _root_mean_square(changes: Floats, floor: Floats | float) -> Floats:
    known = ~np.isnan(changes)
    squares = np.nan_to_num(changes) ** 2
    mean: Floats = squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.maximum(np.sqrt(mean), floor)


def _leave_out(changes: Floats, floor: Floats | float) -> Floats:
    """The root mean square of all rows but one, for each row."""
    known = ~np.isnan(changes)
    squares = np.nan_to_num(changes) ** 2
    others: Floats = (squares.sum(axis=0) - squares) / np.maximum(known.sum(axis=0) - known, 1)
    return np.maximum(np.sqrt(np.maximum(others, 0.0)), floor)
