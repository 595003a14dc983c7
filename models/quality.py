"""How good a segmentation is: compact, stable, and different in what its customers do afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

SILHOUETTE_SAMPLE = 3000
OUTCOME_MIN = 100
BATCH = 100


def measure_silhouette(X: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """Mean silhouette (Rousseeuw 1987), −1 to 1, of clustered rows, on a sample; NaN below two clusters."""
    from sklearn.metrics import silhouette_score

    inside = labels >= 0
    if len(np.unique(labels[inside])) < 2 or inside.sum() <= len(np.unique(labels[inside])):
        return float("nan")
    rows = np.flatnonzero(inside)
    if len(rows) > SILHOUETTE_SAMPLE:
        rows = np.random.default_rng(seed).choice(rows, SILHOUETTE_SAMPLE, replace=False)
    if len(np.unique(labels[rows])) < 2:
        return float("nan")
    return float(silhouette_score(X[rows], labels[rows]))


@dataclass(frozen=True, slots=True)
class Stability:
    """Best-match Jaccard similarity under resampling: mean over segments, the worst segment, and each."""

    mean: float
    least: float
    by_segment: Mapping[int, float]


def measure_stability(
    labels: np.ndarray, refit: Callable[[np.ndarray], np.ndarray], *, resamples: int, seed: int
) -> Stability:
    """How far the same segments come out again from other customers (Hennig 2007, "Cluster-wise assessment of
    cluster stability").

    Args:
        labels: the segment of each customer; −1, outliers, are no segment.
        refit: given row numbers of a bootstrap sample, fits everything on these and labels *all* customers.
        resamples: bootstraps.
    """
    rng = np.random.default_rng(seed)
    segments = np.unique(labels[labels >= 0])
    if not len(segments):
        return Stability(float("nan"), float("nan"), {})
    matches = np.zeros((resamples, len(segments)))
    for run in range(resamples):
        again = refit(rng.integers(0, len(labels), len(labels)))
        matches[run] = _match_best(labels, again, segments)
    by_segment = matches.mean(axis=0)
    each = {int(s): float(value) for s, value in zip(segments, by_segment, strict=True)}
    return Stability(float(by_segment.mean()), float(by_segment.min()), each)


def _match_best(labels: np.ndarray, again: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """For every segment the largest Jaccard similarity to any cluster found again."""
    found = np.unique(again[again >= 0])
    if not len(found):
        return np.zeros(len(segments))
    shared = np.array([[np.sum((labels == s) & (again == f)) for f in found] for s in segments])
    sizes = np.array([np.sum(labels == s) for s in segments])[:, None]
    others = np.array([np.sum(again == f) for f in found])[None, :]
    best: np.ndarray = (shared / (sizes + others - shared)).max(axis=1)
    return best


@dataclass(frozen=True, slots=True)
class Separation:
    """How well the segment foretells what customers do: mean over outcomes of cross-validated R².

    Attributes:
        score: the mean, at most 1; NaN where no outcome could be used.
        error: its standard error over folds.
        by_outcome: R² of each outcome used.
        left_out: outcomes that were constant or too rare, and why.
    """

    score: float
    error: float
    by_outcome: Mapping[str, float]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeparationGain:
    """The challenger's separation minus the champion's on the same customers.

    Attributes:
        gain: the difference.
        low: its one-sided 95 % lower bound, by paired bootstrap over customers.
        detectable: the gain that would have been found with 80 % probability.
    """

    gain: float
    low: float
    detectable: float


def measure_separation(labels: pd.Series, outcomes: pd.DataFrame, *, folds: int = 5, seed: int) -> Separation:
    """Cross-validated R² of segment means, averaged over outcomes.

    A customer's outcome is foretold by the mean of their segment among customers of the other folds, so more
    segments are no advantage in themselves.

    Args:
        labels: segment by customer_id.
        outcomes: one column an outcome, by customer_id; NaN where it does not apply to a customer.
    """
    usable, left_out = _usable(outcomes.loc[labels.index])
    if usable.empty:
        return Separation(float("nan"), float("nan"), {}, left_out)
    fold = np.random.default_rng(seed).integers(0, folds, len(labels))
    errors, totals = _errors(labels.to_numpy(), usable, fold=fold, folds=folds)
    by_fold = np.array(
        [
            1 - np.nansum(errors[fold == f], axis=0) / np.nansum(totals[fold == f], axis=0)
            for f in range(folds)
        ]
    )
    by_outcome = 1 - np.nansum(errors, axis=0) / np.nansum(totals, axis=0)
    spread = by_fold.mean(axis=1).std(ddof=1) / np.sqrt(folds)
    named = {str(name): float(r) for name, r in zip(usable.columns, by_outcome, strict=True)}
    return Separation(float(by_outcome.mean()), float(spread), named, left_out)


def compare_separation(
    challenger: pd.Series, champion: pd.Series, outcomes: pd.DataFrame, *, resamples: int = 500, seed: int
) -> SeparationGain | None:
    """The gain in separation on the same customers, with a paired bootstrap (Efron & Tibshirani 1993, chapter 13).

    None where no outcome could be used.
    """
    usable, _left_out = _usable(outcomes.loc[challenger.index])
    if usable.empty:
        return None
    rng = np.random.default_rng(seed)
    folds = 5
    fold = rng.integers(0, folds, len(challenger))
    new, totals = _errors(challenger.to_numpy(), usable, fold=fold, folds=folds)
    old, _same = _errors(champion.loc[challenger.index].to_numpy(), usable, fold=fold, folds=folds)
    saved, totals = np.nan_to_num(old - new), np.nan_to_num(totals)
    gain = float((saved.sum(axis=0) / totals.sum(axis=0)).mean())
    draws = [
        _resample_gain(saved, totals, min(BATCH, resamples - done), rng)
        for done in range(0, resamples, BATCH)
    ]
    gains = np.concatenate(draws)
    error = float(gains.std(ddof=1))
    found = float(norm.ppf(0.95) + norm.ppf(0.80))
    return SeparationGain(gain, float(np.quantile(gains, 0.05)), found * error)


def _resample_gain(saved: np.ndarray, totals: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Gains of `count` bootstrap samples: customers weighted by how often they are drawn."""
    weights = rng.multinomial(len(saved), np.full(len(saved), 1 / len(saved)), size=count)
    means: np.ndarray = ((weights @ saved) / np.maximum(weights @ totals, 1e-12)).mean(axis=1)
    return means


def _usable(outcomes: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    left_out = {}
    for name in outcomes.columns:
        known = outcomes[name].dropna()
        if len(known) < OUTCOME_MIN:
            left_out[str(name)] = f"known of {len(known)} customers only"
        elif known.nunique() < 2 or (known != known.mode().iloc[0]).sum() < OUTCOME_MIN // 5:
            left_out[str(name)] = "nearly the same for all"
    return outcomes.drop(columns=list(left_out)), left_out


def _errors(
    labels: np.ndarray, outcomes: pd.DataFrame, *, fold: np.ndarray, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors of the segment's and of everybody's mean, each learnt on the other folds; NaN as given."""
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
