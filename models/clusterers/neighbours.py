"""Placing customers never seen, for algorithms that only label those they were fitted on."""

from __future__ import annotations

from copy import copy
from typing import ClassVar

import numpy as np

from models.clusterers import OUTLIER, FittedClusterer
from models.clusterers.distances import Metric, allow_rounding, arrange_points, find_neighbours

NEIGHBOURS = 7
CUTOFF_QUANTILE = 0.99


class NeighbourClusterer(FittedClusterer):
    """A customer belongs where most of the nearest known customers do, unless these are far away.

    The distance cut-off is the 99 % quantile of the distances between clustered customers and their
    neighbours; beyond it a customer is an outlier. A subclass's `fit` ends with `self.remember(X, labels)`.

    Attributes:
        metric: what "near" means; a subclass that offers others sets it.
    """

    learnt: ClassVar[tuple[str, ...]] = ("points_", "labels_", "cutoff_")
    points_: np.ndarray
    cutoff_: np.ndarray
    metric: Metric = "euclidean"

    def remember(self, X: np.ndarray, labels: np.ndarray) -> NeighbourClusterer:
        """Keep the customers and their labels, and how near neighbours usually are."""
        self.points_, self.labels_ = arrange_points(X, self.metric), np.asarray(labels, dtype=np.int64)
        clustered = self.labels_ != OUTLIER
        inner = self.points_[clustered] if clustered.any() else self.points_
        distances, _nearest = find_neighbours(inner, inner, count=NEIGHBOURS + 1, metric=self.metric)
        self.cutoff_ = np.array(np.quantile(distances[:, -1], CUTOFF_QUANTILE))
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Votes of the nearest known customers; strength is the winner's share of them."""
        newcomers = arrange_points(X, self.metric)
        distances, nearest = find_neighbours(self.points_, newcomers, count=NEIGHBOURS, metric=self.metric)
        classes, codes = np.unique(self.labels_, return_inverse=True)
        # A customer who was there in the beginning keeps the label of then.
        rounding = allow_rounding(newcomers)
        weights = np.where(distances <= rounding, len(self.points_), 1.0)
        ballots = np.arange(len(X))[:, None] * len(classes) + codes[nearest]
        votes = np.bincount(ballots.ravel(), weights.ravel(), minlength=len(X) * len(classes))
        shares = votes.reshape(len(X), -1) / weights.sum(axis=1, keepdims=True)
        labels = classes[shares.argmax(axis=1)]
        far = distances[:, 0] > float(self.cutoff_) + rounding[:, 0]
        return np.where(far, OUTLIER, labels), np.where(far, 0.0, shares.max(axis=1))


def measure_agreement(fitted: NeighbourClusterer, *, share: float = 0.2, seed: int) -> float:
    """How often customers held out are placed where the algorithm itself had put them, 0–1.

    A share of the customers it was fitted on is taken out, and each is placed by those that stay. NaN where
    there are too few to leave any out.
    """
    count = len(fitted.points_)
    held = np.random.default_rng(seed).permutation(count) < int(share * count)
    if not held.any() or held.all():
        return float("nan")
    rest = copy(fitted).remember(fitted.points_[~held], fitted.labels_[~held])
    return float(np.mean(rest.predict(fitted.points_[held]) == fitted.labels_[held]))
