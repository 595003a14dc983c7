"""Puts the previous champion back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow

from flows.settings import load_settings
from tasks.decisions import ROLLBACK
from tasks.durations import start_clock
from tasks.features import read_newest_features
from tasks.lake import begin_run, write_lake
from tasks.promotion import revert_promotion, settle_promotions
from tasks.registry import open_registry
from tasks.scoring import score_customers

STAGES = ("champion", "score")


@flow(name="rollback", persist_result=False)
def rollback_champion(config: str = "segmentwerk.toml") -> dict[str, Any]:
    """Make the previous champion the champion again, and give customers back the segments it has them in."""
    settings = load_settings(config)
    with write_lake(settings.home) as lake:
        run = begin_run("rollback", settings.last_whole_day(datetime.now(UTC)))
        clock = start_clock(lake, run, stages=STAGES)
        registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
        if settle_promotions(lake, registry) == ROLLBACK:
            # One that died once it was on record is done now; a second would go back two champions.
            return lake.read_last_summary()
        with clock.stage("champion"):
            previous, summary = revert_promotion(lake, registry, as_of=run.as_of)
        with clock.stage("score"):
            newest, factors = read_newest_features(lake)
            scored = score_customers(
                lake, previous.segmenter, factors,
                as_of=newest, version=previous.version, states={}, owner_names=settings.segments.names,
            )  # fmt: skip
        summary |= {
            "as_of": str(newest), "customers": len(factors), "segments": scored.to_dict(),
            "seconds": clock.seconds,
        }  # fmt: skip
        lake.commit(run, summary)
        settle_promotions(lake, registry)
    return summary
