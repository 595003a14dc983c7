"""Distances between customers, and what the algorithms share in handling them."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

Metric = Literal["euclidean", "manhattan", "cosine"]
METRICS: tuple[Metric, ...] = get_args(Metric)
ROUNDING = 1e-6
TREE_DIMENSIONS = 15  # in more a tree looks nearly everywhere, and comparing with all is faster


def read_metric(metric: str, *, allowed: tuple[Metric, ...] = METRICS) -> Metric:
    """The metric of this name.

    Raises:
        ValueError: it is not one of those allowed.
    """
    for known in allowed:
        if metric == known:
            return known
    raise ValueError(f"metric '{metric}' does not fit here; there are: {', '.join(allowed)}")


def arrange_points(X: np.ndarray, metric: Metric) -> np.ndarray:
    """The points as the metric sees them: of cosine, directions, which are points on the unit sphere.

    The straight distance between two directions is √(2 − 2 cos), so it ranks pairs as cosine distance does,
    and it is a metric, which trees for neighbour search need. A point at the origin has no direction and
    stays there, equally far from all.
    """
    if metric != "cosine":
        return np.ascontiguousarray(X)
    lengths = np.sqrt((X**2).sum(axis=1, keepdims=True))
    return np.ascontiguousarray(X / np.where(lengths > 0, lengths, 1.0))


def name_metric(metric: Metric) -> str:
    """What measures arranged points, as SciPy and scikit-learn both call it."""
    return "cityblock" if metric == "manhattan" else "euclidean"


def find_neighbours(
    known: np.ndarray, X: np.ndarray, *, count: int, metric: Metric = "euclidean"
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and row numbers of the nearest `known` rows, the nearest first; both sides arranged."""
    from scipy.spatial import cKDTree
    from sklearn.neighbors import NearestNeighbors

    if known.shape[1] <= TREE_DIMENSIONS:
        # Three times as fast as scikit-learn's tree, and on every core; rows are looked up one by one all the same.
        places = np.arange(1, min(count, len(known)) + 1)
        power = 1 if metric == "manhattan" else 2
        distances, nearest = cKDTree(known).query(X, k=places, p=power, workers=-1)
        return distances, nearest
    search = NearestNeighbors(n_neighbors=min(count, len(known)), metric=name_metric(metric))
    found: tuple[np.ndarray, np.ndarray] = search.fit(known).kneighbors(X)
    return found


def allow_rounding(X: np.ndarray) -> np.ndarray:
    """Rows × 1: the distance below which another point may be the same.

    In many dimensions scikit-learn takes differences of squares, and a point's distance to itself is rounding.
    """
    allowed: np.ndarray = ROUNDING * (1 + np.sqrt((X**2).sum(axis=1, keepdims=True)))
    return allowed


def rank_distances(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest segment of each row, and how clearly so.

    Strength compares it with the second nearest: 0 midway between, 1 on the spot.

    Args:
        distances: rows × segments.
    """
    labels = distances.argmin(axis=1)
    if distances.shape[1] < 2:
        return labels, np.ones(len(distances))
    nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
    return labels, 1 - nearest / np.maximum(second, 1e-12)


def limit_segments(X: np.ndarray, segments: int) -> int:
    """So many segments, or one for each distinct customer where there are fewer of these.

    Raises:
        ValueError: there are fewer customers than segments.
    """
    if len(X) < segments:
        raise ValueError(
            f"{segments} segments need at least as many customers, there are {len(X)}; ask for fewer segments"
        )
    return min(segments, len(np.unique(X, axis=0)))


def average_clusters(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The centre of each cluster, in order of its label; those in none (−1) do not count."""
    return np.array([X[labels == label].mean(axis=0) for label in np.unique(labels[labels >= 0])])
