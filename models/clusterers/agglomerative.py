"""Agglomerative clustering: the two segments that are nearest merge, until few are left.

The merges are a tree, and one tree cut at several heights gives segments within segments: a few for the
board, a dozen for the campaign. Lance & Williams 1967, "A General Theory of Classificatory Sorting Strategies";
Müllner 2011, "Modern hierarchical, agglomerative clustering algorithms".
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from models.clusterers import OUTLIER, Clusterer
from models.clusterers.distances import (
    METRICS,
    Metric,
    allow_rounding,
    arrange_points,
    find_neighbours,
    limit_segments,
    name_metric,
    read_metric,
)
from models.clusterers.neighbours import NeighbourClusterer

Linkage = Literal["ward", "average", "complete"]
LEVELS = (3, 6, 12)
TREE_ROWS = 5000  # a tree needs the distances between all pairs: 100 MB of them


class AgglomerativeClusterer(NeighbourClusterer):
    """A tree of customers, cut where `segments` branches are left.

    Of more than 5,000 customers so many are drawn for the tree; the others go where the nearest of these is.

    Args:
        linkage: how far two segments are apart: `ward`, by how much wider the merged one would be; `average`,
            the mean over pairs of customers; `complete`, the farthest pair.
        metric: any for `average` and `complete`; `ward` needs straight lines, so not `manhattan`.

    Attributes:
        levels_: customers × 3, the label of each where the same tree is cut at 3, 6 and 12.
    """

    learnt = (*NeighbourClusterer.learnt, "levels_")
    levels_: np.ndarray

    def __init__(
        self, *, segments: int, linkage: Linkage = "average", metric: str = "euclidean", seed: int = 0
    ) -> None:
        if linkage not in get_args(Linkage):
            raise ValueError(f"linkage '{linkage}' is unknown; there are: {', '.join(get_args(Linkage))}")
        allowed: tuple[Metric, ...] = ("euclidean", "cosine") if linkage == "ward" else METRICS
        self.segments, self.linkage, self.seed = segments, linkage, seed
        self.metric = read_metric(metric, allowed=allowed)

    def fit(self, X: np.ndarray) -> AgglomerativeClusterer:
        """Grow the tree and cut it.

        Raises:
            ValueError: fewer customers than segments.
        """
        wanted = [limit_segments(X, self.segments), *(limit_segments(X, min(k, len(X))) for k in LEVELS)]
        points = arrange_points(X, self.metric)
        rows = self._draw_rows(len(points))
        tree = grow_tree(points[rows], linkage=self.linkage, metric=self.metric)
        cuts = np.column_stack([cut_tree(tree, k) for k in wanted])
        if len(rows) < len(points):
            cuts = cuts[find_neighbours(points[rows], points, count=1, metric=self.metric)[1][:, 0]]
        self.levels_ = cuts[:, 1:]
        self.remember(X, cuts[:, 0])
        return self

    def view_levels(self, X: np.ndarray) -> np.ndarray:
        """Rows × 3: where each customer belongs at 3, 6 and 12 segments, as the nearest known customer does.

        Every segment of a finer level lies within one of the coarser; −1 is far from everybody. Where there
        were fewer distinct customers than segments, a level has as many as there were.
        """
        newcomers = arrange_points(X, self.metric)
        distances, nearest = find_neighbours(self.points_, newcomers, count=1, metric=self.metric)
        far = distances > float(self.cutoff_) + allow_rounding(newcomers)
        return np.where(far, OUTLIER, self.levels_[nearest[:, 0]])

    def _draw_rows(self, count: int) -> np.ndarray:
        if count <= TREE_ROWS:
            return np.arange(count)
        return np.sort(np.random.default_rng(self.seed).choice(count, TREE_ROWS, replace=False))


def grow_tree(points: np.ndarray, *, linkage: Linkage, metric: Metric) -> np.ndarray:
    """The merges, nearest first, in SciPy's format: (points − 1) × (one node, other node, distance, size)."""
    from scipy.cluster.hierarchy import linkage as merge
    from scipy.spatial.distance import pdist

    tree: np.ndarray = merge(pdist(points, name_metric(metric)), linkage)
    return tree


def cut_tree(tree: np.ndarray, segments: int) -> np.ndarray:
    """A label 0 … segments − 1 for each point: the branches that are there before the last merges."""
    points = len(tree) + 1
    branch = np.arange(2 * points - segments)
    for merge in reversed(range(points - segments)):
        branch[tree[merge, :2].astype(np.int64)] = branch[points + merge]
    return np.unique(branch[:points], return_inverse=True)[1]


def _grid(segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"segments": k, "linkage": linkage, "metric": metric}
        for linkage in ("average", "complete")
        for metric in METRICS
        for k in segments
    )


CLUSTERER = Clusterer(
    "agglomerative",
    "a tree of segments by average or complete linkage, in three metrics",
    AgglomerativeClusterer,
    _grid,
)
