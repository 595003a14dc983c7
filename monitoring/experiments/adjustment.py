"""Differences between arms, freed of what is known from before the campaign."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from monitoring.experiments import CONTROL

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates

Stratum = tuple["Aggregates", "Aggregates"]


@dataclass(frozen=True, slots=True)
class AdjustedLift:
    """A treatment arm's difference to control, adjusted.

    Attributes:
        variance_saved: share of the plain difference's variance that is gone; negative where adjusting cost some.
        covariate: the column from before the campaign that was used; None where there is none.
        strata: how many groups of segments were compared each for itself.
    """

    absolute: float
    low: float
    high: float
    p_value: float
    variance_saved: float
    covariate: str | None
    strata: int


def adjust_difference(
    strata: Sequence[Mapping[str, Aggregates]], *, arm: str, column: str, covariate: str | None, alpha: float
) -> AdjustedLift | None:
    """The difference of a column's means by CUPED and post-stratification; None where it cannot be had.

    Within each stratum the arms' means of Y − θX are compared, and the differences are weighted by the strata's sizes
    (Miratrix, Sekhon & Yu 2013, with the variance given the strata). θ is the regression of Y on X over both arms, one
    for all strata (Deng, Xu, Kohavi & Walker 2013). Degrees of freedom are Welch's over all cells.

    Args:
        strata: by segment, statistics per arm. Segments with fewer than two customers in one of the arms are taken
            together.
        covariate: a column known before the campaign; None to stratify alone.
    """
    from scipy.stats import t

    pairs = _pair_strata(strata, arm)
    if not pairs:
        return None
    theta = 0.0 if covariate is None else _regress(pairs, column, covariate)
    customers = sum(control.count() + treated.count() for control, treated in pairs)
    effect, parts = 0.0, []
    for control, treated in pairs:
        weight = (control.count() + treated.count()) / customers
        effect += weight * (
            _level(treated, column, covariate, theta) - _level(control, column, covariate, theta)
        )
        parts += [
            (weight**2 * _spread(one, column, covariate, theta) / one.count(), one.count() - 1)
            for one in (control, treated)
        ]
    variance, plain = sum(part for part, _free in parts), _plain_variance(pairs, column)
    if not variance > 0 or not plain > 0:
        return None
    error, freedom = math.sqrt(variance), variance**2 / sum(part**2 / free for part, free in parts)
    half = float(t.ppf(1 - alpha / 2, freedom)) * error
    return AdjustedLift(
        absolute=effect,
        low=effect - half,
        high=effect + half,
        p_value=float(2 * t.sf(abs(effect) / error, freedom)),
        variance_saved=1 - variance / plain,
        covariate=covariate,
        strata=len(pairs),
    )


def _pair_strata(strata: Sequence[Mapping[str, Aggregates]], arm: str) -> list[Stratum]:
    """Control and the arm per stratum, those too small for a variance put together."""
    large = [one for one in strata if all(arm in one and one[arm].count() > 1 for arm in (CONTROL, arm))]
    small = [one for one in strata if one not in large]
    rest = {
        name: reduce(add, [one[name] for one in small if name in one])
        for name in (CONTROL, arm)
        if any(name in one for one in small)
    }
    if rest and all(name in rest and rest[name].count() > 1 for name in (CONTROL, arm)):
        return [*((one[CONTROL], one[arm]) for one in large), (rest[CONTROL], rest[arm])]
    if not large:
        return []
    first = {name: large[0][name] + rest[name] if name in rest else large[0][name] for name in (CONTROL, arm)}
    return [(one[CONTROL], one[arm]) for one in (first, *large[1:])]


def _regress(pairs: Sequence[Stratum], column: str, covariate: str) -> float:
    both = [control + treated for control, treated in pairs]
    spread = sum(one.var(covariate) * (one.count() - 1) for one in both)
    return sum(one.cov(column, covariate) * (one.count() - 1) for one in both) / spread if spread else 0.0


def _level(one: Aggregates, column: str, covariate: str | None, theta: float) -> float:
    return float(one.mean(column) - (theta * one.mean(covariate) if covariate else 0.0))


def _spread(one: Aggregates, column: str, covariate: str | None, theta: float) -> float:
    if not covariate:
        return float(one.var(column))
    return float(one.var(column) - 2 * theta * one.cov(column, covariate) + theta**2 * one.var(covariate))


def _plain_variance(pairs: Sequence[Stratum], column: str) -> float:
    arms = [reduce(add, ones) for ones in zip(*pairs, strict=True)]
    return float(sum(one.var(column) / one.count() for one in arms))
