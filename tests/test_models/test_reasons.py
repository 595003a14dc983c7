"""Reasons: what would have to be otherwise for a customer to be nearer to another segment."""

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers

from models.clusterers import OUTLIER
from models.preparation import PreparationOptions
from models.reasons import REASONS, Centres, find_centres, rank_reasons
from models.recipes import Recipe
from models.segmenter import REASON_COLUMNS, fit_segmenter

NO_AXES = np.empty((0, 0))


def rank_by_hand(point: np.ndarray, own: np.ndarray, other: np.ndarray, axes: np.ndarray) -> list[int]:
    """Factors by how much of the lead of `own` over `other` goes when one is set to the middle of both."""

    def lead(x: np.ndarray) -> float:
        return float((((x - other) @ axes) ** 2).sum() - (((x - own) @ axes) ** 2).sum())

    lost = []
    for factor in range(len(point)):
        without = point.copy()
        without[factor] = (own[factor] + other[factor]) / 2
        lost.append(lead(point) - lead(without))
    return [int(factor) for factor in np.argsort(lost)[::-1][:REASONS] if lost[factor] > 0]


@pytest.mark.parametrize("dimensions", [7, 3])
def test_reasons_are_what_the_lead_over_the_next_segment_hangs_on(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    centres = Centres(np.arange(5), rng.normal(0, 2, (5, 7)))
    points = rng.normal(0, 2, (300, 7))
    axes = np.eye(7) if dimensions == 7 else rng.normal(size=(7, dimensions))
    distances = (((points[:, None] - centres.places) @ axes) ** 2).sum(axis=2)
    order = distances.argsort(axis=1)
    found = rank_reasons(points, order[:, 0], centres, axes=NO_AXES if dimensions == 7 else axes)
    by_hand = [
        rank_by_hand(point, centres.places[own], centres.places[other], axes)
        for point, own, other in zip(points, order[:, 0], order[:, 1], strict=True)
    ]
    assert [[int(one) for one in row if one >= 0] for row in found] == by_hand
    assert (found >= 0).any(axis=1).all()


def test_of_customers_in_no_segment_reasons_keep_them_away() -> None:
    centres = Centres(np.array([0, 1]), np.array([[0.0, 0, 0, 0], [10, 10, 10, 10]]))
    strangers = np.array([[0.1, 9.0, -4.0, 0.0], [10, 10, 10, 90]])
    found = rank_reasons(strangers, np.array([OUTLIER, OUTLIER]), centres, axes=NO_AXES)
    assert found.tolist() == [[1, 2, 0], [3, -1, -1]]


def test_without_another_segment_there_is_no_reason() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    alone = find_centres(points, np.zeros(20, dtype=int))
    assert (rank_reasons(points, np.zeros(20, dtype=int), alone, axes=NO_AXES) == -1).all()
    nobody = find_centres(points, np.full(20, OUTLIER))
    assert nobody.places.shape == (0, 3)
    assert (rank_reasons(points, np.full(20, OUTLIER), nobody, axes=NO_AXES) == -1).all()


def test_reasons_are_the_same_however_many_are_asked_about_at_once() -> None:
    rng = np.random.default_rng(1)
    points, labels = rng.normal(size=(45_000, 6)), rng.integers(0, 3, 45_000)
    centres = find_centres(points, labels)
    whole = rank_reasons(points, labels, centres, axes=NO_AXES)
    parts = [rank_reasons(points[i : i + 999], labels[i : i + 999], centres, axes=NO_AXES)
             for i in range(0, len(points), 999)]  # fmt: skip
    np.testing.assert_array_equal(whole, np.vstack(parts))


@pytest.mark.parametrize("projection", ["none", "discriminants"])
def test_the_pair_that_differs_in_channel_and_discount_is_told_so(projection: str) -> None:
    factors, group = make_customers()
    pair = factors[group < 2]  # their money, frequency and recency are drawn alike
    options = PreparationOptions(projection=projection)  # type: ignore[arg-type]
    segmenter = fit_segmenter(pair, recipe=Recipe("kmeans", {"segments": 2}, options), seed=0)
    reasons = segmenter.explain(pair)[list(REASON_COLUMNS)]
    telling = factors.filter(regex="app_|mobile_|discount_|email_").columns
    assert reasons["reason_1"].isin(telling).mean() > 0.98
    assert reasons.isin(telling).to_numpy().sum() > 0.95 * reasons.notna().to_numpy().sum()


def test_explaining_changes_nobodys_segment() -> None:
    factors, _group = make_customers(600)
    segmenter = fit_segmenter(factors, recipe=Recipe("kmeans", {"segments": 4}), seed=0).rename(
        {1: "Regulars"}
    )
    explained = segmenter.explain(factors)
    placed = segmenter.assign(factors)
    pd.testing.assert_frame_equal(explained[list(placed.columns)], placed)
    assert (explained["segment_name"].notna() == (placed["segment_id"] == 1)).all()
    distinct = explained[list(REASON_COLUMNS)].apply(lambda row: row.dropna().is_unique, axis=1)
    assert distinct.all()
