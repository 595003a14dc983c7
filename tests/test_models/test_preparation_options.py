"""The choices in preparing factors: each does what it says, and its state gives back the same bits."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers, make_outcomes
from scipy.stats import skew
from sklearn.cluster import KMeans

from models.clusterers import OUTLIER
from models.outliers import OUTLIER_SEGMENTS
from models.preparation import Past, Preparation
from models.preparation_options import PreparationOptions
from models.projections import NoOutcomes
from models.recipes import Recipe
from models.segmenter import REASON_COLUMNS, Segmenter, fit_segmenter
from models.separation import Yardstick, compare_separation, measure_separation, split_customers

NOISE = [f"noise_{i}" for i in range(6)]


def make_past(count: int = 1200, *, seed: int = 0) -> Past:
    factors, group = make_customers(count, seed=seed)
    return Past(factors, make_outcomes(group, seed=seed))


def add_strangers(factors: pd.DataFrame, count: int = 20) -> pd.DataFrame:
    """So many customers who are extreme in every other factor, one up, one down."""
    strangers = factors.head(count).add_prefix("x", axis=0).rename_axis("customer_id")
    strangers.iloc[:, ::2] = factors.max().iloc[::2].to_numpy() * 30
    strangers.iloc[:, 1::4] = factors.min().iloc[1::4].to_numpy()
    return pd.concat([factors, strangers])


@pytest.mark.parametrize(
    "chosen",
    [
        {"outliers": "clipped"},
        {"outliers": "apart", "projection": "components"},
        {"mixes": "hellinger"},
        {"skewed": "yeo-johnson"},
        {"scaling": "quartiles"},
        {"selection": "informative"},
        {"projection": "pls"},
        {"outliers": "apart", "mixes": "hellinger", "skewed": "yeo-johnson", "selection": "informative"},
    ],
    ids=str,
)
def test_state_gives_back_the_same_bits(chosen: dict[str, Any]) -> None:
    factors, _group = make_customers(400)
    prepared = Preparation(PreparationOptions(**chosen), seed=3).fit(factors, make_past(400))
    meta, found = prepared.get_state()
    again = Preparation.from_state(json.loads(json.dumps(meta)), found)
    newcomers = add_strangers(make_customers(400, seed=1)[0])
    np.testing.assert_array_equal(again.transform(newcomers), prepared.transform(newcomers))
    np.testing.assert_array_equal(again.find_apart(newcomers), prepared.find_apart(newcomers))
    assert np.isfinite(prepared.transform(newcomers)).all()
    assert all(array.dtype.kind in "biuf" for array in found.values())


@pytest.mark.parametrize("option", ["outliers", "mixes", "skewed", "scaling", "selection"])
def test_an_unknown_choice_names_those_there_are(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} 'best' is unknown; there are: "):
        PreparationOptions(**{option: "best"})


def test_strangers_are_set_apart_and_move_nobody() -> None:
    factors, _group = make_customers()
    crowd = add_strangers(factors)
    options = PreparationOptions(outliers="apart", weighting="balanced")
    prepared = Preparation(options).fit(crowd)
    apart = prepared.find_apart(crowd)
    assert apart[1200:].all()
    assert apart[:1200].mean() < 0.05
    assert not Preparation().fit(crowd).find_apart(crowd).any()


def test_those_set_apart_are_in_the_outlier_segment_whatever_the_algorithm() -> None:
    factors, group = make_customers()
    crowd = add_strangers(factors)
    recipe = Recipe("kmeans", {"segments": 5}, PreparationOptions(outliers="apart"))
    fitted = fit_segmenter(crowd, recipe=recipe, seed=0)
    segmenter = Segmenter.from_state(fitted.to_state())
    explained = segmenter.explain(crowd)
    strangers = explained.iloc[1200:]
    assert strangers["is_outlier"].all()
    assert strangers["segment_id"].isin(OUTLIER_SEGMENTS).all()
    assert (strangers["strength"] == 0).all()
    assert strangers[REASON_COLUMNS[0]].notna().all()
    inside = explained.iloc[:1200][~explained.iloc[:1200]["is_outlier"]]
    assert pd.crosstab(group[inside.index], inside["segment_id"], normalize="index").max(axis=1).min() > 0.9
    assert OUTLIER not in segmenter.centres.labels


def test_yeo_johnson_finds_the_power_that_made_a_signed_factor_skewed() -> None:
    rng = np.random.default_rng(0)
    normal, power = rng.normal(0.5, 1.0, 20_000), 0.2
    up = (power * np.maximum(normal, 0) + 1) ** (1 / power) - 1
    down = 1 - (1 - (2 - power) * np.minimum(normal, 0)) ** (1 / (2 - power))
    frame = pd.DataFrame({"skewed": np.where(normal >= 0, up, down), "even": rng.normal(size=20_000)})
    options = PreparationOptions(skewed="yeo-johnson", weighting="equal", tail=0)
    prepared = Preparation(options).fit(frame)
    points = prepared.transform(frame)
    found = prepared.get_state()[1]["powers"]
    assert found[0] == pytest.approx(power, abs=0.02)
    assert np.isnan(found[1])
    assert skew(frame["skewed"]) > 2
    assert abs(skew(points[:, 0])) < 0.05
    assert np.corrcoef(points[:, 1], frame["even"])[0, 1] == pytest.approx(1)


def test_distance_between_mixes_is_hellingers() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "app_share": rng.beta(1, 3, 500),
            "aov": rng.normal(50, 5, 500),
            "wallet_share": rng.normal(2, 1, 500),
        }
    )
    options = PreparationOptions(mixes="hellinger", weighting="equal", tail=0)
    points = Preparation(options).fit_transform(frame)
    plain = Preparation(PreparationOptions(weighting="equal", tail=0)).fit_transform(frame)
    angle = np.arcsin(np.sqrt(frame["app_share"]))
    np.testing.assert_allclose(points[:, 0] - points[0, 0], (angle - angle.iloc[0]) / angle.std(ddof=0))
    np.testing.assert_allclose(points[:, 1:], plain[:, 1:])


def test_quartiles_are_a_unit_that_extremes_do_not_move() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(10, 3, 5000), "b": rng.normal(size=5000)})
    frame.loc[:400, "a"] = 60.0
    options = PreparationOptions(scaling="quartiles", weighting="equal", skew=99)
    points = Preparation(options).fit_transform(frame)
    assert points[401:, 0].std() == pytest.approx(1.0, abs=0.15)
    usual = Preparation(PreparationOptions(weighting="equal", skew=99)).fit_transform(frame)
    assert usual[401:, 0].std() < 0.4


def test_noise_leaves_and_is_told_why() -> None:
    for seed in range(3):
        factors, _group = make_customers(seed=seed)
        prepared = Preparation(PreparationOptions(selection="informative")).fit(factors)
        gone = {name: why for name, why in prepared.dropped.items() if why.startswith("tells nobody apart")}
        assert set(gone) == set(NOISE)
        assert all("when shuffled" in why for why in gone.values())
        assert prepared.describe()["dropped"]["noise_0"] == gone["noise_0"]
        assert "noise_0" not in prepared.describe()["used"]


def test_among_noise_alone_somebody_stays() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 8)), columns=[f"f{i}" for i in range(8)])
    prepared = Preparation(PreparationOptions(selection="informative")).fit(frame)
    assert len(prepared.columns) >= 1


def draw_a_quiet_driver(seed: int) -> Past:
    """Six factors that say the same loudly, and one that alone drives what customers do."""
    rng = np.random.default_rng(seed)
    loud, driver = rng.normal(size=(800, 1)), rng.normal(size=800)
    frame = pd.DataFrame(loud + rng.normal(0, 0.5, (800, 6)), columns=[f"loud_{i}" for i in range(6)])
    frame["driver"] = driver
    return Past(frame, pd.DataFrame({"log_revenue": driver + rng.normal(0, 0.5, 800)}, frame.index))


def test_what_earlier_outcomes_teach_foretells_those_of_other_customers() -> None:
    past, later = draw_a_quiet_driver(seed=0), draw_a_quiet_driver(seed=1)
    segments = {}
    for projection in ("components", "pls"):
        options = PreparationOptions(weighting="equal", projection=projection)  # type: ignore[arg-type]
        prepared = Preparation(options).fit(past.factors, past)
        groups = KMeans(5, n_init=5, random_state=0).fit(prepared.transform(past.factors))
        segments[projection] = groups.predict(prepared.transform(later.factors))
    splits = split_customers(len(later.factors), folds=5, seed=0)
    yardstick = Yardstick(later.outcomes, splits, {"log_revenue": 1.0}, {})
    taught, untaught = (
        measure_separation(lambda _rows, one=one: segments[one], yardstick)  # type: ignore[misc]
        for one in ("pls", "components")
    )
    assert compare_separation(taught, untaught, seed=0).low > 0.2


def test_a_segmenter_learns_from_the_past_and_needs_one() -> None:
    factors, _group = make_customers(600, seed=2)
    recipe = Recipe("kmeans", {"segments": 4}, PreparationOptions(projection="pls"))
    segmenter = fit_segmenter(factors, recipe=recipe, seed=0, past=make_past())
    again = Segmenter.from_state(segmenter.to_state())
    pd.testing.assert_frame_equal(again.explain(factors), segmenter.explain(factors), check_exact=True)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    with pytest.raises(NoOutcomes, match="learnt from earlier outcomes"):
        fit_segmenter(factors, recipe=recipe, seed=0)
