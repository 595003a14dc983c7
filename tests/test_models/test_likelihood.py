"""Maximum likelihood: the best of several maxima wins, and a search that fails says so."""

from __future__ import annotations

import numpy as np
import pytest

from models.likelihood import NoFit, maximise_likelihood

LIMITS = [(1e-3, 1e3)]


def two_hills(parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """Hills at 1 and at 20, the second one twice as high."""
    (x,) = parameters
    low, high = np.exp(-((x - 1) ** 2)), 2 * np.exp(-((x - 20) ** 2) / 20)
    return low + high, np.array([-2 * (x - 1) * low - (x - 20) / 10 * high])


def test_the_highest_of_several_maxima_wins() -> None:
    alone = maximise_likelihood(two_hills, starts=[[1.2]], limits=LIMITS, rows=1)
    best = maximise_likelihood(two_hills, starts=[[1.2], [15.0], [0.8]], limits=LIMITS, rows=1)
    assert alone.parameters[0] == pytest.approx(1.0, rel=1e-3)
    assert best.parameters[0] == pytest.approx(20.0, rel=1e-3)
    assert best.log_likelihood == pytest.approx(2.0)
    assert not best.at_limit.any()


def test_a_likelihood_that_rises_for_ever_ends_at_its_limit_and_says_so() -> None:
    found = maximise_likelihood(
        lambda at: (float(np.log(at[0])), 1 / at), starts=[[1.0]], limits=LIMITS, rows=1
    )
    assert found.parameters[0] == pytest.approx(1e3)
    assert found.at_limit.all()


def test_a_search_that_is_stuck_did_not_converge() -> None:
    with pytest.raises(NoFit, match="did not converge"):
        maximise_likelihood(lambda _at: (0.0, np.ones(1)), starts=[[1.0]], limits=LIMITS, rows=1)


def test_a_likelihood_that_is_nowhere_finite_has_no_maximum() -> None:
    with pytest.raises(NoFit, match="not finite"):
        maximise_likelihood(lambda _at: (np.nan, np.ones(1)), starts=[[1.0], [2.0]], limits=LIMITS, rows=1)
