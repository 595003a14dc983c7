"""A person's word on a new champion, on Prefect's own input form."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pandas as pd
from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.states import Running

from models.migration import describe_flows, distinguish_names, find_notable_flows, measure_migration
from models.promotion import PromotionSettings
from tasks.logs import get_logger
from tasks.promotion import Verdict, keep_champion
from tasks.registry import LoadedModel
from tasks.training import Challenger

ASKED_EVERY_S = 5
FORM = "promotion"


class PromotionForm(RunInput):
    """What the person is asked."""

    approve: bool = False
    comment: str = ""


def seek_approval(
    verdict: Verdict,
    challenger: Challenger,
    champion: LoadedModel | None,
    factors: pd.DataFrame,
    *,
    settings: PromotionSettings,
) -> Verdict:
    """Wait for a person's word where the settings ask for it and a champion would be replaced.

    The flow run is paused meanwhile, and the lake stays locked. Must be called in a flow run, not in a task.

    Returns:
        the verdict as it was, or with the champion staying: somebody said no, or nobody said anything in time.
    """
    if settings.approval == "automatic" or not verdict.promote or champion is None:
        return verdict
    form = PromotionForm.with_initial_data(
        description=describe_change(verdict, challenger, champion, factors)
    )
    get_logger().info("promotion: waiting up to %g minutes for approval", settings.approval_minutes)
    seconds = int(60 * settings.approval_minutes)
    try:
        answer = pause_flow_run(form, timeout=seconds, poll_interval=min(ASKED_EVERY_S, seconds), key=FORM)
    except FlowPauseTimeout:
        _go_on()
        return keep_champion(
            verdict, reason=f"nobody approved the challenger within {settings.approval_minutes:g} minutes"
        )
    comment = f": {answer.comment}" if answer.comment else ""
    if answer.approve:
        return verdict
    return keep_champion(verdict, reason=f"the challenger was not approved{comment}")


def _go_on() -> None:
    """A run whose pause has timed out cannot end well unless it is set running again: Prefect would fail it."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(runtime.flow_run.id), Running(), force=True)


def describe_change(
    verdict: Verdict, challenger: Challenger, champion: LoadedModel, factors: pd.DataFrame
) -> str:
    """What would change, in Markdown: the new segments, where customers would go, and every rule's sentence."""
    was, becomes = (
        model.assign(factors)["segment_id"] for model in (champion.segmenter, challenger.segmenter)
    )
    names = distinguish_names({**champion.segmenter.names, **challenger.segmenter.names})
    segments, sizes = np.unique(becomes, return_counts=True)
    rows = [
        f"| {segment} | {names.get(segment, segment)} | {size:,} | {size / len(becomes):.1%} "
        f"| {challenger.lineage.states.get(segment, 'kept')} |"
        for segment, size in zip(segments.tolist(), sizes.tolist(), strict=True)
    ]
    flows = find_notable_flows(measure_migration(was, was, becomes))
    moves = describe_flows(flows, names, model_changed=False) or ("Hardly anybody would change segment.",)
    return "\n".join(
        [
            f"**Model version {challenger.version} is to replace version {champion.version}.**",
            "",
            "| id | segment | customers | share | what became of it |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "If it does:",
            "",
            *(f"- {move}" for move in moves),
            "",
            "Why:",
            "",
            *(f"- {reason}" for reason in verdict.reasons),
        ]
    )
