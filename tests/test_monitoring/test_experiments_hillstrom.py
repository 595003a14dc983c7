"""Hillstrom's e-mail experiment: the published figures, and what other libraries make of the same rows."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import pandas as pd
import pytest
from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
from gbstats.models.statistics import RegressionAdjustedStatistic, SampleMeanStatistic
from statsmodels.stats.proportion import confint_proportions_2indep

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.adjustment import adjust_difference
from monitoring.experiments.aggregates import merge_cells, read_cells
from monitoring.experiments.effects import CampaignResult, measure_campaign

START = datetime(2008, 3, 1, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="hillstrom", name="Hillstrom", channel="email", starts_at=START,
    ends_at=START + timedelta(days=14), control_share=1 / 3,
)  # fmt: skip
DATA = Path(os.environ.get("SEGMENTWERK_DATA_DIR", Path(__file__).parents[2].parent / "shared" / "data"))
ARMS = {"No E-Mail": "control", "Mens E-Mail": "mens", "Womens E-Mail": "womens"}


@pytest.fixture(scope="module")
def hillstrom() -> tuple[pd.DataFrame, CampaignResult]:
    if not (DATA / "hillstrom.csv").exists():
        pytest.skip(f"hillstrom.csv is not in {DATA}; set SEGMENTWERK_DATA_DIR")
    rows = pd.read_csv(DATA / "hillstrom.csv")
    outcomes = pd.DataFrame(
        {
            "arm": rows["segment"].map(ARMS).astype("string"), "segment_id": rows["newbie"],
            "converted": rows["conversion"], "orders": rows["conversion"], "revenue": rows["spend"],
            "prior_orders": (rows["recency"] <= 6).astype(int), "prior_revenue": rows["history"],
            "visited": rows["visit"],
        }
    )  # fmt: skip
    result = measure_campaign(
        ibis.memtable(outcomes),
        campaign=CAMPAIGN,
        costs=pd.DataFrame(),
        settings=MeasurementSettings(),
        until=START + timedelta(days=365),
    )
    return outcomes, result


def test_hillstrom_gives_the_published_figures(hillstrom) -> None:
    _outcomes, result = hillstrom
    assert result.customers == {"control": 21_306, "mens": 21_307, "womens": 21_387}
    conversion, revenue = result.metrics["conversion"], result.metrics["revenue"]
    assert conversion.arms == pytest.approx(
        {"control": 0.005726, "mens": 0.012531, "womens": 0.008837}, abs=5e-7
    )
    assert revenue.arms == pytest.approx({"control": 0.6528, "mens": 1.4226, "womens": 1.0772}, abs=5e-5)
    visits = result.metrics["visits"]
    assert visits.arms == pytest.approx({"control": 0.106167, "mens": 0.182757, "womens": 0.151400}, abs=5e-7)
    measured = (conversion, revenue, visits)
    assert all(metric.lift[arm].low > 0 for metric in measured for arm in ("mens", "womens"))


def test_hillstrom_can_be_believed_and_shipped(hillstrom) -> None:
    _outcomes, result = hillstrom
    assert result.srm_p > 0.5
    assert not any(check.is_fatal for check in result.checks)
    assert result.decision.decision == "ship"
    assert set(result.by_segment) == {0, 1}


def test_hillstrom_agrees_with_statsmodels(hillstrom) -> None:
    outcomes, result = hillstrom
    ones, sizes = (outcomes.groupby("arm")["converted"].agg(how) for how in ("sum", "count"))
    for arm in ("mens", "womens"):
        lift = result.metrics["conversion"].lift[arm]
        wald = confint_proportions_2indep(
            ones[arm], sizes[arm], ones["control"], sizes["control"], method="wald"
        )
        assert (lift.low, lift.high) == pytest.approx(wald, abs=1e-6)


@pytest.mark.parametrize(("metric", "column"), [("conversion", "converted"), ("revenue", "revenue")])
def test_hillstrom_agrees_with_gbstats(hillstrom, metric: str, column: str) -> None:
    outcomes, result = hillstrom
    stats = {arm: _sum_up(rows) for arm, rows in outcomes.groupby("arm")[column]}
    for arm in ("mens", "womens"):
        config = FrequentistConfig(alpha=0.05, difference_type="absolute")
        theirs = TwoSidedTTest(stats["control"], stats[arm], config).compute_result()
        ours = result.metrics[metric].lift[arm]
        assert ours.absolute == pytest.approx(theirs.expected, abs=1e-9)
        assert (ours.low, ours.high) == pytest.approx(tuple(theirs.ci), abs=1e-6)
        assert ours.p_value == pytest.approx(theirs.p_value, abs=1e-6)


def test_cuped_by_history_saves_next_to_nothing_and_agrees_with_gbstats(hillstrom) -> None:
    outcomes, result = hillstrom
    ours = result.metrics["revenue"].adjusted["mens"]
    assert (ours.covariate, ours.strata) == ("prior_revenue", 2)  # with new and old customers apart, too
    assert ours.variance_saved < 0.001
    alone = adjust_difference(
        [merge_cells(read_cells(ibis.memtable(outcomes)))], arm="mens", column="revenue",
        covariate="prior_revenue", alpha=0.05,
    )  # fmt: skip
    both = outcomes[outcomes["arm"] != "womens"]
    theta = both["revenue"].cov(both["prior_revenue"]) / both["prior_revenue"].var()
    stats = {
        arm: RegressionAdjustedStatistic(
            n=len(rows), theta=theta,
            post_statistic=_sum_up(rows["revenue"]), pre_statistic=_sum_up(rows["prior_revenue"]),
            post_pre_sum_of_products=(rows["revenue"] * rows["prior_revenue"]).sum(),
        )
        for arm, rows in both.groupby("arm")
    }  # fmt: skip
    config = FrequentistConfig(alpha=0.05, difference_type="absolute")
    theirs = TwoSidedTTest(stats["control"], stats["mens"], config).compute_result()
    assert alone is not None
    assert alone.variance_saved == pytest.approx(0.0004, abs=0.00005)
    assert alone.absolute == pytest.approx(theirs.expected, abs=1e-6)
    assert (alone.low, alone.high) == pytest.approx(tuple(theirs.ci), abs=1e-6)


def _sum_up(values: pd.Series) -> SampleMeanStatistic:
    return SampleMeanStatistic(n=len(values), sum=values.sum(), sum_squares=(values**2).sum())


def test_hillstrom_without_margin_or_cost_says_so(hillstrom) -> None:
    _outcomes, result = hillstrom
    assert "cost unknown" in result.metrics["roi"].reason
    assert "margin is not known" in result.metrics["roi"].reason
    assert "revenue, because the margin is not known" in result.metrics["ltv"].reason
    assert result.metrics["churn"].arms == dict.fromkeys(("control", "mens", "womens"))
