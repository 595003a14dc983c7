"""Adjusting for the past and for segments: the same effect, less noise, and intervals that still hold."""

from __future__ import annotations

import math

import ibis
import numpy as np
import pandas as pd
import pytest
from tea_tasting.metrics import Mean

from monitoring.experiments.adjustment import AdjustedLift, adjust_difference
from monitoring.experiments.aggregates import merge_cells, read_cells, split_cells

ALPHA = 0.05


def draw_customers(
    rng: np.random.Generator, *, size: int = 2000, effect: float = 0.5, tied: float = 0.8
) -> pd.DataFrame:
    """Segments of different level and value, and a past that foretells the outcome."""
    segment = rng.integers(0, 4, size)
    past = rng.normal(0, 1, size)
    treated = rng.random(size) < 0.7
    value = 3.0 * segment + tied * past + effect * treated + math.sqrt(1 - tied**2) * rng.normal(0, 1, size)
    arm = pd.Series(np.where(treated, "treatment", "control"), dtype="string")
    return pd.DataFrame({"arm": arm, "segment_id": segment, "revenue": value, "prior_revenue": past})


def adjust(rows: pd.DataFrame, *, covariate: str | None = "prior_revenue") -> AdjustedLift:
    strata = split_cells(read_cells(ibis.memtable(rows)))
    found = adjust_difference(strata, arm="treatment", column="revenue", covariate=covariate, alpha=ALPHA)
    assert found is not None
    return found


def test_without_segments_it_is_cuped_as_tea_tasting_has_it() -> None:
    rows = draw_customers(np.random.default_rng(1)).assign(segment_id=1)
    ours = adjust(rows)
    arms = merge_cells(read_cells(ibis.memtable(rows)))
    mean = Mean("revenue", "prior_revenue", equal_var=False, use_t=True)
    theirs = mean.analyze_aggregates(arms["control"], arms["treatment"])
    assert ours.absolute == pytest.approx(theirs.effect_size, rel=1e-9)
    assert (ours.low, ours.high) == pytest.approx(
        (theirs.effect_size_ci_lower, theirs.effect_size_ci_upper), rel=1e-6
    )
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-6)


def test_without_a_past_it_is_the_post_stratified_difference() -> None:
    rows = draw_customers(np.random.default_rng(2))
    moments = rows.groupby(["segment_id", "arm"])["revenue"].agg(["mean", "var", "count"]).unstack("arm")  # noqa: PD010
    weights = moments["count"].sum(axis=1) / len(rows)
    differences = moments["mean"]["treatment"] - moments["mean"]["control"]
    variance = (weights**2 * (moments["var"] / moments["count"]).sum(axis=1)).sum()
    found = adjust(rows, covariate=None)
    assert found.absolute == pytest.approx((weights * differences).sum())
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.01)
    assert found.strata == 4


def test_variance_saved_is_what_past_and_segments_explain() -> None:
    rows = draw_customers(np.random.default_rng(3), size=40_000)
    between = 9.0 * (16 - 1) / 12  # the variance of 3 × a segment drawn evenly from four
    assert adjust(rows.assign(segment_id=1)).variance_saved == pytest.approx(0.64 / (1 + between), abs=0.03)
    assert adjust(rows, covariate=None).variance_saved == pytest.approx(between / (1 + between), abs=0.01)
    assert adjust(rows).variance_saved == pytest.approx((between + 0.64) / (1 + between), abs=0.01)


def test_intervals_cover_the_effect_as_often_as_they_say() -> None:
    rng, experiments = np.random.default_rng(4), 300
    rows = [draw_customers(rng, size=300) for _experiment in range(experiments)]
    # Ten segment ids an experiment, so that the engine is asked once.
    moved = [one.assign(segment_id=one["segment_id"] + 10 * n) for n, one in enumerate(rows)]
    cells = read_cells(ibis.memtable(pd.concat(moved)))
    options = {"arm": "treatment", "column": "revenue", "covariate": "prior_revenue", "alpha": ALPHA}
    found = [
        adjust_difference(
            split_cells({key: one for key, one in cells.items() if (key[0] or 0) // 10 == n}),
            **options,  # type: ignore[arg-type]
        )
        for n in range(experiments)
    ]
    covered = np.mean([one is not None and one.low <= 0.5 <= one.high for one in found])
    assert covered == pytest.approx(0.95, abs=0.038)  # three standard errors of 300 experiments
    assert np.mean([one.absolute for one in found if one]) == pytest.approx(0.5, abs=0.03)


def test_segments_with_nobody_to_compare_are_taken_together() -> None:
    rows = draw_customers(np.random.default_rng(5), size=400)
    lonely = rows.iloc[:3].assign(segment_id=[7, 8, 9], arm=pd.Series(["control"] * 3, dtype="string"))
    assert adjust(pd.concat([rows, lonely])).strata == 4
    everywhere = rows.iloc[:4].assign(
        segment_id=[7, 8, 9, 10], arm=pd.Series(["control", "treatment"] * 2, dtype="string")
    )
    assert adjust(pd.concat([rows, everywhere])).strata == 5


def test_nothing_to_compare_is_no_number() -> None:
    rows = draw_customers(np.random.default_rng(6)).assign(revenue=1.0)
    strata = split_cells(read_cells(ibis.memtable(rows)))
    options = {"column": "revenue", "covariate": "prior_revenue", "alpha": ALPHA}
    assert adjust_difference(strata, arm="treatment", **options) is None  # type: ignore[arg-type]
    assert adjust_difference(strata, arm="other", **options) is None  # type: ignore[arg-type]
