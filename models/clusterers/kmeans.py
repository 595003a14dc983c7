"""K-Means: round segments of similar width; fast, and easy to explain (Lloyd 1982)."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.clusterers import Clusterer, FittedClusterer
from models.clusterers.distances import limit_segments, rank_distances

STARTS = 8


class KMeansClusterer(FittedClusterer):
    """Nearest of k centres."""

    learnt = ("centres_",)

    def __init__(self, *, segments: int, seed: int = 0) -> None:
        self.segments, self.seed = segments, seed

    def fit(self, X: np.ndarray) -> KMeansClusterer:
        """The best of several starts.

        Raises:
            ValueError: fewer customers than segments.
        """
        from sklearn.cluster import KMeans

        segments = limit_segments(X, self.segments)
        self.centres_ = KMeans(segments, n_init=STARTS, random_state=self.seed).fit(X).cluster_centers_
        self.labels_ = self.predict(X)
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest centre; strength compares it with the second nearest: 0 midway between, 1 on the centre."""
        squares = (X**2).sum(axis=1)[:, None] - 2 * X @ self.centres_.T + (self.centres_**2).sum(axis=1)
        return rank_distances(np.sqrt(np.clip(squares, 0.0, None)))


def _grid(segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"segments": k} for k in segments)


CLUSTERER = Clusterer("kmeans", "round segments of similar width", KMeansClusterer, _grid, title="K-Means")
