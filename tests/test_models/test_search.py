"""The search: finds what is there, says why, and refuses what cannot be."""

import json

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers, make_outcomes
from pydantic import ValidationError
from sklearn.metrics import adjusted_rand_score

from models.preparation import NoVariation
from models.quality import Separation
from models.search import (
    Candidate,
    SearchResult,
    TooFewCustomers,
    TrainingSettings,
    choose_candidate,
    search_recipes,
)
from models.segmenter import Recipe, fit_segmenter

QUICK = TrainingSettings(bootstraps=4, finalists=2)
COLUMNS = [
    "algorithm",
    "segments",
    "parameters",
    "preparation",
    "silhouette",
    "stability",
    "stability_min",
    "separation",
    "outlier_share",
    "smallest_share",
    "admissible",
    "reason",
]


@pytest.fixture(scope="module")
def customers() -> tuple[pd.DataFrame, pd.Series]:
    return make_customers(1500)


@pytest.fixture(scope="module")
def messages() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(customers: tuple[pd.DataFrame, pd.Series], messages: list[str]) -> SearchResult:
    """A search with a past: the same people a while ago, and what they did since."""
    factors, _group = customers
    earlier, earlier_group = make_customers(1400, seed=4)
    outcomes = make_outcomes(earlier_group).iloc[:1200]
    return search_recipes(
        factors, past_factors=earlier, outcomes=outcomes, settings=QUICK, progress=messages.append
    )


def make_candidate(segments: int, score: float, **changes: object) -> Candidate:
    values = {
        "recipe": Recipe("kmeans", {"segments": segments}),
        "segments": segments,
        "silhouette": 0.3,
        "outlier_share": 0.0,
        "smallest_share": 0.1,
        "stability": 0.9,
        "stability_min": 0.8,
        "separation": Separation(score, {"a": score}, {}),
    }
    return Candidate(**(values | changes))  # type: ignore[arg-type]


def test_the_winner_recovers_the_groups(
    result: SearchResult, customers: tuple[pd.DataFrame, pd.Series]
) -> None:
    factors, group = customers
    placed = fit_segmenter(factors, recipe=result.winner, seed=0).assign(factors)
    assert result.admissible
    assert result.best.segments == 5
    assert adjusted_rand_score(group, placed["segment_id"]) >= 0.9


def test_says_in_a_sentence_why_it_won(result: SearchResult) -> None:
    assert result.sentence.startswith(f"{result.winner.algorithm} with 5 segments ")
    assert f"R² {result.best.score:.3f}" in result.sentence
    assert "\n" not in result.sentence


def test_every_candidate_is_on_the_table_the_winner_first(result: SearchResult) -> None:
    table = result.candidates
    assert list(table.columns) == COLUMNS
    assert set(table["algorithm"]) == {"kmeans", "hdbscan"}
    first = table.iloc[0]
    assert first["admissible"]
    assert json.loads(first["parameters"]) == dict(result.winner.parameters)
    assert (table["admissible"] == (table["reason"] == "")).all()
    examined = table[table["stability"].notna()]
    assert examined["separation"].notna().all()
    assert len(examined) < len(table)
    assert examined.groupby(["algorithm", "preparation"]).size().max() <= QUICK.finalists


def test_what_passed_keeps_to_the_gates(result: SearchResult) -> None:
    passed = result.candidates[result.candidates["admissible"]]
    assert passed["segments"].between(4, 8).all()
    assert (passed["stability"] >= 0.75).all()
    assert (passed["stability_min"] >= 0.60).all()
    assert (passed["outlier_share"] <= 0.25).all()
    assert (passed["smallest_share"] >= 0.01).all()


def test_progress_is_told_of_everything_examined(result: SearchResult, messages: list[str]) -> None:
    examined = [message for message in messages if message.startswith("training: examining")]
    assert len(examined) == result.candidates["stability"].notna().sum()


def test_the_same_seed_gives_the_same_search(customers: tuple[pd.DataFrame, pd.Series]) -> None:
    factors, _group = customers
    settings = QUICK.model_copy(update={"algorithms": ("kmeans",), "bootstraps": 2, "finalists": 1})
    first, second = (
        search_recipes(factors, past_factors=None, outcomes=None, settings=settings, seed=5) for _ in range(2)
    )
    pd.testing.assert_frame_equal(first.candidates, second.candidates, check_exact=True)
    assert first.winner == second.winner


def test_a_young_shop_chooses_without_separation_and_says_so(
    customers: tuple[pd.DataFrame, pd.Series],
) -> None:
    factors, group = customers
    settings = QUICK.model_copy(update={"algorithms": ("kmeans",)})
    young = search_recipes(factors, past_factors=None, outcomes=None, settings=settings)
    assert young.candidates["separation"].isna().all()
    assert "too young" in young.sentence
    assert young.best.separation is None
    placed = fit_segmenter(factors, recipe=young.winner, seed=0).assign(factors)
    assert adjusted_rand_score(group, placed["segment_id"]) > 0.6


@pytest.mark.parametrize("trouble", ["few customers then", "nobody did anything since", "all alike then"])
def test_a_past_that_tells_nothing_is_as_good_as_none(
    customers: tuple[pd.DataFrame, pd.Series], trouble: str
) -> None:
    factors, group = customers
    outcomes = make_outcomes(group)
    past = {"few customers then": factors.head(20), "all alike then": factors * 0.0}.get(trouble, factors)
    if trouble == "nobody did anything since":
        outcomes = outcomes * 0.0
    settings = TrainingSettings(
        algorithms=("kmeans",), segments_min=5, segments_max=5, bootstraps=2, finalists=1
    )
    found = search_recipes(factors, past_factors=past, outcomes=outcomes, settings=settings)
    assert found.best.separation is None
    assert "too young" in found.sentence


def test_when_nothing_is_stable_the_best_is_returned_but_flagged() -> None:
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(size=(500, 12)), columns=[f"f{i}" for i in range(12)])
    settings = TrainingSettings(algorithms=("kmeans",), bootstraps=3, finalists=1)
    found = search_recipes(noise, past_factors=None, outcomes=None, settings=settings)
    assert not found.admissible
    assert not found.candidates["admissible"].any()
    assert found.sentence.startswith("no candidate passed every gate; kmeans with")
    assert "wanted" in found.best.reason


def test_the_best_separation_wins_when_it_is_clearly_better() -> None:
    labels, outcomes = make_split()
    weak = make_candidate(4, 0.1, past_labels=labels["noise"])
    strong = make_candidate(6, 0.8, past_labels=labels["true"])
    best, sentence = choose_candidate([weak, strong], outcomes=outcomes, seed=0)
    assert best is strong
    assert "separates best" in sentence


def test_within_a_standard_error_the_fewest_segments_win() -> None:
    labels, outcomes = make_split()
    simple = make_candidate(4, 0.80, past_labels=labels["true"])
    finer = make_candidate(6, 0.80001, past_labels=labels["true"] * 2 + labels["noise"] % 2)
    best, sentence = choose_candidate([finer, simple], outcomes=outcomes, seed=0)
    assert best is simple
    assert "is the simplest of those that separate as well as the best" in sentence


def test_equal_in_that_the_more_stable_wins_then_the_better_silhouette() -> None:
    labels, outcomes = make_split()
    shaky, firm, firmer = (
        make_candidate(4, 0.8, past_labels=labels["true"], stability=stability, silhouette=silhouette)
        for stability, silhouette in ((0.8, 0.9), (0.9, 0.1), (0.9, 0.2))
    )
    assert choose_candidate([shaky, firm, firmer], outcomes=outcomes, seed=0)[0] is firmer


def test_what_failed_a_gate_does_not_win_however_well_it_separates() -> None:
    labels, outcomes = make_split()
    failed = make_candidate(6, 0.9, past_labels=labels["true"], reason="stability 0.40, at least 0.75 wanted")
    passed = make_candidate(4, 0.1, past_labels=labels["noise"])
    assert choose_candidate([failed, passed], outcomes=outcomes, seed=0)[0] is passed


def make_split() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    labels = pd.DataFrame({"true": rng.integers(0, 4, 1000), "noise": rng.integers(0, 4, 1000)})
    return labels, pd.DataFrame({"a": labels["true"] + rng.normal(0, 0.5, 1000)})


@pytest.mark.parametrize("count", [1, 3, 39])
def test_too_few_customers_is_an_error_with_a_remedy(count: int) -> None:
    factors, _group = make_customers(count)
    with pytest.raises(
        TooFewCustomers, match=f"{count} customers are too few for 4 segments; at least 40 .*segments_min"
    ):
        search_recipes(factors, past_factors=None, outcomes=None, settings=QUICK)


def test_customers_all_alike_are_an_error_with_a_remedy() -> None:
    frame = pd.DataFrame({"a": np.ones(200), "b": np.full(200, np.nan)})
    with pytest.raises(NoVariation, match="wait for more events"):
        search_recipes(frame, past_factors=None, outcomes=None, settings=QUICK)


def test_the_smallest_shop_allowed_gets_an_answer() -> None:
    factors, _group = make_customers(40)
    found = search_recipes(factors, past_factors=None, outcomes=None, settings=QUICK)
    assert fit_segmenter(factors, recipe=found.winner, seed=0).assign(factors)["segment_id"].nunique() >= 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"segments_min": 6, "segments_max": 5}, "segments_max 5 is below segments_min 6"),
        ({"algorithms": ["kmedians"]}, r"algorithm 'kmedians' is not known; there are: .*hdbscan, kmeans"),
        ({"algorithms": []}, "at least 1 item"),
        ({"budget": 3}, "Extra inputs are not permitted"),
        ({"outlier_share_max": 2}, "less than 1"),
    ],
)
def test_settings_say_what_is_wrong(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainingSettings(**wrong)  # type: ignore[arg-type]
