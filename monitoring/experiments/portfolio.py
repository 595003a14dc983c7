"""Campaigns added up: what a channel, or a quarter, has earned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import pandas as pd

from monitoring.experiments.effects import CampaignResult
from monitoring.experiments.holdout import name_quarter
from monitoring.experiments.returns import FIGURES, select_complete, sum_returns

KEYS = ("campaign_id", "name", "channel", "quarter", "ends_on", "arm")


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What finished campaigns returned together.

    Attributes:
        campaigns: one row a campaign and arm: `KEYS`, `FIGURES`.
        by_channel, by_quarter: sums, as `sum_returns` gives them.
        cumulated: one row a campaign and arm, in the order they ended, each added to those before it in its quarter.
    """

    campaigns: pd.DataFrame
    by_channel: pd.DataFrame
    by_quarter: pd.DataFrame
    cumulated: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        return {name: _to_records(getattr(self, name)) for name in ("by_channel", "by_quarter", "cumulated")}


def sum_campaigns(results: Sequence[CampaignResult], *, alpha: float) -> Portfolio:
    """Add up the campaigns that are over and can be believed.

    They are added as if each had drawn its customers independently, which campaigns that are planned here have: what
    one does to the customers of another is the same in both of its arms. A campaign belongs to the quarter it ended in.
    """
    campaigns = list_campaign_returns(results)
    return Portfolio(
        campaigns=campaigns,
        by_channel=sum_returns(campaigns, by=["channel"], alpha=alpha),
        by_quarter=sum_returns(campaigns, by=["quarter"], alpha=alpha),
        cumulated=_cumulate(campaigns, alpha=alpha),
    )


def list_campaign_returns(results: Sequence[CampaignResult]) -> pd.DataFrame:
    """One row a campaign and treatment arm, of campaigns that are over and not invalid: `KEYS`, `FIGURES`."""
    rows = []
    for result in results:
        if result.immature["window"] or result.decision.decision == "invalid":
            continue
        campaign = result.campaign
        about = {
            "campaign_id": campaign.campaign_id, "name": campaign.name, "channel": campaign.channel or "unknown",
            "quarter": name_quarter(campaign.last_day), "ends_on": str(campaign.last_day),
        }  # fmt: skip
        rows += [
            about | {"arm": one.arm} | {name: getattr(one, name) for name in FIGURES}
            for one in result.returns
            if one.segment_id is None
        ]
    frame = pd.DataFrame(rows, columns=[*KEYS, *FIGURES])
    return frame.astype(dict.fromkeys(FIGURES, "float64"))


def _cumulate(campaigns: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    known = select_complete(campaigns, alpha=alpha).sort_values(["ends_on", "campaign_id", "arm"])
    sums = known[["margin", "cost", "variance"]].groupby(known["quarter"]).cumsum()
    half = NormalDist().inv_cdf(1 - alpha / 2) * sums["variance"].map(math.sqrt)
    found = known[["quarter", "ends_on", "campaign_id", "arm"]].assign(
        margin=sums["margin"],
        margin_low=sums["margin"] - half,
        margin_high=sums["margin"] + half,
        cost=sums["cost"],
        profit=sums["margin"] - sums["cost"],
    )
    return found.reset_index(drop=True)


def _to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None where there is no number."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
