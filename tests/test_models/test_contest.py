"""Champion and challenger: the better one is found, equal ones are equal, and nobody is judged on what they learnt."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers, make_outcomes

from models import contest
from models.contest import Contender, NoContest, contest_separation
from models.draws import find_held_out
from models.preparation import Past, PreparationOptions
from models.projections import NoOutcomes
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter

FINE = Recipe("kmeans", {"segments": 5}, PreparationOptions(weighting="informative"))
COARSE = Recipe("kmeans", {"segments": 2}, PreparationOptions(weighting="informative"))


@pytest.fixture(scope="module")
def past() -> Past:
    factors, group = make_customers(1500)
    return Past(factors, make_outcomes(group))


def test_more_telling_segments_gain_and_fewer_lose(past: Past) -> None:
    found = contest_separation(Contender(FINE, 0), Contender(COARSE, 0), past, earlier=None, seed=0)
    assert 0.1 < found.low < found.gain
    assert 0 < found.detectable < found.gain
    lost = contest_separation(Contender(COARSE, 0), Contender(FINE, 0), past, earlier=None, seed=0)
    assert lost.gain == pytest.approx(-found.gain)


def test_the_same_recipe_refitted_is_the_same(past: Past) -> None:
    same = contest_separation(Contender(FINE, 3), Contender(FINE, 3), past, earlier=None, seed=0)
    assert (same.gain, same.low) == (0.0, 0.0)


def test_a_frozen_model_is_judged_as_it_is(past: Past) -> None:
    """A champion of other times, when customers' habits were worth nothing, against the same recipe now."""
    rng = np.random.default_rng(0)
    shuffled = past.factors.apply(lambda column: rng.permutation(column))
    stale = fit_segmenter(shuffled, recipe=FINE, seed=0)
    found = contest_separation(
        Contender(FINE, 0), Contender(FINE, 0, frozen=stale), past, earlier=None, seed=0
    )
    assert found.low > 0


def test_many_customers_are_judged_by_those_never_learnt_from(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    factors, group = make_customers(20_500, seed=5)
    many = Past(factors, make_outcomes(group))
    learnt: list[pd.Index] = []

    def fit(frame: pd.DataFrame, **options: object) -> Segmenter:
        learnt.append(frame.index)
        return fit_segmenter(frame, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(contest, "fit_segmenter", fit)
    found = contest_separation(Contender(FINE, 0), Contender(COARSE, 0), many, earlier=None, seed=0)
    assert found.low > 0.1
    held_out = factors.index[find_held_out(factors.index)]
    assert len(learnt) == 2
    assert all(people.intersection(held_out).empty for people in learnt)
    assert sum(map(len, learnt)) == 2 * (len(factors) - len(held_out))


def test_what_learns_from_outcomes_needs_earlier_ones(past: Past) -> None:
    taught = Contender(Recipe("kmeans", {"segments": 5}, PreparationOptions(projection="pls")), 0)
    with pytest.raises(NoOutcomes):
        contest_separation(taught, Contender(COARSE, 0), past, earlier=None, seed=0)
    found = contest_separation(taught, Contender(COARSE, 0), past, earlier=past, seed=0)
    assert found.low > 0.1


def test_outcomes_nobody_can_foretell_make_no_contest(past: Past) -> None:
    noise = pd.DataFrame({"a": np.random.default_rng(0).normal(size=1500)}, index=past.factors.index)
    with pytest.raises(NoContest, match="nothing that customers did afterwards could be foretold"):
        contest_separation(
            Contender(FINE, 0), Contender(COARSE, 0), replace(past, outcomes=noise), earlier=None, seed=0
        )
