"""Maps: groups that lie apart are apart on them, and the same customers give the same map."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from models.maps import MapMethod, compute_map

QUICK: tuple[MapMethod, ...] = ("pca", "tsne")


def make_groups(count: int = 240, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(count) % 3
    return 6 * np.eye(3, 8)[truth] + np.random.default_rng(seed).normal(size=(count, 8)), truth


def measure_purity(points: pd.DataFrame, truth: np.ndarray) -> float:
    plane = points[["x", "y"]].to_numpy()
    return float(KNeighborsClassifier(10).fit(plane, truth).score(plane, truth))


@pytest.mark.parametrize("method", QUICK)
def test_groups_are_apart_and_the_map_comes_out_again(method: MapMethod) -> None:
    X, truth = make_groups()
    points = compute_map(X, method=method, seed=1)
    assert measure_purity(points, truth) > 0.97
    np.testing.assert_allclose(points.mean(), 0, atol=1e-9)
    np.testing.assert_allclose(points.std(ddof=0), 1)
    pd.testing.assert_frame_equal(points, compute_map(X, method=method, seed=1), check_exact=True)


@pytest.mark.long
def test_umap_keeps_neighbours_together_and_comes_out_again() -> None:
    X, truth = make_groups()
    points = compute_map(X, method="umap", seed=1)
    assert measure_purity(points, truth) > 0.97
    pd.testing.assert_frame_equal(points, compute_map(X, method="umap", seed=1), check_exact=True)
    assert len(compute_map(X[:10], method="umap", seed=1)) == 10


def test_principal_components_are_the_directions_of_most_difference() -> None:
    X = np.random.default_rng(0).normal(size=(500, 4)) * [1.0, 9.0, 1.0, 4.0]
    points = compute_map(X, seed=0)
    assert np.corrcoef(points["x"], X[:, 1])[0, 1] > 0.99
    assert np.corrcoef(points["y"], X[:, 3])[0, 1] > 0.99


def test_of_many_customers_some_are_drawn_and_known_by_their_row() -> None:
    X, _truth = make_groups(500)
    points = compute_map(X, most=100, seed=2)
    assert len(points) == 100
    assert points.index.is_monotonic_increasing
    assert points.index.is_unique
    assert list(points.index) == list(compute_map(X * 2, most=100, seed=2).index)
    assert list(points.index) != list(compute_map(X, most=100, seed=3).index)


@pytest.mark.parametrize("method", QUICK)
def test_customers_who_are_all_the_same_or_differ_in_one_thing_have_a_map(method: MapMethod) -> None:
    assert np.isfinite(compute_map(np.ones((30, 3)), method=method, seed=0)).all(axis=None)
    assert np.isfinite(compute_map(np.arange(30.0)[:, None], method=method, seed=0)).all(axis=None)


def test_one_customer_is_a_point_and_too_few_for_neighbourhoods() -> None:
    assert compute_map(np.ones((1, 3)), seed=0).to_numpy().tolist() == [[0.0, 0.0]]
    with pytest.raises(ValueError, match="a map by tsne needs at least 10 customers, there are 4; use pca"):
        compute_map(np.eye(4), method="tsne", seed=0)
    with pytest.raises(ValueError, match="map method 'mds' is unknown; there are: pca, tsne, umap"):
        compute_map(np.eye(4), method="mds", seed=0)  # type: ignore[arg-type]
