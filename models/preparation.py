"""From reaction factors to points in a space in which distance means difference between customers.

Raw factors cannot be compared: money is skewed, counts come in five windows that all say the same, and one
whale is further from everybody than all others from each other. So factors are imputed, drawn in, put on one
scale and thinned out; then each family of related factors gets one voice, and what tells groups of customers
apart gets a louder one. All that is learnt is plain data (`get_state`), so that a model keeps preparing as it
did whatever later code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from threadpoolctl import threadpool_limits

Arrays = dict[str, np.ndarray]
Weighting = Literal["equal", "balanced", "informative"]
Projection = Literal["none", "components", "discriminants"]

GRAINS = (4, 6, 8, 10, 12)  # numbers of groups that stand in for the number not known yet
ROUNDS = 4  # after these, weights and discriminants hardly move
LEARNING_ROWS = 2000  # customers that weights and discriminants are learnt from
EMPHASIS = 0.35  # power of (variance between groups ÷ variance within) in a factor's weight
SHRINKAGE = 0.1  # of the covariance within groups towards a sphere, which keeps it invertible
RESOLVED = 1.25  # total variance ÷ variance within groups from which a direction is worth keeping


class NoVariation(ValueError):  # noqa: N818 - reads as what it is
    """All customers look the same: there is nothing to tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationOptions:
    """How factors are prepared.

    Attributes:
        tail: share of customers at either end whose values are drawn in to the quantile (winsorised).
        skew: non-negative factors with more skewness than this are taken as log(1 + x).
        duplicate: of factors whose correlation exceeds this, the first stays.
        kin: factors that correlate by at least this (average linkage) are one family.
        weighting: `equal`; `balanced`, a family of factors weighs as much as a single factor; `informative`,
            balanced, and the more a factor differs between groups of customers, the more it weighs.
        projection: `none`; `components`, principal components; `discriminants`, the directions in which
            groups of customers lie far apart for how wide each is.
        variance: share of the variance at which principal components are enough.
        dimensions: at most this many of a projection.
    """

    tail: float = 0.005
    skew: float = 1.0
    duplicate: float = 0.95
    kin: float = 0.75
    weighting: Weighting = "informative"
    projection: Projection = "none"
    variance: float = 0.95
    dimensions: int = 10

    def __post_init__(self) -> None:
        for option, allowed in (("weighting", get_args(Weighting)), ("projection", get_args(Projection))):
            if getattr(self, option) not in allowed:
                raise ValueError(
                    f"{option} '{getattr(self, option)}' is unknown; there are: {', '.join(allowed)}"
                )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Preparation(TransformerMixin, BaseEstimator):
    """Impute, draw in tails, take logs, standardise, drop what repeats, weigh, project.

    After `fit`: `columns` (factors used, in order), `dropped` (factor → why it left) and `imputed` (factor →
    how many values were missing and what stands in).
    """

    def __init__(self, options: PreparationOptions = PreparationOptions(), *, seed: int = 0) -> None:
        self.options = options
        self.seed = seed

    def fit(self, factors: pd.DataFrame, _target: object = None) -> Preparation:
        """Learn from one row a customer, float64 columns.

        Raises:
            NoVariation: no factor differs between customers.
            ValueError: a factor is no number or infinite.
        """
        self.columns = tuple(str(name) for name in factors.columns)
        self.dropped: dict[str, str] = {}
        self._learnt: Arrays = {}
        values = _read_values(factors, self.columns)
        values = self._drop_constant(values)
        values = self._impute(values)
        values = self._draw_in(values)
        values = self._take_logs(values)
        values = self._standardise(values)
        values = self._drop_repeated(values)
        with threadpool_limits(1):  # the order in which threads add up would show in the last bits
            weights = weigh_factors(values, self.options, seed=self.seed)
            points = values * weights
            mean = points.mean(axis=0)
            axes = find_axes(points - mean, self.options, seed=self.seed)
        self._learnt |= {"weights": weights, "mean": mean, "axes": axes}
        return self

    def transform(self, factors: pd.DataFrame) -> np.ndarray:
        """The customers' places, one row each; columns not used are left alone.

        Raises:
            ValueError: a factor the preparation uses is missing, no number or infinite.
        """
        return self.project(self.weigh(factors))

    def weigh(self, factors: pd.DataFrame) -> np.ndarray:
        """Customers × `columns`: the factors as the places are made of them, before any projection.

        Raises:
            ValueError: a factor the preparation uses is missing, no number or infinite.
        """
        learnt = self._learnt
        values = _read_values(factors, self.columns)
        values = np.where(np.isnan(values), learnt["fill"], values)
        values = np.clip(values, learnt["low"], learnt["high"])
        values[:, learnt["logged"]] = np.log1p(values[:, learnt["logged"]])
        return (values - learnt["center"]) / learnt["spread"] * learnt["weights"] - learnt["mean"]

    def project(self, weighted: np.ndarray) -> np.ndarray:
        """The places of customers from their weighted factors."""
        return weighted @ self.axes if self.axes.size else weighted

    @property
    def axes(self) -> np.ndarray:
        """Factors × dimensions: the axes of the projection; empty if there is none."""
        return self._learnt["axes"]

    @property
    def medians(self) -> np.ndarray:
        """What stands in for a missing value of each factor."""
        return self._learnt["fill"]

    def describe(self) -> dict[str, Any]:
        """Which factors are used, which left, and what stands in for missing values; with the reasons."""
        return {
            "used": list(self.columns),
            "dropped": dict(self.dropped),
            "imputed": {name: why for name, why in self.imputed.items() if name in self.columns},
        }

    def get_state(self) -> tuple[dict[str, Any], Arrays]:
        """What was learnt: names, options and reasons ready for JSON, and arrays."""
        meta = {
            "options": self.options.to_dict(),
            "columns": list(self.columns),
            "dropped": dict(self.dropped),
            "imputed": dict(self.imputed),
        }
        return meta, dict(self._learnt)

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Preparation:
        """The preparation that gave this state; it transforms to the same bits."""
        prepared = cls(PreparationOptions(**meta["options"]))
        prepared.columns, prepared.dropped = tuple(meta["columns"]), dict(meta["dropped"])
        prepared.imputed = dict(meta["imputed"])
        prepared._learnt = {name: np.asarray(array) for name, array in arrays.items()}
        return prepared

    def _keep(self, values: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Go on with some of the factors."""
        if not kept.any():
            raise NoVariation(
                f"none of {len(kept)} factors differs between the {len(values)} customers; "
                "wait for more events, or check what the sources are mapped to"
            )
        self.columns = tuple(name for name, keep in zip(self.columns, kept, strict=True) if keep)
        self._learnt = {name: array[kept] for name, array in self._learnt.items()}
        return values[:, kept]

    def _drop_constant(self, values: np.ndarray) -> np.ndarray:
        known = ~np.isnan(values)
        least = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
        most = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
        for name, low, high in zip(self.columns, least, most, strict=True):
            if low > high:
                self.dropped[name] = "no customer has a value"
            elif low == high:
                self.dropped[name] = f"{low:g} for every customer with a value"
        return self._keep(values, least < most)

    def _impute(self, values: np.ndarray) -> np.ndarray:
        median = np.nanmedian(values, axis=0)
        missing = np.isnan(values).sum(axis=0)
        self.imputed = {
            name: f"{count:,} of {len(values):,} customers have no value; the median {middle:g} stands in"
            for name, count, middle in zip(self.columns, missing, median, strict=True)
            if count
        }
        self._learnt["fill"] = median
        return np.where(np.isnan(values), median, values)

    def _draw_in(self, values: np.ndarray) -> np.ndarray:
        tail = self.options.tail
        # Quantiles that are somebody's value: interpolated towards a whale they would be half a whale.
        low = np.quantile(values, tail, axis=0, method="higher")
        high = np.quantile(values, 1 - tail, axis=0, method="lower")
        for name, same in zip(self.columns, low >= high, strict=True):
            if same:
                self.dropped[name] = f"the same for all but the extreme {tail:.1%} of customers"
        self._learnt |= {"low": low, "high": high}
        values = self._keep(values, low < high)
        return np.clip(values, self._learnt["low"], self._learnt["high"])

    def _take_logs(self, values: np.ndarray) -> np.ndarray:
        logged = (self._learnt["low"] >= 0) & (_measure_skewness(values) > self.options.skew)
        self._learnt["logged"] = logged
        values[:, logged] = np.log1p(values[:, logged])
        return values

    def _standardise(self, values: np.ndarray) -> np.ndarray:
        # Where most customers are alike (a channel few use), the interquartile range is 0 or says nothing of
        # those who are not; the standard deviation of drawn-in values is robust, too, and does.
        center, spread = np.median(values, axis=0), values.std(axis=0)
        self._learnt |= {"center": center, "spread": spread}
        return (values - center) / spread

    def _drop_repeated(self, values: np.ndarray) -> np.ndarray:
        likeness = np.abs(_correlate(values))
        kept: list[int] = []
        for index, name in enumerate(self.columns):
            twin = next((other for other in kept if likeness[index, other] > self.options.duplicate), None)
            if twin is None:
                kept.append(index)
            else:
                self.dropped[name] = f"repeats {self.columns[twin]} (correlation {likeness[index, twin]:.2f})"
        return self._keep(values, np.isin(np.arange(len(likeness)), kept))


def weigh_factors(values: np.ndarray, options: PreparationOptions, *, seed: int) -> np.ndarray:
    """A weight for each standardised factor.

    A family of n gets 1/√n each: without this, whatever is measured most often would decide. Informative
    weights are in the spirit of Witten & Tibshirani 2010, "A framework for feature selection in clustering":
    a factor counts by its variance between groups of customers over that within them. Groups and weights are
    found in turns; groups come at several grains, for the right number is not known here.
    """
    if options.weighting == "equal":
        return np.ones(values.shape[1])
    family = _find_families(values, kin=options.kin)
    weights: np.ndarray = 1 / np.sqrt(np.bincount(family)[family])
    if options.weighting == "balanced":
        return weights
    sample = _draw_rows(values, seed=seed)
    emphasis = np.ones(len(weights))
    for turn in range(ROUNDS):
        residuals = _leave_groups(sample, points=sample * weights * emphasis, seed=seed + turn)
        within = np.clip(residuals.var(axis=0) / np.maximum(sample.var(axis=0), 1e-12), 0.01, 0.99)
        emphasis = ((1 - within) / within) ** EMPHASIS
    return weights * emphasis / np.sqrt(np.mean((weights * emphasis) ** 2))


def find_axes(centred: np.ndarray, options: PreparationOptions, *, seed: int) -> np.ndarray:
    """The axes (factors × dimensions) to project on; empty for no projection. Signs are fixed."""
    if options.projection == "components":
        return _find_components(centred, variance=options.variance, dimensions=options.dimensions)
    if options.projection == "discriminants":
        return _find_discriminants(_draw_rows(centred, seed=seed), dimensions=options.dimensions, seed=seed)
    return np.empty((0, 0))


def _find_components(centred: np.ndarray, *, variance: float, dimensions: int) -> np.ndarray:
    spread, axes = np.linalg.eigh(_covary(centred))
    spread, axes = np.clip(spread[::-1], 0, None), axes[:, ::-1]
    enough = 1 + int(np.searchsorted(np.cumsum(spread) / spread.sum(), variance))
    return _fix_signs(axes[:, : min(enough, dimensions)])


def _find_discriminants(centred: np.ndarray, *, dimensions: int, seed: int) -> np.ndarray:
    """Linear discriminants of groups that are themselves found in the space so far, in turns.

    Ding & Li 2007, "Adaptive dimension reduction using discriminant analysis and K-means clustering"; here
    the groups come at several grains, so that the space favours no number of segments.
    """
    from scipy.linalg import eigh

    total = _covary(centred)
    axes = np.eye(len(total))
    for turn in range(ROUNDS):
        within = _covary(_leave_groups(centred, points=centred @ axes, seed=seed + turn))
        sphere = np.trace(within) / len(within) * np.eye(len(within))
        ratio, axes = eigh(total, (1 - SHRINKAGE) * within + SHRINKAGE * sphere)
        resolved = max(2, int(np.sum(ratio > RESOLVED)))
        axes = axes[:, ::-1][:, : min(resolved, dimensions)]
    return _fix_signs(axes)


def _leave_groups(values: np.ndarray, *, points: np.ndarray, seed: int) -> np.ndarray:
    """What is left of `values` without the means of the groups among `points`, grain below grain."""
    from sklearn.cluster import KMeans

    residuals = []
    for grain in GRAINS:
        groups = min(grain, len(points) - 1)
        labels = KMeans(groups, n_init=1, random_state=seed).fit_predict(points)
        member = np.eye(groups)[labels]
        means = member.T @ values / np.maximum(member.sum(axis=0), 1)[:, None]
        residuals.append(values - means[labels])
    return np.vstack(residuals)


def _find_families(values: np.ndarray, *, kin: float) -> np.ndarray:
    """A number for each factor, the same for those that mostly move together."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if values.shape[1] < 2:
        return np.zeros(values.shape[1], dtype=int)
    distance = np.clip(1 - np.abs(_correlate(values)), 0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - kin, "distance")) - 1


def _read_values(factors: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    missing = [name for name in columns if name not in factors.columns]
    if missing:
        raise ValueError(
            f"factors missing: {', '.join(missing)}; the model was trained on {len(columns)} factors"
        )
    try:
        values = factors[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"factors must be numbers: {error}") from None
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        raise ValueError(f"factor '{columns[int(infinite.argmax())]}' is infinite; divide by nullif(…, 0)")
    return values


def _draw_rows(values: np.ndarray, *, seed: int) -> np.ndarray:
    if len(values) <= LEARNING_ROWS:
        return values
    chosen = np.random.default_rng(seed).choice(len(values), LEARNING_ROWS, replace=False)
    return values[np.sort(chosen)]


def _measure_skewness(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    return np.asarray((centred**3).mean(axis=0) / (centred**2).mean(axis=0) ** 1.5)


def _correlate(values: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.corrcoef(values, rowvar=False))


def _covary(values: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(values, rowvar=False))


def _fix_signs(axes: np.ndarray) -> np.ndarray:
    """The same axes with the largest entry of each positive: eigenvectors come with either sign."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return axes * np.sign(largest)
