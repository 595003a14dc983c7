"""Quality: figures known in advance come out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latent_customers import make_customers, make_outcomes

from models.quality import (
    compare_separation,
    measure_calinski_harabasz,
    measure_davies_bouldin,
    measure_separation,
    measure_silhouette,
    measure_stability,
)


def make_labels(count: int, segments: int, *, seed: int = 0) -> pd.Series:
    ids = pd.Index([f"c{i}" for i in range(count)], name="customer_id")
    return pd.Series(np.random.default_rng([seed, 1]).integers(0, segments, count), index=ids)


def add_noise(labels: pd.Series, *, explained: float, seed: int = 0) -> pd.Series:
    """An outcome of which the segments (0 … k−1, equally likely) explain this share of the variance."""
    signal = (labels - labels.mean()) / labels.std()
    noise = np.random.default_rng([seed, 2]).normal(size=len(labels))
    return signal * np.sqrt(explained) + noise * np.sqrt(1 - explained)


def test_silhouette_leaves_outliers_aside_and_tells_tight_from_loose() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, -1], 200)
    tight = np.vstack(
        [rng.normal(0, 0.1, (200, 2)), rng.normal(5, 0.1, (200, 2)), rng.uniform(-9, 9, (200, 2))]
    )
    loose = np.vstack([rng.normal(0, 3, (200, 2)), rng.normal(5, 3, (200, 2)), tight[400:]])
    assert measure_silhouette(tight, labels, seed=0) > 0.95
    assert measure_silhouette(loose, labels, seed=0) < 0.5
    assert measure_calinski_harabasz(tight, labels) > measure_calinski_harabasz(loose, labels)
    assert measure_davies_bouldin(tight, labels) < measure_davies_bouldin(loose, labels)


def test_silhouette_of_a_sample_is_near_that_of_all() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 4000)
    points = rng.normal(size=(8000, 2)) + labels[:, None] * 3
    samples = [measure_silhouette(points, labels, seed=seed) for seed in range(3)]
    assert np.ptp(samples) < 0.03
    assert samples[0] == measure_silhouette(points, labels, seed=0)


@pytest.mark.parametrize("labels", [np.zeros(50, int), np.full(50, -1), np.arange(50)])
def test_without_two_real_segments_indices_are_unknown(labels: np.ndarray) -> None:
    points = np.random.default_rng(0).normal(size=(50, 2))
    assert np.isnan(measure_silhouette(points, labels, seed=0))
    assert np.isnan(measure_calinski_harabasz(points, labels))
    assert np.isnan(measure_davies_bouldin(points, labels))


def test_stability_is_one_when_the_same_comes_out_under_other_numbers() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2, -1, -1] * 20)
    renumbered = np.array([7, 7, 3, 3, 5, 5, -1, -1] * 20)
    stability = measure_stability(labels, lambda _rows: renumbered, resamples=3, seed=0)
    assert (stability.mean, stability.least) == (1.0, 1.0)
    assert stability.by_segment == {0: 1.0, 1: 1.0, 2: 1.0}


def test_stability_names_the_segment_that_falls_apart() -> None:
    labels = np.repeat([0, 1, 2], 100)
    again = np.repeat([0, 1, 2, 3], [100, 100, 50, 50])
    stability = measure_stability(labels, lambda _rows: again, resamples=2, seed=0)
    assert stability.by_segment == {0: 1.0, 1: 1.0, 2: 0.5}
    assert stability.mean == pytest.approx(2.5 / 3)
    assert stability.least == 0.5


def test_stability_draws_subsamples_without_repeating_a_customer() -> None:
    drawn = []

    def refit(rows: np.ndarray) -> np.ndarray:
        drawn.append(rows)
        return np.zeros(1000, int)

    measure_stability(np.zeros(1000, int), refit, resamples=4, rows_max=300, seed=0)
    assert [len(np.unique(rows)) for rows in drawn] == [300] * 4
    assert len({rows.tobytes() for rows in drawn}) == 4


def test_stability_of_outliers_alone_is_unknown() -> None:
    stability = measure_stability(np.full(10, -1), lambda rows: rows, resamples=2, seed=0)
    assert np.isnan(stability.mean)
    nothing_again = measure_stability(np.zeros(10, int), lambda _rows: np.full(10, -1), resamples=2, seed=0)
    assert nothing_again.mean == 0.0


@pytest.mark.parametrize("explained", [0.1, 0.4, 0.8])
def test_separation_is_the_variance_that_segments_explain(explained: float) -> None:
    labels = make_labels(5000, 5)
    outcomes = pd.DataFrame({"spend": add_noise(labels, explained=explained)})
    separation = measure_separation(labels, outcomes, seed=0)
    assert separation.score == pytest.approx(explained, abs=0.03)
    assert separation.by_outcome == {"spend": separation.score}


def test_segments_that_mean_nothing_separate_nothing_however_many() -> None:
    spend = pd.DataFrame(
        {"spend": np.random.default_rng(1).normal(size=2000)}, index=make_labels(2000, 2).index
    )
    for segments in (2, 8, 40):
        assert measure_separation(make_labels(2000, segments), spend, seed=0).score < 0.01


def test_separation_averages_what_applies_and_says_what_was_left_out() -> None:
    labels = make_labels(3000, 4)
    first, second = add_noise(labels, explained=0.5), add_noise(labels, explained=0.1, seed=1)
    second[labels.index[::2]] = np.nan
    outcomes = pd.DataFrame({"a": first, "b": second, "constant": 1.0, "unknown": np.nan, "rare": 0.0})
    outcomes.loc[outcomes.index[:5], "rare"] = 1.0
    separation = measure_separation(labels, outcomes, seed=0)
    assert set(separation.by_outcome) == {"a", "b"}
    assert separation.score == pytest.approx(0.3, abs=0.04)
    assert separation.left_out == {
        "constant": "nearly the same for all",
        "unknown": "known of 0 customers only",
        "rare": "nearly the same for all",
    }


def test_without_a_usable_outcome_separation_is_unknown() -> None:
    labels = make_labels(500, 3)
    outcomes = pd.DataFrame({"constant": np.ones(500)}, index=labels.index)
    assert np.isnan(measure_separation(labels, outcomes, seed=0).score)
    assert compare_separation(labels, labels, outcomes, seed=0) is None


def test_only_customers_known_on_every_side_count() -> None:
    labels = make_labels(3000, 4)
    outcomes = pd.DataFrame({"a": add_noise(labels, explained=0.5)})
    whole = measure_separation(labels.iloc[:2000], outcomes.iloc[:2000], seed=0)
    assert measure_separation(labels.iloc[:2000], outcomes, seed=0) == whole
    assert measure_separation(labels, outcomes.iloc[:2000], seed=0) == whole
    shuffled = labels.sample(frac=1, random_state=0)
    assert compare_separation(labels, shuffled, outcomes, seed=0).gain == 0.0  # type: ignore[union-attr]


def test_a_better_challenger_is_told_from_an_equal_one() -> None:
    _factors, group = make_customers(3000)
    outcomes = make_outcomes(group)
    coarse = group.where(group != 1, 0)  # does not tell the pair that is equal in money
    better = compare_separation(group, coarse, outcomes, seed=0)
    same = compare_separation(group, group + 10, outcomes, seed=0)
    assert better is not None
    assert same is not None
    assert 0 < better.low < better.gain
    assert (same.gain, same.low, same.error) == (0.0, 0.0, 0.0)
    assert better == compare_separation(group, coarse, outcomes, seed=0)


def test_the_lower_bound_holds_about_as_often_as_it_says() -> None:
    """A challenger that is no better has a lower bound above zero in about one case in twenty."""
    wrong = 0
    for seed in range(100):
        one, other = make_labels(400, 4, seed=seed), make_labels(400, 4, seed=1000 + seed)
        both = pd.DataFrame({"a": one + other + np.random.default_rng([seed, 3]).normal(0, 1, 400)})
        gain = compare_separation(one, other, both, resamples=200, seed=seed)
        assert gain is not None
        wrong += gain.low > 0
    assert wrong <= 12


def test_the_detectable_gain_shrinks_with_more_customers() -> None:
    found = []
    for count in (500, 5000):
        one, other = make_labels(count, 4), make_labels(count, 4, seed=1)
        gain = compare_separation(one, other, pd.DataFrame({"a": one + other}), seed=0)
        assert gain is not None
        assert gain.detectable == pytest.approx(2.486 * gain.error, rel=0.001)
        found.append(gain.detectable)
    assert found[0] / found[1] == pytest.approx(np.sqrt(10), rel=0.3)


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
    score = measure_separation(labels, outcomes, seed=0).score
    assert score <= 1
    assert measure_separation(-3 * labels, outcomes * scale + shift, seed=0).score == pytest.approx(
        score, abs=1e-6
    )
