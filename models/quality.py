"""How good a segmentation is in itself: compact, dense, and found again among other customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

SILHOUETTE_SAMPLE = 2000
DENSITY_SAMPLE = 1000
EARLY_LOOKS = (5, 10, 20)
CLEAR = 3.0  # standard errors


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


def measure_density_validity(X: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """How much denser segments are than what lies between them, −1 to 1; NaN below two clusters.

    DBCV (Moulavi, Jaskowiak, Campello, Zimek & Sander 2014), outliers counting against it, on a sample: it
    costs the square of the customers.
    """
    from hdbscan.validity import validity_index

    rows = np.arange(len(X))
    if len(rows) > DENSITY_SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, DENSITY_SAMPLE, replace=False))
    points, found = np.asarray(X[rows], dtype=np.float64), labels[rows]
    clusters, sizes = np.unique(found[found >= 0], return_counts=True)
    # A cluster the sample hardly has says nothing about its density.
    found = np.where(np.isin(found, clusters[sizes >= 3]), found, -1)
    if len(np.unique(found[found >= 0])) < 2:
        return float("nan")
    with np.errstate(all="ignore"):
        return float(validity_index(points, found))


def _score_clustered(
    score: Callable[[np.ndarray, np.ndarray], float], X: np.ndarray, labels: np.ndarray
) -> float:
    inside = labels >= 0
    clusters = len(np.unique(labels[inside]))
    return float(score(X[inside], labels[inside])) if 2 <= clusters < inside.sum() else float("nan")


def measure_prediction_strength(
    count: int, label: Callable[[np.ndarray], np.ndarray], *, splits: int = 1, seed: int
) -> float:
    """How often customers who share a segment still do by a model of others, 0–1, in the weakest segment.

    Tibshirani & Walther 2005, "Cluster Validation by Prediction Strength": customers are halved, a model is
    fitted on each half, and pairs of one half that its own model puts together are looked up in the other's.
    Mean over both directions and all splits; NaN without segments. Outliers share nothing.

    Args:
        count: how many customers there are.
        label: given row numbers, fits everything on these and labels *all* customers.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _split in range(splits):
        order = rng.permutation(count)
        halves = np.sort(order[: count // 2]), np.sort(order[count // 2 :])
        first, second = label(halves[0]), label(halves[1])
        found += [_agree(second, first, halves[1]), _agree(first, second, halves[0])]
    return float(np.mean(found))


def _agree(own: np.ndarray, others: np.ndarray, rows: np.ndarray) -> float:
    """The least share, over segments, of pairs that the other model keeps together."""
    own, others = own[rows], others[rows]
    shares = []
    for segment in np.unique(own[own >= 0]):
        inside = others[own == segment]
        if len(inside) > 1:
            sizes = np.unique(inside[inside >= 0], return_counts=True)[1].astype(np.float64)
            shares.append(float((sizes * (sizes - 1)).sum() / (len(inside) * (len(inside) - 1.0))))
    return min(shares) if shares else float("nan")


@dataclass(frozen=True, slots=True)
class Stability:
    """Best-match Jaccard similarity under resampling.

    Attributes:
        mean: over segments.
        least: of the least stable segment.
        by_segment: of each.
        resamples: how many were made.
        hopeless: whether fewer were made than asked for, or would have been, as what is wanted was out of reach.
    """

    mean: float
    least: float
    by_segment: Mapping[int, float]
    resamples: int
    hopeless: bool = False


def measure_stability(
    labels: np.ndarray,
    refit: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int,
    rows_max: int = 2000,
    mean_wanted: float = 0.0,
    least_wanted: float = 0.0,
    seed: int,
) -> Stability:
    """How far the same segments come out again from other customers.

    The bootstrap of Hennig 2007, "Cluster-wise assessment of cluster stability", in which a customer drawn
    twice is used once: copies would be dense spots of their own. What cannot become stable enough any more,
    being three standard errors below what is wanted after 5, 10 or 20 resamples, is not resampled further.

    Args:
        labels: the segment of each customer; −1, outliers, are no segment.
        refit: given the row numbers of a resample, fits everything on these and labels *all* customers.
        resamples: how many there are to be.
        rows_max: the most customers drawn for one.
        mean_wanted, least_wanted: what it takes in the mean and for each segment.
    """
    rng = np.random.default_rng(seed)
    segments = np.unique(labels[labels >= 0])
    if not len(segments):
        return Stability(float("nan"), float("nan"), {}, 0)
    matches: list[np.ndarray] = []
    hopeless = False
    for run in range(1, resamples + 1):
        drawn = np.unique(rng.integers(0, len(labels), min(len(labels), rows_max)))
        matches.append(_match_best(labels, refit(drawn), segments))
        hopeless = run in EARLY_LOOKS and _is_hopeless(np.array(matches), mean_wanted, least_wanted)
        if hopeless:
            break
    by_segment = np.mean(matches, axis=0)
    each = {int(s): float(value) for s, value in zip(segments, by_segment, strict=True)}
    return Stability(float(by_segment.mean()), float(by_segment.min()), each, len(matches), hopeless)


def _is_hopeless(matches: np.ndarray, mean_wanted: float, least_wanted: float) -> bool:
    def reach(values: np.ndarray) -> np.ndarray:
        best: np.ndarray = values.mean(axis=0) + CLEAR * values.std(axis=0, ddof=1) / np.sqrt(len(values))
        return best

    return bool(reach(matches.mean(axis=1)) < mean_wanted or (reach(matches) < least_wanted).any())


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
