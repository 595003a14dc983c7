"""Placing customers never seen, for algorithms that only label those they were fitted on."""

from __future__ import annotations

import numpy as np

from models.clusterers import OUTLIER, FittedClusterer

NEIGHBOURS = 7
CUTOFF_QUANTILE = 0.99


class NeighbourClusterer(FittedClusterer):
    """A customer belongs where most of the nearest known customers do, unless these are far away.

    The distance cut-off is the 99 % quantile of the distances between clustered customers and their
    neighbours; beyond it a customer is an outlier. A subclass's `fit` ends with `self.remember(X, labels)`.
    """

    learnt = ("points_", "labels_", "cutoff_")
    points_: np.ndarray
    cutoff_: np.ndarray

    def remember(self, X: np.ndarray, labels: np.ndarray) -> NeighbourClusterer:
        """Keep the customers and their labels, and how near neighbours usually are."""
        self.points_, self.labels_ = np.ascontiguousarray(X), np.asarray(labels, dtype=np.int64)
        clustered = self.labels_ != OUTLIER
        inner = self.points_[clustered] if clustered.any() else self.points_
        distances, _nearest = _find_neighbours(inner, inner, count=NEIGHBOURS + 1)
        self.cutoff_ = np.array(np.quantile(distances[:, -1], CUTOFF_QUANTILE))
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Votes of the nearest known customers; strength is the winner's share of them."""
        distances, nearest = _find_neighbours(self.points_, X, count=NEIGHBOURS)
        classes, codes = np.unique(self.labels_, return_inverse=True)
        # A customer who was there in the beginning keeps the label of then.
        weights = np.where(distances <= 1e-12, len(self.points_), 1.0)
        ballots = np.arange(len(X))[:, None] * len(classes) + codes[nearest]
        votes = np.bincount(ballots.ravel(), weights.ravel(), minlength=len(X) * len(classes))
        shares = votes.reshape(len(X), -1) / weights.sum(axis=1, keepdims=True)
        labels = classes[shares.argmax(axis=1)]
        far = distances[:, 0] > float(self.cutoff_)
        return np.where(far, OUTLIER, labels), np.where(far, 0.0, shares.max(axis=1))


def _find_neighbours(known: np.ndarray, X: np.ndarray, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and row numbers of the nearest `known` rows, the nearest first."""
    from sklearn.neighbors import NearestNeighbors

    found: tuple[np.ndarray, np.ndarray] = (
        NearestNeighbors(n_neighbors=min(count, len(known))).fit(known).kneighbors(X)
    )
    return found
