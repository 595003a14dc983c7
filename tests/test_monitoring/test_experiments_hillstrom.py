"""Hillstrom's e-mail experiment: the published figures, and what other libraries make of the same rows."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from monitoring.experiments import Campaign, MeasurementSettings
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
            "prior_orders": (rows["recency"] <= 6).astype(int),
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
    assert all(metric.lift[arm].low > 0 for metric in (conversion, revenue) for arm in ("mens", "womens"))


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


def test_hillstrom_without_margin_or_cost_says_so(hillstrom) -> None:
    _outcomes, result = hillstrom
    assert "cost unknown" in result.metrics["roi"].reason
    assert "margin is not known" in result.metrics["roi"].reason
    assert "revenue, because the margin is not known" in result.metrics["ltv"].reason
    assert result.metrics["churn"].arms == dict.fromkeys(("control", "mens", "womens"))
