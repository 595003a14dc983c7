"""What one campaign has added over its control group so far."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from prefect import flow

from flows.settings import load_settings
from tasks.experiments import measure_campaigns
from tasks.lake import open_lake
from tasks.lifetime_values import check_forecast
from tasks.progress import plan, stage


@flow(name="measure-campaign", persist_result=False)
def measure_campaign(
    campaign: str, config: str = "segmentwerk.toml", as_of: date | None = None
) -> dict[str, Any]:
    """One entry of `campaigns` in the weekly summary. Reads the lake, writes nothing.

    Args:
        campaign: the campaign's id.
        config: path of the configuration file.
        as_of: the last whole day to count; yesterday in the shop's timezone if not given.
    """
    settings = load_settings(config)
    day = as_of or settings.last_whole_day(datetime.now(UTC))
    lake = open_lake(settings.home)
    consent = settings.features.consent_default
    plan(("checking lifetime values", "measuring"))
    with stage("checking lifetime values"):
        doubts = check_forecast(lake, as_of=day, consent_default=consent).reasons
    with stage("measuring"):
        (result,) = measure_campaigns(
            lake, as_of=day, timezone=settings.timezone, settings=settings.measurement, doubts=doubts,
            consent_default=consent, only=campaign,
        )  # fmt: skip
    return result.to_dict()
