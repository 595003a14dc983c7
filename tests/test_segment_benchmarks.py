"""The benchmarks of segments at small sizes: that they measure what they say."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.orders import find_orders, write_orders
from benchmarks.segment_fitting import GROUPS, draw_factors, measure_agreement, run
from benchmarks.segment_orders import (
    MAIN,
    Labels,
    Snapshot,
    compare,
    contest_orders,
    cross_validate,
    foretell_by_boosting,
    foretell_by_group,
    group_by_kmeans,
    group_by_quintiles,
    score_frozen,
)
from benchmarks.segment_scale import Size, draw_growth, measure_growth
from benchmarks.segment_truth import measure_f1, recover_shop


def draw_snapshot(*, seed: int = 0, customers: int = 3000, noise: float = 1.0) -> Snapshot:
    """Customers of two kinds, whose revenue afterwards is 0 or 2 on average by kind, and chance."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, customers)
    factors = pd.DataFrame(
        {
            "days_since_last_purchase": np.where(kind, 5.0, 200.0) * rng.lognormal(0, 0.1, customers),
            "orders_lifetime": np.where(kind, 20.0, 2.0),
            "revenue_lifetime": np.where(kind, 900.0, 40.0) * rng.lognormal(0, 0.1, customers),
            "unknown": np.nan,
        }
    )
    revenue = 2.0 * kind + rng.normal(0, noise, customers)
    outcomes = pd.DataFrame({MAIN: revenue, "log_aov": np.where(kind, revenue, np.nan)})
    return Snapshot(date(2026, 1, 1), factors, outcomes)


def test_r2_is_that_of_the_truth_when_groups_are_the_truth() -> None:
    """Between kinds the variance is 1, within them 1: half of it can be foretold, and nothing within a kind."""
    snapshot = draw_snapshot()
    by_kind = foretell_by_group(lambda _known: lambda others: (others["orders_lifetime"] > 10).to_numpy())
    found = cross_validate(snapshot, by_kind, folds=5, repeats=2)
    assert found.r2[MAIN] == pytest.approx(0.5, abs=0.03)
    assert found.r2["log_aov"] == pytest.approx(0.0, abs=0.01)
    boosted = cross_validate(snapshot, foretell_by_boosting, folds=5, repeats=1)
    assert boosted.r2[MAIN] == pytest.approx(0.5, abs=0.04)


def test_groups_of_chance_foretell_nothing_however_many_they_are() -> None:
    snapshot = draw_snapshot(customers=600)
    for groups in (2, 40):
        rng = np.random.default_rng(groups)
        chance = pd.Series(rng.integers(0, groups, 600), index=snapshot.factors.index)
        by_chance = foretell_by_group(lambda _known, chance=chance: lambda others: chance[others.index])  # type: ignore[misc]
        assert cross_validate(snapshot, by_chance, folds=5, repeats=2).r2[MAIN] < 0.01


def test_the_lead_over_another_is_that_of_the_errors_and_its_interval_covers_it() -> None:
    snapshot = draw_snapshot()
    better = cross_validate(snapshot, foretell_by_group(group_by_kmeans), folds=5, repeats=1)
    nobody = foretell_by_group(lambda _known: lambda others: np.zeros(len(others)))
    worse = cross_validate(snapshot, nobody, folds=5, repeats=1)
    lead, low, high = compare(better, worse)
    assert lead == pytest.approx(better.r2[MAIN] - worse.r2[MAIN])
    assert 0 < low < lead < high
    assert compare(better, better) == (0.0, 0.0, 0.0)


def test_quintiles_are_marks_of_the_customers_they_were_learnt_on() -> None:
    values = np.arange(1.0, 101.0)
    best_last = pd.DataFrame(
        {
            "days_since_last_purchase": values[::-1],
            "orders_lifetime": values,
            "revenue_lifetime": values,
        }
    )
    marks = group_by_quintiles(best_last)(best_last)
    assert (marks[0], marks[-1]) == (3, 15)
    assert np.unique(marks, return_counts=True)[1].tolist() == [20] * 5
    assert group_by_quintiles(best_last)(best_last.iloc[[99]])[0] == 15


def test_frozen_groups_are_those_of_the_first_cut() -> None:
    first, second = draw_snapshot(seed=1), draw_snapshot(seed=2)

    def kinds(known: pd.DataFrame) -> Labels:
        middle = known["orders_lifetime"].mean()
        return lambda others: (others["orders_lifetime"] > middle).to_numpy()

    assert score_frozen(kinds, first, second, folds=5, repeats=1) == pytest.approx(0.5, abs=0.03)
    odd = Snapshot(first.cut, first.factors.assign(orders_lifetime=1000.0), first.outcomes)
    assert score_frozen(kinds, odd, second, folds=5, repeats=1) == pytest.approx(0.0, abs=0.01)


def test_drawn_customers_have_the_groups_they_are_said_to_have() -> None:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from sklearn.preprocessing import StandardScaler

    frame, group = draw_factors(1500, 40, seed=1)
    assert frame.shape == (1500, 40)
    again, _same = draw_factors(1500, 40, seed=1)
    pd.testing.assert_frame_equal(frame, again)
    logs = StandardScaler().fit_transform(np.log(frame))
    found = KMeans(GROUPS, n_init=10, random_state=0).fit_predict(logs)
    inside = group >= 0
    assert 0.03 < np.mean(~inside) < 0.07
    assert adjusted_rand_score(group[inside], found[inside]) > 0.95


def test_agreement_does_not_mind_other_numbers_for_the_same_groups() -> None:
    theirs = np.array([0, 0, 1, 1, -1])
    assert measure_agreement(np.array([5, 5, 2, 2, -1]), theirs) == 1.0
    assert measure_agreement(np.array([5, 5, 2, 5, -1]), theirs) == 0.8
    assert np.isnan(measure_agreement(theirs[:0], theirs[:0]))


def test_f1_is_of_the_segment_that_matches_best() -> None:
    belongs = pd.Series([True] * 4 + [False] * 4)
    assert measure_f1(belongs, pd.Series([1, 1, 1, 1, 2, 2, 2, 2])) == 1.0
    assert measure_f1(belongs, pd.Series([1, 1, 1, 2, 2, 2, 1, 2])) == pytest.approx(0.75)
    assert measure_f1(belongs, pd.Series([1] * 8)) == pytest.approx(2 / 3)


def test_growth_has_a_panel_for_customers_and_one_for_factors() -> None:
    sizes = [
        Size(customers, factors, seconds, 2**20, {})
        for customers, factors, seconds in ((100, 40, 1.0), (1000, 40, 3.0), (100, 20, 0.5), (100, 300, 9.0))
    ]
    by_customers, _memory, by_factors, _also = draw_growth(sizes).data
    assert (list(by_customers.x), list(by_customers.y)) == ([100, 1000], [1.0, 3.0])
    assert (list(by_factors.x), list(by_factors.y)) == ([20, 40, 300], [0.5, 1.0, 9.0])


@pytest.mark.long
def test_every_size_is_measured_in_a_process_of_its_own() -> None:
    (size,) = measure_growth([2000], [40])
    assert size.training == size.figures["search"] + size.figures["fit"] > 0
    assert size.peak_bytes is None or size.peak_bytes > 2**26


@pytest.mark.long
def test_scoring_agrees_with_hdbscans_own_where_both_see_a_segment() -> None:
    figures = run(4000, 40)
    assert figures["agreement_inside"] > 0.99
    assert figures["clusters"] == GROUPS


@pytest.mark.long
def test_a_small_shops_truth_comes_back(tmp_path: Path) -> None:
    found = recover_shop(tmp_path / "shop", seed=1, customers=800)
    assert found.customers > 400
    assert found.ari > 0.5
    assert min(found.f1) > 0.6


@pytest.mark.long
@pytest.mark.skipif(
    not find_orders().exists(), reason=f"{find_orders()} is not there; set SEGMENTWERK_DATA_DIR"
)
def test_the_published_figures_of_rfm_come_out(tmp_path: Path) -> None:
    found = contest_orders(write_orders(tmp_path / "orders", rows=None), repeats=2, bootstraps=4)
    for verdict, kmeans, quintiles in zip(found.verdicts, (0.255, 0.241), (0.264, 0.248), strict=True):
        assert verdict.r2.loc["K-Means on RFM", MAIN] == pytest.approx(kmeans, abs=0.006)
        assert verdict.r2.loc["RFM quintiles", MAIN] == pytest.approx(quintiles, abs=0.006)
        assert verdict.r2.loc["ceiling", MAIN] > verdict.r2.loc["ours", MAIN]
        assert 2 <= verdict.segments <= 8
        assert len(verdict.stability) == verdict.segments
    assert found.frozen["K-Means on RFM"] == pytest.approx(0.250, abs=0.006)
