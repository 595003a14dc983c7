"""A person signs a new champion off on Prefect's own form, refuses, or says nothing; on a real Prefect server."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from models.lineage import match_segments
from models.preparation import PreparationOptions
from models.promotion import GateValues, PromotionSettings
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter
from tasks.approval import describe_change, seek_approval
from tasks.promotion import Verdict
from tasks.registry import LoadedModel

MANUAL = PromotionSettings(approval="manual", approval_minutes=1)
WON = Verdict("promote", True, ("the challenger is better",), {"won": True})


pytestmark = pytest.mark.usefixtures("prefect_server")


@dataclass(frozen=True)
class Candidate:
    """What the form is told of a challenger."""

    segmenter: Segmenter
    version: str
    lineage: Any


@dataclass(frozen=True)
class Sides:
    champion: LoadedModel
    challenger: Any
    factors: pd.DataFrame


@pytest.fixture(scope="module")
def sides() -> Sides:
    numbers = pd.Series(range(300), [f"c{n}" for n in range(300)])
    factors = pd.DataFrame({"visits": numbers % 30 + 0.0, "spend": numbers * 1.0})
    old, new = (
        fit_segmenter(factors, recipe=Recipe("kmeans", {"segments": k}, PreparationOptions()), seed=0)
        for k in (2, 3)
    )
    old = old.rename({1: "Loyal", 2: "Cooling"})
    lineage = match_segments(old.assign(factors)["segment_id"], new.assign(factors)["segment_id"], next_id=3)
    named = new.relabel(lineage.mapping).rename({1: "Loyal", 2: "Cooling", 3: "Rare"})
    gates = GateValues(segments=2, smallest_share=0.4, outlier_share=0, stability=0.9, stability_min=0.9)
    return Sides(LoadedModel(old, "1", {}, gates), Candidate(named, "2", lineage), factors)


def ask(sides: Sides, settings: PromotionSettings, started: list[UUID]) -> Verdict:
    @flow(name="ask for approval", persist_result=False)
    def run() -> Verdict:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        started.append(context.flow_run.id)
        return seek_approval(WON, sides.challenger, sides.champion, sides.factors, settings=settings)

    return run()


def answer(sides: Sides, **given: Any) -> Verdict:
    """Fill in the form as soon as the run has paused."""
    started: list[UUID] = []
    with ThreadPoolExecutor(1) as pool, get_client(sync_client=True) as client:
        asked = pool.submit(ask, sides, MANUAL, started)
        deadline = time.monotonic() + 60
        while not (started and client.read_flow_run(started[0]).state.is_paused()):  # type: ignore[union-attr]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(1)  # the form is saved right after the state
        client.resume_flow_run(started[0], run_input=given)
        verdict = asked.result(timeout=60)
        assert client.read_flow_run(started[0]).state.is_completed()  # type: ignore[union-attr]
    return verdict


def test_who_approves_lets_the_challenger_through(sides: Sides) -> None:
    assert answer(sides, approve=True) == WON


def test_who_refuses_keeps_the_champion_with_their_words(sides: Sides) -> None:
    verdict = answer(sides, approve=False, comment="the sale distorts it")
    assert (verdict.decision, verdict.promote) == ("keep", False)
    assert verdict.reasons == (
        "the challenger was not approved: the sale distorts it",
        "the challenger is better",
    )


def test_silence_keeps_the_champion_and_the_run_goes_on(sides: Sides) -> None:
    started: list[UUID] = []
    soon = PromotionSettings(approval="manual", approval_minutes=0.05)
    verdict = ask(sides, soon, started)
    assert (verdict.decision, verdict.reasons[0]) == (
        "keep",
        "nobody approved the challenger within 0.05 minutes",
    )
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(started[0]).state.is_completed()  # type: ignore[union-attr]


def test_nobody_is_asked_where_nothing_changes_or_no_approval_is_wanted(sides: Sides) -> None:
    kept = Verdict("keep", False, ("not clearly better",), {})
    given = sides.challenger, sides.champion, sides.factors
    assert seek_approval(kept, *given, settings=MANUAL) is kept
    assert seek_approval(WON, *given, settings=PromotionSettings()) is WON
    assert seek_approval(WON, sides.challenger, None, sides.factors, settings=MANUAL) is WON


def test_the_form_shows_segments_names_and_who_would_move(sides: Sides) -> None:
    text = describe_change(WON, sides.challenger, sides.champion, sides.factors)
    assert "**Model version 2 is to replace version 1.**" in text
    for name in ("Loyal", "Cooling", "Rare"):
        assert name in text
    assert "split from" in text
    assert "customers went from" in text
    assert "- the challenger is better" in text
