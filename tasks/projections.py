"""What a finished campaign may add in the long run, by what earlier customers' first weeks were worth later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.outcomes import build_outcomes
from tasks.features import keep_profiled
from tasks.lake import Lake

if TYPE_CHECKING:
    from models.surrogate import LiftProjection, Scenario

LONG_RUN_DAYS = 180
COHORT_MAX = 50_000
FACTORS = (
    "converted", "orders", "revenue", "visited", "opened", "clicked", "prior_orders", "prior_revenue", "prior_visited",
)  # fmt: skip


def project_campaign(
    lake: Lake,
    outcomes: ibis.Table,
    *,
    campaign: Campaign,
    until: datetime,
    settings: MeasurementSettings,
    doubts: Sequence[str],
    consent_default: bool,
) -> LiftProjection:
    """Project a campaign's lift to half a year after its start.

    The earlier cohort is everybody who was a customer half a year before it and may be profiled, seen over as many days
    as the campaign had, and followed until it began: what the campaign did is no part of what is learnt from.

    Args:
        outcomes: of the campaign, as `build_outcomes` gives them.
        doubts: why lifetime values cannot be foretold in this shop; then nothing is projected either.
        consent_default: what holds for those who were never asked whether they may be profiled.
    """
    from models.surrogate import project_lift, withhold_projection

    before = campaign.starts_at - timedelta(days=LONG_RUN_DAYS)
    earlier = replace(
        campaign,
        campaign_id="earlier cohort",
        starts_at=before,
        ends_at=before + (campaign.ends_at - campaign.starts_at),
    )
    if earlier.ends_at >= campaign.starts_at:
        doubts = [*doubts, f"the campaign lasts longer than the {LONG_RUN_DAYS} days to look ahead"]
    if doubts:
        return withhold_projection(doubts)
    events = lake.table("events")
    cohort = build_outcomes(
        events,
        choose_cohort(lake, earlier, consent_default=consent_default),
        campaign=earlier,
        until=min(until, campaign.starts_at),
        settings=settings.model_copy(update={"value_days": LONG_RUN_DAYS}),
    )
    return project_lift(
        cohort.select(*FACTORS, realised=cohort.margin, long_run=cohort.realised).to_pandas(),
        outcomes.select("arm", *FACTORS, realised=outcomes.margin).to_pandas(),
        factors=FACTORS,
        alpha=settings.alpha,
        seed=0,
    )


def describe_projection(found: LiftProjection) -> dict[str, Any]:
    """In plain types; both scenarios are null where there are reasons."""
    return {
        "assumption": found.assumption,
        "days": LONG_RUN_DAYS,
        "effect_ends": _describe_scenario(found.effect_ends),
        "effect_persists": _describe_scenario(found.effect_persists),
        "reasons": list(found.reasons),
    }


def _describe_scenario(scenario: Scenario | None) -> dict[str, Any] | None:
    if scenario is None:
        return None
    return {"arms": dict(scenario.arms), "lift": {arm: asdict(one) for arm, one in scenario.lift.items()}}


def choose_cohort(lake: Lake, earlier: Campaign, *, consent_default: bool) -> ibis.Table:
    """Who had done anything before and may be profiled; of very many, those whose hashes come first."""
    events = lake.table("events").filter(_.occurred_at < ibis.literal(earlier.starts_at))
    known = keep_profiled(lake, events.select("customer_id").distinct(), consent_default=consent_default)
    chosen = known.order_by(known.customer_id.hexdigest("md5")).limit(COHORT_MAX)
    return chosen.select(
        "customer_id",
        campaign_id=ibis.literal(earlier.campaign_id),
        arm=ibis.literal("cohort"),
        assigned_at=ibis.literal(earlier.starts_at).cast("timestamp('UTC')"),
        segment_id=ibis.null("int64"),
    )
