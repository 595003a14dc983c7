"""What folds away behind a campaign's figure: every number of the result, read back from the page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from report_sample import Document, make_data

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.effects import CampaignResult, measure_campaign
from monitoring.experiments.portfolio import sum_campaigns
from monitoring.pages import render_site

START = datetime(2026, 9, 7, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="autumn", name="Autumn <b>mail</b>", channel="email", starts_at=START,
    ends_at=START + timedelta(days=14), control_share=0.5, timezone="Europe/Berlin",
)  # fmt: skip


@pytest.fixture(scope="module")
def result() -> CampaignResult:
    rng = np.random.default_rng(5)
    size = 6000
    segment = np.arange(size) % 6 + 1
    arm = np.where(rng.random(size) < 0.5, "control", "treatment")
    converted = rng.binomial(1, 0.1 + 0.02 * segment * (arm == "treatment"))
    revenue = converted * rng.lognormal(3, 0.5, size)
    outcomes = pd.DataFrame(
        {
            "customer_id": pd.Series([f"c{n}" for n in range(size)], dtype="string"),
            "arm": pd.Series(arm, dtype="string"), "segment_id": segment, "converted": converted,
            "orders": converted, "revenue": revenue, "margin": 0.5 * revenue, "realised": 0.5 * revenue,
            "prior_revenue": rng.normal(20, 5, size), "late_conversions": 0,
        }
    )  # fmt: skip
    weeks = pd.DataFrame(
        {
            "week": [1, 1], "arm": ["control", "treatment"], "customers": [3000, 3000], "converted": [300.0, 420.0],
            "converted_squares": [300.0, 420.0], "revenue": [6e3, 9e3], "revenue_squares": [1.8e5, 2.7e5],
        }
    )  # fmt: skip
    return measure_campaign(
        ibis.memtable(outcomes),
        campaign=CAMPAIGN,
        costs=pd.DataFrame({"arm": ["treatment"], "amount": [1500.0]}),
        settings=MeasurementSettings(),
        until=START + timedelta(days=120),
        overlaps=0,
        weeks=weeks,
    )


@pytest.fixture(scope="module")
def page(result: CampaignResult) -> Document:
    entry = json.loads(json.dumps(result.to_dict()))
    projection = {
        "assumption": "assuming surrogacy", "days": 180, "effect_ends": None, "effect_persists": None,
        "reasons": ["the forecast failed"],
    }  # fmt: skip
    summary: dict[str, Any] = {
        "campaigns": [entry | {"projection": projection}],
        "returns": sum_campaigns([result], alpha=0.05).to_dict(),
        "programme": [
            {
                "quarter": "2026-Q3", "primary_metric": "ltv", "mde": 0.5, "customers": {"control": 300, "rest": 5700},
                "metrics": {"ltv": {"lift": {"rest": {"absolute": 1.2, "low": 0.4, "high": 2.0}}, "reason": None}},
            }
        ],
    }  # fmt: skip
    return Document(render_site(make_data(summary=summary))["roi.html"])


def test_adjusted_differences_stand_beside_the_plain_ones(page: Document, result: CampaignResult) -> None:
    kpis, adjusted = (page.read_column("campaign_1_adjusted", heading) for heading in ("KPI", "Adjusted"))
    rows = dict(zip(kpis, adjusted, strict=True))
    assert float(rows["revenue"]) == pytest.approx(result.metrics["revenue"].adjusted["treatment"].absolute)
    saved = result.metrics["revenue"].adjusted["treatment"].variance_saved
    assert f"{saved:.12g}" in page.read_column("campaign_1_adjusted", "Variance saved")


def test_beliefs_segments_weeks_and_returns_are_those_of_the_result(
    page: Document, result: CampaignResult
) -> None:
    beliefs = page.read_column("campaign_1_beliefs", "Probability of being better")
    assert float(beliefs[0]) == pytest.approx(result.posteriors["conversion"]["treatment"].probability_better)
    shrunken = page.read_column("campaign_1_shrunken", "Shrunken")
    expected = [one.effects["treatment"].shrunken for one in result.by_segment.values()]
    assert [float(value) for value in shrunken] == pytest.approx(expected)
    assert page.read_column("campaign_1_weeks", "KPI") == ["conversion", "revenue"]
    profits = page.read_column("campaign_1_returns", "Profit")
    assert [float(value) for value in profits] == pytest.approx([one.profit for one in result.returns])
    assert page.read_shown("campaign_1_returns", "Segment")[0] == "Everybody"


def test_whom_to_treat_and_what_all_campaigns_added_are_sentences(page: Document) -> None:
    assert "Next time treat with treatment:" in page.text
    assert "In treatment the effect differs between the 6 segments" in page.text
    assert "Nothing is projected beyond the window: the forecast failed." in page.text
    assert (
        "All campaigns of 2026-Q3 together added +€1.20 a customer (+€0.40 to +€2.00), by 300 of 6,000"
        in page.text
    )


def test_finished_campaigns_are_added_up_by_channel(page: Document, result: CampaignResult) -> None:
    assert page.read_column("by_channel", "Channel") == ["email"]
    assert float(page.read_column("by_quarter", "Margin gained")[0]) == pytest.approx(
        result.returns[0].margin
    )
