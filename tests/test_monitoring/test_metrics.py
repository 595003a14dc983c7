"""KPIs: agreement with other libraries, known truth recovered, and no number where there is none."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_ind
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans

import monitoring.metrics
from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.aggregates import list_arms, merge_cells, read_cells
from monitoring.metrics import ArmData, Lift, MetricResult, compare_means, load_metrics

START = datetime(2026, 6, 1, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="c", name="Spring", channel=None, starts_at=START, ends_at=START + timedelta(days=14)
)
METRICS = load_metrics()
COLUMNS = ("converted", "orders", "revenue", "margin", "realised", "churned", "is_new", "new_converted")


def make_outcomes(**arms: Mapping[str, list]) -> pd.DataFrame:
    """Outcomes from columns per arm; columns not given are zero."""
    frames = [pd.DataFrame(columns).assign(arm=arm) for arm, columns in arms.items()]
    outcomes = pd.concat([pd.DataFrame(columns=[*COLUMNS, "arm"]), *frames], ignore_index=True)
    given = outcomes[list(COLUMNS)].astype(float)
    outcomes = outcomes.assign(arm=outcomes["arm"].astype("string"), segment_id=1)
    return outcomes.assign(**{name: given[name].fillna(0.0) for name in COLUMNS})


def read_data(
    outcomes: pd.DataFrame,
    *,
    costs: Mapping[str, float] | None = None,
    min_conversions: int = 5,
    until: datetime = START + timedelta(days=365),
) -> ArmData:
    cells = read_cells(ibis.memtable(outcomes))
    return ArmData(
        arms=list_arms({arm for _segment, arm in cells}),
        statistics=merge_cells(cells),
        costs=costs or {},
        campaign=CAMPAIGN,
        settings=MeasurementSettings(min_conversions=min_conversions),
        until=until,
    )


def measure(name: str, outcomes: pd.DataFrame, **options) -> MetricResult:
    return METRICS[name].measure(read_data(outcomes, **options))


@pytest.fixture(scope="module")
def shoppers() -> pd.DataFrame:
    """Two arms of unequal size whose buyers spend skewed amounts."""
    rng = np.random.default_rng(11)
    arms = {}
    for arm, size, share in (("control", 700, 0.10), ("treatment", 2_100, 0.14)):
        orders = rng.binomial(1, share, size) * rng.integers(1, 4, size)
        revenue = orders * rng.lognormal(3.0, 0.6, size)
        arms[arm] = {
            "converted": orders > 0, "orders": orders, "revenue": revenue, "margin": 0.4 * revenue,
            "realised": 0.4 * revenue, "churned": rng.binomial(1, 0.3, size),
        }  # fmt: skip
    return make_outcomes(**arms)


@pytest.mark.parametrize(
    ("name", "column"),
    [("conversion", "converted"), ("revenue", "revenue"), ("ltv", "realised"), ("churn", "churned")],
)
def test_differences_are_welchs_as_in_scipy_and_statsmodels(shoppers, name: str, column: str) -> None:
    arms = {arm: rows[column].to_numpy() for arm, rows in shoppers.groupby("arm")}
    theirs = ttest_ind(arms["treatment"], arms["control"], equal_var=False)
    lift = measure(name, shoppers).lift["treatment"]
    assert lift.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (lift.low, lift.high) == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-9)
    interval = CompareMeans.from_data(arms["treatment"], arms["control"]).tconfint_diff(usevar="unequal")
    assert (lift.low, lift.high) == pytest.approx(interval, rel=1e-9)


def test_conversion_is_nearly_the_wald_interval_for_proportions(shoppers) -> None:
    ones, sizes = (shoppers.groupby("arm")["converted"].agg(how) for how in ("sum", "count"))
    theirs = confint_proportions_2indep(
        ones["treatment"], sizes["treatment"], ones["control"], sizes["control"], method="wald"
    )
    lift = measure("conversion", shoppers).lift["treatment"]
    assert (lift.low, lift.high) == pytest.approx(theirs, abs=1e-4)


def test_aov_is_the_delta_method(shoppers) -> None:
    ratio, variance, sizes = {}, {}, {}
    for arm, rows in shoppers.groupby("arm"):
        ratio[arm] = rows["revenue"].sum() / rows["orders"].sum()
        residual = (rows["revenue"] - ratio[arm] * rows["orders"]) / rows["orders"].mean()
        variance[arm], sizes[arm] = residual.var() / len(rows), len(rows)
    error = math.sqrt(sum(variance.values()))
    freedom = error**4 / sum(variance[arm] ** 2 / (sizes[arm] - 1) for arm in variance)
    half = t.ppf(0.975, freedom) * error
    result = measure("aov", shoppers)
    difference = ratio["treatment"] - ratio["control"]
    assert result.arms == pytest.approx(ratio)
    lift = result.lift["treatment"]
    assert (lift.low, lift.high) == pytest.approx((difference - half, difference + half))


def test_relative_lift_is_against_control(shoppers) -> None:
    result = measure("conversion", shoppers)
    lift = result.lift["treatment"]
    assert lift.relative == pytest.approx(result.arms["treatment"] / result.arms["control"] - 1)
    assert lift.relative_low < lift.relative < lift.relative_high


def test_statistics_do_not_depend_on_how_customers_are_cut_into_segments(shoppers) -> None:
    segments = np.random.default_rng(0).integers(0, 40, len(shoppers))
    lone = shoppers.assign(segment_id=np.where(np.arange(len(shoppers)) == 0, 99, segments))
    whole, parts = (measure("aov", outcomes).lift["treatment"] for outcomes in (shoppers, lone))
    assert parts.low == pytest.approx(whole.low, rel=1e-9)
    assert parts.p_value == pytest.approx(whole.p_value, rel=1e-9)


# What each gained conversion cost, and what came back.


def ones(count: int, size: int) -> list[int]:
    return [1] * count + [0] * (size - count)


def test_cac_inverts_the_interval_of_the_lift() -> None:
    outcomes = make_outcomes(
        control={"converted": ones(50, 1_000)}, treatment={"converted": ones(300, 2_000)}
    )
    costs = {"treatment": 1_000.0}
    conversion, cac = (measure(name, outcomes, costs=costs) for name in ("conversion", "cost_per_conversion"))
    gained, cost = conversion.lift["treatment"], cac.lift["treatment"]
    assert cac.arms == {"control": None, "treatment": pytest.approx(1_000 / 300)}
    assert cost.absolute == pytest.approx(1_000 / (0.1 * 2_000))
    assert cost.low == pytest.approx(1_000 / (gained.high * 2_000))
    assert cost.high == pytest.approx(1_000 / (gained.low * 2_000))
    assert (cost.relative, cost.p_value) == (None, None)


def test_what_control_cost_is_taken_off_at_the_arms_size() -> None:
    outcomes = make_outcomes(
        control={"converted": ones(50, 1_000)}, treatment={"converted": ones(300, 2_000)}
    )
    cac = measure("cost_per_conversion", outcomes, costs={"treatment": 1_000.0, "control": 100.0})
    assert cac.arms["control"] == pytest.approx(2.0)
    assert cac.lift["treatment"].absolute == pytest.approx((1_000 - 2 * 100) / 200)


def test_cac_is_bounded_below_alone_where_the_lift_may_be_nothing() -> None:
    outcomes = make_outcomes(control={"converted": ones(50, 1_000)}, treatment={"converted": ones(55, 1_000)})
    cac = measure("cost_per_conversion", outcomes, costs={"treatment": 100.0})
    lift = cac.lift["treatment"]
    assert lift.high is None
    assert 0 < lift.low < lift.absolute == pytest.approx(20.0)
    assert f"at least {lift.low:.2f}, no upper bound" in cac.reason


def test_cac_has_no_average_where_fewer_converted() -> None:
    outcomes = make_outcomes(control={"converted": ones(55, 1_000)}, treatment={"converted": ones(50, 1_000)})
    lift = measure("cost_per_conversion", outcomes, costs={"treatment": 100.0}).lift["treatment"]
    assert (lift.absolute, lift.high) == (None, None)
    assert lift.low > 0


def test_cac_of_nothing_gained_is_nothing() -> None:
    outcomes = make_outcomes(
        control={"converted": ones(200, 1_000)}, treatment={"converted": ones(50, 1_000)}
    )
    cac = measure("cost_per_conversion", outcomes, costs={"treatment": 100.0})
    assert cac.lift == {"treatment": Lift()}
    assert "no conversions gained" in cac.reason


def test_roi_rescales_the_margins_interval(shoppers) -> None:
    costs = {"treatment": 500.0}
    margin, roi = (measure(name, shoppers, costs=costs).lift["treatment"] for name in ("ltv", "roi"))
    for end in ("absolute", "low", "high"):
        assert getattr(roi, end) == pytest.approx((getattr(margin, end) * 2_100 - 500) / 500)


@pytest.mark.parametrize("name", ["cost_per_conversion", "roi"])
@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        ({}, "cost unknown"),
        ({"treatment": math.nan}, "cost unknown"),
        ({"treatment": 0.0}, "no cost over control"),
    ],
)
def test_without_a_cost_there_is_no_return(shoppers, name: str, costs: dict, reason: str) -> None:
    result = measure(name, shoppers, costs=costs)
    assert result.lift == {"treatment": Lift()}
    assert reason in result.reason


def test_several_arms_name_the_one_they_explain() -> None:
    columns = {"converted": ones(50, 1_000)}
    outcomes = make_outcomes(control=columns, mail=columns, push=columns)
    reason = measure("cost_per_conversion", outcomes, costs={"push": 10.0}).reason
    assert "mail: cost unknown" in reason
    assert "push: at least" in reason


# No number where there is none.


def test_unknown_margin_leaves_revenue_and_no_roi(shoppers) -> None:
    partly = shoppers.assign(margin=np.nan, realised=np.nan)
    ltv = measure("ltv", partly)
    assert ltv.lift == measure("revenue", partly).lift
    assert "revenue, because the margin is not known" in ltv.reason
    roi = measure("roi", partly, costs={"treatment": 10.0})
    assert roi.lift == {"treatment": Lift()}
    assert "margin is not known for every customer" in roi.reason


def test_churn_is_not_told_before_its_horizon(shoppers) -> None:
    horizon = CAMPAIGN.churn_horizon(60)
    early = measure("churn", shoppers, until=horizon - timedelta(seconds=1))
    assert early.arms == {"control": None, "treatment": None}
    assert f"{horizon:%Y-%m-%d}" in early.reason
    assert measure("churn", shoppers, until=horizon).lift["treatment"].low is not None


def test_refunds_make_money_negative_and_relative_lift_void() -> None:
    rng = np.random.default_rng(1)
    outcomes = make_outcomes(
        control={"revenue": rng.normal(-5, 3, 200)}, treatment={"revenue": rng.normal(5, 3, 200)}
    )
    result = measure("revenue", outcomes)
    lift = result.lift["treatment"]
    assert lift.low < 10 < lift.high
    assert (lift.relative, lift.relative_low, lift.relative_high) == (None, None, None)
    assert "above zero" in result.reason


def test_values_that_do_not_vary_have_no_interval() -> None:
    outcomes = make_outcomes(control={"revenue": [3.0] * 20}, treatment={"revenue": [4.0] * 20})
    result = measure("revenue", outcomes)
    assert result.arms == {"control": 3.0, "treatment": 4.0}
    assert result.lift == {"treatment": Lift()}
    assert "do not vary" in result.reason


@pytest.mark.parametrize(("control", "treatment"), [(1, 40), (40, 1), (0, 0), (199, 40)])
def test_few_cases_get_no_interval(control: int, treatment: int) -> None:
    outcomes = make_outcomes(
        control={"converted": ones(control, 200)}, treatment={"converted": ones(treatment, 200)}
    )
    result = measure("conversion", outcomes)
    assert result.arms == {"control": control / 200, "treatment": treatment / 200}
    assert result.lift == {"treatment": Lift()}
    assert "an interval needs 5" in result.reason


def test_the_same_few_cases_do_with_fewer_demanded() -> None:
    outcomes = make_outcomes(control={"converted": ones(3, 200)}, treatment={"converted": ones(40, 200)})
    assert measure("conversion", outcomes, min_conversions=3).lift["treatment"].low is not None


def test_no_control_is_said() -> None:
    result = measure("conversion", make_outcomes(treatment={"converted": ones(40, 200)}))
    assert result.arms == {"treatment": 0.2}
    assert result.lift == {"treatment": Lift()}
    assert result.reason == "no control group to compare with"


counts = st.integers(0, 60)


@settings(max_examples=60, deadline=None)
@given(
    control=counts, treatment=counts, cost=st.sampled_from([None, math.nan, 0.0, 35.0]), known=st.booleans()
)
def test_every_missing_number_has_a_reason(
    control: int, treatment: int, cost: float | None, known: bool
) -> None:
    outcomes = make_outcomes(
        **{
            arm: {
                "converted": ones(min(n, 50), 50),
                "orders": ones(min(n, 50), 50),
                "revenue": ones(min(n, 50), 50),
            }
            for arm, n in (("control", control), ("treatment", treatment))
            if n < 56
        }
    )
    if not known:
        outcomes["margin"] = math.nan
    costs = {} if cost is None else {"treatment": cost}
    data = replace(read_data(outcomes, costs=costs), arms=("control", "treatment"))
    for metric in METRICS.values():
        result = metric.measure(data)
        numbers = [*result.arms.values()]
        for lift in result.lift.values():
            numbers += [getattr(lift, name) for name in Lift.__slots__]
            assert lift.low is None or lift.high is None or lift.low <= lift.high
        assert all(number is None or math.isfinite(number) for number in numbers)
        assert result.reason if None in numbers else not result.reason or metric.name == "ltv"


# The folder is the registry.


@pytest.fixture
def added_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "orders_each.py").write_text(
        "from monitoring.metrics import Metric, compare_means\n"
        "METRIC = Metric('orders_each', 'Orders a customer', unit='number', better='higher',\n"
        "                measure=lambda data: compare_means(data, 'orders'))\n"
    )
    monkeypatch.setattr(monitoring.metrics, "__path__", [*monitoring.metrics.__path__, str(tmp_path)])
    yield
    sys.modules.pop("monitoring.metrics.orders_each", None)


@pytest.mark.usefixtures("added_metric")
def test_a_metric_is_one_new_file(shoppers) -> None:
    found = load_metrics()["orders_each"].measure(read_data(shoppers))
    assert found.arms["control"] == pytest.approx(shoppers.query("arm == 'control'")["orders"].mean())


def test_the_metrics_of_the_design_are_there() -> None:
    assert {"conversion", "cac", "aov", "churn", "ltv", "roi", "revenue"} <= set(METRICS)
    assert {"visits", "opens", "clicks", "margin", "retention", "nps", "cost_per_conversion"} <= set(METRICS)
    assert {name for name, metric in METRICS.items() if metric.guards} == {
        "unsubscribes",
        "refunds",
        "complaints",
    }
    assert all(metric.name == name for name, metric in METRICS.items())


def test_a_column_there_is_not_is_said(shoppers) -> None:
    result = compare_means(read_data(shoppers), "visits")
    assert result.reason == "visits is not known for every customer"
    assert result.lift == {"treatment": Lift()}
