"""Candidates: gates say what is wrong, and the rank follows separation, then simplicity."""

import numpy as np
import pandas as pd
import pytest

from models.candidates import Candidate, Gates, find_most_stable, rank_candidates
from models.quality import Stability
from models.recipes import Recipe
from models.separation import Yardstick, measure_separation, split_customers

GATES = Gates(
    segments_min=4, segments_max=8, smallest_share=0.01, outlier_share_max=0.25, stability_mean=0.75,
    stability_min=0.6,
)  # fmt: skip
RNG = np.random.default_rng(1)
TRUE, NOISE = RNG.integers(0, 4, 1000), RNG.integers(0, 4, 1000)
YARDSTICK = Yardstick(
    pd.DataFrame({"a": TRUE + RNG.normal(0, 0.5, 1000)}),
    split_customers(1000, folds=5, seed=0),
    {"a": 1.0},
    {},
)


def make_candidate(segments: int, labels: np.ndarray | None = None, **changes: object) -> Candidate:
    separation = None if labels is None else measure_separation(lambda _rows: labels, YARDSTICK)
    values = {
        "recipe": Recipe("kmeans", {"segments": segments}), "segments": segments, "outlier_share": 0.0,
        "smallest_share": 0.1, "separation": separation, "promise": 0.5,
    }  # fmt: skip
    return Candidate(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("segments", "smallest", "outliers", "words"),
    [
        (4, 0.01, 0.25, ""),
        (3, 0.1, 0.0, "3 segments, wanted 4 to 8"),
        (9, 0.1, 0.0, "9 segments, wanted 4 to 8"),
        (4, 0.009, 0.0, "smallest segment 0.9%, at least 1.0% wanted"),
        (4, 0.1, 0.26, "26% outliers, at most 25% wanted"),
    ],
)
def test_the_shape_must_be_right(segments: int, smallest: float, outliers: float, words: str) -> None:
    assert GATES.judge_shape(segments, smallest, outliers) == words


@pytest.mark.parametrize(
    ("mean", "least", "words"),
    [
        (0.75, 0.6, ""),
        (0.74, 0.7, "stability 0.74, at least 0.75 wanted"),
        (0.9, 0.59, "stability of one segment 0.59, at least 0.60 wanted"),
        (float("nan"), float("nan"), "stability nan, at least 0.75 wanted"),
    ],
)
def test_segments_must_be_stable_together_and_each(mean: float, least: float, words: str) -> None:
    assert GATES.judge_stability(Stability(mean, least, {}, 50)) == words


def test_the_best_separation_comes_first_when_it_is_clearly_better() -> None:
    weak, strong = make_candidate(4, NOISE), make_candidate(6, TRUE)
    assert rank_candidates([weak, strong]) == [strong, weak]


def test_within_a_standard_error_the_fewest_segments_come_first() -> None:
    simple, finer = make_candidate(4, TRUE), make_candidate(6, TRUE * 2 + NOISE % 2)
    worse = make_candidate(3, np.minimum(TRUE, 2))
    assert rank_candidates([worse, finer, simple]) == [simple, finer, worse]


def test_what_has_no_separation_comes_last_by_its_promise() -> None:
    known, dull, bright = make_candidate(5, NOISE), make_candidate(4), make_candidate(6, promise=0.9)
    assert rank_candidates([dull, bright, known]) == [known, bright, dull]


def test_without_separation_the_most_stable_wins_then_the_better_silhouette() -> None:
    shaky, firm, firmer = (
        make_candidate(4, stability=Stability(stability, 0.7, {}, 50), silhouette=silhouette)
        for stability, silhouette in ((0.8, 0.9), (0.9, 0.1), (0.904, 0.2))
    )
    assert find_most_stable([shaky, firm, firmer]) is firmer


def test_the_champions_recipe_stays_unless_another_is_clearly_better() -> None:
    fine, coarse = make_candidate(8, TRUE * 2 + NOISE % 2), make_candidate(4, TRUE)
    assert rank_candidates([coarse, fine], incumbent=fine.recipe) == [fine, coarse]
    weak = make_candidate(5, NOISE)
    assert rank_candidates([weak, coarse], incumbent=weak.recipe) == [coarse, weak]
    assert rank_candidates([coarse, weak], incumbent=make_candidate(7).recipe) == [coarse, weak]


def test_without_separation_the_champions_recipe_stays_if_it_is_stable() -> None:
    firm, firmer = (
        make_candidate(k, stability=Stability(stability, 0.7, {}, 50))
        for k, stability in ((4, 0.8), (5, 0.9))
    )
    assert find_most_stable([firm, firmer], incumbent=firm.recipe) is firm
