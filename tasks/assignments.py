"""Who is in which arm of which campaign, in the lake: written once a campaign, frozen when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ibis
import pandas as pd
import pyarrow
from ibis import _

from models.rollups import end_of_day
from monitoring.experiments import Campaign
from tasks.lake import DAILY_FLOW, WEEKLY_FLOW, Lake

_ASSIGNMENTS = pyarrow.schema(
    [
        ("campaign_id", pyarrow.string()),
        ("customer_id", pyarrow.string()),
        ("arm", pyarrow.string()),
        ("assigned_at", pyarrow.timestamp("us", "UTC")),
        ("segment_id", pyarrow.int64()),
        ("model_version", pyarrow.string()),
    ]
)
_CAMPAIGNS = pyarrow.schema(
    [
        ("campaign_id", pyarrow.string()),
        ("name", pyarrow.string()),
        ("channel", pyarrow.string()),
        ("starts_at", pyarrow.timestamp("us", "UTC")),
        ("ends_at", pyarrow.timestamp("us", "UTC")),
        ("primary_metric", pyarrow.string()),
        ("control_share", pyarrow.float64()),
    ]
)


def store_assignment(
    lake: Lake, campaign: Campaign, assigned: pd.DataFrame, *, model_version: str, assigned_at: datetime
) -> None:
    """Write a planned campaign and who is in which arm; planning it again replaces both."""
    where = "campaign_id = '{}'".format(campaign.campaign_id.replace("'", "''"))
    rows = assigned.assign(
        campaign_id=campaign.campaign_id, assigned_at=assigned_at, model_version=model_version
    )
    table = pyarrow.Table.from_pandas(rows[_ASSIGNMENTS.names], schema=_ASSIGNMENTS, preserve_index=False)
    lake.overwrite("assignments", table, where=where)
    about = {name: getattr(campaign, name) for name in _CAMPAIGNS.names}
    lake.overwrite("campaigns", pyarrow.Table.from_pylist([about], schema=_CAMPAIGNS), where=where)


class StartedCampaignError(ValueError):
    """The campaign has begun, so nobody's arm may change any more."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Customers of a campaign who are in an arm of another one that runs at the same time."""

    campaign_id: str
    arm: str
    customers: int


def refuse_started(lake: Lake, campaign: Campaign, *, known_until: datetime, timezone: str) -> None:
    """Let a campaign be drawn only before it starts: whoever has been addressed, or left out, stays so.

    Args:
        lake: with the days that scheduled runs have already covered; what they cover has passed.
        campaign: its terms.
        known_until: the moment of planning.
        timezone: the shop's.

    Raises:
        StartedCampaignError: it has started, as it is now or as it stands in the lake.
    """
    moment = max([known_until, *_list_covered(lake, timezone=timezone)])
    drawn = lake.has("assignments") and bool(
        lake.table("assignments").filter(_.campaign_id == campaign.campaign_id).count().execute()
    )
    starts_at = min([campaign.starts_at, *(_list_starts(lake, campaign) if drawn else [])])
    if starts_at >= moment:
        return
    remedy = (
        "its customers keep their arms; give a new campaign a campaign_id of its own"
        if drawn
        else "nobody can be drawn for it any more; give it a later starts_at"
    )
    raise StartedCampaignError(
        f"campaign '{campaign.campaign_id}' started at {starts_at:%Y-%m-%d %H:%M} UTC: {remedy}"
    )


def count_overlapping(lake: Lake, campaign: Campaign) -> tuple[Overlap, ...]:
    """How many of the campaign's customers are in each arm of every other campaign whose window overlaps its own."""
    if not lake.has("assignments") or not lake.has("campaigns"):
        return ()
    assignments, campaigns = lake.table("assignments"), lake.table("campaigns")
    ours = assignments.filter(_.campaign_id == campaign.campaign_id)
    others = campaigns.filter(
        (_.campaign_id != campaign.campaign_id)
        & (_.starts_at < ibis.literal(campaign.ends_at))
        & (_.ends_at > ibis.literal(campaign.starts_at))
    )
    shared = assignments.semi_join(others, "campaign_id").semi_join(ours, "customer_id")
    counts = shared.group_by("campaign_id", "arm").aggregate(customers=_.customer_id.nunique())
    rows = counts.order_by("campaign_id", "arm").to_pyarrow().to_pylist()
    return tuple(Overlap(row["campaign_id"], row["arm"], row["customers"]) for row in rows)


def mark_consent(lake: Lake, customers: ibis.Table, *, consent_default: bool) -> ibis.Table:
    """The same customers with `consents`: whether they may be sent marketing, `consent_default` if never asked."""
    if not lake.has("customers"):
        return customers.mutate(consents=ibis.literal(consent_default))
    told = lake.table("customers").select(told_customer="customer_id", consents="consent_marketing")
    joined = customers.left_join(told, customers.customer_id == told.told_customer)
    return joined.mutate(consents=_.consents.fill_null(consent_default)).drop("told_customer")


def _list_covered(lake: Lake, *, timezone: str) -> list[datetime]:
    """The ends of the days that scheduled runs took into account: at least so late is it in the shop."""
    runs = lake.runs()
    days = zip(runs["flow"].to_pylist(), runs["as_of"].to_pylist(), strict=True)
    return [end_of_day(day, timezone=timezone) for flow, day in days if flow in (WEEKLY_FLOW, DAILY_FLOW)]


def _list_starts(lake: Lake, campaign: Campaign) -> list[datetime]:
    """When the campaign began as it was planned before: putting `starts_at` off does not make it begin anew."""
    if not lake.has("campaigns"):
        return []
    known = lake.table("campaigns").filter(_.campaign_id == campaign.campaign_id)
    return list(known.starts_at.to_pyarrow().to_pylist())
