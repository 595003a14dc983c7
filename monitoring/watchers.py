"""What is watched from week to week, and how far two weeks lie apart in each of it.

Factors by the distance of their distributions, segments by their mix, key figures and sources by ratio, and what
factors have to do with each other by their correlations: two factors can each look as ever, and no longer go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from monitoring.comparison import SEGMENT_MIX
from monitoring.week_profiles import LEVELS, WeekProfile

Floats = np.ndarray[Any, np.dtype[np.float64]]
CORRELATION, RECONSTRUCTION = "correlation", "joint_structure"
EXPLAINED = 0.8
_SHARES = ("conversion", "activity", "churn", "outlier_share", "strength")

FACTOR_FLOOR, SHARE_FLOOR, RATIO_FLOOR, ROWS_FLOOR, CORRELATION_FLOOR = 0.01, 0.005, 0.02, 0.05, 0.01
"""A usual change counts as at least so much: standard deviations, shares, logarithms of ratios, of rows, correlations.

What hardly ever moves would otherwise raise an alarm over a trifle.
"""


@dataclass(frozen=True, slots=True)
class Distances:
    """How far pairs of weeks lie apart, a row a pair.

    Attributes:
        single: a column a watcher: a factor's name, `unknown:` and a factor's, `kpi:` and a key figure's, `source:` and
            a source's, `segment_mix`, `joint_structure`. NaN where one of the weeks has nothing to compare.
        pairs: change of the correlation of every two factors.
    """

    single: pd.DataFrame
    pairs: Floats


class WatchedWeeks:
    """Weeks side by side, so that many pairs of them are measured at once.

    Args:
        profiles: the weeks, in the order they are then asked for by number.
        ignored: factors that are not watched.
    """

    def __init__(self, profiles: Sequence[WeekProfile], *, ignored: Sequence[str] = ()) -> None:
        names = dict.fromkeys(name for profile in profiles for name in profile.quantiles.columns)
        self.factors = [name for name in names if name not in set(ignored)]
        self._quantiles, self._unknown, self._square = _stack_factors(profiles, self.factors)
        first, second = np.triu_indices(len(self.factors), 1)
        self.pair_names = [(self.factors[i], self.factors[j]) for i, j in zip(first, second, strict=True)]
        self._correlations = self._square[:, first, second]
        self._levels = pd.DataFrame([p.levels for p in profiles]).astype("float64")
        self._rows = pd.DataFrame([p.rows for p in profiles]).astype("float64")
        self._mix = pd.DataFrame([p.segments for p in profiles]).astype("float64").fillna(0.0).to_numpy()
        self._components = cache(self._find_components)
        self._models = np.array([p.model_version or "" for p in profiles])
        with np.errstate(invalid="ignore"):
            spread = _mean_known(np.nanstd(_filled(self._quantiles), axis=1))
        self._spread = np.where(spread > 0, spread, 1.0)

    def __len__(self) -> int:
        return len(self._models)

    def measure(self, later: Sequence[int], earlier: Sequence[int]) -> Distances:
        """The distance of each later week from the earlier one beside it."""
        a, b = np.asarray(later, dtype=int), np.asarray(earlier, dtype=int)
        moved = np.abs(self._quantiles[a] - self._quantiles[b]).mean(axis=1) / self._spread
        parts = [
            pd.DataFrame(moved, columns=self.factors),
            self._compare_unknown(a, b),
            self._compare_levels(a, b),
            self._compare_rows(a, b),
            pd.DataFrame(
                {SEGMENT_MIX: self._compare_mix(a, b), RECONSTRUCTION: self._compare_structure(a, b)}
            ),
        ]
        pairs = np.nan_to_num(np.abs(self._correlations[a] - self._correlations[b]))
        return Distances(pd.concat(parts, axis=1), pairs)

    def read(self, week: int) -> dict[str, float]:
        """What a week's watchers read: a factor's mean, a share, a key figure, a source's events."""
        means = dict(zip(self.factors, _mean_levels(self._quantiles[week]), strict=True))
        unknown = {
            f"unknown:{name}": share for name, share in zip(self.factors, self._unknown[week], strict=True)
        }
        levels = self._levels.iloc[week].add_prefix("kpi:").to_dict()
        return means | unknown | levels | self._rows.iloc[week].add_prefix("source:").to_dict()

    def _compare_unknown(self, a: Any, b: Any) -> pd.DataFrame:
        names = [f"unknown:{name}" for name in self.factors]
        return pd.DataFrame(np.abs(self._unknown[a] - self._unknown[b]), columns=names)

    def _compare_levels(self, a: Any, b: Any) -> pd.DataFrame:
        then, now = (self._levels.iloc[side].reset_index(drop=True) for side in (b, a))
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.abs(np.log(now.where(now > 0)) - np.log(then.where(then > 0)))
        # A rate that fell to nothing has no ratio, and is no small change either.
        ratio = ratio.mask((now == 0) ^ (then == 0), 1.0).mask((now == 0) & (then == 0), 0.0)
        absolute = (now - then).abs()
        chosen = {
            f"kpi:{name}": absolute[name] if name in _SHARES else ratio[name] for name in self._levels.columns
        }
        found = pd.DataFrame(chosen, index=range(len(a)))
        by_model = [name for name in ("kpi:outlier_share", "kpi:strength") if name in found]
        found.loc[self._differ_in_model(a, b), by_model] = np.nan
        return found

    def _compare_rows(self, a: Any, b: Any) -> pd.DataFrame:
        # A source that one of the weeks knows nothing of is new, occasional or dead, which is not for drift to say.
        known = self._rows.where(self._rows > 0).transform(np.log)
        then, now = (known.iloc[side].reset_index(drop=True) for side in (b, a))
        return (now - then).abs().add_prefix("source:")

    def _compare_mix(self, a: Any, b: Any) -> Floats:
        if self._mix.shape[1] == 0:
            return np.full(len(a), np.nan)
        moved = np.abs(np.sqrt(self._mix[a]) - np.sqrt(self._mix[b])).max(axis=1)
        return np.where(self._differ_in_model(a, b), np.nan, moved)

    def _differ_in_model(self, a: Any, b: Any) -> Any:
        return (self._models[a] != self._models[b]) | (self._models[a] == "")

    def _compare_structure(self, a: Any, b: Any) -> Floats:
        """How much worse the principal components of the earlier week reconstruct the later one's factors.

        Share of the variance of standardised ranks, by the components that explain four fifths of the earlier week.
        """
        lost = np.empty(len(a))
        for row, (now, then) in enumerate(zip(a, b, strict=True)):
            lost[row] = _lose(self._square[now], self._components(then)) - _lose(
                self._square[then], self._components(then)
            )
        return np.abs(lost)

    def _find_components(self, week: int) -> Floats:
        values, vectors = np.linalg.eigh(np.nan_to_num(self._square[week]))
        order = np.argsort(values)[::-1]
        explained = np.cumsum(values[order]) / max(values.sum(), np.finfo(float).tiny)
        return vectors[:, order[: int(np.searchsorted(explained, EXPLAINED)) + 1]]


def _stack_factors(profiles: Sequence[WeekProfile], factors: list[str]) -> tuple[Floats, Floats, Floats]:
    """Quantiles, shares of unknown values and correlations of every week; NaN where a week had not the factor."""
    count = len(factors)
    quantiles = np.full((len(profiles), len(LEVELS), count), np.nan)
    unknown = np.full((len(profiles), count), np.nan)
    square = np.full((len(profiles), count, count), np.nan)
    place = {name: number for number, name in enumerate(factors)}
    for week, profile in enumerate(profiles):
        own = [number for number, name in enumerate(profile.quantiles.columns) if name in place]
        to = [place[name] for name in profile.quantiles.columns if name in place]
        quantiles[week][:, to] = profile.quantiles.to_numpy()[:, own]
        unknown[week][to] = profile.unknown.to_numpy()[own]
        square[week][np.ix_(to, to)] = profile.correlations.to_numpy()[np.ix_(own, own)]
    return quantiles, unknown, square


def find_floor(watcher: str) -> float:
    """The least that counts as a usual change of a watcher."""
    kind, _, name = watcher.rpartition(":")
    if kind == "unknown" or watcher in (SEGMENT_MIX, RECONSTRUCTION):
        return SHARE_FLOOR
    if kind == "kpi":
        return SHARE_FLOOR if name in _SHARES else RATIO_FLOOR
    return ROWS_FLOOR if kind == "source" else FACTOR_FLOOR


def _lose(square: Floats, components: Floats) -> float:
    square = np.nan_to_num(square)
    total = max(float(np.trace(square)), np.finfo(float).tiny)
    return 1 - float(np.trace(components.T @ square @ components)) / total


def _filled(quantiles: Floats) -> Floats:
    """Zeros in place of factors that nobody had a value of, which have no spread."""
    return np.where(np.isnan(quantiles).all(axis=1, keepdims=True), 0.0, quantiles)


def _mean_levels(quantiles: Floats) -> Floats:
    known = ~np.isnan(quantiles).all(axis=0)
    means: Floats = np.where(known, np.where(known, quantiles, 0.0).mean(axis=0), np.nan)
    return means


def _mean_known(spreads: Floats) -> Floats:
    known = spreads > 0
    counted = known.sum(axis=0)
    return np.where(counted > 0, (spreads * known).sum(axis=0) / np.maximum(counted, 1), 0.0)
