"""The segmenter: the same customers in the same segments, before and after it was written down."""

import json

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers
from sklearn.metrics import adjusted_rand_score

from models.outliers import DORMANT_SEGMENT, OUTLIER_SEGMENT, SPLIT_NAMES
from models.preparation import NoVariation, PreparationOptions
from models.recipes import Recipe
from models.segmenter import FORMAT, Segmenter, SegmenterState, fit_segmenter

KMEANS = Recipe("kmeans", {"segments": 5})
HDBSCAN = Recipe(
    "hdbscan",
    {"share": 0.04, "min_samples": 10},
    PreparationOptions(weighting="balanced", projection="discriminants"),
)
RECIPES = (KMEANS, HDBSCAN)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recovers_the_groups_also_in_customers_never_seen(recipe: Recipe) -> None:
    factors, group = make_customers(1800)
    known, new = factors.iloc[:1200], factors.iloc[1200:]
    segmenter = fit_segmenter(known, recipe=recipe, seed=0)
    for frame in (known, new):
        placed = segmenter.assign(frame)
        inside = placed[~placed["is_outlier"]]
        assert len(inside) > 0.75 * len(frame)
        assert adjusted_rand_score(group[inside.index], inside["segment_id"]) > 0.9


def test_tells_apart_a_pair_equal_in_money_and_frequency() -> None:
    factors, group = make_customers()
    segment = fit_segmenter(factors, recipe=KMEANS, seed=0).assign(factors)["segment_id"]
    pair = pd.crosstab(group[group < 2], segment[group < 2], normalize="index")
    assert pair.loc[0].idxmax() != pair.loc[1].idxmax()
    assert pair.max(axis=1).min() > 0.9


@pytest.mark.parametrize("recipe", RECIPES)
def test_assigns_everybody_in_the_order_given(recipe: Recipe) -> None:
    factors, _group = make_customers(600)
    segmenter = fit_segmenter(factors, recipe=recipe, seed=0)
    placed = segmenter.assign(factors)
    backwards = segmenter.assign(factors.iloc[::-1])

    assert placed.index.equals(factors.index)
    assert placed.index.name == "customer_id"
    assert placed.dtypes.astype(str).to_dict() == {
        "segment_id": "int64",
        "strength": "float64",
        "is_outlier": "bool",
    }
    assert placed["strength"].between(0, 1).all()
    assert (placed["is_outlier"] == (placed["segment_id"] <= 0)).all()
    assert (backwards.loc[placed.index, "segment_id"] == placed["segment_id"]).all()


@pytest.mark.parametrize("recipe", RECIPES)
def test_segments_are_numbered_from_the_largest_on(recipe: Recipe) -> None:
    factors, _group = make_customers()
    placed = fit_segmenter(factors, recipe=recipe, seed=0).assign(factors)
    sizes = placed.loc[~placed["is_outlier"], "segment_id"].value_counts().sort_index()
    assert list(sizes.index) == list(range(1, len(sizes) + 1))
    assert sizes.is_monotonic_decreasing


@pytest.mark.parametrize("recipe", RECIPES)
def test_written_down_and_read_again_it_gives_the_same_bits(recipe: Recipe) -> None:
    factors, _group = make_customers(600)
    new, _new_group = make_customers(600, seed=1)
    segmenter = fit_segmenter(factors, recipe=recipe, seed=0).rename({1: "Regulars"}, rules={1: "No gaps"})
    state = segmenter.to_state()
    meta = json.loads(json.dumps(state.meta, sort_keys=True))
    again = Segmenter.from_state(
        SegmenterState(meta, {name: array.copy() for name, array in state.arrays.items()})
    )

    assert meta["format"] == FORMAT
    assert all(array.dtype.kind in "biuf" for array in state.arrays.values())
    pd.testing.assert_frame_equal(again.explain(new), segmenter.explain(new), check_exact=True)
    assert (again.recipe, again.factors) == (recipe, segmenter.factors)
    assert (dict(again.names), dict(again.rules)) == ({1: "Regulars", **SPLIT_NAMES}, {1: "No gaps"})
    assert again.split == segmenter.split


@pytest.mark.parametrize("unknown", [{"format": FORMAT + 1}, {"format": None}, {}])
def test_an_unknown_format_is_refused(unknown: dict[str, object]) -> None:
    factors, _group = make_customers(300)
    state = fit_segmenter(factors, recipe=KMEANS, seed=0).to_state()
    meta = {name: value for name, value in state.meta.items() if name != "format"} | unknown
    with pytest.raises(
        ValueError, match=r"the model has format .*, this version reads 1 and 2; .*train anew"
    ):
        Segmenter.from_state(SegmenterState(meta, state.arrays))


def test_an_unknown_algorithm_is_refused() -> None:
    factors, _group = make_customers(300)
    with pytest.raises(ValueError, match=r"algorithm 'kmedians' is not known; there are: .*hdbscan, kmeans"):
        fit_segmenter(factors, recipe=Recipe("kmedians", {}), seed=0)


def test_the_same_seed_gives_the_same_segmenter() -> None:
    factors, _group = make_customers(600)
    first, second = (fit_segmenter(factors, recipe=KMEANS, seed=7).to_state() for _ in range(2))
    assert first.meta == second.meta
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, second.arrays[name])


def test_relabelled_it_places_the_same_customers_under_the_new_ids() -> None:
    factors, _group = make_customers(600)
    segmenter = fit_segmenter(factors, recipe=HDBSCAN, seed=0).rename({1: "First", 2: "Second"})
    mapping = {0: 0, 1: 12, 2: 1}
    renumbered = segmenter.relabel(mapping)
    before, after = segmenter.assign(factors), renumbered.assign(factors)
    pd.testing.assert_series_equal(after["segment_id"], before["segment_id"].replace(mapping))
    assert dict(renumbered.names) == {12: "First", 1: "Second", **SPLIT_NAMES}
    restored = Segmenter.from_state(renumbered.to_state())
    pd.testing.assert_frame_equal(restored.assign(factors), after)
    with pytest.raises(ValueError, match="two segments would get the same id"):
        segmenter.relabel({1: 3, 2: 3})
    with pytest.raises(ValueError, match="segment id -1 is kept for outliers"):
        segmenter.relabel({1: -1})


def make_strangers() -> pd.DataFrame:
    """Customers unlike any group: two who spend or buy, one who has not for years."""
    factors, _group = make_customers(3, seed=5)
    strangers = factors * 1e3
    strangers["revenue_180d"] = [1e6, 0.0, 0.0]
    strangers["days_since_last_purchase"] = [2000.0, 0.1, 2000.0]
    return strangers


def test_outliers_are_valuable_or_dormant() -> None:
    factors, _group = make_customers()
    segmenter = fit_segmenter(factors, recipe=HDBSCAN, seed=0)
    explained = segmenter.explain(make_strangers())
    assert explained["is_outlier"].all()
    valuable, dormant = OUTLIER_SEGMENT, DORMANT_SEGMENT
    assert explained["segment_id"].tolist() == [valuable, valuable, dormant]
    assert explained["segment_name"].tolist() == [SPLIT_NAMES[s] for s in explained["segment_id"]]
    assert explained["reason_1"].notna().all()
    assert segmenter.split is not None
    with pytest.raises(ValueError, match="factors missing: revenue_180d"):
        segmenter.assign(make_strangers().drop(columns="revenue_180d"))


def test_the_split_is_as_learnt_whoever_is_asked_about() -> None:
    factors, _group = make_customers()
    segmenter = fit_segmenter(factors, recipe=HDBSCAN, seed=0)
    crowd = pd.concat([make_strangers(), make_strangers().iloc[[2] * 500].reset_index(drop=True)])
    assert segmenter.assign(crowd)["segment_id"].head(3).tolist() == [0, 0, -1]


def test_what_outliers_are_split_by_is_asked_for_even_if_it_repeats_another_factor() -> None:
    factors, _group = make_customers(600)
    factors.insert(0, "turnover", factors["revenue_180d"] * 1.19)
    segmenter = fit_segmenter(factors, recipe=KMEANS, seed=0)
    assert "revenue_180d" in segmenter.preparation.dropped
    assert "revenue_180d" in segmenter.factors
    assert list(segmenter.example.columns) == list(segmenter.factors)
    assert segmenter.assign(segmenter.example)["segment_id"].iloc[0] >= 1


def test_names_of_outliers_are_not_inherited_from_a_model_without_a_split() -> None:
    factors, _group = make_customers(600)
    renamed = fit_segmenter(factors, recipe=HDBSCAN, seed=0).rename({0: "Unusual customers", 1: "Regulars"})
    assert dict(renamed.names) == {1: "Regulars", **SPLIT_NAMES}


def test_without_value_and_recency_outliers_stay_together() -> None:
    factors, _group = make_customers()
    blind = factors.drop(columns=[*factors.filter(like="revenue_").columns, "days_since_last_purchase"])
    segmenter = fit_segmenter(blind, recipe=HDBSCAN, seed=0)
    assert segmenter.split is None
    assert set(segmenter.assign(make_strangers())["segment_id"]) == {OUTLIER_SEGMENT}
    assert dict(segmenter.names) == {}


def test_a_missing_factor_is_named_and_others_are_left_alone() -> None:
    factors, _group = make_customers(300)
    segmenter = fit_segmenter(factors, recipe=KMEANS, seed=0)
    wider = factors.assign(remark="new").drop(columns=["never_known", "always_three"])
    pd.testing.assert_frame_equal(segmenter.assign(wider), segmenter.assign(factors))
    with pytest.raises(
        ValueError, match="factors missing: aov, app_share; the model was trained on 18 factors"
    ):
        segmenter.assign(factors.drop(columns=["aov", "app_share"]))


def test_customers_without_any_known_factor_are_placed_too() -> None:
    factors, _group = make_customers(300)
    segmenter = fit_segmenter(factors, recipe=KMEANS, seed=0)
    placed = segmenter.assign(factors.head(3) * np.nan)
    assert set(placed["segment_id"]) <= set(range(1, 6))
    assert len(set(placed["segment_id"])) == 1
    assert placed["strength"].notna().all()


def test_nobody_to_assign_gives_an_empty_frame() -> None:
    factors, _group = make_customers(300)
    for recipe in RECIPES:
        placed = fit_segmenter(factors, recipe=recipe, seed=0).assign(factors.head(0))
        assert placed.empty
        assert list(placed.columns) == ["segment_id", "strength", "is_outlier"]


def test_a_single_whale_gets_no_segment_of_its_own() -> None:
    factors, group = make_customers()
    money = ["revenue_90d", "revenue_180d", "spend_180d", "aov"]
    factors.loc["c00000", money] = factors[money].max() * 1e6
    placed = fit_segmenter(factors, recipe=KMEANS, seed=0).assign(factors)
    assert placed["segment_id"].value_counts().min() > 100
    assert adjusted_rand_score(group, placed["segment_id"]) > 0.9


def test_one_customer_is_an_error_with_a_remedy() -> None:
    factors, _group = make_customers(300)
    with pytest.raises(NoVariation, match="wait for more events"):
        fit_segmenter(factors.head(1), recipe=KMEANS, seed=0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
