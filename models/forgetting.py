"""A fitted segmenter without some of the customers it was fitted on, everybody else where they were.

What holds single customers differs by algorithm. Those that place newcomers beside known customers keep these: the
points go. A centre, a mean or a unit is nobody's unless it lies exactly where one customer does, who was a segment of
their own: it goes where nobody is, so that the segment is empty. A bound or a median of the preparation is nobody's
either unless it is exactly one person's value: that of the nearest other customer takes its place.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from models.clusterers import Arrays
from models.clusterers.distances import Metric, allow_rounding, arrange_points, find_neighbours
from models.outliers import OutlierSplit
from models.segmenter import Segmenter, SegmenterState

_BY_CUSTOMER = ("clusterer.points_", "clusterer.labels_", "clusterer.core_", "clusterer.levels_")
_PLACES = ("clusterer.centres_", "clusterer.means_", "clusterer.units_")
_BOUNDS = ("preparation.low", "preparation.high", "preparation.fill")
_AWAY = 10.0  # times as far from the middle as the farthest customer


def forget_customers(segmenter: Segmenter, *, theirs: pd.DataFrame, others: pd.DataFrame) -> SegmenterState:
    """The segmenter's state without what is single customers' own.

    Customers the algorithm has as known points keep their segments, for who lies on a known point is placed by it.
    Of those it never saw, whoever had one of the forgotten among their nearest may be placed otherwise. The other
    algorithms place everybody as before, unless a bound had to move: then those beyond it are drawn in a little more.

    Args:
        theirs: the factors, as it was fitted on them, of those to be forgotten; they need not be among the points.
        others: of everybody else it was fitted on.
    """
    state = segmenter.to_state()
    arrays = dict(state.arrays)
    metric: Metric = getattr(segmenter.clusterer, "metric", "euclidean")
    points = arrange_points(segmenter.preparation.transform(theirs), metric)
    if _BY_CUSTOMER[0] in arrays:
        kept = ~_find_theirs(arrays[_BY_CUSTOMER[0]], points, metric=metric)
        arrays |= {name: arrays[name][kept] for name in _BY_CUSTOMER if name in arrays}
    around = arrange_points(segmenter.preparation.transform(others), metric)
    for name in _PLACES:
        if name in arrays:
            arrays[name] = _empty_places(arrays[name], points, around, metric=metric)
    weighted, crowd = segmenter.preparation.weigh(theirs), segmenter.preparation.weigh(others)
    arrays["centres.places"] = _empty_places(arrays["centres.places"], weighted, crowd, metric="euclidean")
    arrays |= _move_bounds(segmenter, arrays, theirs=theirs, others=others)
    split = segmenter.split and _move_split(segmenter.split, theirs=theirs, others=others)
    return replace(state, arrays=arrays, meta=state.meta | {"split": split and split.to_dict()})


def _find_theirs(known: np.ndarray, points: np.ndarray, *, metric: Metric) -> np.ndarray:
    """Which of the known points are these customers': each has one, of several in the same place any."""
    found = np.zeros(len(known), dtype=bool)
    for point in points:
        away = (
            np.abs(known - point).sum(axis=1)
            if metric == "manhattan"
            else np.linalg.norm(known - point, axis=1)
        )
        away[found] = np.inf
        nearest = int(away.argmin())
        if away[nearest] <= allow_rounding(point[None])[0, 0] and not found.all():
            found[nearest] = True
    return found


def _empty_places(
    places: np.ndarray, points: np.ndarray, others: np.ndarray, *, metric: Metric
) -> np.ndarray:
    """The places with those exactly where one of the points is put far from everybody."""
    if not len(places) or not len(points) or not len(others):
        return places
    distances, _nearest = find_neighbours(points, places, count=1, metric=metric)
    taken = distances.reshape(len(places)) <= allow_rounding(places)[:, 0]
    # Where somebody else is, too, it is not theirs alone.
    near, _nearest = find_neighbours(others, places, count=1, metric=metric)
    alone = taken & (near.reshape(len(places)) > allow_rounding(places)[:, 0])
    middle = others.mean(axis=0)
    reach = max(float(np.abs(others - middle).max()), 1.0)
    away = middle + _AWAY * reach * np.eye(1, others.shape[1])[0]
    return np.where(alone[:, None], away, places)


def _move_bounds(
    segmenter: Segmenter, arrays: Arrays, *, theirs: pd.DataFrame, others: pd.DataFrame
) -> Arrays:
    """The preparation's bounds and medians, those that are one person's value moved to the nearest other's."""
    values, crowd = (segmenter.preparation.list_values(rows) for rows in (theirs, others))
    return {
        name: _replace_values(arrays[name], values, crowd)
        for name in _BOUNDS
        if name in arrays and len(crowd)
    }


def _replace_values(bounds: np.ndarray, values: np.ndarray, others: np.ndarray) -> np.ndarray:
    held = (values == bounds).any(axis=0) & ~(others == bounds).any(axis=0)
    gaps = np.where(np.isnan(others), np.inf, np.abs(others - bounds))
    nearest = np.take_along_axis(others, gaps.argmin(axis=0)[None], axis=0)[0]
    return np.where(held & np.isfinite(nearest), nearest, bounds)


def _move_split(split: OutlierSplit, *, theirs: pd.DataFrame, others: pd.DataFrame) -> OutlierSplit:
    return replace(
        split,
        value_least=_move_bound(split.value_least, split.value, theirs, others),
        days_most=_move_bound(split.days_most, split.recency, theirs, others),
    )


def _move_bound(
    bound: float | None, factor: str | None, theirs: pd.DataFrame, others: pd.DataFrame
) -> float | None:
    if bound is None or factor not in theirs.columns or not len(others):
        return bound
    values, crowd = (frame[[factor]].to_numpy(np.float64) for frame in (theirs, others))
    return float(_replace_values(np.array([bound]), values, crowd)[0])
