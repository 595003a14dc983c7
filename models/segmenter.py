"""The fitted whole: preparation, clusterer, segment ids and names, and its state as plain, versioned data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from models.clusterers import OUTLIER, FittedClusterer, load_clusterers
from models.draws import draw_customers
from models.outliers import DORMANT_SEGMENT, OUTLIER_SEGMENT, SPLIT_NAMES, OutlierSplit, learn_split
from models.preparation import Past, Preparation
from models.reasons import REASONS, Centres, find_centres, rank_reasons
from models.recipes import Recipe

FORMAT = 2
READABLE = (1, 2)  # 1 knew no rules, no centres (so no reasons) and no split of the outliers
REASON_COLUMNS = tuple(f"reason_{place + 1}" for place in range(REASONS))
FITTING_ROWS = 20_000


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
        ids: the segment id, from 1, of each of the clusterer's labels; outliers (−1) are segment 0.
        centres: the segments' centres, which reasons are found by.
        split: which outliers are segment 0, the valuable ones, and which −1, dormant; without it all are 0.
        names, rules: of the segments, by id, as far as they have any.
    """

    recipe: Recipe
    preparation: Preparation
    clusterer: FittedClusterer
    ids: Mapping[int, int]
    centres: Centres
    split: OutlierSplit | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    rules: Mapping[int, str] = field(default_factory=dict)

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors it looks at, in order; a frame to be assigned must have these."""
        asked = self.split.bounds if self.split else {}
        return tuple(dict.fromkeys((*self.preparation.columns, *asked)))

    @property
    def example(self) -> pd.DataFrame:
        """A customer nobody is: the median of every factor, as a row to try the model with."""
        medians = dict(zip(self.preparation.columns, self.preparation.medians, strict=True))
        bounds = self.split.bounds if self.split else {}
        return pd.DataFrame([bounds | medians])[list(self.factors)]

    def assign(self, factors: pd.DataFrame) -> pd.DataFrame:
        """Segments of customers, seen before or not.

        Args:
            factors: one row a customer_id; columns the model does not know are left alone.

        Returns:
            segment_id (int), strength (0–1) and is_outlier by customer_id, in the order given.

        Raises:
            ValueError: a factor the model needs is missing; it is named.
        """
        _weighted, labels, strength = self._place(factors)
        return self._describe(labels, strength, factors)

    def explain(self, factors: pd.DataFrame) -> pd.DataFrame:
        """Segments of customers with their names, and what placed each customer there.

        Costs about as much again as `assign`.

        Args:
            factors: as for `assign`.

        Returns:
            segment_id, segment_name (missing where the segment has none), strength, is_outlier, and reason_1 to
            reason_3: the factors that did most to place the customer in this segment rather than in the next
            (`models/reasons.py`), missing where fewer did.

        Raises:
            ValueError: a factor the model needs is missing; it is named.
        """
        weighted, labels, strength = self._place(factors)
        placed = self._describe(labels, strength, factors)
        named, codes = np.unique(placed["segment_id"], return_inverse=True)
        names = [self.names.get(int(one)) for one in named]
        placed.insert(1, "segment_name", _write_out(names, codes, factors.index))
        ranked = rank_reasons(weighted, labels, self.centres, axes=self.preparation.axes)
        for column, codes in zip(REASON_COLUMNS, ranked.T, strict=True):
            placed[column] = _write_out(self.preparation.columns, codes, factors.index)
        return placed

    def _place(self, factors: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted factors, label and strength of each customer."""
        weighted = self.preparation.weigh(factors)
        if not len(weighted):
            return weighted, np.empty(0, int), np.empty(0)
        labels, strength = self.clusterer.place(self.preparation.project(weighted))
        apart = self.preparation.find_apart(factors)
        return weighted, np.where(apart, OUTLIER, labels), np.where(apart, 0.0, strength)

    def _describe(self, labels: np.ndarray, strength: np.ndarray, factors: pd.DataFrame) -> pd.DataFrame:
        found, codes = np.unique(labels, return_inverse=True)
        segments = np.array([self.ids[int(label)] for label in found], dtype=np.int64)[codes]
        outside = labels == OUTLIER
        if self.split is not None:
            segments[outside & ~self.split.find_valuable(factors)] = DORMANT_SEGMENT
        placed = {"segment_id": segments, "strength": np.clip(strength, 0.0, 1.0), "is_outlier": outside}
        return pd.DataFrame(placed, index=factors.index)

    def relabel(self, mapping: Mapping[int, int]) -> Segmenter:
        """The same segments under other ids (now → then); outliers stay what they are.

        Raises:
            ValueError: two segments would get the same id, or one the outliers'.
        """
        ids = {label: mapping.get(segment, segment) if label != OUTLIER else OUTLIER_SEGMENT
               for label, segment in self.ids.items()}  # fmt: skip
        if len(set(ids.values())) != len(ids):
            raise ValueError(f"two segments would get the same id: {sorted(ids.values())}")
        if DORMANT_SEGMENT in ids.values():
            raise ValueError(f"segment id {DORMANT_SEGMENT} is kept for outliers")
        names, rules = (
            {mapping.get(segment, segment): words for segment, words in known.items()}
            for known in (self.names, self.rules)
        )
        return replace(self, ids=ids, names=names, rules=rules)

    def rename(self, names: Mapping[int, str], *, rules: Mapping[int, str] | None = None) -> Segmenter:
        """The same segments with these names, and these rules if there are any.

        What became of outliers stays in their names: they would otherwise inherit those of a model without a split.
        """
        kept = SPLIT_NAMES if self.split else {}
        return replace(self, names={**names, **kept}, rules=dict(self.rules if rules is None else rules))

    def to_state(self) -> SegmenterState:
        """Everything that placing customers needs, as plain data."""
        prepared, arrays = self.preparation.get_state()
        meta = {
            "format": FORMAT,
            "recipe": self.recipe.to_dict(),
            "preparation": prepared,
            "ids": {str(label): segment for label, segment in self.ids.items()},
            "names": {str(segment): name for segment, name in self.names.items()},
            "rules": {str(segment): rule for segment, rule in self.rules.items()},
            "split": self.split.to_dict() if self.split else None,
        }
        stored = {f"preparation.{name}": np.asarray(array) for name, array in arrays.items()}
        stored |= {
            f"clusterer.{name}": np.asarray(array) for name, array in self.clusterer.get_state().items()
        }
        stored |= {"centres.labels": self.centres.labels, "centres.places": self.centres.places}
        return SegmenterState(meta, stored)

    @classmethod
    def from_state(cls, state: SegmenterState) -> Segmenter:
        """The segmenter that gave this state; it places customers exactly as that one did.

        Raises:
            ValueError: a format or an algorithm this version does not know.
        """
        if state.meta.get("format") not in READABLE:
            raise ValueError(
                f"the model has format {state.meta.get('format')!r}, this version reads "
                f"{' and '.join(map(str, READABLE))}; "
                "use the version of Segmentwerk that trained it, or train anew"
            )
        recipe = Recipe.from_dict(state.meta["recipe"])
        clusterer = build_clusterer(recipe, seed=0).set_state(_part(state.arrays, "clusterer."))
        preparation = Preparation.from_state(state.meta["preparation"], _part(state.arrays, "preparation."))
        split = state.meta.get("split")
        return cls(
            recipe=recipe,
            preparation=preparation,
            clusterer=clusterer,
            ids={int(label): segment for label, segment in state.meta["ids"].items()},
            centres=_read_centres(state, factors=len(preparation.columns)),
            split=OutlierSplit(**split) if split else None,
            names={int(segment): name for segment, name in state.meta["names"].items()},
            rules={int(segment): rule for segment, rule in state.meta.get("rules", {}).items()},
        )


def fit_segmenter(
    factors: pd.DataFrame,
    *,
    recipe: Recipe,
    seed: int,
    names: Mapping[int, str] | None = None,
    past: Past | None = None,
    earlier: pd.Series | None = None,
) -> Segmenter:
    """Fit a recipe. Segments are numbered 1, 2, … from the largest; outliers are segments 0 and −1.

    The same factors, recipe and seed give the same segmenter: it is fitted in one thread, for the order in
    which threads add up shows in the last bits. Of more than 20,000 customers, so many are drawn at random.

    Args:
        factors: one row a customer_id, float64.
        names: names of the segments, if they have any.
        past: earlier customers and their outcomes, for a recipe whose projection is learnt from them.
        earlier: the segments an earlier model has these customers in; an algorithm that can begins with them
            (a warm start), so that what has not changed stays as it is.

    Raises:
        NoVariation: all customers look the same.
        NoOutcomes: the recipe learns from earlier outcomes, and there are none.
        ValueError: the algorithm is not in the catalogue.
    """
    sample = draw_customers(factors, FITTING_ROWS, seed=seed)
    with threadpool_limits(1):
        preparation = Preparation(recipe.preparation, seed=seed).fit(sample, past)
        inside = sample[~preparation.find_apart(sample)]
        weighted = preparation.weigh(inside)
        points, clusterer = preparation.project(weighted), build_clusterer(recipe, seed=seed)
        if earlier is None:
            clusterer.fit(points)
        else:
            clusterer.resume(points, _number_groups(earlier, inside.index))
    labels, counts = np.unique(clusterer.labels_[clusterer.labels_ != OUTLIER], return_counts=True)
    by_size = labels[np.lexsort((labels, -counts))]
    ids = {int(label): number for number, label in enumerate(by_size, start=1)}
    fitted = Segmenter(
        recipe=recipe,
        preparation=preparation,
        clusterer=clusterer,
        ids=ids | {OUTLIER: OUTLIER_SEGMENT},
        centres=find_centres(weighted, clusterer.labels_),
        split=learn_split(sample),
    )
    return fitted.rename(names or {})


def _number_groups(earlier: pd.Series, customers: pd.Index) -> np.ndarray:
    known = earlier.reindex(customers)
    return known.where(known > OUTLIER_SEGMENT).fillna(OUTLIER).to_numpy(int)


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


def _read_centres(state: SegmenterState, *, factors: int) -> Centres:
    if state.meta["format"] == 1:
        return Centres(np.empty(0, dtype=np.int64), np.empty((0, factors)))
    return Centres(state.arrays["centres.labels"], state.arrays["centres.places"])


def _write_out(words: Sequence[str | None], codes: np.ndarray, index: pd.Index) -> pd.Series:
    """The word of each code, missing where the code is −1: 1,000,000 of them without as many Python strings."""
    return pd.Series(pd.array(list(words), dtype="str").take(codes, allow_fill=True), index)
