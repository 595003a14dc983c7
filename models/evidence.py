"""What recipes are examined on: customers of today, and those of a while ago with what they have done since."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.clusterers import OUTLIER
from models.draws import draw_customers
from models.preparation import NoVariation, Past, Preparation, PreparationOptions
from models.recipes import Recipe, identify_recipe
from models.segmenter import build_clusterer
from models.separation import Yardstick, build_yardstick, split_customers

SCREENED = 1500
RESAMPLED = 3000
JUDGED = 6000
FITTED = 1500  # customers a recipe is fitted on where it is fitted often
HELD_OUT = 0.3
FORETELLING = 200  # customers who were there a while ago, of those recipes are tried on
FOLDS = 5


class Customers:
    """The same customers as every recipe sees them; a preparation asked for twice is fitted once.

    Whoever is fitted on brings their own past along, so that resamples and folds learn from nobody else's.
    """

    def __init__(self, factors: pd.DataFrame, *, seed: int, past: Past | None = None) -> None:
        self.factors, self.seed, self.past = factors, seed, past
        self._prepared: dict[tuple[PreparationOptions, bytes], Preparation] = {}
        self._labels: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.factors)

    def prepare(self, options: PreparationOptions, rows: np.ndarray | None = None) -> np.ndarray:
        """Points of all customers, prepared as fitted on some or all of them.

        Raises:
            NoVariation: those all look the same.
        """
        return self._fit(options, rows).transform(self.factors)

    def _fit(self, options: PreparationOptions, rows: np.ndarray | None) -> Preparation:
        key = (options, b"" if rows is None else rows.tobytes())
        if key not in self._prepared:
            fitted_on = self.factors if rows is None else self.factors.iloc[rows]
            past = None if self.past is None else self.past.keep(fitted_on.index)
            self._prepared[key] = Preparation(options, seed=self.seed).fit(fitted_on, past)
        return self._prepared[key]

    def label(self, recipe: Recipe, rows: np.ndarray | None = None) -> np.ndarray:
        """Labels of all customers, by the whole recipe fitted on some (1,500 of them at most) or all of them.

        Raises:
            NoVariation: those all look the same.
        """
        if rows is None:
            return self._label_all(recipe)
        if len(rows) > FITTED:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, FITTED, replace=False))
        preparation = self._fit(recipe.preparation, rows)
        points, apart = preparation.transform(self.factors), preparation.find_apart(self.factors)
        clusterer = build_clusterer(recipe, seed=self.seed).fit(points[rows[~apart[rows]]])
        return np.where(apart, OUTLIER, clusterer.predict(points))

    def _label_all(self, recipe: Recipe) -> np.ndarray:
        key = identify_recipe(recipe)
        if key not in self._labels:
            preparation = self._fit(recipe.preparation, None)
            points, apart = preparation.transform(self.factors), preparation.find_apart(self.factors)
            labels = np.full(len(points), OUTLIER)
            labels[~apart] = build_clusterer(recipe, seed=self.seed).fit(points[~apart]).labels_
            self._labels[key] = labels
        return self._labels[key]


@dataclass(frozen=True, slots=True, eq=False)
class Aftermath:
    """Customers of a while ago, and yardsticks made of what they have done since.

    Attributes:
        quick: two folds of the customers the search may see, for a first impression.
        thorough: five folds of them.
        final: the customers set aside, everything learnt from the others; None where they are too few.
    """

    customers: Customers
    quick: Yardstick
    thorough: Yardstick
    final: Yardstick | None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a search has to go by.

    Attributes:
        screened: today's customers, few enough to try every recipe on.
        resampled: more of them, whose segments must be found again.
        aftermath: None where what customers did since is not known, or cannot be foretold.
        silence: why it is None.
    """

    screened: Customers
    resampled: Customers
    aftermath: Aftermath | None
    silence: str = ""

    @property
    def foretelling(self) -> bool:
        """Whether a recipe may learn from outcomes: they can be foretold, and enough of today's customers have some."""
        past = self.screened.past
        if self.aftermath is None or past is None:
            return False
        return len(past.factors.index.intersection(self.screened.factors.index)) >= FORETELLING


def gather_evidence(
    factors: pd.DataFrame,
    past_factors: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    *,
    least: int,
    seed: int,
) -> Evidence:
    """Draw the customers that are looked at, and measure how well outcomes can be foretold at all.

    Args:
        past_factors: the factors of a while ago, `outcomes` what (some of) these customers have done since.
        least: fewer customers of a while ago are as good as none.
    """
    history = None if past_factors is None or outcomes is None else Past(past_factors, outcomes)
    resampled = Customers(draw_customers(factors, RESAMPLED, seed=seed), seed=seed, past=history)
    screened = resampled
    if len(resampled) > SCREENED:
        screened = Customers(draw_customers(resampled.factors, SCREENED, seed=seed), seed=seed, past=history)
    if past_factors is None or outcomes is None:
        return Evidence(
            screened, resampled, None, "the shop is too young to look at what customers did afterwards"
        )
    known = past_factors.loc[past_factors.index.intersection(outcomes.index)]
    if len(known) < least:
        return Evidence(
            screened, resampled, None, "too few customers were there a while ago to look at what they did"
        )
    past = Customers(draw_customers(known, JUDGED, seed=seed), seed=seed, past=history)
    aftermath = _look_at_aftermath(past, outcomes.loc[past.factors.index], seed=seed)
    silence = "" if aftermath else "nothing that customers did afterwards could be foretold"
    return Evidence(screened, resampled, aftermath, silence)


def _look_at_aftermath(past: Customers, outcomes: pd.DataFrame, *, seed: int) -> Aftermath | None:
    order = np.random.default_rng([seed, 1]).permutation(len(past))
    held = np.sort(order[: round(HELD_OUT * len(order))])
    seen = np.sort(order[len(held) :])
    try:
        past.prepare(PreparationOptions(), seen)
    except NoVariation:
        return None

    def split(folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (seen[train], seen[test]) for train, test in split_customers(len(seen), folds=folds, seed=seed)
        ]

    thorough = build_yardstick(past.factors, outcomes, splits=split(FOLDS), seed=seed)
    if thorough is None:
        return None
    used = outcomes[list(thorough.ceilings)]
    return Aftermath(
        customers=past,
        quick=replace(thorough, splits=tuple(split(2))),
        thorough=thorough,
        final=build_yardstick(past.factors, used, splits=[(seen, held)], seed=seed),
    )
