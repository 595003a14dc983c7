"""The guard of lifetime values: silent where the process is as assumed, loud where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cdnow import CALIBRATED, END, WEEKS, read_orders

from models.lifetime_check import (
    LifetimeValueCheck,
    check_lifetime_value,
    measure_calibration,
    measure_correlation,
)
from models.purchase_histories import build_histories, count_holdout
from models.simulation.buyers import Buyers, BuyingWorld, simulate_buyers

TRUE = BuyingWorld()
CUSTOMERS = 12_000


def check(world: BuyingWorld, *, customers: int = CUSTOMERS, seed: int = 1) -> LifetimeValueCheck:
    buyers = simulate_buyers(world, customers=customers, weeks=39, seed=seed)
    return check_lifetime_value(buyers.histories, buyers.holdout, weeks=39)


def join(*worlds: BuyingWorld, customers: int = CUSTOMERS) -> tuple[Buyers, pd.Series]:
    """Customers of several worlds, and the number of each one's."""
    parts = [simulate_buyers(world, customers=customers, seed=seed) for seed, world in enumerate(worlds)]
    histories, holdout, alive = (
        pd.concat([getattr(part, name) for part in parts], ignore_index=True)
        for name in ("histories", "holdout", "alive")
    )
    return Buyers(histories, holdout, alive), pd.Series(np.repeat(np.arange(len(worlds)), customers))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("customers", [2000, CUSTOMERS])
def test_it_is_silent_where_customers_are_as_assumed(seed: int, customers: int) -> None:
    found = check(TRUE, customers=customers, seed=seed)
    assert found.overall.verdict == "holds", found.overall.sentences
    assert found.holds
    assert found.reasons == ()


@pytest.mark.parametrize("power", [0.3, -0.5])
def test_spend_that_goes_with_frequency_is_found(power: float) -> None:
    found = check(BuyingWorld(spend_by_rate=power), customers=40_000)
    assert not found.holds
    assert any("independent" in sentence for sentence in found.reasons)
    assert ("spend more" in found.reasons[0]) == (power > 0)
    assert np.sign(found.overall.correlation.value) == np.sign(power)


@pytest.mark.parametrize(("rate", "share"), [(0.5, "1[4-9].%|2..%"), (1.8, "[56].%")])
def test_a_shop_that_changed_is_found(rate: float, share: str) -> None:
    found = check(BuyingWorld(holdout_rate=rate))
    assert not found.holds
    assert pd.Series(found.reasons).str.contains(f"purchases foretold: (?:{share}) of what came").any()
    assert not any("independent" in sentence for sentence in found.reasons)


def test_customers_who_never_return_in_the_order_foretold_are_found() -> None:
    buyers = simulate_buyers(TRUE, customers=CUSTOMERS, seed=1)
    shuffled = buyers.holdout.sample(frac=1.0, random_state=1).set_axis(buyers.holdout.index)
    found = check_lifetime_value(buyers.histories, shuffled, weeks=39)
    assert found.overall.value.gini < 0.1
    assert any("by lot" in sentence for sentence in found.reasons)


def test_a_segment_the_pooled_model_is_wrong_about_is_found() -> None:
    buyers, segments = join(TRUE, TRUE, BuyingWorld(r=0.6, holdout_rate=0.4))
    found = check_lifetime_value(buyers.histories, buyers.holdout, weeks=39, segments=segments)
    assert set(found.by_segment) == {0, 1, 2}
    assert found.by_segment[2].verdict == "fails"
    assert found.by_segment[2].purchases.ratio > 1.5
    same, halves = join(TRUE, TRUE)
    calm = check_lifetime_value(same.histories, same.holdout, weeks=39, segments=halves)
    assert [one.verdict for one in calm.by_segment.values()] == ["holds", "holds"]


def test_a_segment_too_small_to_tell_is_unknown() -> None:
    buyers = simulate_buyers(TRUE, customers=CUSTOMERS, seed=1)
    segments = pd.Series(["big"] * (CUSTOMERS - 200) + ["small"] * 150 + [None] * 50)
    found = check_lifetime_value(buyers.histories, buyers.holdout, weeks=39, segments=segments)
    assert (found.by_segment["big"].verdict, found.by_segment["small"].verdict) == ("holds", "unknown")
    assert "too few to tell" in found.by_segment["small"].sentences[0]
    assert found.by_segment["small"].purchases is None
    assert sum(one.customers for one in found.by_segment.values()) == CUSTOMERS - 50


def test_too_small_a_shop_is_not_believed() -> None:
    found = check(TRUE, customers=500)
    assert found.overall.verdict == "unknown"
    assert not found.holds
    assert "too few to tell" in found.reasons[0]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda h: h.head(0), "0 customers"),
        (lambda h: h.assign(frequency=0, recency=0.0, spend=np.nan), "0 of whom bought again"),
        (lambda h: h.assign(age=1e7), "age must be"),
        (lambda h: h.assign(spend=-1.0), "too few to fit spend"),
    ],
)
def test_without_a_model_there_is_a_reason_and_no_number(spoil, reason: str) -> None:
    buyers = simulate_buyers(TRUE, customers=2000, seed=1)
    found = check_lifetime_value(spoil(buyers.histories), buyers.holdout, weeks=39)
    assert found.model is None
    assert found.overall.purchases is found.overall.value is found.overall.correlation is None
    assert reason in found.reasons[0]


def test_purchases_that_were_all_free_are_no_forecast_come_true() -> None:
    buyers = simulate_buyers(TRUE, customers=CUSTOMERS, seed=1)
    found = check_lifetime_value(buyers.histories, buyers.holdout.assign(value=0.0), weeks=39)
    assert found.reasons == ("nothing was spent in the holdout",)
    assert found.overall.value is None


def test_customers_without_a_row_in_the_holdout_bought_nothing() -> None:
    buyers = simulate_buyers(TRUE, customers=CUSTOMERS, seed=1)
    bought = buyers.holdout[buyers.holdout["purchases"] > 0].sample(frac=1.0, random_state=1)
    stranger = pd.DataFrame({"purchases": [1e6], "value": [1e9]}, index=[-1])
    full = check_lifetime_value(buyers.histories, buyers.holdout, weeks=39).overall
    sparse = check_lifetime_value(buyers.histories, pd.concat([stranger, bought]), weeks=39).overall
    pd.testing.assert_frame_equal(full.value.deciles, sparse.value.deciles)


def test_a_customer_twice_is_refused() -> None:
    buyers = simulate_buyers(TRUE, customers=2000, seed=1)
    twice = pd.concat([buyers.histories, buyers.histories.head(1)])
    with pytest.raises(ValueError, match="one row a customer"):
        check_lifetime_value(twice, buyers.holdout, weeks=39)


def test_a_calibration_is_what_is_counted_by_hand() -> None:
    predicted = pd.Series(np.repeat(np.arange(10.0, 0.0, -1.0), 2))
    actual = pd.Series([12.0, 10.0, *predicted[2:18], 0.0, 0.0])
    found = measure_calibration(predicted, actual)
    assert list(found.deciles["customers"]) == [2] * 10
    assert list(found.deciles["predicted"]) == list(np.arange(10.0, 0.0, -1.0))
    assert list(found.deciles["actual"]) == [11.0, *np.arange(9.0, 1.0, -1.0), 0.0]
    assert found.ratio == 1.0
    # A tenth is 1 of 11 off, a tenth is foretold though nothing came.
    assert found.mape == pytest.approx((1 / 11 + 1) / 10)
    assert found.weighted_mape == pytest.approx((1 + 1) / 55)
    assert found.gini == pytest.approx(1.0, abs=0.01)


def test_ginis_extremes_are_the_best_order_and_its_reverse() -> None:
    actual = pd.Series(np.random.default_rng(1).pareto(2.0, 5000))
    assert measure_calibration(actual, actual).gini == pytest.approx(1.0)
    assert measure_calibration(-actual, actual).gini == pytest.approx(-1.0, abs=1e-3)
    assert measure_calibration(pd.Series(np.ones(5000)), actual).gini == pytest.approx(0.0, abs=1e-3)


def test_ties_do_not_depend_on_the_order_of_customers() -> None:
    rng = np.random.default_rng(2)
    predicted, actual = pd.Series(rng.integers(0, 4, 1000).astype(float)), pd.Series(rng.poisson(1.0, 1000))
    order = actual.argsort().to_numpy()
    one, other = measure_calibration(predicted, actual), measure_calibration(predicted[order], actual[order])
    pd.testing.assert_frame_equal(one.deciles, other.deciles)
    assert one.gini == pytest.approx(other.gini)


def test_error_by_chance_is_exceeded_in_few_forecasts_that_are_right() -> None:
    rng = np.random.default_rng(3)
    means = pd.Series(rng.gamma(0.5, 2.0, 3000))
    found = [measure_calibration(means, pd.Series(rng.poisson(means))) for _ in range(300)]
    above = np.mean([one.weighted_mape > one.error_by_chance for one in found])
    assert above == pytest.approx(1 / 40, abs=0.02)
    assert np.mean([abs(one.ratio - 1) > 2 * one.ratio_error for one in found]) == pytest.approx(
        0.05, abs=0.03
    )


def test_independent_spend_has_no_correlation_however_few_purchases() -> None:
    found = [
        measure_correlation(histories[histories["frequency"] > 0])
        for histories in (simulate_buyers(TRUE, customers=5000, seed=seed).histories for seed in range(100))
    ]
    scores = np.array([one.value / one.error for one in found])
    assert abs(scores.mean()) < 0.4
    assert scores.std() == pytest.approx(1.0, abs=0.25)
    same = pd.DataFrame({"frequency": [2.0] * 10, "spend": np.arange(10.0)})
    assert measure_correlation(same).value == 0.0


def test_a_forecast_is_not_held_against_nothing() -> None:
    with pytest.raises(ValueError, match="against nothing"):
        measure_calibration(pd.Series([1.0, 2.0]), pd.Series([0.0, 0.0]))


def test_deciles_of_cdnows_whole_cohort_come_true() -> None:
    orders = read_orders("cdnow_master.txt")
    histories = build_histories(orders, as_of=CALIBRATED).to_pandas().set_index("customer_id")
    holdout = count_holdout(orders, after=CALIBRATED, until=END).to_pandas().set_index("customer_id")
    found = check_lifetime_value(histories, holdout, weeks=WEEKS)
    assert len(histories) == 23_570
    assert found.holds, found.reasons
    purchases, value = found.overall.purchases, found.overall.value
    assert list(purchases.deciles["customers"]) == [2357] * 10
    assert (purchases.deciles["predicted"].diff().dropna() <= 0).all()
    # The best tenth is foretold within a tenth, and does more than all others together; the ranking is far from a lot.
    top = purchases.deciles.iloc[0]
    assert top["predicted"] == pytest.approx(top["actual"], rel=0.1)
    assert top["actual"] > 0.45 * purchases.deciles["actual"].sum()
    assert min(purchases.gini, value.gini) > 0.6
    assert 0.8 < purchases.ratio < 1.0
    assert abs(found.overall.correlation.value) < 0.1
