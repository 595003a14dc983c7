"""From raw reaction factors to a space in which distance means difference.

Every number learnt is plain data (`get_state`), so that a model keeps preparing as it did whatever later code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationOptions:
    """How factors are prepared.

    Attributes:
        tail: share of customers at either end whose values are drawn in to the quantile.
        skew: non-negative factors with more skewness than this are taken as log(1 + x).
        clip: standard deviations beyond which a value counts no more.
        duplicate: of factors whose correlation exceeds this, the first stays.
        kin: factors that correlate by at least this are one family of measurements and share their weight.
        variance: share of the variance that the principal components keep.
        dimensions: at most this many components.
    """

    tail: float = 0.005
    skew: float = 1.0
    clip: float = 3.0
    duplicate: float = 0.95
    kin: float = 0.7
    variance: float = 0.90
    dimensions: int = 10

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class NoVariation(ValueError):  # noqa: N818 - reads as what it is
    """All customers look the same: there is nothing to tell apart."""


class Preparation(TransformerMixin, BaseEstimator):
    """Impute, draw in tails, take logs, standardise, drop what adds nothing, balance families, project.

    After `fit`: `columns` (factors used, in order) and `dropped` (factor → why it left).
    """

    def __init__(self, options: PreparationOptions = PreparationOptions()) -> None:
        self.options = options

    def fit(self, factors: pd.DataFrame, _target: object = None) -> Preparation:
        """Learn from one row a customer, float64 columns.

        Raises:
            NoVariation: no factor differs between customers.
        """
        options = self.options
        self.dropped: dict[str, str] = {}
        known = self._drop(factors, factors.notna().any(), "no customer has a value")
        known = self._drop(known, known.max() > known.min(), "the same for every customer")
        self._learn_values(known)
        tamed = self._tame(known)
        spread = tamed.std(axis=0)
        keep = spread > 1e-9
        self.dropped |= dict.fromkeys(known.columns[~keep], "the same for nearly every customer")
        self._select(keep)
        tamed, self._spread = tamed[:, keep], spread[keep]
        if not tamed.shape[1]:
            raise NoVariation("all factors are the same for every customer: there is nothing to tell apart")
        self._centre = tamed.mean(axis=0)
        scaled = self._standardise(tamed)
        self._weights = np.ones(scaled.shape[1])
        scaled = self._drop_duplicates(scaled)
        self._weights = balance_families(scaled, kin=options.kin)
        weighted = scaled * self._weights
        self._mean, self._components = find_components(
            weighted, variance=options.variance, dimensions=options.dimensions
        )
        return self

    def transform(self, factors: pd.DataFrame) -> np.ndarray:
        """The customers' places, one row each.

        Raises:
            ValueError: a factor the preparation was fitted on is missing.
        """
        missing = [name for name in self.columns if name not in factors.columns]
        if missing:
            raise ValueError(
                f"factor '{missing[0]}' is missing; the model was trained on {len(self.columns)} factors"
            )
        scaled = self._standardise(self._tame(factors[list(self.columns)])) * self._weights
        return (scaled - self._mean) @ self._components.T

    def get_state(self) -> tuple[dict[str, Any], Arrays]:
        """What was learnt: names and settings ready for JSON, and arrays."""
        meta = {"options": self.options.to_dict(), "columns": list(self.columns), "dropped": self.dropped}
        return meta, {name: getattr(self, f"_{name}") for name in _LEARNT}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Preparation:
        """The preparation that gave this state."""
        prepared = cls(PreparationOptions(**meta["options"]))
        prepared.columns, prepared.dropped = tuple(meta["columns"]), dict(meta["dropped"])
        for name in _LEARNT:
            setattr(prepared, f"_{name}", arrays[name])
        return prepared

    def _drop(self, factors: pd.DataFrame, keep: pd.Series, reason: str) -> pd.DataFrame:
        self.dropped |= {str(name): reason for name in factors.columns[~keep]}
        return factors.loc[:, keep]

    def _learn_values(self, factors: pd.DataFrame) -> None:
        """Medians to fill gaps with, quantiles to draw tails in to, and which factors are skewed."""
        filled = factors.fillna(factors.median())
        tail = self.options.tail
        drawn = filled.clip(filled.quantile(tail), filled.quantile(1 - tail), axis=1)
        self.columns = tuple(str(name) for name in factors.columns)
        self._fill = factors.median().to_numpy()
        self._low, self._high = filled.quantile(tail).to_numpy(), filled.quantile(1 - tail).to_numpy()
        self._logged = ((drawn.skew() > self.options.skew) & (filled.min() >= 0)).to_numpy()

    def _tame(self, factors: pd.DataFrame) -> np.ndarray:
        values = factors.to_numpy(dtype=np.float64)
        values = np.clip(np.where(np.isnan(values), self._fill, values), self._low, self._high)
        return np.where(self._logged, np.log1p(np.where(self._logged, values, 0.0)), values)

    def _standardise(self, tamed: np.ndarray) -> np.ndarray:
        scaled = (tamed - self._centre) / self._spread
        return np.clip(scaled, -self.options.clip, self.options.clip)

    def _drop_duplicates(self, scaled: np.ndarray) -> np.ndarray:
        kept = find_distinct(scaled, threshold=self.options.duplicate)
        for index, twin in enumerate(kept.twins):
            if twin is not None:
                self.dropped[self.columns[index]] = f"nearly the same as {self.columns[twin]}"
        self._centre, self._spread = self._centre[kept.mask], self._spread[kept.mask]
        self._select(kept.mask)
        return scaled[:, kept.mask]

    def _select(self, keep: np.ndarray) -> None:
        self.columns = tuple(name for name, kept in zip(self.columns, keep, strict=True) if kept)
        self._fill, self._low, self._high = self._fill[keep], self._low[keep], self._high[keep]
        self._logged = self._logged[keep]


_LEARNT = ("fill", "low", "high", "logged", "centre", "spread", "weights", "mean", "components")


@dataclass(frozen=True, slots=True)
class Distinct:
    """Which columns stay, and for each that leaves the one it repeats."""

    mask: np.ndarray
    twins: tuple[int | None, ...]


def find_distinct(values: np.ndarray, *, threshold: float) -> Distinct:
    """Columns that correlate with no earlier kept one by more than `threshold`."""
    likeness = np.abs(np.corrcoef(values, rowvar=False)).reshape(values.shape[1], -1)
    twins: list[int | None] = []
    for index in range(values.shape[1]):
        like = [j for j in range(index) if twins[j] is None and likeness[index, j] > threshold]
        twins.append(like[0] if like else None)
    return Distinct(np.array([twin is None for twin in twins]), tuple(twins))


def balance_families(values: np.ndarray, *, kin: float) -> np.ndarray:
    """Weights that give a family of n related columns the weight of one: 1/√n each.

    Families are average-linkage clusters of the columns under 1 − |Spearman's ρ|, cut at 1 − `kin`. Without
    this, whatever is measured most often would decide the segments.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if values.shape[1] < 2:
        return np.ones(values.shape[1])
    ranks = pd.DataFrame(values).rank().to_numpy()
    distance = 1 - np.abs(np.nan_to_num(np.corrcoef(ranks, rowvar=False)))
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(np.clip((distance + distance.T) / 2, 0, 1), checks=False)
    family = fcluster(linkage(condensed, "average"), 1 - kin, "distance")
    return np.asarray(1 / np.sqrt(np.bincount(family)[family]))


def find_components(values: np.ndarray, *, variance: float, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and principal axes (rows) that keep `variance` of it, at most `dimensions`; signs are fixed."""
    mean = values.mean(axis=0)
    _left, singular, axes = np.linalg.svd(values - mean, full_matrices=False)
    kept = np.cumsum(singular**2) / max(float((singular**2).sum()), 1e-12)
    count = min(int(np.searchsorted(kept, variance)) + 1, dimensions, len(axes))
    axes = axes[:count]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return mean, axes * np.sign(largest)
