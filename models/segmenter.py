"""The fitted whole: preparation, clusterer, segment ids and names, and its state as plain, versioned data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from models.clusterers import OUTLIER, FittedClusterer, load_clusterers
from models.preparation import Preparation, PreparationOptions

FORMAT = 1
OUTLIER_SEGMENT = 0
FITTING_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to fit: an algorithm with its parameters, on factors prepared in a certain way."""

    algorithm: str
    parameters: Mapping[str, Any]
    preparation: PreparationOptions = field(default_factory=PreparationOptions)

    def to_dict(self) -> dict[str, Any]:
        return {
            "algorithm": self.algorithm,
            "parameters": dict(self.parameters),
            "preparation": self.preparation.to_dict(),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Recipe:
        return cls(given["algorithm"], dict(given["parameters"]), PreparationOptions(**given["preparation"]))


@dataclass(frozen=True, slots=True)
class SegmenterState:
    """A segmenter as data: `meta` ready for JSON, with its format, and named arrays."""

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Segmenter:
    """Places customers in segments.

    Attributes:
        recipe: what it was fitted by.
        ids: the segment id of each of the clusterer's labels; outliers (−1) are segment 0.
        names: names of the segments, as far as they have any.
    """

    recipe: Recipe
    preparation: Preparation
    clusterer: FittedClusterer
    ids: Mapping[int, int]
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors it looks at, in order; a frame to be assigned must have these."""
        return self.preparation.columns

    def assign(self, factors: pd.DataFrame) -> pd.DataFrame:
        """Segments of customers, seen before or not.

        Args:
            factors: one row a customer_id; columns the model does not know are left alone.

        Returns:
            segment_id (int), strength (0–1) and is_outlier by customer_id, in the order given.

        Raises:
            ValueError: a factor the model needs is missing; it is named.
        """
        points = self.preparation.transform(factors)
        labels, strength = self.clusterer.place(points) if len(points) else (np.empty(0, int), np.empty(0))
        found, codes = np.unique(labels, return_inverse=True)
        segments = np.array([self.ids[int(label)] for label in found], dtype=np.int64)
        return pd.DataFrame(
            {
                "segment_id": segments[codes],
                "strength": np.clip(strength, 0.0, 1.0),
                "is_outlier": labels == OUTLIER,
            },
            index=factors.index,
        )

    def relabel(self, mapping: Mapping[int, int]) -> Segmenter:
        """The same segments under other ids (now → then); outliers stay segment 0."""
        ids = {label: mapping.get(segment, segment) if label != OUTLIER else OUTLIER_SEGMENT
               for label, segment in self.ids.items()}  # fmt: skip
        if len(set(ids.values())) != len(ids):
            raise ValueError(f"two segments would get the same id: {sorted(ids.values())}")
        names = {mapping.get(segment, segment): name for segment, name in self.names.items()}
        return replace(self, ids=ids, names=names)

    def rename(self, names: Mapping[int, str]) -> Segmenter:
        """The same segments with these names."""
        return replace(self, names=dict(names))

    def to_state(self) -> SegmenterState:
        """Everything that placing customers needs, as plain data."""
        prepared, arrays = self.preparation.get_state()
        meta = {
            "format": FORMAT,
            "recipe": self.recipe.to_dict(),
            "preparation": prepared,
            "ids": {str(label): segment for label, segment in self.ids.items()},
            "names": {str(segment): name for segment, name in self.names.items()},
        }
        stored = {f"preparation.{name}": np.asarray(array) for name, array in arrays.items()}
        stored |= {
            f"clusterer.{name}": np.asarray(array) for name, array in self.clusterer.get_state().items()
        }
        return SegmenterState(meta, stored)

    @classmethod
    def from_state(cls, state: SegmenterState) -> Segmenter:
        """The segmenter that gave this state; it places customers exactly as that one did.

        Raises:
            ValueError: a format or an algorithm this version does not know.
        """
        if state.meta.get("format") != FORMAT:
            raise ValueError(
                f"the model has format {state.meta.get('format')!r}, this version reads {FORMAT}; "
                "use the version of Segmentwerk that trained it, or train anew"
            )
        recipe = Recipe.from_dict(state.meta["recipe"])
        clusterer = build_clusterer(recipe, seed=0).set_state(_part(state.arrays, "clusterer."))
        return cls(
            recipe=recipe,
            preparation=Preparation.from_state(
                state.meta["preparation"], _part(state.arrays, "preparation.")
            ),
            clusterer=clusterer,
            ids={int(label): segment for label, segment in state.meta["ids"].items()},
            names={int(segment): name for segment, name in state.meta["names"].items()},
        )


def fit_segmenter(
    factors: pd.DataFrame, *, recipe: Recipe, seed: int, names: Mapping[int, str] | None = None
) -> Segmenter:
    """Fit a recipe. Segments are numbered 1, 2, … from the largest; outliers are segment 0.

    The same factors, recipe and seed give the same segmenter: it is fitted in one thread, for the order in
    which threads add up shows in the last bits. Of more than 20,000 customers, so many are drawn at random.

    Args:
        factors: one row a customer_id, float64.
        names: names of the segments, if they have any.

    Raises:
        NoVariation: all customers look the same.
        ValueError: the algorithm is not in the catalogue.
    """
    sample = draw_customers(factors, FITTING_ROWS, seed=seed)
    with threadpool_limits(1):
        preparation = Preparation(recipe.preparation, seed=seed).fit(sample)
        clusterer = build_clusterer(recipe, seed=seed).fit(preparation.transform(sample))
    labels, counts = np.unique(clusterer.labels_[clusterer.labels_ != OUTLIER], return_counts=True)
    by_size = labels[np.lexsort((labels, -counts))]
    ids = {int(label): number for number, label in enumerate(by_size, start=1)}
    return Segmenter(recipe, preparation, clusterer, ids | {OUTLIER: OUTLIER_SEGMENT}, dict(names or {}))


def draw_customers(factors: pd.DataFrame, most: int, *, seed: int) -> pd.DataFrame:
    """All customers, or `most` of them drawn at random, in the order given."""
    if len(factors) <= most:
        return factors
    chosen = np.random.default_rng(seed).choice(len(factors), most, replace=False)
    return factors.iloc[np.sort(chosen)]


def build_clusterer(recipe: Recipe, *, seed: int) -> FittedClusterer:
    """The recipe's algorithm, not yet fitted.

    Raises:
        ValueError: the algorithm is not in the catalogue.
    """
    catalogue = load_clusterers()
    if recipe.algorithm not in catalogue:
        raise ValueError(f"algorithm '{recipe.algorithm}' is not known; there are: {', '.join(catalogue)}")
    return catalogue[recipe.algorithm].build(**recipe.parameters, seed=seed)


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
