"""Effects of many segments: chance is not taken for insight."""

from __future__ import annotations

import math

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, false_discovery_control, norm

from monitoring.experiments.arms import Lift
from monitoring.experiments.bayes import believe
from monitoring.experiments.segment_effects import (
    adjust_p_values,
    compare_segments,
    measure_heterogeneity,
)
from monitoring.experiments.targeting import choose_segments, sum_folds

ALPHA = 0.05
HALF = norm.ppf(0.975)


def lift_of(effect: float, error: float) -> Lift:
    return Lift(
        absolute=effect, low=effect - HALF * error, high=effect + HALF * error,
        p_value=float(2 * norm.sf(abs(effect) / error)),
    )  # fmt: skip


def test_false_discoveries_are_controlled_as_in_scipy() -> None:
    p_values = np.random.default_rng(1).beta(0.4, 2, 20)
    ours = adjust_p_values(dict(enumerate(p_values)))
    np.testing.assert_allclose([ours[n] for n in range(20)], false_discovery_control(p_values))


def test_a_segment_without_a_p_value_is_not_counted() -> None:
    assert adjust_p_values({1: 0.01, 2: None}) == {1: 0.01}


def test_heterogeneity_is_cochrans_q() -> None:
    effects, errors = np.array([0.1, 0.5, 0.2, 0.9]), np.array([0.1, 0.2, 0.1, 0.3])
    weights = errors**-2
    q = (weights * (effects - (weights * effects).sum() / weights.sum()) ** 2).sum()
    found = measure_heterogeneity(
        {n: lift_of(*pair) for n, pair in enumerate(zip(effects, errors, strict=True))}, alpha=ALPHA
    )
    assert found is not None
    assert found.q == pytest.approx(q)
    assert found.p_value == pytest.approx(chi2.sf(q, 3))
    assert measure_heterogeneity({1: lift_of(0.1, 0.1)}, alpha=ALPHA) is None


@pytest.mark.parametrize("between", [0.0, 0.05, 0.5])
def test_shrunken_intervals_cover_the_segments_on_average_and_are_nearer_the_truth(between: float) -> None:
    rng = np.random.default_rng(2)
    covered, drawn, plain = [], [], []
    for _campaign in range(400):
        errors = rng.uniform(0.05, 0.3, 8)
        truth = rng.normal(0.2, between, 8)
        seen = truth + errors * rng.normal(0, 1, 8)
        lifts = {n: lift_of(*pair) for n, pair in enumerate(zip(seen, errors, strict=True))}
        found = compare_segments(lifts, alpha=ALPHA)
        for n, one in found.items():
            assert one.shrunken is not None
            assert one.shrunken_low is not None
            assert one.shrunken_high is not None
            covered.append(one.shrunken_low <= truth[n] <= one.shrunken_high)
            drawn.append((one.shrunken - truth[n]) ** 2)
            plain.append((seen[n] - truth[n]) ** 2)
    assert np.mean(covered) >= 0.94
    assert np.mean(drawn) < np.mean(plain)


def test_below_five_segments_nothing_is_shrunken() -> None:
    found = compare_segments({n: lift_of(0.1 * n, 0.1) for n in range(4)}, alpha=ALPHA)
    assert {one.shrunken for one in found.values()} == {None}
    assert all(one.adjusted_p is not None for one in found.values())


def test_a_segment_without_an_effect_stays_without_one() -> None:
    found = compare_segments({0: Lift(), **{n: lift_of(0.1 * n, 0.1) for n in range(1, 7)}}, alpha=ALPHA)
    assert (found[0].shrunken, found[0].adjusted_p) == (None, None)
    assert found[6].shrunken is not None


def test_beliefs_are_those_of_a_flat_prior() -> None:
    drawn = np.random.default_rng(3).normal(0.02, 0.015, 2_000_000)
    higher = believe(lift_of(0.02, 0.015), better="higher", alpha=ALPHA)
    assert higher is not None
    assert higher.probability_better == pytest.approx((drawn > 0).mean(), abs=2e-3)
    assert higher.expected_loss == pytest.approx(np.maximum(-drawn, 0).mean(), rel=0.02)
    lower = believe(lift_of(0.02, 0.015), better="lower", alpha=ALPHA)
    assert lower is not None
    assert lower.probability_better == pytest.approx(1 - higher.probability_better)
    assert believe(Lift(absolute=0.1), better="higher", alpha=ALPHA) is None


def draw_margins(rng: np.random.Generator, *, gains: list[float], size: int = 4000) -> pd.DataFrame:
    segment = rng.integers(0, len(gains), size)
    treated = rng.random(size) < 0.5
    margin = rng.normal(5, 4, size) + np.array(gains)[segment] * treated
    return pd.DataFrame(
        {
            "customer_id": pd.Series([f"c{n}" for n in range(size)], dtype="string"),
            "arm": pd.Series(np.where(treated, "treatment", "control"), dtype="string"),
            "segment_id": segment, "margin": margin,
        }
    )  # fmt: skip


def test_segments_that_paid_are_found_and_luck_in_choosing_them_is_not_counted() -> None:
    rng = np.random.default_rng(4)
    profits, naive, campaigns = [], [], 40
    # Ten segment ids a campaign, so that the engine is asked once.
    rows = [draw_margins(rng, gains=[1.0] * 8) for _campaign in range(campaigns)]
    moved = [one.assign(segment_id=one["segment_id"] + 10 * n) for n, one in enumerate(rows)]
    everything = sum_folds(ibis.memtable(pd.concat(moved)))
    for campaign in range(campaigns):
        sums = everything[everything["segment_id"] // 10 == campaign]
        found = choose_segments(sums, arm="treatment", cost=1.0, alpha=ALPHA)
        assert found is not None
        profits.append(found.profit)
        cells = sums.groupby(["segment_id", "arm"])[["customers", "margin"]].sum()
        means = (cells["margin"] / cells["customers"]).unstack("arm")  # noqa: PD010
        gain = means["treatment"] - means["control"] - 1.0
        naive.append((gain.clip(lower=0) * cells["customers"].groupby("segment_id").sum()).sum())
    error = np.std(profits) / math.sqrt(len(profits))
    # Every segment just pays for itself, so nothing is truly gained by choosing among them.
    assert abs(np.mean(profits)) < 3 * error
    assert np.mean(naive) > 3 * error


def test_the_segments_to_treat_are_those_that_gain() -> None:
    sums = sum_folds(ibis.memtable(draw_margins(np.random.default_rng(5), gains=[4.0, 0.0, 3.0, 0.5])))
    found = choose_segments(sums, arm="treatment", cost=2.0, alpha=ALPHA)
    assert found is not None
    assert found.segments == (0, 2)
    assert found.low < 3000 < found.high  # 1,000 customers a segment gain 4 − 2 and 3 − 2
    assert found.everybody < found.profit


def test_without_a_cost_or_a_margin_nobody_is_chosen() -> None:
    rows = draw_margins(np.random.default_rng(6), gains=[1.0, 2.0])
    sums = sum_folds(ibis.memtable(rows))
    assert choose_segments(sums, arm="treatment", cost=math.nan, alpha=ALPHA) is None
    unknown = sum_folds(ibis.memtable(rows.assign(margin=rows["margin"].mask(rows.index == 0))))
    assert choose_segments(unknown, arm="treatment", cost=1.0, alpha=ALPHA) is None
