"""DBSCAN: segments of any shape at one density, everything thinner set apart as outliers.

Ester, Kriegel, Sander & Xu 1996, "A Density-Based Algorithm for Discovering Clusters in Large Spatial
Databases with Noise"; the radius is read from the distances to the k-th neighbour, as they suggest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.clusterers import OUTLIER, Clusterer
from models.clusterers.distances import (
    METRICS,
    ROUNDING,
    Metric,
    arrange_points,
    find_neighbours,
    name_metric,
    read_metric,
)
from models.clusterers.neighbours import NeighbourClusterer

REACHES = (0.6, 0.8, 0.9, 0.95)
MIN_SAMPLES = 10
SPECK = 0.01


class DbscanClusterer(NeighbourClusterer):
    """Customers who reach each other over dense ground.

    Args:
        reach: share of the customers whose own surroundings count as dense; it sets the radius.
        min_samples: customers within the radius that make a place dense.
        share: a dense speck of fewer than this share of the customers is no segment but outliers.
    """

    def __init__(
        self,
        *,
        reach: float,
        min_samples: int = MIN_SAMPLES,
        share: float = SPECK,
        metric: str = "euclidean",
        seed: int = 0,
    ) -> None:
        self.reach, self.min_samples, self.share, self.seed = reach, min_samples, share, seed
        self.metric = read_metric(metric)

    def fit(self, X: np.ndarray) -> DbscanClusterer:
        """Dense regions; the algorithm is deterministic, the seed has no part in it.

        Customers who are all the same are one segment.
        """
        from sklearn.cluster import DBSCAN

        # Customers in one place are one point with a weight: thousands of them would all be each other's
        # neighbours, and the list of these outgrows memory.
        points, place, weights = np.unique(
            arrange_points(X, self.metric), axis=0, return_inverse=True, return_counts=True
        )
        if len(points) < 2:
            self.remember(X, np.zeros(len(X)))
            return self
        radius = choose_radius(
            points, weights, reach=self.reach, min_samples=self.min_samples, metric=self.metric
        )
        search = DBSCAN(
            eps=max(radius, ROUNDING), min_samples=self.min_samples, metric=name_metric(self.metric)
        )
        labels = search.fit(points, sample_weight=weights).labels_[place.ravel()]
        self.remember(X, _drop_specks(labels, least=self.share * len(X)))
        return self


def choose_radius(
    points: np.ndarray, weights: np.ndarray, *, reach: float, min_samples: int, metric: Metric
) -> float:
    """The radius within which a share `reach` of the places have `min_samples` customers.

    Args:
        points: distinct places, arranged; `weights` the customers in each.
    """
    distances, nearest = find_neighbours(points, points, count=min_samples, metric=metric)
    enough = np.cumsum(weights[nearest], axis=1) >= min_samples
    last = np.where(enough.any(axis=1), enough.argmax(axis=1), distances.shape[1] - 1)
    return float(np.quantile(np.take_along_axis(distances, last[:, None], axis=1), reach))


def _drop_specks(labels: np.ndarray, *, least: float) -> np.ndarray:
    found, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return np.where(sizes[codes] < least, OUTLIER, found[codes])


def _grid(_segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"reach": reach, "metric": metric} for reach in REACHES for metric in METRICS)


CLUSTERER = Clusterer(
    "dbscan",
    "segments of any shape at one density, outliers apart",
    DbscanClusterer,
    _grid,
    flat=True,
    title="DBSCAN",
)
