"""A model without a customer: the customer's point is nowhere in it, and everybody else is where they were."""

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers

from models.clusterers import load_clusterers
from models.clusterers.distances import arrange_points
from models.forgetting import forget_customers
from models.preparation import PreparationOptions
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter

SPACES = {
    "plain": PreparationOptions(),
    "discriminants": PreparationOptions(weighting="balanced", projection="discriminants"),
}
PARAMETERS = {
    "kmeans": {"segments": 5},
    "hdbscan": {"share": 0.04, "min_samples": 10},
    "gaussian_mixture": {"segments": 5, "shape": "full"},
    "ward": {"segments": 5},
    "agglomerative": {"segments": 5, "linkage": "average", "metric": "cosine"},
    "dbscan": {"reach": 0.9, "metric": "manhattan"},
    "self_organising_map": {"segments": 5},
}
FACTORS, _GROUP = make_customers(400)
THEIRS, OTHERS = FACTORS.iloc[[17, 203]], FACTORS.drop(FACTORS.index[[17, 203]])


def fit(algorithm: str, space: str = "discriminants", factors: pd.DataFrame = FACTORS) -> Segmenter:
    recipe = Recipe(algorithm, PARAMETERS[algorithm], SPACES[space])
    return fit_segmenter(factors, recipe=recipe, seed=0)


def test_every_algorithm_is_tried() -> None:
    assert set(PARAMETERS) == set(load_clusterers())


@pytest.mark.parametrize("algorithm", PARAMETERS)
def test_the_points_are_gone_and_all_others_stay_in_their_segments(algorithm: str) -> None:
    segmenter = fit(algorithm)
    fresh = Segmenter.from_state(forget_customers(segmenter, theirs=THEIRS, others=OTHERS))
    assert list_places(fresh, THEIRS) == []
    pd.testing.assert_frame_equal(
        fresh.assign(OTHERS)[["segment_id", "is_outlier"]],
        segmenter.assign(OTHERS)[["segment_id", "is_outlier"]],
    )
    assert fresh.names == segmenter.names
    assert fresh.ids == segmenter.ids


@pytest.mark.parametrize("algorithm", ["hdbscan", "ward", "agglomerative", "dbscan"])
def test_what_is_kept_of_known_customers_loses_exactly_these_rows(algorithm: str) -> None:
    segmenter = fit(algorithm)
    before = segmenter.to_state().arrays
    after = forget_customers(segmenter, theirs=THEIRS, others=OTHERS).arrays
    inside = ~segmenter.preparation.find_apart(FACTORS)
    assert inside.all()
    assert list_places(segmenter, THEIRS) != []
    for name, array in before.items():
        if name.startswith("clusterer.") and array.ndim and len(array) == len(FACTORS):
            np.testing.assert_array_equal(after[name], np.delete(array, [17, 203], axis=0))


@pytest.mark.parametrize("algorithm", ["kmeans", "gaussian_mixture"])
def test_a_segment_of_one_is_emptied(algorithm: str) -> None:
    alone = FACTORS.iloc[[0]] * 0.0
    alone.iloc[0] = FACTORS.quantile(0.995) * 1.0
    factors = pd.concat([FACTORS, alone.set_axis(["alone"])])
    segmenter = fit("kmeans", "plain", factors)
    clusterer = segmenter.clusterer
    place = segmenter.preparation.transform(factors.loc[["alone"]])
    if algorithm == "gaussian_mixture":
        segmenter = fit("gaussian_mixture", "plain", factors)
        segmenter.clusterer.means_ = np.vstack([segmenter.clusterer.means_[:-1], place])  # type: ignore[attr-defined]
    else:
        clusterer.centres_ = np.vstack([clusterer.centres_[:-1], place])  # type: ignore[attr-defined]
    others = factors.drop("alone")
    assert list_places(segmenter, factors.loc[["alone"]]) != []
    state = forget_customers(segmenter, theirs=factors.loc[["alone"]], others=others)
    fresh = Segmenter.from_state(state)
    assert list_places(fresh, factors.loc[["alone"]]) == []


def test_a_bound_that_is_one_persons_value_becomes_the_nearest_others() -> None:
    segmenter = fit("kmeans", "plain")
    name = segmenter.preparation.columns[0]
    theirs, others = THEIRS.iloc[[0]].copy(), OTHERS.copy()
    learnt = segmenter.preparation._learnt
    theirs[name] = learnt["high"][0]
    others.loc[others[name] == learnt["high"][0], name] = 0.0
    state = forget_customers(segmenter, theirs=theirs, others=others)
    moved = state.arrays["preparation.high"][0]
    assert moved != learnt["high"][0]
    assert moved in others[name].to_numpy()
    np.testing.assert_array_equal(state.arrays["preparation.high"][1:], learnt["high"][1:])


def list_places(segmenter: Segmenter, factors: pd.DataFrame) -> list[str]:
    """The arrays that hold the place of one of these customers."""
    metric = getattr(segmenter.clusterer, "metric", "euclidean")
    points = arrange_points(segmenter.preparation.transform(factors), metric)
    weighted = segmenter.preparation.weigh(factors)
    found = []
    for name, array in segmenter.to_state().arrays.items():
        for places in (points, weighted):
            if array.ndim == 2 and array.shape[1] == places.shape[1]:
                gaps = np.abs(array[:, None, :] - places[None]).max(axis=2)
                found += [name] if (gaps < 1e-9).any() else []
    return found
