"""Groups that split, merge, vanish and appear among simulated customers are told by name, 20 seeds each.

The champion is fitted before, the challenger after; both place the same customers as they are after.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from models.lineage import Lineage, match_segments
from models.preparation import PreparationOptions
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter

SEEDS = range(20)
GROUPS, EACH, HABITS = 5, 150, 6
APART = 8.0
PREPARATION = PreparationOptions(outliers="clipped", weighting="equal")


@dataclass(frozen=True)
class Change:
    """What became of the groups.

    Attributes:
        old: the champion's segment of each group (0 … 4).
        now: the group each customer is in after; 5 is one that was not there before.
        new: the challenger's id of each group there is after.
    """

    lineage: Lineage
    old: dict[int, int]
    new: dict[int, int]


def place_groups(seed: int) -> np.ndarray:
    """Centres of five groups, each far out in a habit of its own, up or down."""
    rng = np.random.default_rng([seed, 1])
    signs = rng.choice([-1.0, 1.0], HABITS)
    return APART * (np.eye(HABITS) * signs)[rng.permutation(HABITS)[:GROUPS]]


def simulate(seed: int, happen: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Change:
    """Fit before, let it happen to the customers' groups and the groups' centres, fit after."""
    rng = np.random.default_rng(seed)
    group, centres = np.repeat(np.arange(GROUPS), EACH), place_groups(seed)
    before = draw(group, centres, rng)
    champion = fit(before, GROUPS, seed=seed)
    now, centres = happen(group, centres)
    after = draw(now, centres, rng)
    challenger = fit(after, len(np.unique(now)), seed=seed + 100)
    placed = [model.assign(after)["segment_id"] for model in (champion, challenger)]
    lineage = match_segments(*placed, former=champion.ids.values(), next_id=GROUPS + 1)
    named = challenger.relabel(lineage.mapping)
    return Change(lineage, name_groups(champion, before, group), name_groups(named, after, now))


def draw(group: np.ndarray, centres: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    habits = centres[group] + rng.normal(size=(len(group), HABITS))
    ids = pd.Index([f"c{n}" for n in range(len(group))], name="customer_id")
    return pd.DataFrame(habits, ids, [f"habit_{n}" for n in range(HABITS)])


def fit(customers: pd.DataFrame, segments: int, *, seed: int) -> Segmenter:
    return fit_segmenter(customers, recipe=Recipe("kmeans", {"segments": segments}, PREPARATION), seed=seed)


def name_groups(model: Segmenter, customers: pd.DataFrame, group: np.ndarray) -> dict[int, int]:
    placed = model.assign(customers)["segment_id"]
    return placed.groupby(group).agg(lambda ids: ids.mode().iloc[0]).to_dict()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_happened_and_every_segment_is_kept(seed: int) -> None:
    change = simulate(seed, lambda group, centres: (group, centres))
    assert change.old == change.new
    assert set(change.lineage.states.values()) == {"kept"}
    assert change.lineage.retired == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_group_that_splits_is_told(seed: int) -> None:
    """A third of group 0 goes its own way; the rest goes on under its id."""

    def split(group: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now = group.copy()
        now[: EACH // 3] = GROUPS
        (unused,) = np.flatnonzero(~centres.any(axis=0))
        return now, np.vstack([centres, centres[0] + APART / 2 * np.eye(HABITS)[unused]])

    change = simulate(seed, split)
    assert change.lineage.states[change.new[GROUPS]] == f"split from {change.old[0]}"
    assert change.new[GROUPS] == GROUPS + 1
    assert all(change.new[one] == change.old[one] for one in range(GROUPS))


@pytest.mark.parametrize("seed", SEEDS)
def test_groups_that_merge_are_told(seed: int) -> None:
    """Groups 0 and 1 come to behave alike."""

    def merge(group: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centres = centres.copy()
        centres[0] = (centres[0] + centres[1]) / 2
        return np.where(group == 1, 0, group), centres

    change = simulate(seed, merge)
    parents = sorted((change.old[0], change.old[1]))
    assert change.lineage.states[change.new[0]] == "merged from {}, {}".format(*parents)
    assert all(change.new[one] == change.old[one] for one in (2, 3, 4))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_group_that_vanishes_is_retired(seed: int) -> None:
    """Everybody of group 0 takes up the habits of another group."""

    def vanish(group: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        elsewhere = np.random.default_rng([seed, 2]).integers(1, GROUPS, len(group))
        return np.where(group == 0, elsewhere, group), centres

    change = simulate(seed, vanish)
    assert change.lineage.retired == (change.old[0],)
    assert all(change.new[one] == change.old[one] for one in range(1, GROUPS))
    assert set(change.lineage.states.values()) == {"kept"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_group_that_appears_is_new(seed: int) -> None:
    """One in five of every group takes up habits that nobody had."""

    def appear(group: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now = np.where(np.arange(len(group)) % 5 == 0, GROUPS, group)
        return now, np.vstack([centres, np.zeros(HABITS)])  # as far from all as each is from the others

    change = simulate(seed, appear)
    assert change.lineage.states[change.new[GROUPS]] == "new"
    assert change.new[GROUPS] == GROUPS + 1
    assert all(change.new[one] == change.old[one] for one in range(GROUPS))
    assert change.lineage.retired == ()
