"""Clusterers: each finds blobs, places newcomers, and is a file of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import models.clusterers
from models.clusterers import OUTLIER, FittedClusterer, load_clusterers
from models.clusterers.agglomerative import AgglomerativeClusterer
from models.clusterers.dbscan import DbscanClusterer
from models.clusterers.gaussian_mixture import GaussianMixtureClusterer
from models.clusterers.hdbscan import HdbscanClusterer
from models.clusterers.kmeans import KMeansClusterer
from models.clusterers.neighbours import NeighbourClusterer
from models.clusterers.self_organising_map import SelfOrganisingMapClusterer

CENTRES = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.0, 0.0, 8.0]])
BUILDS = (
    lambda: KMeansClusterer(segments=4, seed=1),
    lambda: HdbscanClusterer(share=0.05, min_samples=5),
    lambda: HdbscanClusterer(share=0.05, min_samples=5, metric="manhattan"),
    lambda: DbscanClusterer(reach=0.95),
    lambda: DbscanClusterer(reach=0.95, metric="manhattan"),
    lambda: AgglomerativeClusterer(segments=4, linkage="ward"),
    lambda: AgglomerativeClusterer(segments=4, linkage="average", metric="manhattan"),
    lambda: AgglomerativeClusterer(segments=4, linkage="complete"),
    lambda: GaussianMixtureClusterer(segments=4, seed=1),
    lambda: GaussianMixtureClusterer(segments=4, shape="diag", seed=1),
    lambda: SelfOrganisingMapClusterer(segments=4, seed=1),
    lambda: SelfOrganisingMapClusterer(segments=4, metric="manhattan", seed=1),
)
BIRCH = """
from sklearn.cluster import Birch

from models.clusterers import Clusterer
from models.clusterers.neighbours import NeighbourClusterer


class BirchClusterer(NeighbourClusterer):
    def __init__(self, *, segments, seed=0):
        self.segments = segments

    def fit(self, X):
        return self.remember(X, Birch(n_clusters=self.segments).fit_predict(X))


CLUSTERER = Clusterer("birch", "by a tree", BirchClusterer, lambda ks, n: tuple({"segments": k} for k in ks))
"""


def make_blobs(each: int = 150, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(CENTRES)), each)
    return CENTRES[truth] + rng.normal(size=(len(truth), 3)), truth


@pytest.mark.parametrize("build", BUILDS)
def test_finds_blobs_and_places_newcomers_where_they_belong(build) -> None:  # type: ignore[no-untyped-def]
    X, truth = make_blobs()
    fitted = build().fit(X)
    assert adjusted_rand_score(truth, fitted.labels_) > 0.95
    newcomers, where = make_blobs(seed=5)
    assert adjusted_rand_score(where, fitted.predict(newcomers)) > 0.95


@pytest.mark.parametrize("build", BUILDS)
def test_those_it_was_fitted_on_keep_their_label(build) -> None:  # type: ignore[no-untyped-def]
    X, _truth = make_blobs()
    fitted = build().fit(X)
    np.testing.assert_array_equal(fitted.predict(X[::-1])[::-1], fitted.labels_)


@pytest.mark.parametrize("build", BUILDS)
def test_strength_is_a_share_and_high_inside(build) -> None:  # type: ignore[no-untyped-def]
    X, _truth = make_blobs()
    fitted = build().fit(X)
    strength = fitted.strength(X)
    assert strength.min() >= 0
    assert strength.max() <= 1
    assert fitted.strength(CENTRES).min() > 0.8


def test_between_two_centres_k_means_is_not_sure() -> None:
    X, _truth = make_blobs()
    assert KMeansClusterer(segments=4).fit(X).strength((CENTRES[:1] + CENTRES[1:2]) / 2)[0] < 0.1


def test_between_two_regions_neighbours_disagree() -> None:
    X = np.array([[-1.0], [-1.1], [-1.2], [1.0], [1.1], [1.2], [1.3]])
    fitted = DbscanClusterer(reach=0.95).remember(X, np.array([0, 0, 0, 1, 1, 1, 1]))
    label, strength = fitted.place(np.array([[0.0]]))
    assert (label[0], strength[0]) == (1, pytest.approx(4 / 7))


@pytest.mark.parametrize("build", BUILDS)
def test_state_gives_back_the_same_bits(build) -> None:  # type: ignore[no-untyped-def]
    X, _truth = make_blobs()
    fitted = build().fit(X)
    again = build().set_state({name: array.copy() for name, array in fitted.get_state().items()})
    for one, other in zip(again.place(X + 0.7), fitted.place(X + 0.7), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_seed_gives_the_same_centres() -> None:
    X, _truth = make_blobs()
    first, second = (KMeansClusterer(segments=6, seed=2).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.centres_, second.centres_)


def test_hdbscan_sets_scattered_customers_apart() -> None:
    X, _truth = make_blobs()
    scattered = np.random.default_rng(1).uniform(-60, 60, size=(30, 3))
    fitted = HdbscanClusterer(share=0.05, min_samples=5).fit(np.vstack([X, scattered]))
    assert np.mean(fitted.labels_[-30:] == OUTLIER) > 0.8
    assert np.mean(fitted.labels_[:-30] == OUTLIER) < 0.15


def test_far_from_everybody_is_an_outlier_without_strength() -> None:
    X, _truth = make_blobs()
    label, strength = HdbscanClusterer(share=0.05, min_samples=5).fit(X).place(np.array([[500.0, 0.0, 0.0]]))
    assert (label[0], strength[0]) == (OUTLIER, 0.0)


def test_hdbscan_without_any_dense_region_has_outliers_only() -> None:
    X = np.random.default_rng(0).uniform(size=(60, 10))
    fitted = HdbscanClusterer(share=0.3, min_samples=15).fit(X)
    assert set(fitted.labels_) == {OUTLIER}
    assert set(fitted.predict(X)) == {OUTLIER}


def test_the_catalogue_names_and_explains_every_algorithm() -> None:
    catalogue = load_clusterers()
    assert set(catalogue) == {
        "agglomerative", "dbscan", "gaussian_mixture", "hdbscan", "kmeans", "self_organising_map", "ward",
    }  # fmt: skip
    for clusterer in catalogue.values():
        assert clusterer.meaning
        parameters = clusterer.grid(range(4, 9), 1000)
        assert len(parameters) >= 2
        assert all(isinstance(clusterer.build(**one, seed=0), FittedClusterer) for one in parameters)


def test_a_new_algorithm_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "birch.py").write_text(BIRCH, encoding="utf-8")
    monkeypatch.setattr(models.clusterers, "__path__", [*models.clusterers.__path__, str(tmp_path)])
    birch = load_clusterers()["birch"]
    X, truth = make_blobs()
    fitted = birch.build(**birch.grid(range(4, 5), len(X))[0], seed=0).fit(X)
    newcomers, where = make_blobs(seed=5)
    assert adjusted_rand_score(truth, fitted.labels_) > 0.95
    assert adjusted_rand_score(where, fitted.predict(newcomers)) > 0.95


def test_hdbscan_places_newcomers_as_its_library_does() -> None:
    """Four regions and stray customers, on most of whom the two must agree to the label."""
    from hdbscan import HDBSCAN, approximate_predict

    def draw(count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        centres = np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6]])
        dense = centres[rng.integers(0, 4, count)] + rng.normal(size=(count, 3))
        return np.vstack([dense, rng.uniform(-4, 10, (count // 20, 3))])

    X, newcomers = draw(3000, 1), draw(2000, 2)
    library = HDBSCAN(min_cluster_size=157, min_samples=10, prediction_data=True).fit(X)
    fitted = HdbscanClusterer(share=0.05, min_samples=10).fit(X)
    np.testing.assert_array_equal(fitted.labels_, library.labels_)
    np.testing.assert_array_equal(fitted.predict(X), library.labels_)
    theirs, _strength = approximate_predict(library, newcomers)
    assert 0.02 < np.mean(theirs == OUTLIER) < 0.4
    assert np.mean(fitted.predict(newcomers) == theirs) >= 0.99


def test_an_hdbscan_from_before_core_distances_were_kept_places_as_it_did() -> None:
    X = np.vstack([CENTRES + step for step in np.random.default_rng(0).normal(0, 0.5, (60, 1, 3))])
    fitted = HdbscanClusterer(share=0.1, min_samples=5).fit(X)
    old = {name: array for name, array in fitted.get_state().items() if name not in ("core_", "reach_")}
    again = HdbscanClusterer(share=0.1, min_samples=5).set_state(old)
    assert set(again.get_state()) == set(old)
    for found, expected in zip(again.place(X + 0.3), NeighbourClusterer.place(fitted, X + 0.3), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_warm_start_stays_where_every_cold_start_ends_elsewhere() -> None:
    X = np.random.default_rng(0).normal(size=(800, 3))
    first = KMeansClusterer(segments=6, seed=0).fit(X)
    resumed = KMeansClusterer(segments=6, seed=1).resume(X, first.labels_)
    cold = KMeansClusterer(segments=6, seed=1).fit(X)
    assert adjusted_rand_score(first.labels_, resumed.labels_) > 0.99
    assert adjusted_rand_score(first.labels_, cold.labels_) < 0.9


@pytest.mark.parametrize("shape", ["full", "diag"])
def test_a_mixture_resumes_among_groups_that_overlap(shape: Any) -> None:
    X, _truth = make_blobs()
    X *= 0.45  # the noise shrinks with it, so overlap is added anew
    X += np.random.default_rng(1).normal(size=X.shape)
    first = GaussianMixtureClusterer(segments=4, shape=shape, seed=0).fit(X)
    resumed = GaussianMixtureClusterer(segments=4, shape=shape, seed=1).resume(X, first.labels_)
    assert adjusted_rand_score(first.labels_, resumed.labels_) > 0.95


@pytest.mark.parametrize("build", [KMeansClusterer, GaussianMixtureClusterer, AgglomerativeClusterer])
def test_what_cannot_resume_begins_anew(build) -> None:  # type: ignore[no-untyped-def]
    X, truth = make_blobs()
    three = np.minimum(truth, 2)
    resumed, cold = build(segments=4).resume(X, three), build(segments=4).fit(X)
    np.testing.assert_array_equal(resumed.labels_, cold.labels_)
