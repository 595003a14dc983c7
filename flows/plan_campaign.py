"""Before a campaign: what it could find, and who is in which arm."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from prefect import flow

from flows.settings import load_settings
from models.rollups import end_of_day
from tasks.durations import start_clock
from tasks.experiments import list_campaigns
from tasks.lake import begin_run, write_lake
from tasks.planning import assign_campaign, build_summary, plan_power

STAGES = ("assignment", "power")


@flow(name="plan-campaign", persist_result=False)
def plan_campaign(
    campaign: str, config: str = "segmentwerk.toml", as_of: date | None = None
) -> dict[str, Any]:
    """A randomised assignment, stratified by segment, and its power from the shop's own history.

    The hold-out of the campaign's quarter is drawn first, and never touched. Planning a campaign again before it
    starts gives the same arms, as long as its customers and segments are the same; once it has started it is refused.

    Args:
        campaign: the campaign_id of a `[[campaigns]]` section of the configuration, or of a campaign that was
            delivered.
        config: path of the configuration file.
        as_of: the day whose segments are used, at whose end the campaign is planned; the newest scoring and this
            moment if not given.
    """
    settings = load_settings(config)
    now = datetime.now(UTC).replace(microsecond=0)
    day = as_of or settings.last_whole_day(now)
    until = end_of_day(day, timezone=settings.timezone)
    with write_lake(settings.home, engine=settings.engine) as lake:
        run = begin_run("plan-campaign", day)
        clock = start_clock(lake, run, stages=STAGES)
        design = settings.design_campaign(
            campaign, delivered=list_campaigns(lake, timezone=settings.timezone)
        )
        with clock.stage("assignment"):
            drawn = assign_campaign(
                lake, design, as_of=as_of, moment=until if as_of else now, timezone=settings.timezone,
                consent_default=settings.features.consent_default, holdout_share=settings.holdout.share,
            )  # fmt: skip
        with clock.stage("power"):
            plan = plan_power(lake, design, drawn, until=until, settings=settings.measurement)
        summary = build_summary(plan, drawn, alpha=settings.measurement.alpha)
        lake.commit(run, summary | {"seconds": clock.seconds})
    return summary
