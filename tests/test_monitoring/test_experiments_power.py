"""Sample size, power and smallest detectable effect."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower, normal_power_het

from monitoring.experiments.power import Design, Mean, Proportion, find_mde, find_power, find_sample_size

SHARES = pytest.mark.parametrize("share", [0.1, 0.5, 0.7])


@SHARES
def test_mean_agrees_with_statsmodels(share: float) -> None:
    design = Design(control_share=share, alpha=0.01, power=0.9)
    size = find_sample_size(Mean(20.0), effect=1.5, design=design)
    ratio = (1 - share) / share
    control = NormalIndPower().solve_power(effect_size=1.5 / 20, alpha=0.01, power=0.9, ratio=ratio)
    assert size.control == math.ceil(control)
    power = find_power(Mean(20.0), effect=1.5, customers=5_000, design=design)
    theirs = NormalIndPower().power(1.5 / 20, nobs1=5_000 * share, alpha=0.01, ratio=ratio)
    assert power == pytest.approx(theirs, abs=1e-12)


@SHARES
def test_proportion_agrees_with_statsmodels(share: float) -> None:
    design = Design(control_share=share)
    control, treatment = 0.04 * 0.96, 0.05 * 0.95
    deviation = math.sqrt(control + treatment * share / (1 - share))
    theirs = normal_power_het(
        0.01, 12_000 * share, 0.05, std_null=deviation, std_alternative=deviation, alternative="two-sided"
    )
    found = find_power(Proportion(0.04), effect=0.01, customers=12_000, design=design)
    assert found == pytest.approx(theirs, abs=1e-12)


def test_power_is_what_simulated_experiments_show() -> None:
    design = Design(control_share=0.2)
    size = find_sample_size(Proportion(0.05), effect=0.02, design=design)
    rng = np.random.default_rng(3)
    control = rng.binomial(size.control, 0.05, 20_000) / size.control
    treatment = rng.binomial(size.treatment, 0.07, 20_000) / size.treatment
    error = np.sqrt(control * (1 - control) / size.control + treatment * (1 - treatment) / size.treatment)
    seen = np.mean(np.abs(treatment - control) / error > 1.959964)
    assert seen == pytest.approx(0.8, abs=0.03)


@settings(deadline=None)
@given(
    baseline=st.floats(0.01, 0.6),
    effect=st.floats(0.005, 0.3),
    share=st.floats(0.05, 0.95),
    power=st.floats(0.6, 0.95),
)
def test_size_power_and_mde_invert_each_other(
    baseline: float, effect: float, share: float, power: float
) -> None:
    design, outcome = Design(control_share=share, power=power), Proportion(baseline)
    customers = find_sample_size(outcome, effect=effect, design=design).total
    assert find_power(outcome, effect=effect, customers=customers, design=design) >= power
    mde = find_mde(outcome, customers=customers, design=design)
    assert mde is not None
    assert mde <= effect * (1 + 1e-9)
    assert find_power(outcome, effect=mde, customers=customers, design=design) == pytest.approx(
        power, abs=1e-3
    )


def test_mde_of_a_mean_inverts_its_power() -> None:
    design = Design(control_share=0.3)
    mde = find_mde(Mean(50.0), customers=2_000, design=design)
    assert mde is not None
    assert find_power(Mean(50.0), effect=mde, customers=2_000, design=design) == pytest.approx(0.8, abs=1e-6)


def test_too_few_customers_for_any_effect_have_no_mde() -> None:
    assert find_mde(Proportion(0.5), customers=5, design=Design()) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Proportion(0.0), "baseline 0.0 is not a share"),
        (lambda: Mean(0.0), "deviation 0.0 is not positive"),
        (lambda: Design(control_share=1.0), "control_share 1.0 is out of range"),
        (lambda: find_sample_size(Proportion(0.1), effect=0.0, design=Design()), "effect is 0"),
        (lambda: find_sample_size(Proportion(0.9), effect=0.2, design=Design()), "outside 0 to 1"),
    ],
)
def test_impossible_plans_are_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
