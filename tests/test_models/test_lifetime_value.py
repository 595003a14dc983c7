"""Lifetime value: published figures, known parameters, and what really happened to simulated customers."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from cdnow import CALIBRATED, read_orders, read_summary
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.special import betaln

from models.bg_nbd import PurchaseModel, count_if_alive, fit_purchases, measure_purchases, predict_alive
from models.gamma_gamma import SpendModel, fit_spend, group_spend, measure_spend, predict_spend
from models.lifetime_value import LifetimeValueModel, fit_lifetime_value, predict_lifetime_value
from models.likelihood import NoFit
from models.purchase_histories import build_histories, count_holdout, group_histories
from models.simulation.buyers import Buyers, BuyingWorld, round_to_days, simulate_buyers

WORLD = BuyingWorld(r=0.8, alpha=6.0, a=1.2, b=4.0, p=5.0, q=4.0, v=30.0)
PURCHASES = PurchaseModel(WORLD.r, WORLD.alpha, WORLD.a, WORLD.b, log_likelihood=0.0, customers=1)
SPEND = SpendModel(WORLD.p, WORLD.q, WORLD.v, log_likelihood=0.0, customers=1, left_out=0)
TRUE = LifetimeValueModel(PURCHASES, SPEND)


@pytest.fixture(scope="module")
def buyers() -> Buyers:
    return simulate_buyers(WORLD, customers=200_000, age=(10, 60), weeks=30, seed=1)


def test_bg_nbd_of_cdnow_is_as_published() -> None:
    found = fit_purchases(read_summary())
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "log_likelihood": -9582.4}
    assert {name: getattr(found, name) for name in published} == pytest.approx(published, rel=0.005)
    assert found.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert found.notes == ()


def test_gamma_gamma_of_cdnow_is_as_published() -> None:
    found = fit_spend(read_summary())
    assert (found.p, found.q, found.v) == pytest.approx((6.25, 3.74, 15.44), rel=0.005)
    assert found.customers == 946


def test_histories_of_cdnows_purchases_are_the_published_ones() -> None:
    found = build_histories(read_orders("cdnow_sample.txt"), as_of=CALIBRATED).to_pandas()
    found = found.set_index("customer_id").sort_index()
    published = read_summary()
    assert list(found.index) == list(published.index)
    assert list(found["frequency"]) == list(published["frequency"])
    np.testing.assert_allclose(found[["recency", "age"]], published[["recency", "age"]], atol=0.006)
    # The published file has 0 for customers without a repeat, and whole cents.
    np.testing.assert_allclose(found["spend"].fillna(0.0), published["spend"], atol=0.0051)


@pytest.mark.parametrize(
    "parameters", [(0.243, 4.414, 0.793, 2.426), (3.0, 0.5, 0.05, 40.0), (0.05, 90.0, 8.0, 0.3)]
)
def test_the_gradient_of_bg_nbd_is_that_of_its_likelihood(
    parameters: tuple[float, ...], buyers: Buyers
) -> None:
    groups = group_histories(buyers.histories.head(500))
    point = np.array(parameters)
    numeric = approx_fprime(point, lambda at: measure_purchases(at, groups)[0], 1e-7 * point)
    np.testing.assert_allclose(measure_purchases(point, groups)[1], numeric, rtol=1e-4)


@pytest.mark.parametrize("parameters", [(6.25, 3.74, 15.44), (0.5, 1.2, 300.0), (90.0, 30.0, 2.0)])
def test_the_gradient_of_gamma_gamma_is_that_of_its_likelihood(
    parameters: tuple[float, ...], buyers: Buyers
) -> None:
    histories = buyers.histories.head(500)
    groups = group_spend(histories[histories["frequency"] > 0])
    point = np.array(parameters)
    numeric = approx_fprime(point, lambda at: measure_spend(at, groups)[0], 1e-7 * point)
    np.testing.assert_allclose(measure_spend(point, groups)[1], numeric, rtol=1e-4)


def test_known_parameters_come_back(buyers: Buyers) -> None:
    found = fit_lifetime_value(buyers.histories)
    purchases, spend = found.purchases, found.spend
    assert (purchases.r, purchases.alpha) == pytest.approx((WORLD.r, WORLD.alpha), rel=0.03)
    assert (purchases.a, purchases.b) == pytest.approx((WORLD.a, WORLD.b), rel=0.06)
    assert (spend.p, spend.q, spend.v) == pytest.approx((WORLD.p, WORLD.q, WORLD.v), rel=0.03)
    assert spend.mean == pytest.approx(WORLD.p * WORLD.v / (WORLD.q - 1), rel=0.01)
    assert found.notes == ()


def test_grouped_histories_fit_as_single_ones_do(buyers: Buyers) -> None:
    histories = round_to_days(buyers).head(20_000)
    groups = group_histories(histories)
    assert (
        len(groups.customers)
        == len(histories[["frequency", "recency", "age"]].round(6).drop_duplicates())
        < 15_000
    )
    assert groups.customers.sum() == 20_000
    alone = [group_histories(histories.iloc[[row]]) for row in range(200)]
    together = group_histories(histories.head(200))
    point = np.array([0.5, 5.0, 0.9, 3.0])
    value, gradient = measure_purchases(point, together)
    assert value == pytest.approx(sum(measure_purchases(point, one)[0] for one in alone))
    np.testing.assert_allclose(gradient, sum(measure_purchases(point, one)[1] for one in alone))
    rounded, exact = (fit_purchases(histories, resolution=resolution) for resolution in (1 / 7, None))
    assert rounded.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-9)
    assert (rounded.r, rounded.a) == pytest.approx((exact.r, exact.a), rel=1e-3)


def test_coarser_times_hardly_change_the_fit(buyers: Buyers) -> None:
    histories = buyers.histories
    daily, weekly = (fit_purchases(histories, resolution=resolution) for resolution in (1 / 7, 1.0))
    assert len(group_histories(histories, resolution=1.0).customers) < 20_000
    assert (weekly.r, weekly.alpha) == pytest.approx((daily.r, daily.alpha), rel=0.05)


def test_the_order_of_customers_makes_no_difference(buyers: Buyers) -> None:
    histories = buyers.histories.head(5000)
    assert fit_purchases(histories.iloc[::-1]).r == pytest.approx(fit_purchases(histories).r, rel=1e-5)


@pytest.mark.parametrize("frequency", [0, 1, 2, 4])
def test_predictions_come_true_at_every_frequency(frequency: int, buyers: Buyers) -> None:
    rows = (buyers.histories["frequency"] == frequency).to_numpy()
    predicted = predict_lifetime_value(TRUE, buyers.histories[rows], weeks=30)
    actual, alive = buyers.holdout[rows], buyers.alive[rows]
    for foretold, happened in (
        (predicted["purchases"], actual["purchases"]),
        (predicted["value"], actual["value"]),
        (predicted["alive"], alive.astype(float)),
    ):
        error = (foretold - happened).std() / np.sqrt(rows.sum())
        assert abs(foretold.mean() - happened.mean()) <= 4 * error


def test_those_long_silent_are_rather_gone_and_it_comes_true(buyers: Buyers) -> None:
    histories = buyers.histories[buyers.histories["frequency"] >= 2]
    foretold = predict_alive(PURCHASES, histories)
    found = pd.DataFrame({"foretold": foretold, "alive": buyers.alive[histories.index]})
    by_fifth = found.groupby(pd.qcut(found["foretold"], 5, labels=False)).agg(["mean", "count"])
    assert by_fifth[("foretold", "mean")].iloc[0] < 0.2
    assert by_fifth[("foretold", "mean")].iloc[-1] > 0.8
    gap = by_fifth[("foretold", "mean")] - by_fifth[("alive", "mean")]
    assert (gap.abs() <= 4 * 0.5 / np.sqrt(by_fifth[("alive", "count")])).all()


@pytest.mark.parametrize("a", [0.05, 0.793, 1.0, 1.0 + 1e-9, 3.0, 100.0])
@pytest.mark.parametrize(
    ("frequency", "age", "weeks"),
    [(0, 0.0, 52.0), (3, 38.9, 39.0), (1000, 300.0, 520.0), (5000, 5000.0, 1.0)],
)
def test_expected_purchases_are_the_integral_over_all_who_may_leave(
    a: float, frequency: int, age: float, weeks: float
) -> None:
    model = PurchaseModel(0.243, 4.414, a, 2.426, log_likelihood=0.0, customers=1)
    b = 2.426 + frequency
    # Somebody who leaves with probability p after a purchase makes (1 − e^(−λpt)) ÷ p of them; a posteriori p is beta
    # distributed and λ gamma. In u = p^a the density has no pole at 0 for a < 1.
    power = min(a, 1.0)

    def density(u: float) -> float:
        p = u ** (1 / power)
        made = -np.expm1(-(0.243 + frequency) * np.log1p(p * weeks / (4.414 + age))) / p
        return made * np.exp((a - power) * np.log(p) + (b - 1) * np.log1p(-p) - betaln(a, b)) / power

    mean, spread = a / (a + b), np.sqrt(a * b / (a + b + 1)) / (a + b)
    ends = np.clip([mean - 12 * spread, mean + 40 * spread], 1e-300, 1 - 1e-12) ** power
    expected, _error = quad(density, *ends, limit=500, epsrel=1e-10)
    (found,) = count_if_alive(model, np.array([float(frequency)]), np.array([age]), weeks=weeks)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_discounted_year_is_the_sum_of_its_discounted_days(buyers: Buyers) -> None:
    histories = buyers.histories.head(300)
    days = np.arange(1, 365) / 7
    counted = np.column_stack(
        [predict_lifetime_value(TRUE, histories, weeks=day)["purchases"] for day in days]
    )
    daily = np.diff(counted, axis=1, prepend=0.0)
    by_hand = (daily * 1.5 ** (-(days - 1 / 14) / (365.25 / 7))).sum(axis=1)
    found = predict_lifetime_value(TRUE, histories, weeks=364 / 7, discount_rate=0.5)
    np.testing.assert_allclose(found["value"] / found["spend"], by_hand, rtol=1e-4)
    assert (found["value"] < predict_lifetime_value(TRUE, histories, weeks=364 / 7)["value"]).all()


def test_spend_known_from_few_purchases_is_drawn_to_everybodys() -> None:
    histories = pd.DataFrame({"frequency": [0, 1, 50, 2, 3], "spend": [np.nan, 200.0, 200.0, -5.0, np.nan]})
    found = predict_spend(SPEND, histories)
    assert found[0] == pytest.approx(SPEND.mean) == pytest.approx(50.0)
    assert SPEND.mean < found[1] < found[2] < 200
    assert found[2] == pytest.approx(200, rel=0.02)
    assert list(found.isna()) == [False, False, False, True, True]


def test_a_pooled_fit_shrinks_a_true_lift_to_a_third() -> None:
    size, weeks = 100_000, 26
    arms = [
        simulate_buyers(BuyingWorld(r=r), customers=size, age=(4, 4), weeks=weeks, seed=seed)
        for seed, r in enumerate((0.243, 0.243 * 1.3))
    ]
    pooled = pd.concat([arm.histories for arm in arms], ignore_index=True)
    predicted = predict_lifetime_value(fit_lifetime_value(pooled), pooled, weeks=weeks)["purchases"]
    foretold = predicted[size:].mean() - predicted[:size].mean()
    true = arms[1].holdout["purchases"].mean() - arms[0].holdout["purchases"].mean()
    assert 0.2 < foretold / true < 0.4


def test_bought_days_become_histories_and_what_came_after_is_not_seen() -> None:
    rows = [
        ("a", "2026-01-01", 10.0, 1.0), ("a", "2026-01-01", 5.0, 2.0), ("a", "2026-01-15", 20.0, 1.0),
        ("a", "2026-01-29", 30.0, 1.0), ("a", "2026-01-29", 6.0, 1.0), ("a", "2026-02-20", 99.0, 1.0),
        ("b", "2026-01-29", 7.0, 1.0), ("c", "2026-02-11", 8.0, 1.0), ("d", "2026-01-02", 0.0, 0.0),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "revenue", "lines"])
    orders = ibis.memtable(frame.assign(day=pd.to_datetime(frame["day"]).dt.date))
    found = build_histories(orders, as_of=date(2026, 2, 5)).order_by("customer_id").to_pandas()
    expected = pd.DataFrame(
        {
            "customer_id": ["a", "b"], "frequency": [2.0, 0.0], "recency": [4.0, 0.0], "age": [5.0, 1.0],
            "spend": [28.0, np.nan],
        }
    )  # fmt: skip
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    later = count_holdout(orders, after=date(2026, 2, 5), until=date(2026, 2, 20)).order_by("customer_id")
    assert later.to_pandas().to_numpy().tolist() == [["a", 1.0, 99.0], ["c", 1.0, 8.0]]


def change(histories: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return histories.head(400).assign(**columns)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda h: h.head(0), "0 customers"),
        (lambda h: h.head(1), "1 customers"),
        (lambda h: change(h, frequency=0, recency=0.0, spend=np.nan), "0 of whom bought again"),
        (lambda h: change(h, frequency=2, recency=3.0, age=9.0), "the same purchase history"),
        (lambda h: change(h, spend=-3.0), "positive amount are too few"),
        (lambda h: change(h, spend=20.0), "spend the same"),
        (lambda h: change(h, age=1e9), r"age must be weeks from 0 to 5,200; .* 400 customers, as 1e\+09"),
        (lambda h: change(h, age=np.nan), "recency must be|age must be"),
        (lambda h: change(h, recency=h["age"] + 1), "recency must be from 0 to the age"),
        (lambda h: change(h, frequency=1.5), "frequency must be a whole number"),
        (lambda h: h.drop(columns="age"), "lack age"),
    ],
)  # fmt: skip
def test_bad_histories_give_a_reason_and_no_number(spoil, reason: str, buyers: Buyers) -> None:
    with pytest.raises(NoFit, match=reason):
        fit_lifetime_value(spoil(buyers.histories))


def test_customers_whose_spend_is_not_positive_are_left_out_and_counted(buyers: Buyers) -> None:
    histories = buyers.histories.head(5000).copy()
    some = histories.index[histories["frequency"] > 0][:100]
    histories.loc[some[:60], "spend"] = -10.0
    histories.loc[some[60:], "spend"] = 0.0
    found = fit_lifetime_value(histories)
    assert found.spend.left_out == 100
    assert found.spend.p == pytest.approx(fit_spend(histories.drop(some)).p, rel=1e-9)
    assert "100 customers" in found.notes[0]
    predicted = predict_lifetime_value(found, histories, weeks=10)
    assert predicted.loc[some, "value"].isna().all()
    assert predicted.drop(some).notna().all().all()


def test_customers_who_never_leave_are_told_as_such() -> None:
    rng = np.random.default_rng(4)
    rates, ages = rng.gamma(2.0, 0.1, 3000), rng.uniform(20, 60, 3000)
    frequency = rng.poisson(rates * ages)
    recency = np.where(frequency > 0, ages * rng.random(3000) ** (1 / np.maximum(frequency, 1)), 0.0)
    found = fit_purchases(pd.DataFrame({"frequency": frequency, "recency": recency, "age": ages}))
    assert found.r == pytest.approx(2.0, rel=0.15)
    assert found.a / (found.a + found.b) < 0.005
    assert found.notes == ("the spread of leaving ran to its limit: hardly anybody leaves",)


@pytest.mark.parametrize("weeks", [0, -1, np.nan, np.inf])
def test_a_horizon_that_is_none_is_refused(weeks: float, buyers: Buyers) -> None:
    with pytest.raises(ValueError, match="weeks must be positive"):
        predict_lifetime_value(TRUE, buyers.histories.head(), weeks=weeks)


def test_a_negative_discount_is_refused(buyers: Buyers) -> None:
    with pytest.raises(ValueError, match="discount_rate"):
        predict_lifetime_value(TRUE, buyers.histories.head(), weeks=1, discount_rate=-0.1)


def test_of_nobody_nothing_is_predicted(buyers: Buyers) -> None:
    found = predict_lifetime_value(TRUE, buyers.histories.head(0), weeks=10, discount_rate=0.1)
    assert len(found) == 0
    assert list(found.columns) == ["alive", "purchases", "spend", "value"]
