"""One effect a segment: which differ, which may be chance, and what each is worth once luck is taken out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from monitoring.experiments.arms import Lift

SEGMENTS_MIN = 5
"""Fewer effects than this say too little about how effects differ to shrink them."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """A treatment arm's effect in one segment, beside the plain one.

    Attributes:
        shrunken, shrunken_low, shrunken_high: drawn towards the effect of all segments, for ranking; the interval
            covers `1 - alpha` of the segments, not each of them. None below five segments.
        adjusted_p: Benjamini & Hochberg's (1995), over the segments.
    """

    shrunken: float | None = None
    shrunken_low: float | None = None
    shrunken_high: float | None = None
    adjusted_p: float | None = None


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether the effect differs between segments: Cochran's (1954) Q and its χ² p-value."""

    q: float
    p_value: float
    segments: int


def compare_segments(lift: Mapping[int, Lift], *, alpha: float) -> dict[int, SegmentEffect]:
    """One arm's effects by segment, with what all of them together say of each."""
    known = {segment: one for segment, one in lift.items() if one.find_error(alpha) is not None}
    shrunken = _shrink(known, alpha=alpha) if len(known) >= SEGMENTS_MIN else {}
    adjusted = adjust_p_values({segment: one.p_value for segment, one in lift.items()})
    found = {}
    for segment in lift:
        drawn, low, high = shrunken.get(segment, (None, None, None))
        found[segment] = SegmentEffect(drawn, low, high, adjusted.get(segment))
    return found


def adjust_p_values(p_values: Mapping[int, float | None]) -> dict[int, float]:
    """Benjamini & Hochberg's adjusted p-values: at most `alpha` of those below `alpha` are expected to be chance."""
    from scipy.stats import false_discovery_control

    known = {key: p for key, p in p_values.items() if p is not None}
    if not known:
        return {}
    return dict(zip(known, map(float, false_discovery_control(list(known.values()))), strict=True))


def measure_heterogeneity(lift: Mapping[int, Lift], *, alpha: float) -> Heterogeneity | None:
    """Whether one arm's effects differ between segments; None below two effects."""
    from scipy.stats import chi2

    effects, variances = _read_effects(lift, alpha=alpha)
    if len(effects) < 2:
        return None
    weights = 1 / variances
    q = float((weights * (effects - np.average(effects, weights=weights)) ** 2).sum())
    return Heterogeneity(q, float(chi2.sf(q, len(effects) - 1)), len(effects))


def _shrink(lift: Mapping[int, Lift], *, alpha: float) -> dict[int, tuple[float, float, float]]:
    """Morris's (1983, JASA 78) empirical Bayes intervals for effects of unequal variance."""
    effects, variances = _read_effects(lift, alpha=alpha)
    count = len(effects)
    between = _find_between(effects, variances)
    weights = 1 / (variances + between)
    shares = weights / weights.sum()
    centre = float((shares * effects).sum())
    pull = (count - 3) / (count - 1) * variances * weights
    usual = float((shares * variances).sum())
    # What is not known about how much effects differ is part of the uncertainty.
    unsure = 2 / (count - 3) * pull**2 * (usual + between) * weights
    spread = np.sqrt(variances * (1 - (1 - shares) * pull) + unsure * (effects - centre) ** 2)
    half = _NORMAL.inv_cdf(1 - alpha / 2) * spread
    drawn = (1 - pull) * effects + pull * centre
    return {
        segment: (float(one), float(one - wide), float(one + wide))
        for segment, one, wide in zip(lift, drawn, half, strict=True)
    }


def _find_between(effects: np.ndarray, variances: np.ndarray, *, rounds: int = 200) -> float:
    """Variance of true effects between segments, by Morris's iteration; 0 where chance explains all."""
    count, between = len(effects), float(np.var(effects))
    for _round in range(rounds):
        weights = 1 / (variances + between)
        centre = (weights * effects).sum() / weights.sum()
        found = (weights * (count / (count - 1) * (effects - centre) ** 2 - variances)).sum() / weights.sum()
        found = max(float(found), 0.0)
        if math.isclose(found, between, rel_tol=1e-9, abs_tol=1e-18):
            break
        between = found
    return between


def _read_effects(lift: Mapping[int, Lift], *, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Effects and their variances, of those that have an interval."""
    known = [(one.absolute, error) for one in lift.values() if (error := one.find_error(alpha)) is not None]
    return np.array([effect for effect, _error in known]), np.array([error for _effect, error in known]) ** 2
