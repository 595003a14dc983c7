"""Before a campaign: what it could find, and who is in which arm."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from prefect import flow

from flows.settings import load_settings
from tasks.lake import begin_run, write_lake
from tasks.planning import assign_campaign, plan_power


@flow(name="plan-campaign", persist_result=False)
def plan_campaign(
    campaign: str, config: str = "segmentwerk.toml", as_of: date | None = None
) -> dict[str, Any]:
    """Power from the shop's own history, then a randomised assignment, stratified by segment.

    Planning a campaign again gives the same arms, as long as its customers and segments are the same.

    Args:
        campaign: the campaign_id of a `[[campaigns]]` section of the configuration.
        config: path of the configuration file.
        as_of: the day whose segments are used; the newest scoring if not given.
    """
    settings = load_settings(config)
    planned = settings.find_campaign(campaign)
    with write_lake(settings.home) as lake:
        run = begin_run("plan-campaign", as_of or settings.last_whole_day(datetime.now(UTC)))
        customers = assign_campaign(
            lake, planned.terms(settings.timezone), segments=planned.segments, as_of=as_of,
            consent_default=settings.features.consent_default,
        )  # fmt: skip
        plan = plan_power(
            lake, planned.terms(settings.timezone), customers, as_of=run.as_of, timezone=settings.timezone,
            alpha=settings.measurement.alpha,
        )  # fmt: skip
        lake.commit(run, plan)
    return plan
