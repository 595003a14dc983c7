"""How long the stages of a flow took the last time, which is what is expected of them now."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tasks.lake import Lake, Run
from tasks.progress import Stopwatch, plan


def start_clock(lake: Lake, run: Run, *, stages: Sequence[str]) -> Stopwatch:
    """A stopwatch for the stages of a run, which are told to whoever listens, with what is expected of each."""
    plan(stages, last=recall_seconds(lake, run.flow))
    return Stopwatch()


def recall_seconds(lake: Lake, flow: str) -> dict[str, float]:
    """Seconds by stage of the flow's newest finished run; empty where there is none."""
    runs = lake.runs().select(["flow", "summary"])
    for name, summary in zip(reversed(runs["flow"]), reversed(runs["summary"]), strict=True):
        if name.as_py() == flow:
            seconds: dict[str, float] = json.loads(summary.as_py()).get("seconds", {})
            return seconds
    return {}
