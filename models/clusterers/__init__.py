"""Clustering algorithms behind one interface, one a file: each exports a `CLUSTERER`.

An algorithm is an estimator in scikit-learn's manner whose `fit` leaves `labels_`; −1 is an outlier. Those
that cannot place a customer they have not seen inherit `neighbours.NeighbourClusterer`, which can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar

import numpy as np

Arrays = dict[str, np.ndarray]
OUTLIER = -1


class FittedClusterer(ABC):
    """What every algorithm can do: fit, place new customers, and give its state as arrays.

    Attributes:
        labels_: after `fit`, a label a row; −1 is an outlier.
        learnt: names of the array attributes (each ends in `_`) that `place` needs.
    """

    labels_: np.ndarray
    learnt: ClassVar[tuple[str, ...]]

    @abstractmethod
    def fit(self, X: np.ndarray) -> FittedClusterer:
        """Find the clusters of the rows of X."""

    def resume(self, X: np.ndarray, labels: np.ndarray) -> FittedClusterer:  # noqa: ARG002 - for those that can
        """Find them, beginning with the clusters an earlier model saw (−1: in none), where the algorithm can.

        What cannot begin somewhere, or is to find another number of clusters, begins anew.
        """
        return self.fit(X)

    @abstractmethod
    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Label and strength of membership (0–1) of each row, seen before or not."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The label of each row, seen before or not."""
        return self.place(X)[0]

    def strength(self, X: np.ndarray) -> np.ndarray:
        """How firmly each row belongs to its cluster, 0–1."""
        return self.place(X)[1]

    def get_state(self) -> Arrays:
        """The arrays that `place` needs."""
        return {name: np.asarray(getattr(self, name)) for name in self.learnt}

    def set_state(self, state: Mapping[str, np.ndarray]) -> FittedClusterer:
        """Become the estimator that gave this state."""
        for name in self.learnt:
            setattr(self, name, state[name])
        return self


@dataclass(frozen=True, slots=True)
class Clusterer:
    """An algorithm in the catalogue.

    Attributes:
        name: as in `[training] algorithms`.
        meaning: what it is good at, for people.
        build: an unfitted estimator from its parameters; `seed` is one of them.
        grid: the parameters to try, given the range of segments wanted and the number of customers.
        flat: whether it needs a space of few dimensions (density means little in many).
        title: its name as people write it; left out, `name` in words.
    """

    name: str
    meaning: str
    build: Callable[..., FittedClusterer]
    grid: Callable[[range, int], tuple[dict[str, Any], ...]]
    flat: bool = False
    title: str = ""


def load_clusterers() -> dict[str, Clusterer]:
    """Every algorithm in this folder, by name."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    found: list[Clusterer] = [module.CLUSTERER for module in modules if hasattr(module, "CLUSTERER")]
    return {clusterer.name: clusterer for clusterer in found}


def title_algorithms() -> dict[str, str]:
    """Every algorithm's name as people write it, by its name in `[training] algorithms`."""
    found = load_clusterers()
    return {name: one.title or name.replace("_", " ").capitalize() for name, one in found.items()}
