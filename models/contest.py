"""Champion against challenger: which foretells better what customers did whom neither has learnt from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from models.draws import find_held_out
from models.preparation import Past
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter
from models.separation import (
    Label,
    SeparationGain,
    Yardstick,
    build_yardstick,
    compare_separation,
    measure_separation,
    split_customers,
)

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Contender:
    """One side of a contest.

    Attributes:
        recipe, seed: what it was fitted by; it is refitted as of the day the customers' factors are of.
        frozen: the model itself, where it was fitted by that day already and so need not be refitted.
    """

    recipe: Recipe
    seed: int
    frozen: Segmenter | None = None


class NoContest(ValueError):  # noqa: N818 - reads as what it is
    """Two models cannot be compared by what customers did; the message says why."""


def contest_separation(
    challenger: Contender, champion: Contender, past: Past, *, earlier: Past | None, seed: int
) -> SeparationGain:
    """The challenger's gain in separation over the champion.

    Of 20,000 customers or more, a fixed fifth that no model is ever fitted on is judged (`models/draws.py`). Of fewer,
    all are, in five folds: a recipe is refitted without the fold it is judged on. Where both would be refitted by the
    same recipe they are the same, and the gain is nothing, with certainty.

    Args:
        past: factors of a while ago and what these customers have done since.
        earlier: the same a while before that, for recipes that learn from outcomes: they may not learn from those
            they are judged by.

    Raises:
        NoContest: there are no outcomes to compare by.
        NoOutcomes, NoVariation: a recipe cannot be refitted.
    """
    if challenger == champion:
        return SeparationGain(0.0, 0.0, 0.0, 0.0)
    customers = past.factors.index.intersection(past.outcomes.index)
    factors, outcomes = past.factors.loc[customers], past.outcomes.loc[customers]
    with threadpool_limits(1):
        yardstick = _build_yardstick(factors, outcomes, seed=seed)
        measured = [
            measure_separation(_label_by(side, factors, earlier), yardstick)
            for side in (challenger, champion)
        ]
    return compare_separation(measured[0], measured[1], seed=seed)


def _build_yardstick(factors: pd.DataFrame, outcomes: pd.DataFrame, *, seed: int) -> Yardstick:
    held_out = find_held_out(factors.index)
    judged = np.flatnonzero(held_out) if held_out.any() else np.arange(len(factors))
    splits = [
        (judged[train], judged[test]) for train, test in split_customers(len(judged), folds=FOLDS, seed=seed)
    ]
    yardstick = build_yardstick(factors, outcomes, splits=splits, seed=seed)
    if yardstick is None:
        raise NoContest("nothing that customers did afterwards could be foretold")
    return yardstick


def _label_by(side: Contender, factors: pd.DataFrame, earlier: Past | None) -> Label:
    def fit(rows: np.ndarray) -> np.ndarray:
        learning = factors.iloc[rows]
        known = None if earlier is None else earlier.keep(learning.index)
        return _assign(fit_segmenter(learning, recipe=side.recipe, seed=side.seed, past=known), factors)

    if side.frozen is not None:
        return _always(_assign(side.frozen, factors))
    held_out = find_held_out(factors.index)
    return _always(fit(np.flatnonzero(~held_out))) if held_out.any() else fit


def _assign(model: Segmenter, factors: pd.DataFrame) -> np.ndarray:
    return model.assign(factors)["segment_id"].to_numpy()


def _always(labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda _rows: labels
