"""A campaign before it starts: who may be in it, which arm each customer is in, and what it could find."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.rollups import end_of_day
from monitoring.experiments import CONTROL, Campaign
from monitoring.experiments.assignment import assign_arms
from monitoring.experiments.power import Design, Proportion, find_mde
from tasks.experiments import store_assignment
from tasks.lake import Lake
from tasks.logs import get_logger

TREATMENT = "treatment"


@task(name="assign campaign", cache_policy=NO_CACHE, persist_result=False)
def assign_campaign(
    lake: Lake, campaign: Campaign, *, segments: Sequence[int], as_of: date | None, consent_default: bool
) -> pd.DataFrame:
    """Draw the arms among customers of the segments (all, if none are named) who consent to marketing.

    `consent_default` states what holds for those who were never asked.

    Returns:
        customer_id, arm, segment_id; also written to `assignments`, with the campaign to `campaigns`.

    Raises:
        LookupError: there are no segments yet.
        ValueError: nobody is left to assign.
    """
    scored = lake.table("segments")
    day = as_of or scored.as_of.max().to_pyarrow().as_py()
    eligible = scored.filter(scored.as_of == ibis.literal(day))
    if segments:
        eligible = eligible.filter(eligible.segment_id.isin(list(segments)))
    if lake.has("customers"):
        refused = (
            lake.table("customers")
            .filter(~_.consent_marketing.fill_null(consent_default))
            .select("customer_id")
        )
        eligible = eligible.anti_join(refused, "customer_id")
    people = eligible.select("customer_id", "segment_id", "model_version").to_pandas()
    if people.empty:
        chosen = ", ".join(str(s) for s in segments) or "any segment"
        raise ValueError(
            f"campaign '{campaign.campaign_id}': no customer in {chosen} on {day} may be contacted"
        )
    control = campaign.control_share or 0.5
    assigned = assign_arms(
        people, shares={CONTROL: control, TREATMENT: 1 - control}, salt=campaign.campaign_id
    )
    store_assignment(lake, campaign, assigned, model_version=str(people["model_version"].iloc[0]))
    get_logger().info("campaign %s: %d customers assigned", campaign.campaign_id, len(assigned))
    return assigned


@task(name="plan power", cache_policy=NO_CACHE, persist_result=False)
def plan_power(
    lake: Lake, campaign: Campaign, assigned: pd.DataFrame, *, as_of: date, timezone: str, alpha: float
) -> dict[str, Any]:
    """The smallest effect the campaign would find with 80 % power, from these customers' own recent conversion."""
    days = (campaign.ends_at - campaign.starts_at).days
    baseline = _measure_baseline(lake, campaign, assigned, as_of=as_of, timezone=timezone, days=days)
    design = Design(control_share=campaign.control_share or 0.5, alpha=alpha)
    mde = find_mde(Proportion(baseline), customers=len(assigned), design=design) if 0 < baseline < 1 else None
    arms = {str(arm): int(count) for arm, count in assigned["arm"].value_counts().sort_index().items()}
    return {
        "campaign_id": campaign.campaign_id,
        "name": campaign.name,
        "arms": arms,
        "days": days,
        "baseline_conversion": baseline,
        "mde": mde,
        "power": design.power,
        "sentence": _describe(len(assigned), baseline, mde, days=days, power=design.power),
    }


def _measure_baseline(
    lake: Lake, campaign: Campaign, assigned: pd.DataFrame, *, as_of: date, timezone: str, days: int
) -> float:
    until = end_of_day(as_of, timezone=timezone)
    events = lake.table("events")
    recent = events.filter(
        (_.kind == campaign.conversion_kind)
        & (_.occurred_at < ibis.literal(until))
        & (_.occurred_at >= ibis.literal(until - timedelta(days=days)))
    )
    people = ibis.memtable(assigned[["customer_id"]])
    converted = recent.semi_join(people, "customer_id").customer_id.nunique().execute()
    return float(converted) / len(assigned)


def _describe(customers: int, baseline: float, mde: float | None, *, days: int, power: float) -> str:
    known = f"{customers:,} customers, of whom {baseline:.1%} converted in the last {days} days"
    if mde is None:
        return f"{known}: too few to find even the largest possible gain; pool several campaigns instead"
    return f"{known}: a gain of {mde:.1%} points or more would be found with {power:.0%} probability"
