"""Silhouettes of single customers: their mean is the one known, and outliers have none."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from models.silhouettes import compute_silhouettes


def test_the_mean_is_the_silhouette_of_the_segmentation() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, -1], [100, 60, 20])
    X = rng.normal(size=(180, 2)) + labels[:, None] * 4
    found = compute_silhouettes(X, labels, seed=0)
    assert found["silhouette"].mean() == pytest.approx(silhouette_score(X[:160], labels[:160]))
    assert list(found.index) == list(range(160))
    assert found["label"].tolist() == labels[:160].tolist()


def test_a_customer_in_the_wrong_segment_is_below_zero() -> None:
    labels = np.repeat([0, 1], 50)
    X = np.random.default_rng(0).normal(scale=0.3, size=(100, 2)) + labels[:, None] * 5
    labels[0] = 1
    found = compute_silhouettes(X, labels, seed=0)["silhouette"]
    assert found[0] < -0.8
    assert found[1:].min() > 0.7


def test_of_many_customers_some_are_drawn() -> None:
    labels = np.arange(500) % 2
    X = labels[:, None] * 3.0 + np.random.default_rng(0).normal(size=(500, 2))
    found = compute_silhouettes(X, labels, most=80, seed=1)
    assert len(found) == 80
    assert found.equals(compute_silhouettes(X, labels, most=80, seed=1))


@pytest.mark.parametrize("labels", [np.zeros(20, int), np.full(20, -1), np.arange(20), np.zeros(0, int)])
def test_without_two_segments_there_is_nothing_to_compare(labels: np.ndarray) -> None:
    found = compute_silhouettes(np.random.default_rng(0).normal(size=(len(labels), 2)), labels, seed=0)
    assert found.empty
    assert list(found) == ["label", "silhouette"]
