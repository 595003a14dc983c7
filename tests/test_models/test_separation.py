"""Separation: figures known in advance come out, chance is told from effect, and nobody is judged by themselves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latent_customers import make_customers, make_outcomes

from models.separation import (
    RFM,
    Label,
    SeparationGain,
    Yardstick,
    build_yardstick,
    compare_separation,
    is_as_good,
    is_clearly_better,
    measure_beyond_rfm,
    measure_chance,
    measure_separation,
    split_customers,
)


def make_labels(count: int, segments: int, *, seed: int = 0) -> pd.Series:
    ids = pd.Index([f"c{i}" for i in range(count)], name="customer_id")
    return pd.Series(np.random.default_rng([seed, 1]).integers(0, segments, count), index=ids)


def add_noise(labels: pd.Series, *, explained: float, seed: int = 0) -> pd.Series:
    """An outcome of which the segments (0 … k−1, equally likely) explain this share of the variance."""
    signal = (labels - labels.mean()) / labels.std()
    noise = np.random.default_rng([seed, 2]).normal(size=len(labels))
    return signal * np.sqrt(explained) + noise * np.sqrt(1 - explained)


def fix(labels: pd.Series) -> Label:
    """A recipe that finds these segments whoever it is fitted on."""
    return lambda _rows: labels.to_numpy()


def make_yardstick(outcomes: pd.DataFrame, *, folds: int = 5, **ceilings: float) -> Yardstick:
    given = ceilings or dict.fromkeys(outcomes.columns, 1.0)
    return Yardstick(outcomes, split_customers(len(outcomes), folds=folds, seed=0), given, {})


def make_final(outcomes: pd.DataFrame) -> Yardstick:
    """A single split."""
    return Yardstick(outcomes, split_customers(len(outcomes), folds=3, seed=0)[:1], {"a": 1.0}, {})


def test_every_customer_is_judged_once_and_never_by_themselves() -> None:
    splits = split_customers(103, folds=5, seed=0)
    assert sorted(np.concatenate([test for _train, test in splits])) == list(range(103))
    for train, test in splits:
        assert len(np.intersect1d(train, test)) == 0
        assert len(train) + len(test) == 103


@pytest.mark.parametrize("explained", [0.1, 0.4, 0.8])
def test_separation_is_the_variance_that_segments_explain(explained: float) -> None:
    labels = make_labels(5000, 5)
    outcomes = pd.DataFrame({"spend": add_noise(labels, explained=explained)})
    separation = measure_separation(fix(labels), make_yardstick(outcomes))
    assert separation.score == pytest.approx(explained, abs=0.03)
    assert separation.by_outcome["spend"] == pytest.approx(separation.score)
    assert separation.parts.sum() == pytest.approx(separation.score)


def test_separation_is_measured_against_the_ceiling_of_each_outcome() -> None:
    labels = make_labels(5000, 5)
    outcomes = pd.DataFrame(
        {"a": add_noise(labels, explained=0.4), "b": add_noise(labels, explained=0.2, seed=1)}
    )
    separation = measure_separation(fix(labels), make_yardstick(outcomes, a=0.8, b=0.25))
    assert separation.score == pytest.approx((0.5 + 0.8) / 2, abs=0.06)
    assert separation.by_outcome == pytest.approx({"a": 0.4, "b": 0.2}, abs=0.03)


def test_segments_that_mean_nothing_separate_nothing_however_many() -> None:
    index = make_labels(2000, 2).index
    spend = pd.DataFrame({"spend": np.random.default_rng(1).normal(size=2000)}, index=index)
    for segments in (2, 8, 40):
        assert measure_separation(fix(make_labels(2000, segments)), make_yardstick(spend)).score < 0.01


def test_a_recipe_that_has_seen_the_outcomes_gains_nothing_by_it() -> None:
    """Segments cut by the outcomes of those they are learnt from: others are placed by chance."""
    rng = np.random.default_rng(0)
    spend = pd.DataFrame({"spend": rng.normal(size=2000)})

    def peek(rows: np.ndarray) -> np.ndarray:
        labels = rng.integers(0, 2, 2000)
        labels[rows] = spend["spend"].to_numpy()[rows] > 0
        return labels

    assert measure_separation(peek, make_yardstick(spend)).score < 0.0


def test_ceilings_leave_out_what_cannot_be_foretold_and_say_so() -> None:
    factors, group = make_customers(1500)
    outcomes = make_outcomes(group).assign(unknown=np.nan)
    outcomes["rare"] = np.arange(1500) < 5
    splits = split_customers(1500, folds=5, seed=0)
    yardstick = build_yardstick(factors, outcomes.astype(float), splits=splits, seed=0)
    assert yardstick is not None
    assert set(yardstick.ceilings) == {"log_revenue", "log_aov", "responded"}
    assert all(0.02 <= ceiling < 1 for ceiling in yardstick.ceilings.values())
    assert yardstick.left_out["unknown"] == "known of 0 customers only"
    assert yardstick.left_out["returned"] == yardstick.left_out["rare"] == "nearly the same for all"
    assert "cannot be foretold" in yardstick.left_out["churned"]
    truth = measure_separation(fix(group), yardstick)
    assert truth.score > 0.9  # the true groups are all there is to know


def test_without_a_usable_outcome_there_is_no_yardstick() -> None:
    factors, group = make_customers(500)
    noise = pd.DataFrame(
        {"constant": 1.0, "noise": np.random.default_rng(0).normal(size=500)}, index=group.index
    )
    assert build_yardstick(factors, noise, splits=split_customers(500, folds=5, seed=0), seed=0) is None


def test_as_good_as_the_best_means_within_one_standard_error() -> None:
    labels = make_labels(3000, 4)
    yardstick = make_yardstick(pd.DataFrame({"a": add_noise(labels, explained=0.5)}))
    coarse = labels.where(labels != 3, 2)
    best, same, worse = (
        measure_separation(fix(one), yardstick)
        for one in (labels, labels * 2 + make_labels(3000, 2) % 2, coarse)
    )
    assert is_as_good(best, best)
    assert is_as_good(same, max(best, same, key=lambda one: one.score))
    assert not is_as_good(worse, best)


def test_the_permutation_test_is_right_about_as_often_as_it_says() -> None:
    """Among segments that mean nothing, one in twenty has a p below 0.05."""
    below = 0
    for seed in range(60):
        noise = pd.DataFrame({"a": np.random.default_rng([seed, 5]).normal(size=300)})
        below += measure_chance(fix(make_labels(300, 4, seed=seed)), make_final(noise), seed=seed) <= 0.05
    assert below <= 8
    labels = make_labels(600, 4)
    real = pd.DataFrame({"a": add_noise(labels, explained=0.1)})
    assert measure_chance(fix(labels), make_final(real), seed=0) == 1 / 500


def test_what_segments_add_to_rfm_is_what_rfm_does_not_know() -> None:
    rng = np.random.default_rng(0)
    rfm = pd.DataFrame(rng.exponential(size=(4000, 3)), columns=list(RFM))
    other = make_labels(4000, 4)
    quintile = pd.qcut(rfm["revenue_lifetime"], 5, labels=False)
    spend = add_noise(quintile, explained=0.4).to_numpy() + (other.to_numpy() - 1.5) * 0.5
    yardstick = make_yardstick(pd.DataFrame({"a": spend}))
    share = (0.25 * np.var(other)) / np.var(spend)
    assert measure_beyond_rfm(fix(other), rfm, yardstick) == pytest.approx(share, abs=0.02)
    assert measure_beyond_rfm(fix(quintile), rfm, yardstick) == pytest.approx(0.0, abs=0.005)
    assert np.isnan(measure_beyond_rfm(fix(other), rfm[["orders_lifetime"]], yardstick))


def compare(one: pd.Series, other: pd.Series, outcomes: pd.DataFrame, *, seed: int = 0) -> SeparationGain:
    yardstick = make_yardstick(outcomes)
    measured = [measure_separation(fix(labels), yardstick) for labels in (one, other)]
    return compare_separation(*measured, seed=seed)


def test_the_gain_is_the_difference_of_the_scores() -> None:
    labels = make_labels(2000, 4)
    yardstick = make_yardstick(pd.DataFrame({"a": add_noise(labels, explained=0.5)}), a=0.5)
    fine, coarse = (measure_separation(fix(one), yardstick) for one in (labels, labels % 2))
    assert compare_separation(fine, coarse, seed=0).gain == pytest.approx(fine.score - coarse.score)


def test_customers_not_judged_have_no_part_in_the_error() -> None:
    labels = make_labels(3000, 4)
    outcomes = pd.DataFrame({"a": add_noise(labels, explained=0.5)})
    judged = np.arange(600)
    splits = tuple((judged[train], judged[test]) for train, test in split_customers(600, folds=5, seed=0))
    few = Yardstick(outcomes, splits, {"a": 1.0}, {})
    measured = [measure_separation(fix(one), few) for one in (labels, labels % 2)]
    alone = compare(labels.iloc[:600], labels.iloc[:600] % 2, outcomes.iloc[:600])
    assert compare_separation(*measured, seed=0).error == pytest.approx(alone.error)


def test_a_better_challenger_is_told_from_an_equal_one() -> None:
    _factors, group = make_customers(3000)
    outcomes = make_outcomes(group)
    coarse = group.where(group != 1, 0)  # does not tell the pair that is equal in money
    better = compare(group, coarse, outcomes)
    same = compare(group, group + 10, outcomes)
    assert 0 < better.low < better.gain
    assert (same.gain, same.low) == (pytest.approx(0.0), pytest.approx(0.0))
    assert better == compare(group, coarse, outcomes)


def test_the_lower_bound_holds_about_as_often_as_it_says() -> None:
    """A challenger that is no better has a lower bound above zero in about one case in twenty."""
    wrong = 0
    for seed in range(100):
        one, other = make_labels(400, 4, seed=seed), make_labels(400, 4, seed=1000 + seed)
        both = pd.DataFrame({"a": one + other + np.random.default_rng([seed, 3]).normal(0, 1, 400)})
        wrong += compare(one, other, both, seed=seed).low > 0
    assert wrong <= 12


def test_the_detectable_gain_shrinks_with_more_customers() -> None:
    found = []
    for count in (500, 5000):
        one, other = make_labels(count, 4), make_labels(count, 4, seed=1)
        gain = compare(one, other, pd.DataFrame({"a": one + other}))
        assert gain.detectable == pytest.approx(2.486 * gain.error, rel=0.001)
        found.append(gain.detectable)
    assert found[0] / found[1] == pytest.approx(np.sqrt(10), rel=0.3)


def test_clearly_better_asks_more_of_the_best_of_many() -> None:
    labels = make_labels(2000, 4)
    yardstick = make_yardstick(pd.DataFrame({"a": add_noise(labels, explained=0.3)}))
    fine, coarse = (measure_separation(fix(one), yardstick) for one in (labels, labels % 2))
    assert is_clearly_better(fine, coarse, among=10)
    assert not is_clearly_better(fine, fine, among=1)
    lead = fine.parts - coarse.parts
    # A lead of two standard errors: clear of one other, not clear of the best of ten.
    shift = (lead.sum() - 2 * lead.std(ddof=1) * np.sqrt(len(lead))) / len(lead)
    close = replace(coarse, parts=coarse.parts + shift)
    assert is_clearly_better(fine, close, among=1)
    assert not is_clearly_better(fine, close, among=10)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    segments=st.integers(1, 8),
    scale=st.floats(0.01, 1e6),
    shift=st.floats(-1e3, 1e3),
)
def test_separation_does_not_depend_on_units_or_on_numbering(
    seed: int, segments: int, scale: float, shift: float
) -> None:
    labels = make_labels(300, segments, seed=seed)
    outcomes = pd.DataFrame({"a": add_noise(make_labels(300, 4), explained=0.5, seed=seed)})
    score = measure_separation(fix(labels), make_yardstick(outcomes)).score
    assert score <= 1
    other = make_yardstick(outcomes * scale + shift)
    assert measure_separation(fix(-3 * labels), other).score == pytest.approx(score, abs=1e-6)
