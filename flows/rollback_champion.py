"""Puts the previous champion back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow

from flows.settings import load_settings
from tasks.lake import begin_run, write_lake
from tasks.promotion import revert_promotion, settle_promotions
from tasks.registry import open_registry


@flow(name="rollback", persist_result=False)
def rollback_champion(config: str = "segmentwerk.toml") -> dict[str, Any]:
    """Make the previous champion the champion again; the next scoring uses it."""
    settings = load_settings(config)
    with write_lake(settings.home) as lake:
        run = begin_run("rollback", settings.last_whole_day(datetime.now(UTC)))
        registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
        settle_promotions(lake, registry)
        summary = revert_promotion(lake, registry, as_of=run.as_of)
        lake.commit(run, summary)
        settle_promotions(lake, registry)
    return summary
