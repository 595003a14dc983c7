"""Factors no segmentation can or should be made of: what training says, and that it does not fall over."""

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers, make_outcomes

from models.preparation import NoVariation
from models.promotion import GateValues, PromotionSettings, Standing, decide_promotion
from models.search import SearchResult, TooFewCustomers, search_recipes
from models.segmenter import fit_segmenter
from models.training_settings import TrainingSettings

QUICK = TrainingSettings(algorithms=("kmeans",), trials=3, bootstraps=3, finalists=1)


def search(factors: pd.DataFrame, outcomes: pd.DataFrame | None = None) -> SearchResult:
    past = None if outcomes is None else factors
    return search_recipes(factors, past_factors=past, outcomes=outcomes, settings=QUICK)


def make_population(count: int, *, seed: int) -> pd.DataFrame:
    """Customers of one kind: skewed spend, correlated counts, rates."""
    rng = np.random.default_rng(seed)
    liveliness = rng.normal(size=count)
    noise = rng.normal(size=(count, 6))
    return pd.DataFrame(
        {
            "revenue_90d": np.exp(3 + 0.6 * liveliness + 0.6 * noise[:, 0]),
            "revenue_180d": np.exp(4 + 0.6 * liveliness + 0.6 * noise[:, 1]),
            "sessions_90d": np.exp(2 + 0.5 * liveliness + 0.5 * noise[:, 2]),
            "discount_share": 0.5 + 0.1 * noise[:, 3],
            "email_open_rate": 0.4 + 0.1 * noise[:, 4],
            "days_since_last_visit": np.exp(3 - 0.5 * liveliness + 0.5 * noise[:, 5]),
        }
    )


@pytest.mark.parametrize("count", [1, 3])
def test_one_customer_and_fewer_than_segments(count: int) -> None:
    with pytest.raises(TooFewCustomers, match=f"{count} customers are too few for 4 segments"):
        search(make_customers(count)[0])


def test_factors_that_are_all_constant() -> None:
    with pytest.raises(NoVariation, match="none of 3 factors differs"):
        search(pd.DataFrame(np.ones((200, 3)), columns=["a", "b", "c"]))


def test_a_factor_nobody_has_a_value_of_leaves_and_the_segments_are_the_same() -> None:
    factors, _group = make_customers(500)
    with_it, without = (search(frame) for frame in (factors, factors.drop(columns="never_known")))
    assert with_it.winner == without.winner
    placed = [fit_segmenter(factors, recipe=one.winner, seed=0).assign(factors) for one in (with_it, without)]
    pd.testing.assert_frame_equal(*placed)


def test_two_identical_populations_are_no_segments_and_the_champion_stays() -> None:
    both = pd.concat([make_population(400, seed=1), make_population(400, seed=2)], ignore_index=True)
    found = search(both)
    assert not found.admissible
    assert found.sentence.startswith("no stable segmentation found: ")
    assert found.best.reason == found.sentence
    gates = GateValues(
        segments=4, smallest_share=0.1, outlier_share=0.0, stability=0.9, stability_min=0.9,
        admissible=found.admissible, reason=found.best.reason,
    )  # fmt: skip
    champion = GateValues(segments=4, smallest_share=0.1, outlier_share=0.0, stability=0.9, stability_min=0.9)
    standing = Standing(gain=None, champion_age_days=400, share_moved=0.1, share_drifted=0.0)
    decision = decide_promotion(
        gates, champion, standing=standing, data_fault=None, settings=PromotionSettings()
    )
    assert decision.decision == "keep"
    assert any("no stable segmentation found" in reason for reason in decision.reasons)


def test_groups_that_behave_alike_afterwards_are_no_segments() -> None:
    """Outcomes follow something else than the groups: the permutation test says so."""
    factors, group = make_customers(900)
    rng = np.random.default_rng(0)
    outcomes = pd.DataFrame(
        {"log_revenue": factors["noise_0"] + rng.normal(0, 0.5, 900)}, index=factors.index
    )
    found = search(factors, outcomes)
    assert not found.admissible
    assert "nothing to do with what customers did afterwards (permutation test" in found.sentence
    assert search(factors, make_outcomes(group)).admissible


def test_a_single_whale_moves_nobody() -> None:
    factors, _group = make_customers(500)
    whale = factors.copy()
    money = [name for name in factors if name.startswith(("revenue", "spend", "aov", "orders"))]
    whale.loc[whale.index[0], money] = 1e9
    found = search(whale)
    placed = fit_segmenter(whale, recipe=found.winner, seed=0).assign(whale)
    calm = fit_segmenter(factors, recipe=found.winner, seed=0).assign(factors)
    assert (placed["segment_id"] == placed["segment_id"].iloc[0]).mean() > 0.1
    moved = pd.crosstab(placed["segment_id"].iloc[1:], calm["segment_id"].iloc[1:]).to_numpy()
    assert moved.max(axis=1).sum() >= 0.98 * moved.sum()
