"""The warning about round segments: given where they cut across groups, and only there."""

import numpy as np
import pytest
from latent_customers import make_customers
from sklearn.datasets import make_blobs, make_circles, make_moons

from models.clusterers.kmeans import KMeansClusterer
from models.preparation import Preparation, PreparationOptions
from models.sphericity import ShapeCheck, check_sphericity

SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])


def check(X: np.ndarray, segments: int) -> ShapeCheck:
    return check_sphericity(X, KMeansClusterer(segments=segments).fit(X).labels_, seed=0)


def make_ellipses(*, dimensions: int = 2, seed: int) -> np.ndarray:
    """Three parallel groups, twelve times as long as wide."""
    X = np.random.default_rng(seed).normal(scale=0.5, size=(900, dimensions))
    X[:, 0] *= 12
    X[:, 1] += np.repeat([0, 4, 8], 300)
    return X


@SEEDS
@pytest.mark.parametrize("segments", [2, 3, 4])
def test_warns_of_moons(seed: int, segments: int) -> None:
    found = check(make_moons(1000, noise=0.06, random_state=seed)[0], segments)
    assert found.regions == 2
    assert found.fit < 0.6
    assert "2 dense groups of another shape" in found.warning


@SEEDS
@pytest.mark.parametrize("dimensions", [2, 5])
def test_warns_of_stretched_ellipses(seed: int, dimensions: int) -> None:
    found = check(make_ellipses(dimensions=dimensions, seed=seed), 3)
    assert found.fit < 0.1
    assert found.warning


def test_warns_of_a_ring_around_a_centre() -> None:
    assert check(make_circles(1000, noise=0.05, factor=0.4, random_state=0)[0], 2).warning


@SEEDS
@pytest.mark.parametrize("segments", [3, 5, 8])
@pytest.mark.parametrize("dimensions", [2, 20])
def test_is_silent_about_blobs_with_fewer_as_many_or_more_segments(
    seed: int, segments: int, dimensions: int
) -> None:
    X, _truth = make_blobs(1500, n_features=dimensions, centers=5, random_state=seed)
    found = check(X, segments)
    assert found.fit > 0.85
    assert found.warning == ""


@SEEDS
def test_is_silent_about_customers_k_means_does_well_on(seed: int) -> None:
    factors, _group = make_customers(1200, seed=seed)
    for options in (
        PreparationOptions(),
        PreparationOptions(weighting="balanced", projection="discriminants"),
    ):
        assert check(Preparation(options).fit_transform(factors), 5).warning == ""


@SEEDS
def test_is_silent_where_there_is_nothing_to_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cloud = check(rng.normal(size=(1200, 6)), 5)
    assert (cloud.warning, np.isnan(cloud.fit)) == ("", True)
    assert check(rng.uniform(size=(1200, 2)), 5).warning == ""
    same = check_sphericity(np.ones((50, 3)), np.zeros(50, dtype=int), seed=0)
    assert (same.regions, same.covered, same.warning) == (1, 1.0, "")


def test_the_same_customers_and_seed_give_the_same_answer() -> None:
    X = make_ellipses(seed=0)
    labels = KMeansClusterer(segments=3).fit(X).labels_
    large = np.vstack([X + shift for shift in np.linspace(0, 0.01, 6)[:, None, None]])
    first, second = (check_sphericity(large, np.tile(labels, 6), seed=4) for _ in range(2))
    assert first == second
    assert first.warning
