"""Values and customers far from the rest: drawn in, or told apart."""

from __future__ import annotations

from typing import Literal

import numpy as np

Outliers = Literal["winsorised", "clipped", "apart"]
Arrays = dict[str, np.ndarray]

FENCE = 3.0  # interquartile ranges beyond the quartiles: "far out" in Tukey 1977, "Exploratory Data Analysis"
NORMAL_MAD = 1.4826  # of a normal distribution, its standard deviation ÷ its median absolute deviation
CORE = 0.99  # of the variance, in the components that robust distance is measured in


def find_quantiles(values: np.ndarray, *, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of each factor: a share of the customers lies beyond each."""
    # Quantiles that are somebody's value: interpolated towards a whale they would be half a whale.
    low = np.quantile(values, tail, axis=0, method="higher")
    high = np.quantile(values, 1 - tail, axis=0, method="lower")
    return low, high


def find_fences(values: np.ndarray, *, tail: float, skew: float) -> tuple[np.ndarray, np.ndarray]:
    """Tukey's outer fences of each factor, on a logarithmic scale where it is non-negative and skewed.

    Where half of the customers have the same value, as of a channel few use, fences would shut out everybody
    else; there they are the quantiles of `find_quantiles`.
    """
    low, high = find_quantiles(values, tail=tail)
    logged = (low >= 0) & (measure_skewness(np.clip(values, low, high)) > skew)
    scaled = np.where(logged, take_logs(values), values)
    first, third = np.quantile(scaled, [0.25, 0.75], axis=0)
    reach = FENCE * (third - first)
    below, above = (np.where(logged, np.expm1(fence), fence) for fence in (first - reach, third + reach))
    # A fence beyond everybody is nobody's: the farthest customer is.
    below, above = np.maximum(below, values.min(axis=0)), np.minimum(above, values.max(axis=0))
    return np.where(reach > 0, below, low), np.where(reach > 0, above, high)


def learn_distance(values: np.ndarray, calm: np.ndarray, *, chance: float) -> Arrays:
    """What robust distance needs: axes, middle and width of each, and the distance that is too far.

    After Filzmoser, Maronna & Werner 2008, "Outlier identification in high dimensions" (Computational Statistics &
    Data Analysis 52), its first phase: principal components of the standardised factors, each component scaled by
    median and MAD, the squared distance brought to a median of χ² and compared with its quantile. The
    components are those of the values drawn in, which extreme ones cannot turn.

    Args:
        values: customers × standardised factors, as they are.
        calm: the same, drawn in.
        chance: share of customers of one normal cloud that would be set apart.
    """
    from scipy.stats import chi2

    spread, axes = np.linalg.eigh(np.atleast_2d(np.cov(calm, rowvar=False)))
    spread, axes = np.clip(spread[::-1], 0, None), axes[:, ::-1]
    enough = 1 + int(np.searchsorted(np.cumsum(spread) / spread.sum(), CORE))
    axes = axes[:, :enough]
    scores = values @ axes
    middle = np.median(scores, axis=0)
    width = NORMAL_MAD * np.median(np.abs(scores - middle), axis=0)
    width = np.where(width > 0, width, np.maximum((calm @ axes).std(axis=0), 1e-9))
    usual = float(np.median((((scores - middle) / width) ** 2).sum(axis=1)))
    cut = chi2.ppf(1 - chance, enough) * max(usual, 1e-9) / chi2.median(enough)
    return {"axes": axes, "middle": middle, "width": width, "cut": np.array(cut)}


def find_far(values: np.ndarray, learnt: Arrays) -> np.ndarray:
    """Whether each customer is farther from the rest than `learn_distance` allows."""
    scores = (values @ learnt["axes"] - learnt["middle"]) / learnt["width"]
    return np.asarray((scores**2).sum(axis=1) > float(learnt["cut"]))


def measure_skewness(values: np.ndarray) -> np.ndarray:
    """The third standardised moment of each factor."""
    centred = values - values.mean(axis=0)
    return np.asarray((centred**3).mean(axis=0) / (centred**2).mean(axis=0) ** 1.5)


def take_logs(values: np.ndarray) -> np.ndarray:
    """log(1 + |x|) with the sign of x, for values that may leave the range they were learnt on."""
    return np.sign(values) * np.log1p(np.abs(values))
