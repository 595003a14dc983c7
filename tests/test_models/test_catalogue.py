"""The catalogue of algorithms: what each is chosen for, its metrics, and what it makes of too little."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score

from models.clusterers import OUTLIER, FittedClusterer, load_clusterers, title_algorithms
from models.clusterers.agglomerative import (
    LEVELS,
    TREE_ROWS,
    AgglomerativeClusterer,
    cut_tree,
    grow_tree,
)
from models.clusterers.dbscan import DbscanClusterer
from models.clusterers.distances import METRICS, Metric, arrange_points, find_neighbours
from models.clusterers.gaussian_mixture import GaussianMixtureClusterer
from models.clusterers.hdbscan import HdbscanClusterer
from models.clusterers.neighbours import NeighbourClusterer, measure_agreement
from models.clusterers.self_organising_map import SelfOrganisingMapClusterer, choose_side
from models.preparation import Preparation
from models.recipes import PREPARATIONS, Recipe
from models.segmenter import Segmenter, fit_segmenter
from models.training_settings import TrainingSettings

GUIDE = Path(__file__).parents[2] / "docs/algorithms.md"
CATALOGUE = load_clusterers()
ONE_EACH = [(name, CATALOGUE[name].grid(range(4, 5), 600)[-1]) for name in CATALOGUE]
EACH = pytest.mark.parametrize(("name", "parameters"), ONE_EACH, ids=[name for name, _ in ONE_EACH])


def build(name: str, parameters: dict) -> FittedClusterer:
    return CATALOGUE[name].build(**parameters, seed=3)


def make_blobs(count: int = 600, *, dimensions: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four groups of different size, far apart in every metric, directions too."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, count, p=[0.4, 0.3, 0.2, 0.1])
    return 9 * np.eye(4, dimensions)[truth] + rng.normal(scale=0.7, size=(count, dimensions)), truth


def make_directions(count: int = 400, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two habits, lived by customers who buy little or very much."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, count)
    habit = np.where(truth[:, None] == 1, [1.0, 0.2], [0.2, 1.0]) + rng.normal(scale=0.05, size=(count, 2))
    return habit * rng.lognormal(1, 1, size=(count, 1)), truth


@EACH
def test_the_same_customers_and_seed_give_the_same_model(name: str, parameters: dict) -> None:
    X, _truth = make_blobs()
    first, second = build(name, parameters).fit(X), build(name, parameters).fit(X)
    np.testing.assert_array_equal(first.labels_, second.labels_)
    for key, array in first.get_state().items():
        np.testing.assert_array_equal(array, second.get_state()[key])


@EACH
def test_a_model_is_plain_arrays_that_place_the_same_again(name: str, parameters: dict) -> None:
    factors, _group = make_customers(600)
    segmenter = fit_segmenter(factors, recipe=Recipe(name, parameters), seed=0)
    state = segmenter.to_state()
    assert {array.dtype.kind for array in state.arrays.values()} <= set("fib")
    newcomers, _group = make_customers(300, seed=9)
    pd.testing.assert_frame_equal(
        Segmenter.from_state(state).assign(newcomers), segmenter.assign(newcomers), check_exact=True
    )


@EACH
def test_every_metric_in_its_grid_finds_groups_apart_in_all(name: str, parameters: dict) -> None:
    X, truth = make_blobs()
    for metric in sorted({one.get("metric", "euclidean") for one in CATALOGUE[name].grid(range(4, 5), 600)}):
        given = parameters | ({"metric": metric} if "metric" in parameters else {})
        assert adjusted_rand_score(truth, build(name, given).fit(X).labels_) > 0.95, metric


@EACH
def test_customers_who_are_all_the_same_are_one_segment(name: str, parameters: dict) -> None:
    for value in (0.0, 3.0):
        fitted = build(name, parameters).fit(np.full((30, 3), value))
        assert set(fitted.labels_) == {0}
        labels, strength = fitted.place(np.full((2, 3), value))
        assert set(labels) == {0}
        assert strength.tolist() == [1.0, 1.0]


@EACH
@pytest.mark.parametrize("count", [1, 3])
def test_fewer_customers_than_segments_are_refused_or_no_segments(
    name: str, parameters: dict, count: int
) -> None:
    X = np.random.default_rng(0).normal(size=(count, 3))
    if "segments" in parameters:
        with pytest.raises(
            ValueError, match=f"4 segments need at least as many customers, there are {count}"
        ):
            build(name, parameters).fit(X)
    else:
        assert set(build(name, parameters).fit(X).labels_) == ({0} if count == 1 else {OUTLIER})


@EACH
def test_two_kinds_of_customers_are_two_segments_however_many_are_wanted(name: str, parameters: dict) -> None:
    X = np.repeat([[1.0, 0.0], [0.0, 1.0]], 40, axis=0)
    fitted = build(name, parameters).fit(X)
    assert adjusted_rand_score(np.repeat([0, 1], 40), fitted.labels_) == 1.0


@EACH
def test_newcomers_only_land_where_somebody_was(name: str, parameters: dict) -> None:
    """A segment that holds no customer of the training has no id."""
    X, _truth = make_blobs(120)
    given = parameters | ({"segments": 12} if "segments" in parameters else {})
    fitted = build(name, given).fit(X)
    anywhere = np.random.default_rng(1).uniform(-20, 20, size=(3000, X.shape[1]))
    assert set(fitted.predict(anywhere)) <= {*fitted.labels_, OUTLIER}


@pytest.mark.parametrize(
    ("name", "parameters"), [one for one in ONE_EACH if isinstance(build(*one), NeighbourClusterer)]
)
def test_neighbours_place_customers_held_out_as_the_algorithm_did(name: str, parameters: dict) -> None:
    X, _truth = make_blobs(1200)
    fitted = build(name, parameters).fit(X)
    assert measure_agreement(fitted, seed=0) >= 0.97
    assert measure_agreement(fitted, seed=0) == measure_agreement(fitted, seed=0)


def test_agreement_is_low_where_labels_mean_nothing_and_unknown_of_too_few() -> None:
    X, _truth = make_blobs()
    fitted = build("ward", {"segments": 4}).fit(X)
    assert isinstance(fitted, NeighbourClusterer)
    fitted.remember(X, np.random.default_rng(0).integers(0, 4, len(X)))
    assert measure_agreement(fitted, seed=0) < 0.4
    assert np.isnan(measure_agreement(fitted.remember(X[:3], np.zeros(3)), seed=0))


@pytest.mark.parametrize("metric", METRICS)
def test_in_many_dimensions_too_those_it_was_fitted_on_keep_their_label(metric: Metric) -> None:
    X = np.random.default_rng(0).normal(size=(400, 40)) * 10
    labels = np.random.default_rng(1).integers(0, 3, 400)
    fitted = HdbscanClusterer(share=0.1, min_samples=5, metric=metric).remember(X, labels)
    np.testing.assert_array_equal(fitted.predict(np.asfortranarray(X)), labels)


@pytest.mark.parametrize(
    "fitted",
    [
        AgglomerativeClusterer(segments=2, linkage="average", metric="cosine"),
        AgglomerativeClusterer(segments=2, linkage="ward", metric="cosine"),
        DbscanClusterer(reach=0.99, metric="cosine"),
        HdbscanClusterer(share=0.2, min_samples=10, metric="cosine"),
        SelfOrganisingMapClusterer(segments=2, metric="cosine"),
    ],
    ids=lambda fitted: type(fitted).__name__,
)
def test_cosine_sees_habits_and_not_amounts(fitted: FittedClusterer) -> None:
    X, truth = make_directions()
    assert adjusted_rand_score(truth, fitted.fit(X).labels_) > 0.95
    np.testing.assert_array_equal(fitted.predict(X * 1000), fitted.labels_)
    euclidean = AgglomerativeClusterer(segments=2, linkage="average").fit(X)
    assert adjusted_rand_score(truth, euclidean.labels_) < 0.1


def test_cosine_neighbours_are_those_of_cosine_distance() -> None:
    from sklearn.metrics.pairwise import cosine_distances

    X = np.random.default_rng(0).normal(size=(50, 6))
    distances, nearest = find_neighbours(arrange_points(X, "cosine"), arrange_points(X, "cosine"), count=50)
    expected = np.sort(cosine_distances(X), axis=1)
    np.testing.assert_allclose(distances**2 / 2, expected, atol=1e-12)
    np.testing.assert_array_equal(nearest[:, 1], np.argsort(cosine_distances(X), axis=1)[:, 1])
    assert not arrange_points(np.zeros((2, 3)), "cosine").any()


def test_what_an_algorithm_cannot_take_is_refused_with_what_it_can() -> None:
    with pytest.raises(
        ValueError, match="metric 'manhattan' does not fit here; there are: euclidean, cosine"
    ):
        AgglomerativeClusterer(segments=4, linkage="ward", metric="manhattan")
    with pytest.raises(
        ValueError, match="metric 'jaccard' does not fit here; there are: euclidean, manhattan"
    ):
        HdbscanClusterer(share=0.1, min_samples=5, metric="jaccard")
    with pytest.raises(ValueError, match="linkage 'single' is unknown; there are: ward, average, complete"):
        AgglomerativeClusterer(segments=4, linkage="single")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape 'round' is unknown; there are: full, diag"):
        GaussianMixtureClusterer(segments=4, shape="round")  # type: ignore[arg-type]


def test_dbscan_finds_moons_and_sets_noise_and_specks_apart() -> None:
    X, truth = make_moons(800, noise=0.05, random_state=0)
    scattered = np.random.default_rng(0).uniform(-40, 40, size=(16, 2))
    speck = np.full((6, 2), 9.0) + np.random.default_rng(1).normal(scale=0.01, size=(6, 2))
    fitted = DbscanClusterer(reach=0.95, min_samples=5).fit(np.vstack([X, scattered, speck]))
    assert adjusted_rand_score(truth, fitted.labels_[:800]) > 0.95
    assert np.mean(fitted.labels_[800:] == OUTLIER) > 0.9


def test_thousands_in_one_place_are_counted_as_many_and_handled_as_one() -> None:
    X, truth = make_blobs(300)
    crowd = np.vstack([X, np.full((8000, 4), 30.0)])
    labels = DbscanClusterer(reach=0.9, share=0.0).fit(crowd).labels_
    assert len(set(labels[300:])) == 1
    assert labels[-1] not in {OUTLIER, *labels[:300]}
    assert adjusted_rand_score(truth, labels[:300]) > 0.9


def test_a_mixture_recovers_stretched_groups_and_how_sure_it_is() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 400)
    X = rng.normal(size=(1200, 2)) * [3.0, 0.5]
    X[:, 1] += 4 * truth
    fitted = GaussianMixtureClusterer(segments=3, seed=0).fit(X)
    assert adjusted_rand_score(truth, fitted.labels_) > 0.98
    assert adjusted_rand_score(truth, build("kmeans", {"segments": 3}).fit(X).labels_) < 0.7
    assert fitted.strength(np.array([[0.0, 0.0]]))[0] > 0.999
    upwards = fitted.strength(np.column_stack([np.zeros(400), np.linspace(0.0, 4.0, 400)]))
    assert upwards.min() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("segments", [3, 4])  # as many as dimensions, too: shapes must not be mixed up
@pytest.mark.parametrize("shape", ["full", "diag"])
def test_probabilities_are_those_of_the_library(shape: str, segments: int) -> None:
    from sklearn.mixture import GaussianMixture

    X = make_blobs(400)[0] * 0.4
    fitted = GaussianMixtureClusterer(segments=segments, shape=shape, seed=0).fit(X)  # type: ignore[arg-type]
    found = GaussianMixture(
        segments, covariance_type=shape, n_init=3, init_params="k-means++", max_iter=300, random_state=0,
        reg_covar=1e-3 * X.var(axis=0).mean(),
    ).fit(X)  # fmt: skip
    np.testing.assert_array_equal(fitted.labels_, found.predict(X))
    np.testing.assert_allclose(fitted.strength(X), found.predict_proba(X).max(axis=1), atol=1e-9)


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
def test_a_tree_is_cut_into_exactly_as_many_branches_as_asked_for(linkage: str) -> None:
    from scipy.cluster.hierarchy import fcluster

    X, _truth = make_blobs(200)
    tree = grow_tree(X, linkage=linkage, metric="euclidean")  # type: ignore[arg-type]
    for segments in (1, 2, 5, 12, 200):
        labels = cut_tree(tree, segments)
        assert sorted(set(labels)) == list(range(segments))
        assert adjusted_rand_score(fcluster(tree, segments, "maxclust"), labels) == 1.0
    lattice = np.array([[float(i), float(j)] for i in range(6) for j in range(6)])  # distances all tied
    assert len(set(cut_tree(grow_tree(lattice, linkage="complete", metric="manhattan"), 5))) == 5


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
def test_levels_are_cuts_of_one_tree_and_lie_within_each_other(linkage: str) -> None:
    X, _truth = make_blobs()
    fitted = AgglomerativeClusterer(segments=6, linkage=linkage).fit(X)  # type: ignore[arg-type]
    levels = fitted.view_levels(X)
    assert [len(set(column)) for column in levels.T] == list(LEVELS)
    np.testing.assert_array_equal(levels, fitted.levels_)
    assert adjusted_rand_score(levels[:, 1], fitted.labels_) == 1.0
    newcomers = np.vstack([make_blobs(seed=4)[0], np.full((1, 4), 500.0)])
    seen = fitted.view_levels(newcomers)
    assert seen[-1].tolist() == [OUTLIER] * 3
    for coarse, fine in ((0, 1), (1, 2)):
        pairs = {tuple(pair) for pair in seen[:, [coarse, fine]]}
        assert len(pairs) == len({pair[1] for pair in pairs})
    few = AgglomerativeClusterer(segments=2).fit(X[:5])
    assert [len(set(column)) for column in few.levels_.T] == [3, 5, 5]


def test_of_many_customers_some_are_drawn_for_the_tree_and_the_others_follow() -> None:
    X, truth = make_blobs(TREE_ROWS + 700)
    fitted = AgglomerativeClusterer(segments=4, linkage="ward", seed=2).fit(X)
    assert len(fitted.labels_) == len(fitted.levels_) == len(X)
    assert adjusted_rand_score(truth, fitted.labels_) > 0.99


def test_neighbouring_units_of_a_chart_are_alike_and_its_size_follows_the_shop() -> None:
    X, _truth = make_blobs()
    fitted = SelfOrganisingMapClusterer(segments=4, seed=0).fit(X)
    assert len(fitted.units_) <= choose_side(len(X)) ** 2
    distances, _nearest = find_neighbours(fitted.units_, X, count=1)
    assert np.median(distances) < 1.4  # half of what customers of a group lie apart
    assert [choose_side(count) for count in (1, 100, 1000, 10**6)] == [2, 7, 12, 12]


@pytest.mark.parametrize(
    "options",
    [PREPARATIONS["discriminants"], PREPARATIONS["components"]],
    ids=["discriminants", "components"],
)
def test_algorithms_of_density_see_ten_dimensions_at_most(options) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    factors = pd.DataFrame(rng.normal(size=(500, 60)), columns=[f"factor_{i}" for i in range(60)])
    assert Preparation(options).fit_transform(factors).shape[1] <= 10
    assert {name for name, one in CATALOGUE.items() if one.flat} == {"dbscan", "gaussian_mixture", "hdbscan"}


def test_the_guide_speaks_of_every_algorithm_and_its_example_is_valid() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == sorted(CATALOGUE)
    (example,) = re.findall(r"^```toml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    settings = TrainingSettings(**tomllib.loads(example)["training"])
    assert settings.algorithms == ("kmeans", "hdbscan", "gaussian_mixture", "ward")


def test_every_algorithm_has_a_name_for_people() -> None:
    titles = title_algorithms()
    assert set(titles) == set(load_clusterers())
    assert titles["kmeans"] == "K-Means"
    assert titles["gaussian_mixture"] == "Gaussian mixture"
    assert titles["self_organising_map"] == "Self-organising map"
