"""The projection on earlier outcomes: its distances are differences in what a regression expects."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from models.projections import NoOutcomes, find_foretelling


def draw(count: int = 600, *, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(count, 5)) @ rng.normal(size=(5, 5))
    factors -= factors.mean(axis=0)
    effects = rng.normal(size=(5, 3))
    return factors, factors @ effects + noise * rng.normal(size=(count, 3)) * [1, 5, 20]


def test_distance_is_difference_in_the_outcomes_a_regression_expects() -> None:
    factors, outcomes = draw()
    axes = find_foretelling(factors, outcomes, dimensions=5)
    standardised = (outcomes - outcomes.mean(axis=0)) / outcomes.std(axis=0)
    # With as many components as factors, partial least squares are least squares.
    expected = factors @ np.linalg.lstsq(factors, standardised, rcond=None)[0]
    assert axes.shape == (5, 3)
    np.testing.assert_allclose(pdist((factors @ axes)[:100]), pdist(expected[:100]), rtol=1e-6)


def test_one_component_points_where_the_outcome_lies() -> None:
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(4000, 6))
    direction = np.array([0.6, 0, -0.8, 0, 0, 0])
    outcome = factors @ direction + rng.normal(size=4000)
    axis = find_foretelling(factors, outcome[:, None], dimensions=1)[:, 0]
    assert abs(axis @ direction) / np.linalg.norm(axis) > 0.99


def test_what_does_not_apply_or_vary_is_left_out() -> None:
    factors, outcomes = draw()
    patchy = np.column_stack([outcomes, np.ones(600), np.full(600, np.nan), outcomes[:, 0]])
    patchy[40:, -1] = np.nan
    np.testing.assert_allclose(
        find_foretelling(factors, patchy, dimensions=3), find_foretelling(factors, outcomes, dimensions=3)
    )
    half = outcomes.copy()
    half[::2, 0] = np.nan
    assert find_foretelling(factors, half, dimensions=3).shape == (5, 3)


@pytest.mark.parametrize("outcomes", [np.ones((600, 2)), np.full((600, 1), np.nan), np.empty((600, 0))])
def test_without_outcomes_there_is_nothing_to_learn(outcomes: np.ndarray) -> None:
    with pytest.raises(NoOutcomes, match="cannot be learnt yet"):
        find_foretelling(draw()[0], outcomes, dimensions=3)
