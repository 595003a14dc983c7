"""HDBSCAN: segments of any shape where customers lie densely, the rest set apart as outliers.

Campello, Moulavi & Sander 2013, "Density-Based Clustering Based on Hierarchical Density Estimates".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.clusterers import OUTLIER, Arrays, Clusterer
from models.clusterers.distances import (
    allow_rounding,
    arrange_points,
    find_neighbours,
    name_metric,
    read_metric,
)
from models.clusterers.neighbours import NEIGHBOURS, NeighbourClusterer

SHARES = (0.02, 0.04)
MIN_SAMPLES = 10


class HdbscanClusterer(NeighbourClusterer):
    """Dense regions of at least `share` of the customers.

    A newcomer goes where the known customer nearest by mutual reachability is (the largest of their distance and of
    how far either is from their `min_samples` nearest), as `hdbscan.approximate_predict` does; in no region is who
    lies farther from it than all that belong to it lie from each other. Strength is the share of the seven nearest.

    Attributes:
        core_: how far each known customer is from their `min_samples`-th nearest.
        reach_: the largest of these in each region.
    """

    learnt = (*NeighbourClusterer.learnt, "core_", "reach_")
    core_: np.ndarray
    reach_: np.ndarray

    def __init__(self, *, share: float, min_samples: int, metric: str = "euclidean", seed: int = 0) -> None:
        self.share, self.min_samples, self.seed = share, min_samples, seed
        self.metric = read_metric(metric)

    def fit(self, X: np.ndarray) -> HdbscanClusterer:
        """Clusters by excess of mass; the algorithm is deterministic, the seed has no part in it.

        Customers who are all the same are one segment; a handful of different ones are outliers.
        """
        from hdbscan import HDBSCAN

        if (X[:1] == X).all():
            self.remember(X, np.zeros(len(X)))
            return self
        size = max(5, int(self.share * len(X)))
        found = HDBSCAN(
            min_cluster_size=size,
            min_samples=min(self.min_samples, size),
            metric=name_metric(self.metric),
            core_dist_n_jobs=1,
        ).fit(arrange_points(X, self.metric))
        self.remember(X, found.labels_)
        return self

    def remember(self, X: np.ndarray, labels: np.ndarray) -> HdbscanClusterer:
        """Keep the customers and their labels, and how densely each region lies."""
        super().remember(X, labels)
        distances, _nearest = self._find_nearest(self.points_, self.min_samples + 1)
        self.core_ = distances[:, -1]
        inside = self.labels_ != OUTLIER
        self.reach_ = np.zeros(int(self.labels_.max(initial=-1)) + 1)
        np.maximum.at(self.reach_, self.labels_[inside], self.core_[inside])
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the nearest known customer is, unless that is too far; with the share of the nearest who agree."""
        if not hasattr(self, "core_"):
            return super().place(X)
        newcomers = arrange_points(X, self.metric)
        distances, nearest = self._find_nearest(newcomers, max(2 * self.min_samples, NEIGHBOURS))
        own = distances[:, : self.min_samples][:, -1:]
        reachability = np.maximum(np.maximum(self.core_[nearest], own), distances)
        # A customer who was there in the beginning keeps the label of then.
        known = distances[:, 0] <= allow_rounding(newcomers)[:, 0]
        chosen = np.where(known, 0, reachability.argmin(axis=1))[:, None]
        labels = self.labels_[np.take_along_axis(nearest, chosen, axis=1)[:, 0]]
        away = np.take_along_axis(reachability, chosen, axis=1)[:, 0]
        limits = np.append(self.reach_, np.inf)[
            labels
        ]  # the last is that of outliers, who stay what they are
        outside = (labels == OUTLIER) | (~known & (away > limits))
        agreeing = (self.labels_[nearest[:, :NEIGHBOURS]] == labels[:, None]).mean(axis=1)
        strength = np.where(known, 1.0, agreeing)
        return np.where(outside, OUTLIER, labels), np.where(outside, 0.0, strength)

    def get_state(self) -> Arrays:
        """The arrays that `place` needs, as many as there are."""
        return {name: np.asarray(getattr(self, name)) for name in self.learnt if hasattr(self, name)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> HdbscanClusterer:
        """Become the estimator that gave this state; one from before `core_` was kept goes on placing by votes."""
        for name in self.learnt:
            if name in state:
                setattr(self, name, state[name])
        return self

    def _find_nearest(self, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        return find_neighbours(self.points_, points, count=count, metric=self.metric)


def _grid(_segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"share": share, "min_samples": MIN_SAMPLES} for share in SHARES)


CLUSTERER = Clusterer(
    "hdbscan",
    "dense segments of any shape, outliers apart",
    HdbscanClusterer,
    _grid,
    flat=True,
    title="HDBSCAN",
)
