"""HDBSCAN: segments of any shape where customers lie densely, the rest set apart as outliers.

Campello, Moulavi & Sander 2013, "Density-Based Clustering Based on Hierarchical Density Estimates".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.clusterers import Clusterer
from models.clusterers.distances import arrange_points, name_metric, read_metric
from models.clusterers.neighbours import NeighbourClusterer

SHARES = (0.02, 0.04)
MIN_SAMPLES = 10


class HdbscanClusterer(NeighbourClusterer):
    """Dense regions of at least `share` of the customers."""

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
