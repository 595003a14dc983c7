"""A retrain that is due, asked for: the decision is on record in the lake, and an event tells Prefect of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.retraining import Retraining, RetrainingRequest, RetrainingStep, find_request
from tasks.drift import DriftWatch
from tasks.lake import DAILY_FLOW, WEEKLY_FLOW, Lake, Run
from tasks.logs import get_logger

RETRAIN_DUE = "segmentwerk.retrain.due"


def seek_request(
    lake: Lake, run: Run, retraining: Retraining, drift: DriftWatch, *, every_days: int
) -> RetrainingRequest | None:
    """The retrain to ask for after this run, by what the lake has on record and what the run itself has found."""
    today = RetrainingStep(False, run.as_of, retraining.cause, trusted=drift.data_fault is None)
    return find_request([*list_steps(lake), today], every_days=every_days)


def list_steps(lake: Lake) -> list[RetrainingStep]:
    """The finished runs that retrained, or looked whether a retrain is due; oldest first."""
    runs = lake.runs().select(["flow", "as_of", "summary"]).to_pylist()
    return [_read_step(row) for row in runs if row["flow"] in (WEEKLY_FLOW, DAILY_FLOW)]


def _read_step(row: dict[str, Any]) -> RetrainingStep:
    # Runs of earlier releases have nothing to say of it.
    retraining = json.loads(row["summary"]).get("retraining", {})
    return RetrainingStep(row["flow"] == WEEKLY_FLOW, row["as_of"], retraining.get("cause"))


def request_retrain(request: RetrainingRequest | None, *, home: str, config: str) -> None:
    """Tell Prefect of a retrain that is due; the trigger of the deployment `weekly` starts it.

    To be called once the run is on record and the lake is free: the retrain may begin at once. An event that nobody
    hears is no error, as the next day asks again.
    """
    if request is None:
        return
    from prefect.events import emit_event

    emit_event(
        RETRAIN_DUE,
        resource={"prefect.resource.id": f"segmentwerk.lake.{home}", "prefect.resource.name": home},
        payload={**request.to_dict(), "config": str(Path(config).resolve())},
    )
    get_logger().info("asked for a retrain: %s, decided on %s", request.cause, request.decided_on)
