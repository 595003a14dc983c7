"""Looking early: the error stays within its bound at every look together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from monitoring.experiments.sequences import find_sequence

ALPHA, LOOKS = 0.05, 28


def test_the_p_value_is_alpha_where_the_interval_touches_zero() -> None:
    wide = find_sequence(0.0, variance=2.0, planned=3.0, alpha=ALPHA)
    touching = find_sequence(wide.high, variance=2.0, planned=3.0, alpha=ALPHA)
    assert touching.low == pytest.approx(0, abs=1e-12)
    assert touching.p_value == pytest.approx(ALPHA)
    assert wide.p_value == 1.0


def test_the_interval_is_narrowest_where_it_was_planned_to_be() -> None:
    def width(planned: float) -> float:
        found = find_sequence(0.0, variance=2.0, planned=planned, alpha=ALPHA)
        return found.high - found.low

    step = 1e-4
    best = brentq(lambda planned: width(planned + step) - width(planned - step), 0.2, 20.0)
    assert best == pytest.approx(2.0, rel=1e-3)


def test_an_effect_that_is_not_there_is_seldom_found_in_28_looks() -> None:
    # A fixed cohort whose members differ in how much they buy, with skewed order values.
    rng = np.random.default_rng(7)
    experiments, size = 400, 1500
    wrong = fixed = 0
    for _experiment in range(experiments):
        rates = rng.gamma(0.7, 0.08, size)
        bought = rng.poisson(rates, (LOOKS, size))
        spent = (bought * rng.lognormal(3.0, 1.0, (LOOKS, size))).cumsum(axis=0)
        arms = spent[:, : size // 3], spent[:, size // 3 :]
        effect = arms[1].mean(axis=1) - arms[0].mean(axis=1)
        variance = sum(arm.var(axis=1, ddof=1) / arm.shape[1] for arm in arms)
        enough = np.minimum(*((arm > 0).sum(axis=1) for arm in arms)) >= 100
        looks = [
            find_sequence(effect[n], variance=variance[n], planned=variance[-1], alpha=ALPHA)
            for n in np.flatnonzero(enough)
        ]
        wrong += any(one.low > 0 or one.high < 0 for one in looks)
        fixed += bool((np.abs(effect) > 1.96 * np.sqrt(variance))[enough].any())
    assert wrong / experiments <= ALPHA
    assert fixed / experiments > 2 * ALPHA  # what looking every day at intervals made for one look would do
