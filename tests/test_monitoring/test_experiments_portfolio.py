"""Campaigns added up by channel, by quarter, and one after the other."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.effects import CampaignResult, measure_campaign
from monitoring.experiments.portfolio import sum_campaigns

START = datetime(2026, 6, 20, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="a", name="A", channel="email", starts_at=START, ends_at=START + timedelta(days=7),
    control_share=0.5,
)  # fmt: skip


def measure(campaign: Campaign, *, seed: int, until: datetime | None = None) -> CampaignResult:
    rng = np.random.default_rng(seed)
    arm = np.repeat(["control", "treatment"], 2000)
    converted = rng.binomial(1, np.repeat([0.10, 0.15], 2000))
    margin = converted * rng.lognormal(2, 0.5, 4000)
    outcomes = pd.DataFrame(
        {
            "arm": pd.Series(arm, dtype="string"), "segment_id": 1, "converted": converted, "orders": converted,
            "revenue": 2 * margin, "margin": margin, "realised": margin,
        }
    )  # fmt: skip
    return measure_campaign(
        ibis.memtable(outcomes),
        campaign=campaign,
        costs=pd.DataFrame({"arm": ["treatment"], "amount": [400.0]}),
        settings=MeasurementSettings(),
        until=until or START + timedelta(days=200),
        overlaps=0,
    )


def test_finished_campaigns_add_up_and_others_are_left_out() -> None:
    first = measure(CAMPAIGN, seed=1)
    second = measure(replace(CAMPAIGN, campaign_id="b", ends_at=START + timedelta(days=10)), seed=2)
    autumn = measure(
        replace(CAMPAIGN, campaign_id="c", channel=None, ends_at=START + timedelta(days=40)), seed=3
    )
    running = measure(replace(CAMPAIGN, campaign_id="d"), seed=4, until=START + timedelta(days=3))
    skewed = measure(replace(CAMPAIGN, campaign_id="e", control_share=0.4), seed=5)
    assert skewed.decision.decision == "invalid"
    found = sum_campaigns([autumn, second, first, running, skewed], alpha=0.05)
    margins = [one.returns[0].margin for one in (first, second, autumn)]
    assert all(margin is not None for margin in margins)
    assert set(found.campaigns["campaign_id"]) == {"a", "b", "c"}
    by_quarter = found.by_quarter.set_index("quarter")
    # The first two end on the 26th and the 29th of June, the third on the 29th of July.
    assert by_quarter.loc["2026-Q2", "margin"] == pytest.approx(margins[0] + margins[1])  # type: ignore[operator]
    assert by_quarter.loc["2026-Q2", "roi"] == pytest.approx((margins[0] + margins[1]) / 800 - 1)  # type: ignore[operator]
    assert by_quarter.loc["2026-Q3", "campaigns"] == 1
    assert set(found.by_channel["channel"]) == {"email", "unknown"}
    halves = [(one.returns[0].margin_high - one.returns[0].margin) for one in (first, second)]  # type: ignore[operator]
    last = found.cumulated.set_index("campaign_id").loc["b"]
    assert last["margin_high"] - last["margin"] == pytest.approx(math.hypot(*halves))
    assert list(found.cumulated["campaign_id"]) == ["a", "b", "c"]


def test_no_campaign_is_no_row() -> None:
    assert sum_campaigns([], alpha=0.05).to_dict() == {
        "by_channel": [], "by_quarter": [], "cumulated": [],
    }  # fmt: skip
