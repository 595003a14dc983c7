"""How good a segmentation is: compact, stable, and different in what its customers do afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

SILHOUETTE_SAMPLE = 2000
OUTCOME_MIN = 100
BATCH_CELLS = 2_000_000


def measure_silhouette(X: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """Mean silhouette (Rousseeuw 1987), −1 to 1, of clustered rows, on a sample; NaN below two clusters."""
    from sklearn.metrics import silhouette_score

    rows = np.flatnonzero(labels >= 0)
    if len(rows) > SILHOUETTE_SAMPLE:
        rows = np.random.default_rng(seed).choice(rows, SILHOUETTE_SAMPLE, replace=False)
    return _score_clustered(silhouette_score, X[rows], labels[rows])


def measure_calinski_harabasz(X: np.ndarray, labels: np.ndarray) -> float:
    """Variance between over within segments (Caliński & Harabasz 1974), higher is better; NaN below two."""
    from sklearn.metrics import calinski_harabasz_score

    return _score_clustered(calinski_harabasz_score, X, labels)


def measure_davies_bouldin(X: np.ndarray, labels: np.ndarray) -> float:
    """Likeness of each segment to its nearest (Davies & Bouldin 1979), lower is better; NaN below two."""
    from sklearn.metrics import davies_bouldin_score

    return _score_clustered(davies_bouldin_score, X, labels)


def _score_clustered(
    score: Callable[[np.ndarray, np.ndarray], float], X: np.ndarray, labels: np.ndarray
) -> float:
    inside = labels >= 0
    clusters = len(np.unique(labels[inside]))
    return float(score(X[inside], labels[inside])) if 2 <= clusters < inside.sum() else float("nan")


@dataclass(frozen=True, slots=True)
class Stability:
    """Best-match Jaccard similarity under resampling: mean over segments, the worst segment, and each."""

    mean: float
    least: float
    by_segment: Mapping[int, float]


def measure_stability(
    labels: np.ndarray,
    refit: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int,
    share: float = 0.5,
    rows_max: int = 2000,
    seed: int,
) -> Stability:
    """How far the same segments come out again from other customers (Hennig 2007, "Cluster-wise assessment of
    cluster stability", the subsetting scheme: customers drawn twice would be dense spots of their own).

    Args:
        labels: the segment of each customer; −1, outliers, are no segment.
        refit: given the row numbers of a subsample, fits everything on these and labels *all* customers.
        resamples: how many subsamples.
        share: size of a subsample as a share of the customers.
        rows_max: size it is capped at.
    """
    rng = np.random.default_rng(seed)
    segments = np.unique(labels[labels >= 0])
    if not len(segments):
        return Stability(float("nan"), float("nan"), {})
    size = min(max(2, round(share * len(labels))), rows_max)
    matches = np.zeros((resamples, len(segments)))
    for run in range(resamples):
        again = refit(np.sort(rng.choice(len(labels), size, replace=False)))
        matches[run] = _match_best(labels, again, segments)
    by_segment = matches.mean(axis=0)
    each = {int(s): float(value) for s, value in zip(segments, by_segment, strict=True)}
    return Stability(float(by_segment.mean()), float(by_segment.min()), each)


def _match_best(labels: np.ndarray, again: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """For every segment the largest Jaccard similarity to any cluster found again."""
    found = np.unique(again[again >= 0])
    if not len(found):
        return np.zeros(len(segments))
    before = (labels[:, None] == segments).astype(np.float64)
    after = (again[:, None] == found).astype(np.float64)
    shared = before.T @ after
    union = before.sum(axis=0)[:, None] + after.sum(axis=0) - shared
    best: np.ndarray = (shared / union).max(axis=1)
    return best


@dataclass(frozen=True, slots=True)
class Separation:
    """How well the segment foretells what customers do: mean over outcomes of cross-validated R².

    Attributes:
        score: the mean, at most 1; NaN where no outcome could be used.
        by_outcome: R² of each outcome used.
        left_out: outcomes that were constant or too rare, and why.
    """

    score: float
    by_outcome: Mapping[str, float]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeparationGain:
    """The challenger's separation minus the champion's on the same customers.

    Attributes:
        gain: the difference.
        error: its standard error, by paired bootstrap over customers.
        low: its one-sided 95 % lower bound, from the same bootstrap.
        detectable: the gain that would have been found with 80 % probability.
    """

    gain: float
    error: float
    low: float
    detectable: float


def measure_separation(labels: pd.Series, outcomes: pd.DataFrame, *, folds: int = 5, seed: int) -> Separation:
    """Cross-validated R² of segment means, averaged over outcomes.

    A customer's outcome is foretold by the mean of their segment among customers of the other folds, so more
    segments are no advantage in themselves.

    Args:
        labels: segment by customer_id.
        outcomes: one column an outcome, by customer_id; NaN where it does not apply to a customer. Customers
            of one side only do not count.
    """
    common = labels.index.intersection(outcomes.index)
    usable, left_out = _select_usable(outcomes.loc[common])
    if usable.empty:
        return Separation(float("nan"), {}, left_out)
    fold = np.random.default_rng(seed).integers(0, folds, len(common))
    errors, totals = _measure_errors(labels.loc[common].to_numpy(), usable, fold=fold, folds=folds)
    by_outcome = 1 - np.nansum(errors, axis=0) / np.nansum(totals, axis=0)
    named = {str(name): float(r) for name, r in zip(usable.columns, by_outcome, strict=True)}
    return Separation(float(by_outcome.mean()), named, left_out)


def compare_separation(
    challenger: pd.Series,
    champion: pd.Series,
    outcomes: pd.DataFrame,
    *,
    folds: int = 5,
    resamples: int = 500,
    seed: int,
) -> SeparationGain | None:
    """The gain in separation on the customers all three know, with a paired bootstrap over customers (Efron &
    Tibshirani 1993, chapter 13); segment means stay as learnt on the other folds.

    None where no outcome could be used.
    """
    common = challenger.index.intersection(champion.index).intersection(outcomes.index)
    usable, _left_out = _select_usable(outcomes.loc[common])
    if usable.empty:
        return None
    rng = np.random.default_rng(seed)
    fold = rng.integers(0, folds, len(common))
    new, totals = _measure_errors(challenger.loc[common].to_numpy(), usable, fold=fold, folds=folds)
    old, _same = _measure_errors(champion.loc[common].to_numpy(), usable, fold=fold, folds=folds)
    saved, totals = np.nan_to_num(old - new), np.nan_to_num(totals)
    gain = float((saved.sum(axis=0) / totals.sum(axis=0)).mean())
    batch = max(1, BATCH_CELLS // len(common))
    draws = [
        _resample_gain(saved, totals, min(batch, resamples - done), rng)
        for done in range(0, resamples, batch)
    ]
    gains = np.concatenate(draws)
    error = float(gains.std(ddof=1))
    found = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.80)
    return SeparationGain(gain, error, float(np.quantile(gains, 0.05)), found * error)


def _resample_gain(saved: np.ndarray, totals: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Gains of `count` bootstrap samples: customers weighted by how often they are drawn."""
    weights = rng.multinomial(len(saved), np.full(len(saved), 1 / len(saved)), size=count)
    means: np.ndarray = ((weights @ saved) / np.maximum(weights @ totals, 1e-12)).mean(axis=1)
    return means


def _select_usable(outcomes: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    left_out = {}
    for name in outcomes.columns:
        known = outcomes[name].dropna()
        if len(known) < OUTCOME_MIN:
            left_out[str(name)] = f"known of {len(known)} customers only"
        elif known.nunique() < 2 or (known != known.mode().iloc[0]).sum() < OUTCOME_MIN // 5:
            left_out[str(name)] = "nearly the same for all"
    return outcomes.drop(columns=list(left_out)), left_out


def _measure_errors(
    labels: np.ndarray, outcomes: pd.DataFrame, *, fold: np.ndarray, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors of the segment's and of everybody's mean, learnt on the other folds; NaN as given."""
    values = outcomes.to_numpy(dtype=np.float64)
    codes = np.unique(labels, return_inverse=True)[1]
    segments = codes.max() + 1
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    errors, totals = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for f in range(folds):
        train, test = fold != f, fold == f
        member = np.zeros((train.sum(), segments))
        member[np.arange(train.sum()), codes[train]] = 1.0
        counts, sums = member.T @ known[train], member.T @ filled[train]
        overall = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
        errors[test] = (values[test] - means[codes[test]]) ** 2
        totals[test] = (values[test] - overall) ** 2
    return errors, totals
