"""Preparation: what leaves and why, what a whale may do, and that its state gives back the same bits."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from latent_customers import make_customers
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from models.preparation import NoVariation, Preparation, PreparationOptions
from models.weights import weigh_factors

PROJECTIONS = ("none", "components", "discriminants")


def test_says_what_left_and_why() -> None:
    factors, _group = make_customers()
    prepared = Preparation().fit(factors)

    assert prepared.dropped["never_known"] == "no customer has a value"
    assert prepared.dropped["always_three"] == "3 for every customer with a value"
    assert prepared.dropped["spend_180d"].startswith("repeats revenue_180d (correlation 1.00)")
    assert set(prepared.columns) | set(prepared.dropped) == set(factors.columns)
    missing = int(factors["email_open_rate"].isna().sum())
    assert prepared.imputed["email_open_rate"].startswith(
        f"{missing} of 1,200 customers have no value; the median"
    )


def test_the_first_of_near_duplicates_stays() -> None:
    factors, _group = make_customers()
    reordered = factors[factors.columns[::-1]]
    assert "revenue_180d" in Preparation().fit(reordered).dropped
    assert "spend_180d" in Preparation().fit(reordered).columns


def test_a_factor_known_for_hardly_anyone_leaves() -> None:
    factors, _group = make_customers()
    factors["rare"] = np.where(np.arange(len(factors)) < 3, np.arange(len(factors)) + 5.0, 0.0)
    assert "the same for all but the extreme 0.5%" in Preparation().fit(factors).dropped["rare"]


def test_a_missing_value_is_as_good_as_the_median() -> None:
    factors, _group = make_customers()
    prepared = Preparation().fit(factors)
    unknown, middle = factors.head(1).copy(), factors.head(1).copy()
    unknown["aov"] = np.nan
    middle["aov"] = factors["aov"].median()
    np.testing.assert_array_equal(prepared.transform(unknown), prepared.transform(middle))


def test_a_single_whale_moves_nobody_else() -> None:
    factors, _group = make_customers(300)
    whale = factors.copy()
    money = ["revenue_90d", "revenue_180d", "spend_180d", "aov"]
    whale.loc["c00000", money] = factors[money].max() * 1e6
    options = PreparationOptions(weighting="balanced")
    usual = Preparation(options).fit(factors).transform(factors)
    beside = Preparation(options).fit(whale).transform(whale)
    assert np.abs(usual[1:] - beside[1:]).mean() < 0.02
    assert np.abs(beside[0]).max() < 6


def test_skewed_factors_become_logarithms_and_signed_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"money": rng.lognormal(4, 1, 500), "change": rng.lognormal(0, 1, 500) - 1.0})
    points = Preparation(PreparationOptions(weighting="equal", tail=0)).fit_transform(frame)
    assert np.corrcoef(points[:, 0], np.log1p(frame["money"]))[0, 1] == pytest.approx(1)
    assert np.corrcoef(points[:, 1], frame["change"])[0, 1] == pytest.approx(1)


def test_a_family_of_factors_weighs_as_much_as_one() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=2000)
    family = [shared + rng.normal(0, 0.4, 2000) for _ in range(4)]
    values = np.column_stack([*family, rng.normal(size=2000)])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    weights = weigh_factors(values, weighting="balanced", kin=0.75, seed=0)
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.5, 0.5, 1.0])


def test_what_tells_groups_apart_weighs_more_than_noise() -> None:
    factors, _group = make_customers()
    prepared = Preparation().fit(factors)
    spread = pd.Series(prepared.transform(factors).std(axis=0), index=prepared.columns)
    assert spread[["app_share", "aov"]].min() > 1.5 * spread.filter(like="noise").max()


def test_informative_weights_bring_out_the_groups_best() -> None:
    found = {}
    for weighting in ("equal", "informative"):
        scores = []
        for seed in range(3):
            factors, group = make_customers(seed=seed)
            points = Preparation(PreparationOptions(weighting=weighting)).fit_transform(factors)
            labels = KMeans(5, n_init=5, random_state=0).fit_predict(points)
            scores.append(adjusted_rand_score(group, labels))
        found[weighting] = np.mean(scores)
    assert found["informative"] >= 0.9
    assert found["informative"] > found["equal"]


def test_components_keep_the_variance_asked_for() -> None:
    factors, _group = make_customers()
    whole = Preparation(PreparationOptions(projection="none")).fit_transform(factors)
    most = Preparation(
        PreparationOptions(projection="components", variance=0.9, dimensions=99)
    ).fit_transform(factors)
    assert 0.9 <= most.var(axis=0).sum() / whole.var(axis=0).sum() < 0.97
    assert (
        Preparation(PreparationOptions(projection="components", dimensions=3)).fit_transform(factors).shape[1]
        == 3
    )


def test_discriminants_spread_the_groups_wider_than_components_do() -> None:
    factors, group = make_customers()

    def ratio(projection: str) -> float:
        options = PreparationOptions(weighting="balanced", projection=projection)  # type: ignore[arg-type]
        points = pd.DataFrame(Preparation(options).fit_transform(factors))
        means = points.groupby(group.to_numpy()).transform("mean")
        return float(means.var().sum() / (points - means).var().sum())

    assert ratio("discriminants") > 3 * ratio("components")


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("weighting", ["equal", "balanced", "informative"])
def test_state_gives_back_the_same_bits(weighting: str, projection: str) -> None:
    factors, _group = make_customers(400)
    prepared = Preparation(PreparationOptions(weighting=weighting, projection=projection), seed=3).fit(
        factors
    )
    meta, found = prepared.get_state()
    again = Preparation.from_state(json.loads(json.dumps(meta)), found)
    np.testing.assert_array_equal(again.transform(factors), prepared.transform(factors))
    assert (again.columns, again.dropped, again.imputed) == (
        prepared.columns,
        prepared.dropped,
        prepared.imputed,
    )
    assert all(array.dtype != object for array in found.values())


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_the_same_seed_gives_the_same_bits(projection: str) -> None:
    factors, _group = make_customers(2500)
    first, second = (
        Preparation(PreparationOptions(projection=projection), seed=1).fit_transform(factors)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_columns_are_found_by_name_whatever_their_order() -> None:
    factors, _group = make_customers(300)
    prepared = Preparation().fit(factors)
    shuffled = factors[factors.columns[::-1]].assign(something_new="x")
    np.testing.assert_array_equal(prepared.transform(shuffled), prepared.transform(factors))


def test_it_is_a_scikit_learn_transformer() -> None:
    options = PreparationOptions(weighting="equal")
    copy = clone(Preparation(options, seed=4))
    assert (copy.options, copy.seed) == (options, 4)


def test_fitting_again_starts_afresh() -> None:
    factors, _group = make_customers(300)
    other, _other_group = make_customers(300, seed=9)
    prepared = Preparation().fit(other[other.columns[:8]])
    np.testing.assert_array_equal(
        prepared.fit(factors).transform(factors), Preparation().fit_transform(factors)
    )


def test_errors_name_the_factor() -> None:
    factors, _group = make_customers(300)
    prepared = Preparation().fit(factors)
    with pytest.raises(ValueError, match="factors missing: aov, app_share; the model was trained on"):
        prepared.transform(factors.drop(columns=["aov", "app_share"]))
    with pytest.raises(ValueError, match="factor 'aov' is infinite"):
        prepared.transform(factors.assign(aov=np.inf))
    with pytest.raises(ValueError, match=r"factors must be numbers: .*'blue'"):
        Preparation().fit(factors.assign(aov="blue"))
    with pytest.raises(
        ValueError, match="weighting 'loud' is unknown; there are: equal, balanced, informative"
    ):
        PreparationOptions(weighting="loud")  # type: ignore[arg-type]


@pytest.mark.parametrize("customers", [1, 50])
def test_nothing_to_tell_apart_is_an_error_with_a_remedy(customers: int) -> None:
    frame = pd.DataFrame({"a": np.ones(customers), "b": np.full(customers, np.nan)})
    with pytest.raises(NoVariation, match=r"none of 2 factors differs .* wait for more events"):
        Preparation().fit(frame)


def test_one_factor_is_enough() -> None:
    frame = pd.DataFrame({"a": np.arange(100.0)})
    for projection in PROJECTIONS:
        points = Preparation(PreparationOptions(projection=projection)).fit_transform(frame)
        assert abs(np.corrcoef(points[:, 0], frame["a"])[0, 1]) > 0.99


@settings(max_examples=40, deadline=None)
@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(12, 40), st.integers(1, 5)),
        elements=st.one_of(st.just(np.nan), st.floats(-1e9, 1e9, width=32)),
    )
)
def test_points_are_finite_whatever_the_factors(values: np.ndarray) -> None:
    frame = pd.DataFrame(values, columns=[f"f{i}" for i in range(values.shape[1])])
    try:
        points = Preparation(PreparationOptions(weighting="balanced")).fit_transform(frame)
    except NoVariation:
        return
    assert np.isfinite(points).all()
    assert points.shape[0] == len(frame)
