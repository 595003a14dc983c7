"""Self-organising map: customers on a small chart on which neighbours are alike, its regions the segments.

Kohonen 1982, "Self-organized formation of topologically correct feature maps"; the units of the trained chart
are then grouped as in Vesanto & Alhoniemi 2000, "Clustering of the Self-Organizing Map".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.clusterers import Clusterer, FittedClusterer
from models.clusterers.agglomerative import AgglomerativeClusterer
from models.clusterers.distances import (
    METRICS,
    arrange_points,
    find_neighbours,
    limit_segments,
    rank_distances,
    read_metric,
)

WIDEST = 12  # units along a side
STEPS = 20_000
STEPS_EACH = 20  # customers of a small shop are shown so often


class SelfOrganisingMapClusterer(FittedClusterer):
    """The region of the unit that is most like the customer.

    Attributes:
        units_: units × dimensions, what each unit has learnt; units that are nobody's nearest are left out.
        regions_: the label of each unit.
    """

    learnt = ("units_", "regions_")
    units_: np.ndarray
    regions_: np.ndarray

    def __init__(self, *, segments: int, metric: str = "euclidean", seed: int = 0) -> None:
        self.segments, self.seed = segments, seed
        self.metric = read_metric(metric)

    def fit(self, X: np.ndarray) -> SelfOrganisingMapClusterer:
        """Train the chart, then group its units: by Ward, or by average linkage where distance is Manhattan.

        Raises:
            ValueError: fewer customers than segments.
        """
        segments = limit_segments(X, self.segments)
        points = arrange_points(X, self.metric)
        units = self._train(points)
        taken = np.unique(find_neighbours(units, points, count=1, metric=self.metric)[1])
        self.units_ = units[taken]
        grouped = AgglomerativeClusterer(
            segments=min(segments, len(taken)),
            linkage="average" if self.metric == "manhattan" else "ward",
            metric="manhattan" if self.metric == "manhattan" else "euclidean",
        )
        self.regions_ = grouped.fit(self.units_).labels_ if len(taken) > 1 else np.zeros(1, dtype=np.int64)
        self.labels_ = self.predict(X)
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Region of the nearest unit; strength compares it with the nearest unit of any other region."""
        points = arrange_points(X, self.metric)
        nearest = [
            find_neighbours(self.units_[self.regions_ == region], points, count=1, metric=self.metric)[0]
            for region in range(int(self.regions_.max()) + 1)
        ]
        return rank_distances(np.hstack(nearest))

    def _train(self, points: np.ndarray) -> np.ndarray:
        from minisom import MiniSom

        side = choose_side(len(points))
        chart = MiniSom(
            side,
            side,
            points.shape[1],
            sigma=max(1.0, side / 2),
            activation_distance="manhattan" if self.metric == "manhattan" else "euclidean",
            random_seed=self.seed,
        )
        chart.random_weights_init(points)
        chart.train(points, min(STEPS, STEPS_EACH * len(points)), random_order=True)
        return np.asarray(chart.get_weights(), dtype=np.float64).reshape(side * side, -1)


def choose_side(customers: int) -> int:
    """Units along a side: a square of about 5 √customers units (Vesanto & Alhoniemi 2000), 2 to 12 a side."""
    return int(np.clip(round(np.sqrt(5 * np.sqrt(customers))), 2, WIDEST))


def _grid(segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"segments": k, "metric": metric} for metric in METRICS for k in segments)


CLUSTERER = Clusterer(
    "self_organising_map",
    "segments on a chart on which neighbours are alike",
    SelfOrganisingMapClusterer,
    _grid,
    title="Self-organising map",
)
