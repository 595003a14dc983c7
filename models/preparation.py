"""From reaction factors to points in a space in which distance means difference between customers.

Raw factors cannot be compared: money is skewed, counts come in five windows that all say the same, and one
whale is further from everybody than all others from each other. So factors are imputed, drawn in, put on one
scale and thinned out; then each family of related factors gets one voice, and what tells groups of customers
apart gets a louder one. All that is learnt is plain data (`get_state`), so that a model keeps preparing as it
did whatever later code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from threadpoolctl import threadpool_limits

from models.preparation_options import PreparationOptions
from models.projections import NoOutcomes, find_components, find_discriminants, find_foretelling
from models.tails import (
    Arrays,
    find_far,
    find_fences,
    find_quantiles,
    learn_distance,
    measure_skewness,
    take_logs,
)
from models.weights import correlate, draw_rows, measure_information, weigh_factors

QUARTILES_APART = 1.349  # interquartile range of a normal distribution, in standard deviations
CHANCE = 0.02  # a factor must be explained by this much more of its variance than its shadow
PART = "_share"  # how the name of a factor ends that is a part of a whole
_USUAL = PreparationOptions()


class NoVariation(ValueError):  # noqa: N818 - reads as what it is
    """All customers look the same: there is nothing to tell apart."""


@dataclass(frozen=True, slots=True)
class Past:
    """Customers as they were, and what came of it: what a projection on outcomes is learnt from.

    Attributes:
        factors: one row a customer_id, a while ago.
        outcomes: what (some of) them did since, one column an outcome; NaN where one does not apply.
    """

    factors: pd.DataFrame
    outcomes: pd.DataFrame

    def keep(self, people: pd.Index) -> Past:
        """The past of these customers; of those who were not there yet, none."""
        there = self.factors.index.intersection(people)
        return Past(self.factors.loc[there], self.outcomes.loc[there])


class Preparation(TransformerMixin, BaseEstimator):
    """Impute, draw in tails, unskew, standardise, drop what repeats, weigh, project.

    After `fit`: `columns` (factors used, in order), `dropped` (factor → why it left) and `imputed` (factor →
    how many values were missing and what stands in).
    """

    def __init__(self, options: PreparationOptions = _USUAL, *, seed: int = 0) -> None:
        self.options = options
        self.seed = seed

    def fit(self, factors: pd.DataFrame, past: Past | None = None) -> Preparation:
        """Learn from one row a customer, float64 columns.

        Args:
            past: earlier customers and their outcomes; only the projection `pls` looks at it. What the factors
                themselves teach is learnt from `factors`, so these may be newer than any outcome.

        Raises:
            NoVariation: no factor differs between customers.
            NoOutcomes: the projection is `pls`, and there is no past to learn it from.
            ValueError: a factor is no number or infinite.
        """
        self.columns = tuple(str(name) for name in factors.columns)
        self.dropped: dict[str, str] = {}
        self._learnt: Arrays = {}
        values = _read_values(factors, self.columns)
        values = self._drop_constant(values)
        values = self._impute(values)
        values = self._spread_mixes(values)
        values = self._draw_in(values)
        values = self._unskew(values)
        values = self._standardise(values)
        values = self._drop_repeated(values)
        with threadpool_limits(1):  # the order in which threads add up would show in the last bits
            if self.options.selection == "informative":
                values = self._drop_uninformative(values)
            if self.options.outliers == "apart":
                values = self._set_apart(values, factors)
            weights = weigh_factors(
                values, weighting=self.options.weighting, kin=self.options.kin, seed=self.seed
            )
            points = values * weights
            mean = points.mean(axis=0)
            self._learnt |= {"weights": weights, "mean": mean}
            self._learnt["axes"] = self._find_axes(points - mean, past)
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
        return self._scale(factors) * learnt["weights"] - learnt["mean"]

    def list_values(self, factors: pd.DataFrame) -> np.ndarray:
        """Customers × `columns`: the values as `low` and `high` bound them, missing ones NaN.

        Raises:
            ValueError: a factor the preparation uses is missing, no number or infinite.
        """
        values = _read_values(factors, self.columns)
        if "mixed" in self._learnt:
            values = values.copy()
            values[:, self._learnt["mixed"]] = _take_angles(values[:, self._learnt["mixed"]])
        return values

    def find_apart(self, factors: pd.DataFrame) -> np.ndarray:
        """Whether each customer is too far from the rest to be in any segment; nobody is, unless outliers are `apart`.

        Raises:
            ValueError: a factor the preparation uses is missing, no number or infinite.
        """
        if "apart.cut" not in self._learnt:
            return np.zeros(len(factors), dtype=bool)
        return find_far(self._scale(factors, drawn_in=False), self._part("apart."))

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

    def _scale(self, factors: pd.DataFrame, *, drawn_in: bool = True) -> np.ndarray:
        """Standardised factors, before weights."""
        learnt = self._learnt
        values = _read_values(factors, self.columns)
        values = np.where(np.isnan(values), learnt["fill"], values)
        if "mixed" in learnt:
            values[:, learnt["mixed"]] = _take_angles(values[:, learnt["mixed"]])
        if drawn_in:
            values = np.clip(values, learnt["low"], learnt["high"])
            values[:, learnt["logged"]] = np.log1p(values[:, learnt["logged"]])
        else:
            values[:, learnt["logged"]] = take_logs(values[:, learnt["logged"]])
        if "powers" in learnt:
            values = _raise_to_powers(values, learnt["powers"])
        return np.asarray((values - learnt["center"]) / learnt["spread"])

    def _part(self, prefix: str) -> Arrays:
        return {
            name.removeprefix(prefix): array
            for name, array in self._learnt.items()
            if name.startswith(prefix)
        }

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

    def _spread_mixes(self, values: np.ndarray) -> np.ndarray:
        if self.options.mixes == "shares":
            return values
        mixed = np.array([name.endswith(PART) for name in self.columns])
        mixed &= (values.min(axis=0) >= 0) & (values.max(axis=0) <= 1)
        self._learnt["mixed"] = mixed
        values[:, mixed] = _take_angles(values[:, mixed])
        return values

    def _draw_in(self, values: np.ndarray) -> np.ndarray:
        tail = self.options.tail
        if self.options.outliers == "clipped":
            low, high = find_fences(values, tail=tail, skew=self.options.skew)
        else:
            low, high = find_quantiles(values, tail=tail)
        for name, same in zip(self.columns, low >= high, strict=True):
            if same:
                self.dropped[name] = f"the same for all but the extreme {tail:.1%} of customers"
        self._learnt |= {"low": low, "high": high}
        values = self._keep(values, low < high)
        return np.clip(values, self._learnt["low"], self._learnt["high"])

    def _unskew(self, values: np.ndarray) -> np.ndarray:
        from scipy.stats import yeojohnson_normmax

        skewed = measure_skewness(values)
        by_power = self.options.skewed == "yeo-johnson"
        logged = (self._learnt["low"] >= 0) & (skewed > self.options.skew) & (not by_power)
        self._learnt["logged"] = logged
        values[:, logged] = np.log1p(values[:, logged])
        if by_power:
            unlike = np.abs(skewed) > self.options.skew
            powers = [
                yeojohnson_normmax(column) if far else np.nan
                for column, far in zip(values.T, unlike, strict=True)
            ]
            self._learnt["powers"] = np.array(powers, dtype=np.float64)
            values = _raise_to_powers(values, self._learnt["powers"])
        return values

    def _standardise(self, values: np.ndarray) -> np.ndarray:
        # Where most customers are alike (a channel few use), the interquartile range is 0 or says nothing of
        # those who are not; the standard deviation of drawn-in values is robust, too, and does.
        center, spread = np.median(values, axis=0), values.std(axis=0)
        if self.options.scaling == "quartiles":
            first, third = np.quantile(values, [0.25, 0.75], axis=0)
            spread = np.where(third > first, (third - first) / QUARTILES_APART, spread)
        self._learnt |= {"center": center, "spread": spread}
        return (values - center) / spread

    def _drop_repeated(self, values: np.ndarray) -> np.ndarray:
        likeness = np.abs(correlate(values))
        kept: list[int] = []
        for index, name in enumerate(self.columns):
            twin = next((other for other in kept if likeness[index, other] > self.options.duplicate), None)
            if twin is None:
                kept.append(index)
            else:
                self.dropped[name] = f"repeats {self.columns[twin]} (correlation {likeness[index, twin]:.2f})"
        return self._keep(values, np.isin(np.arange(len(likeness)), kept))

    def _drop_uninformative(self, values: np.ndarray) -> np.ndarray:
        told, by_chance = measure_information(values, kin=self.options.kin, seed=self.seed).T
        kept = told > by_chance + CHANCE
        if not kept.any():  # no grouping is better than chance; without factors nobody could say so
            return values
        for name, keep, share, chance in zip(self.columns, kept, told, by_chance, strict=True):
            if not keep:
                self.dropped[name] = (
                    f"tells nobody apart: groups of customers explain {share:.0%} of it, {chance:.0%} when shuffled"
                )
        return self._keep(values, kept)

    def _set_apart(self, values: np.ndarray, factors: pd.DataFrame) -> np.ndarray:
        """Go on with the customers who are not too far from the rest, and with what differs between these."""
        while True:
            raw = self._scale(factors, drawn_in=False)
            apart = learn_distance(raw, values, chance=self.options.apart)
            near = values[~find_far(raw, apart)]
            differing = near.min(axis=0) < near.max(axis=0)
            if differing.all():
                self._learnt |= {f"apart.{name}": array for name, array in apart.items()}
                return near
            for name, differs in zip(self.columns, differing, strict=True):
                if not differs:
                    self.dropped[name] = "the same for everybody who is not set apart"
            values = self._keep(values, differing)

    def _find_axes(self, centred: np.ndarray, past: Past | None) -> np.ndarray:
        """The axes (factors × dimensions) to project on; empty for no projection. Signs are fixed."""
        options = self.options
        if options.projection == "components":
            return find_components(centred, variance=options.variance, dimensions=options.dimensions)
        if options.projection == "discriminants":
            sample = draw_rows(centred, seed=self.seed)
            return find_discriminants(sample, dimensions=options.dimensions, seed=self.seed)
        if options.projection == "pls":
            if past is None:
                raise NoOutcomes("the projection 'pls' is learnt from earlier outcomes, and none were given")
            common = past.factors.index.intersection(past.outcomes.index)
            return find_foretelling(
                self.weigh(past.factors.loc[common]),
                past.outcomes.loc[common].to_numpy(dtype=np.float64, na_value=np.nan),
                dimensions=options.dimensions,
            )
        return np.empty((0, 0))


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


def _take_angles(shares: np.ndarray) -> np.ndarray:
    """The angle of each share, for which Hellinger distance is about as wide everywhere."""
    return np.asarray(np.arcsin(np.sqrt(np.clip(shares, 0.0, 1.0))))


def _raise_to_powers(values: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Yeo-Johnson's transformation of each column with its own power; NaN leaves a column alone."""
    from scipy.stats import yeojohnson

    for column in np.flatnonzero(~np.isnan(powers)):
        values[:, column] = yeojohnson(values[:, column], lmbda=float(powers[column]))
    return values
