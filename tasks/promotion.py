"""The decision about a challenger: judged on the same customers as the champion, recorded, then carried out.

The row in `promotions` is the intent; setting the alias `champion` carries it out, at the end of the run or at
the start of the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.promotion import GateValues, PromotionDecision, PromotionSettings, decide_promotion
from models.segmenter import Segmenter
from models.separation import SeparationGain, compare_separation
from tasks.features import History
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.registry import (
    LoadedModel,
    Registry,
    load_segmenter,
    load_version,
    promote_version,
    read_champion,
    repair_aliases,
    rollback_champion,
)
from tasks.registry_faults import RETRIES, RETRY_DELAYS, is_worth_retrying
from tasks.training import Challenger

_PROMOTIONS = pyarrow.schema(
    [
        ("decided_at", pyarrow.timestamp("us", "UTC")),
        ("as_of", pyarrow.date32()),
        ("decision", pyarrow.string()),
        ("reasons", pyarrow.string()),
        ("challenger_version", pyarrow.string()),
        ("champion_version", pyarrow.string()),
        ("previous_version", pyarrow.string()),
        ("snapshot_id", pyarrow.string()),
        ("gates", pyarrow.string()),
    ]
)


class NoChampionError(LookupError):
    """There is no model to score with."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A week's decision.

    Attributes:
        segmenter: the model that is champion after it.
        states: what became of the segments, by id.
        champion_version: its version.
    """

    decision: str
    reasons: tuple[str, ...]
    champion_version: str
    segmenter: Segmenter
    states: Mapping[int, str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "decision": self.decision,
            "reasons": list(self.reasons),
            "champion_version": self.champion_version,
        }


def list_promotions(lake: Lake) -> pd.DataFrame:
    """Every decision on record, oldest first."""
    if not lake.has("promotions"):
        return _PROMOTIONS.empty_table().to_pandas()
    return lake.table("promotions").order_by("decided_at").to_pandas()


def load_current_champion(registry: Registry) -> LoadedModel:
    """The champion of now.

    Raises:
        NoChampionError: no model has been promoted yet.
    """
    champion = load_segmenter(registry, "champion")
    if champion is None:
        raise NoChampionError("there is no champion yet; run `segmentwerk weekly` first")
    return champion


@task(
    name="load champion", cache_policy=NO_CACHE, persist_result=False,
    retries=RETRIES, retry_delay_seconds=RETRY_DELAYS, retry_condition_fn=is_worth_retrying,
)  # fmt: skip
def load_champion(lake: Lake, registry: Registry, *, as_of: date) -> LoadedModel | None:
    """The champion as the week to `as_of` found it: a second run for a week sees what the first one saw."""
    decisions = list_promotions(lake)
    if decisions.empty:
        return None
    this_week = decisions[pd.to_datetime(decisions["as_of"]).dt.date == as_of]
    version = (
        this_week["previous_version"].iloc[0] if len(this_week) else decisions["champion_version"].iloc[-1]
    )
    return None if pd.isna(version) else load_version(registry, str(version))


@task(name="judge challenger", cache_policy=NO_CACHE, persist_result=False)
def judge_challenger(
    lake: Lake,
    challenger: Challenger,
    champion: LoadedModel | None,
    history: History,
    *,
    as_of: date,
    data_fault: str | None,
    settings: PromotionSettings,
) -> Promotion:
    """Decide and put the decision on record; a decision on record for the same snapshot stands.

    Raises:
        NoChampionError: there is no champion, and the challenger may not become one.
    """
    decided = _find_decision(lake, snapshot_id=challenger.snapshot_id)
    if decided is None:
        gain = _measure_gain(challenger, champion, history)
        decision = decide_promotion(
            challenger.gates,
            _read_gates(champion),
            gain=gain,
            champion_age_days=_age(champion, as_of=as_of),
            share_moved=challenger.lineage.moved if champion else None,
            data_fault=data_fault,
            settings=settings,
        )
        _record(lake, decision, challenger, champion, as_of=as_of)
        verdict, reasons = decision.decision, decision.reasons
    else:
        verdict, reasons = decided["decision"], tuple(json.loads(decided["reasons"]))
    get_logger().info("promotion: %s, %s", verdict, reasons[0])
    return _carry_over(verdict, reasons, challenger, champion)


def _carry_over(
    verdict: str, reasons: tuple[str, ...], challenger: Challenger, champion: LoadedModel | None
) -> Promotion:
    if verdict in ("first", "promote"):
        states = challenger.lineage.states
        return Promotion(verdict, reasons, challenger.version, challenger.segmenter, states)
    if champion is None:
        raise NoChampionError(f"no model can be used: {'; '.join(reasons[:3])}")
    return Promotion(verdict, reasons, champion.version, champion.segmenter, {})


def _find_decision(lake: Lake, *, snapshot_id: str) -> dict[str, Any] | None:
    decisions = list_promotions(lake)
    found = decisions[decisions["snapshot_id"] == snapshot_id]
    return None if found.empty else {str(k): v for k, v in found.iloc[-1].to_dict().items()}


def _measure_gain(
    challenger: Challenger, champion: LoadedModel | None, history: History
) -> SeparationGain | None:
    """Both models place the customers of a horizon ago; what these did since says which tells them apart better."""
    if champion is None or history.factors is None or history.outcomes is None:
        return None
    labels = [
        model.assign(history.factors)["segment_id"] for model in (challenger.segmenter, champion.segmenter)
    ]
    return compare_separation(labels[0], labels[1], history.outcomes, seed=0)


def _read_gates(champion: LoadedModel | None) -> GateValues | None:
    """The champion's gates as measured at its training; a champion without any passes none."""
    if champion is None or champion.gates is not None:
        return champion.gates if champion else None
    unknown = float("nan")
    return GateValues(
        segments=2, smallest_share=unknown, outlier_share=unknown, stability=unknown, stability_min=unknown
    )


def _age(champion: LoadedModel | None, *, as_of: date) -> float | None:
    return None if champion is None else float((as_of - date.fromisoformat(champion.tags["as_of"])).days)


def _record(
    lake: Lake,
    decision: PromotionDecision,
    challenger: Challenger,
    champion: LoadedModel | None,
    *,
    as_of: date,
) -> None:
    before = champion.version if champion else None
    record_promotion(
        lake,
        as_of=as_of,
        decision=decision.decision,
        reasons=decision.reasons,
        challenger_version=challenger.version,
        champion_version=challenger.version if decision.promote else before,
        previous_version=before,
        snapshot_id=challenger.snapshot_id,
        gates=decision.values,
    )


def record_promotion(
    lake: Lake,
    *,
    as_of: date,
    decision: str,
    reasons: tuple[str, ...],
    challenger_version: str | None,
    champion_version: str | None,
    previous_version: str | None,
    snapshot_id: str | None,
    gates: Mapping[str, Any],
) -> None:
    """One row in `promotions`: the intent that `settle_promotions` carries out."""
    row = {
        "decided_at": datetime.now(UTC),
        "as_of": as_of,
        "decision": decision,
        "reasons": json.dumps(reasons),
        "challenger_version": challenger_version,
        "champion_version": champion_version,
        "previous_version": previous_version,
        "snapshot_id": snapshot_id,
        "gates": json.dumps(gates, sort_keys=True, default=str),
    }
    lake.append("promotions", pyarrow.Table.from_pylist([row], schema=_PROMOTIONS))


def revert_promotion(lake: Lake, registry: Registry, *, as_of: date) -> dict[str, Any]:
    """Put on record that the previous champion comes back; `settle_promotions` carries it out.

    Raises:
        NoChampionError: there is no champion, or it is the first.
    """
    # The present champion may be what is broken: its files are not looked at.
    current = read_champion(registry)
    previous = load_segmenter(registry, "previous")
    if current is None or previous is None:
        raise NoChampionError("there is no previous champion to go back to; see `segmentwerk models`")
    reason = f"version {previous.version} was put back in place of version {current}"
    record_promotion(
        lake, as_of=as_of, decision="rollback", reasons=(reason,), challenger_version=None,
        champion_version=previous.version, previous_version=current, snapshot_id=None, gates={},
    )  # fmt: skip
    return {"decision": "rollback", "champion_version": previous.version, "reason": reason}


@task(
    name="settle promotions", cache_policy=NO_CACHE, persist_result=False,
    retries=RETRIES, retry_delay_seconds=RETRY_DELAYS, retry_condition_fn=is_worth_retrying,
)  # fmt: skip
def settle_promotions(lake: Lake, registry: Registry) -> None:
    """Set the registry's aliases to what the last decision on record says; usually they are."""
    repair_aliases(registry)
    decisions = list_promotions(lake)
    if decisions.empty or pd.isna(decisions["champion_version"].iloc[-1]):
        return
    last = decisions.iloc[-1]
    if read_champion(registry) == last["champion_version"]:
        return
    if last["decision"] == "rollback":
        rollback_champion(registry)
    else:
        promote_version(registry, str(last["champion_version"]))
