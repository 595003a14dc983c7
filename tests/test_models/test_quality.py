"""Quality: figures known in advance come out."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons

from models.quality import (
    measure_calinski_harabasz,
    measure_davies_bouldin,
    measure_density_validity,
    measure_prediction_strength,
    measure_silhouette,
    measure_stability,
)


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


def test_stability_draws_with_replacement_and_uses_a_customer_once() -> None:
    drawn = []

    def refit(rows: np.ndarray) -> np.ndarray:
        drawn.append(rows)
        return np.zeros(1000, int)

    measure_stability(np.zeros(1000, int), refit, resamples=40, seed=0)
    assert all(len(np.unique(rows)) == len(rows) for rows in drawn)
    assert np.mean([len(rows) for rows in drawn]) == pytest.approx(1000 * (1 - np.exp(-1)), rel=0.01)
    assert len({rows.tobytes() for rows in drawn}) == 40
    drawn.clear()
    measure_stability(np.zeros(1000, int), refit, resamples=4, rows_max=300, seed=0)
    assert max(len(rows) for rows in drawn) <= 300


def test_resampling_stops_early_only_where_what_is_wanted_is_out_of_reach() -> None:
    labels = np.repeat([0, 1], 200)
    halves = np.repeat([0, 1, 2, 3], 100)
    shaky = iter([halves, labels] * 50)
    clear = measure_stability(labels, lambda _rows: halves, resamples=50, least_wanted=0.6, seed=0)
    assert (clear.resamples, clear.hopeless, clear.least) == (5, True, 0.5)
    assert measure_stability(labels, lambda _rows: halves, resamples=50, seed=0).resamples == 50
    open_case = measure_stability(labels, lambda _rows: next(shaky), resamples=50, mean_wanted=0.76, seed=0)
    assert (open_case.resamples, open_case.hopeless, open_case.mean) == (50, False, 0.75)


def split_in(X: np.ndarray, segments: int):  # type: ignore[no-untyped-def]
    return lambda rows: KMeans(segments, n_init=3, random_state=0).fit(X[rows]).predict(X)


def test_prediction_strength_is_high_up_to_the_true_number_and_falls_beyond() -> None:
    """Tibshirani & Walther 2005: the largest number with a strength of at least 0.8 is the number of clusters."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2)) + 6 * np.array([[0, 0], [0, 1], [1, 0]])[np.repeat([0, 1, 2], 200)]
    strength = {
        k: measure_prediction_strength(600, split_in(X, k), splits=3, seed=0) for k in (1, 2, 3, 4, 5)
    }
    assert strength[1] == 1.0
    assert strength[3] > 0.95
    assert max(strength[4], strength[5]) < 0.7


def test_prediction_strength_by_hand() -> None:
    """Nine of ten customers of a segment are kept together by the other half's model: 72 of 90 ordered pairs."""
    own = np.zeros(20, int)
    others = np.array([0] * 20)

    def label(rows: np.ndarray) -> np.ndarray:
        if not label.called:  # type: ignore[attr-defined]
            label.called = True  # type: ignore[attr-defined]
            label.first = rows  # type: ignore[attr-defined]
            return own
        found = others.copy()
        found[label.first[0]] = -1  # type: ignore[attr-defined]
        return found

    label.called = False  # type: ignore[attr-defined]
    # The first half's own segment, seen by the second model: 72 ÷ 90; the second half's own, by the first: 1.
    assert measure_prediction_strength(20, label, seed=0) == pytest.approx((72 / 90 + 1) / 2)
    assert np.isnan(measure_prediction_strength(10, lambda _rows: np.full(10, -1), seed=0))


def test_density_validity_prefers_bent_segments_where_the_customers_lie_so() -> None:
    X, moons = make_moons(600, noise=0.03, random_state=0)
    round_ones = KMeans(2, n_init=3, random_state=0).fit_predict(X)
    right, wrong = (measure_density_validity(X, labels, seed=0) for labels in (moons, round_ones))
    assert right > 0.5 > 0 > wrong
    assert np.isnan(measure_density_validity(X, np.zeros(600, int), seed=0))
    assert measure_density_validity(np.vstack([X] * 3), np.tile(moons, 3), seed=0) == pytest.approx(
        right, abs=0.3
    )


def test_stability_of_outliers_alone_is_unknown() -> None:
    stability = measure_stability(np.full(10, -1), lambda rows: rows, resamples=2, seed=0)
    assert np.isnan(stability.mean)
    nothing_again = measure_stability(np.zeros(10, int), lambda _rows: np.full(10, -1), resamples=2, seed=0)
    assert nothing_again.mean == 0.0
