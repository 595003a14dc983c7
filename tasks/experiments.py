"""Campaigns in the lake: measured against their control groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.rollups import end_of_day
from monitoring.experiments import Campaign, MeasurementSettings, read_campaigns
from monitoring.experiments.effects import CampaignResult, measure_campaign
from monitoring.experiments.outcomes import build_outcomes, count_overlaps
from monitoring.experiments.portfolio import Portfolio, sum_campaigns
from monitoring.experiments.weekly_effects import sum_weeks
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.progress import report
from tasks.projections import describe_projection, project_campaign

if TYPE_CHECKING:
    from models.surrogate import LiftProjection

REGULAR_DAYS, REGULAR_SHARE = 28, 0.75
PROJECTED_DAYS = 90


class UnknownCampaignError(LookupError):
    """No campaign of that name."""


@dataclass(frozen=True, slots=True)
class MeasuredCampaign:
    """What a campaign added, and what that may come to in the long run (None while it runs, and of old campaigns)."""

    result: CampaignResult
    projection: LiftProjection | None

    def to_dict(self) -> dict[str, Any]:
        """One entry of `campaigns` in the JSON output."""
        projection = self.projection and describe_projection(self.projection)
        return self.result.to_dict() | {"projection": projection}


@task(name="measure campaigns", cache_policy=NO_CACHE, persist_result=False)
def measure_campaigns(
    lake: Lake,
    *,
    as_of: date,
    timezone: str,
    settings: MeasurementSettings,
    doubts: Sequence[str],
    consent_default: bool,
    only: str | None = None,
) -> list[MeasuredCampaign]:
    """Every campaign that had started by the end of `as_of`, newest first; none where the shop has run none.

    Args:
        doubts: why lifetime values cannot be foretold in this shop; empty where they can.
        consent_default: what holds for those who were never asked whether they may be profiled.
        only: the one campaign to measure.

    Raises:
        UnknownCampaignError: `only` names a campaign the lake does not have.
    """
    campaigns = list_campaigns(lake, timezone=timezone)
    if only is not None:
        campaigns = [c for c in campaigns if c.campaign_id == only]
        if not campaigns:
            known = ", ".join(c.campaign_id for c in list_campaigns(lake, timezone=timezone)) or "none"
            raise UnknownCampaignError(f"campaign '{only}' is not in the lake; it has: {known}")
    until = end_of_day(as_of, timezone=timezone)
    started = [c for c in campaigns if only is not None or c.starts_at < until]
    results = []
    for campaign in sorted(started, key=lambda c: c.starts_at, reverse=True):
        report(f"measuring campaign {campaign.name}")
        outcomes = _observe(lake, campaign, until=until, settings=settings)
        result = _measure(lake, outcomes, campaign=campaign, until=until, as_of=as_of, settings=settings)
        is_recent = campaign.ends_at <= until < campaign.ends_at + timedelta(days=PROJECTED_DAYS)
        results.append(
            MeasuredCampaign(
                result,
                project_campaign(
                    lake,
                    outcomes,
                    campaign=campaign,
                    until=until,
                    settings=settings,
                    doubts=doubts,
                    consent_default=consent_default,
                )
                if is_recent
                else None,
            )
        )
        get_logger().info("campaign %s: %s", campaign.campaign_id, result.decision)
    return results


@task(name="add up campaigns", cache_policy=NO_CACHE, persist_result=False)
def add_up_campaigns(measured: Sequence[MeasuredCampaign], *, alpha: float) -> Portfolio:
    """What finished campaigns returned together, by channel and by quarter."""
    return sum_campaigns([one.result for one in measured], alpha=alpha)


def list_campaigns(lake: Lake, *, timezone: str) -> list[Campaign]:
    """The campaigns the lake knows."""
    if not lake.has("campaigns"):
        return []
    return list(read_campaigns(lake.table("campaigns").to_pandas(), timezone=timezone))


def _observe(lake: Lake, campaign: Campaign, *, until: datetime, settings: MeasurementSettings) -> ibis.Table:
    """The outcomes of everybody assigned, kept in the engine: they are summed up several times."""
    if not lake.has("assignments"):
        raise UnknownCampaignError(
            f"campaign '{campaign.campaign_id}' has no assignments; deliver them as a source"
        )
    events, assignments = lake.table("events"), lake.table("assignments")
    return build_outcomes(events, assignments, campaign=campaign, until=until, settings=settings).cache()


def _measure(
    lake: Lake,
    outcomes: ibis.Table,
    *,
    campaign: Campaign,
    until: datetime,
    as_of: date,
    settings: MeasurementSettings,
) -> CampaignResult:
    events, assignments = lake.table("events"), lake.table("assignments")
    return measure_campaign(
        outcomes,
        campaign=campaign,
        costs=_read_costs(lake, campaign, as_of=as_of),
        settings=settings,
        until=until,
        overlaps=count_overlaps(assignments, campaign=campaign),
        newest=read_newest(events, campaign=campaign, until=until),
        drawn=_read_drawn(lake, campaign),
        weeks=sum_weeks(events, assignments, campaign=campaign, until=until),
    )


def read_newest(events: ibis.Table, *, campaign: Campaign, until: datetime) -> dict[str, datetime]:
    """The last event known at `until` of each source that delivered on most of the days before the campaign.

    A source that delivers now and then, or had ended by then, says nothing by its silence.
    """
    looks_back_to = campaign.starts_at - timedelta(days=REGULAR_DAYS)
    known = events.filter(
        (_.occurred_at >= ibis.literal(looks_back_to)) & (_.occurred_at < ibis.literal(until))
    )
    before = known.occurred_at < ibis.literal(campaign.starts_at)
    found = (
        known.group_by("source")
        .aggregate(days=known.occurred_at.truncate("D").nunique(where=before), last=known.occurred_at.max())
        .filter(_.days >= REGULAR_SHARE * REGULAR_DAYS)
    )
    return {row["source"]: row["last"] for row in found.to_pyarrow().to_pylist()}


def _read_drawn(lake: Lake, campaign: Campaign) -> dict[str, int] | None:
    """Customers per arm as the last plan on record drew them; None for a campaign whose assignments were delivered."""
    plans = lake.runs().select(["flow", "sequence", "summary"]).to_pylist()
    for run in sorted(plans, key=lambda row: row["sequence"], reverse=True):
        if run["flow"] == "plan-campaign":
            summary = json.loads(run["summary"])
            if summary.get("campaign_id") == campaign.campaign_id:
                return dict(summary["arms"])
    return None


def _read_costs(lake: Lake, campaign: Campaign, *, as_of: date) -> pd.DataFrame:
    if not lake.has("costs"):
        return pd.DataFrame({"arm": pd.Series(dtype="str"), "amount": pd.Series(dtype="float64")})
    costs = lake.table("costs")
    ours = costs.filter((costs.campaign_id == campaign.campaign_id) & (costs.day <= as_of))
    return ours.select("arm", "amount").to_pandas()
