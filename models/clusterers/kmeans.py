"""K-Means: round segments of similar width; fast, and easy to explain (Lloyd 1982)."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.clusterers import Clusterer, FittedClusterer
from models.clusterers.distances import average_clusters, limit_segments, rank_distances

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
        return self._settle(X, init="k-means++", starts=STARTS)

    def resume(self, X: np.ndarray, labels: np.ndarray) -> KMeansClusterer:
        """Begin at the centres of earlier clusters."""
        centres = average_clusters(X, labels)
        if len(centres) != limit_segments(X, self.segments):
            return self.fit(X)
        return self._settle(X, init=centres, starts=1)

    def _settle(self, X: np.ndarray, *, init: np.ndarray | str, starts: int) -> KMeansClusterer:
        from sklearn.cluster import KMeans

        segments = limit_segments(X, self.segments)
        found = KMeans(segments, init=init, n_init=starts, random_state=self.seed).fit(X)
        self.centres_ = found.cluster_centers_
        self.labels_ = self.predict(X)
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest centre; strength compares it with the second nearest: 0 midway between, 1 on the centre."""
        squares = (X**2).sum(axis=1)[:, None] - 2 * X @ self.centres_.T + (self.centres_**2).sum(axis=1)
        return rank_distances(np.sqrt(np.clip(squares, 0.0, None)))


def _grid(segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"segments": k} for k in segments)


CLUSTERER = Clusterer("kmeans", "round segments of similar width", KMeansClusterer, _grid, title="K-Means")
