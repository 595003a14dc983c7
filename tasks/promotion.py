"""The decision about a challenger: judged on the same customers as the champion, recorded, then carried out.

The row in `promotions` is the intent; setting the alias `champion` carries it out, at the end of the run or at
the start of the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.contest import Contender, contest_separation
from models.promotion import (
    GateValues,
    PromotionSettings,
    Standing,
    count_wins,
    decide_promotion,
)
from models.segmenter import Segmenter
from models.separation import SeparationGain
from tasks.decisions import (
    ROLLBACK,
    find_champion_after,
    find_champion_before,
    find_decision,
    find_later_week,
    list_promotions,
    list_wins,
    record_promotion,
)
from tasks.drift import DriftWatch
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
    tag_version,
)
from tasks.registry_faults import RETRIES, RETRY_DELAYS, is_worth_retrying
from tasks.training import Challenger, measure_shape

WEEK = 7


class NoChampionError(LookupError):
    """There is no model to score with."""


class TooFewCustomersError(ValueError):
    """A week has too few customers to be believed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a week decides about its challenger, before it is put on record.

    Attributes:
        promote: whether the challenger takes over.
        values: every number the rules looked at.
        standing_version: the champion by a decision that stands already; None if this one is new.
    """

    decision: str
    promote: bool
    reasons: tuple[str, ...]
    values: Mapping[str, Any]
    standing_version: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """A week's decision.

    Attributes:
        segmenter: the model that is champion after it.
        states: what became of the segments, by id.
        champion_version: its version.
        values: every number the rules looked at.
    """

    decision: str
    reasons: tuple[str, ...]
    champion_version: str
    segmenter: Segmenter
    states: Mapping[int, str]
    values: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {
            "decision": self.decision,
            "reasons": list(self.reasons),
            "champion_version": self.champion_version,
            "gates": dict(self.values),
        }


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
    version = find_champion_before(list_promotions(lake), as_of=as_of)
    return None if version is None else load_version(registry, version)


def check_population(reference: pd.DataFrame | None, factors: pd.DataFrame, *, least: float) -> None:
    """Make sure that a week has more than a fraction of the usual customers.

    Args:
        reference: the customers the champion was trained on; None without one.
        least: the least number of customers, as a share of those.

    Raises:
        TooFewCustomersError: it has fewer.
    """
    usual = 0 if reference is None else len(reference)
    if len(factors) < least * usual:
        raise TooFewCustomersError(
            f"only {len(factors):,} customers, the champion was trained on {usual:,}: has everything been delivered? "
            "If the shop is really so much smaller now, lower population_min in [promotion]"
        )


@task(name="judge challenger", cache_policy=NO_CACHE, persist_result=False)
def judge_challenger(
    lake: Lake,
    challenger: Challenger,
    champion: LoadedModel | None,
    factors: pd.DataFrame,
    history: History,
    *,
    as_of: date,
    drift: DriftWatch,
    settings: PromotionSettings,
) -> Verdict:
    """Judge by every rule; a decision on record for the same customers stands."""
    decisions = list_promotions(lake)
    on_record = find_decision(decisions, snapshot_id=challenger.snapshot_id)
    if on_record is not None:
        return _repeat(decisions, on_record)
    standing = gates = None
    if champion is not None:
        gates = _measure_champion(champion, factors)
        standing = _compare(challenger, champion, history, decisions, as_of=as_of, drift=drift)
    decided = decide_promotion(
        challenger.gates, gates, standing=standing, data_fault=drift.data_fault, settings=settings
    )
    get_logger().info("promotion: %s, %s", decided.decision, decided.reasons[0])
    return Verdict(decided.decision, decided.promote, decided.reasons, decided.values)


def keep_champion(verdict: Verdict, *, reason: str) -> Verdict:
    """The same verdict with the champion staying, for a reason of the owner's."""
    return replace(verdict, decision="keep", promote=False, reasons=(reason, *verdict.reasons))


@task(name="record verdict", cache_policy=NO_CACHE, persist_result=False)
def record_verdict(
    lake: Lake,
    registry: Registry,
    verdict: Verdict,
    challenger: Challenger,
    champion: LoadedModel | None,
    *,
    as_of: date,
) -> Promotion:
    """Put a new verdict on record, and say which model places customers by it.

    Raises:
        NoChampionError: there is no champion, and the challenger may not become one.
    """
    before = champion.version if champion else None
    after = verdict.standing_version or (challenger.version if verdict.promote else before)
    if verdict.standing_version is None:
        decisions = list_promotions(lake)
        overtaken = find_later_week(decisions, as_of=as_of) is not None
        record_promotion(
            lake, as_of=as_of, decision=verdict.decision, reasons=verdict.reasons,
            challenger_version=challenger.version,
            champion_version=decisions["champion_version"].iloc[-1] if overtaken else after,
            previous_version=before, snapshot_id=challenger.snapshot_id, gates=verdict.values,
        )  # fmt: skip
    if after is None:
        raise NoChampionError(f"no model can be used: {'; '.join(verdict.reasons[:3])}")
    known = {challenger.version: challenger.segmenter} | ({before: champion.segmenter} if champion else {})
    segmenter = known[after] if after in known else load_version(registry, after).segmenter
    states = challenger.lineage.states if after == challenger.version else {}
    return Promotion(verdict.decision, verdict.reasons, after, segmenter, states, verdict.values)


def _repeat(decisions: pd.DataFrame, on_record: pd.Series) -> Verdict:
    return Verdict(
        decision=on_record["decision"],
        promote=False,
        reasons=tuple(json.loads(on_record["reasons"])),
        values=json.loads(on_record["gates"]),
        standing_version=find_champion_after(decisions, on_record),
    )


def _compare(
    challenger: Challenger,
    champion: LoadedModel,
    history: History,
    decisions: pd.DataFrame,
    *,
    as_of: date,
    drift: DriftWatch,
) -> Standing:
    gain, trouble = _measure_gain(challenger, champion, history, as_of=as_of)
    return Standing(
        gain=gain,
        trouble=trouble,
        champion_age_days=champion.age_on(as_of),
        share_moved=challenger.lineage.moved,
        share_drifted=drift.share_of(champion.segmenter.factors),
        wins=count_wins(list_wins(decisions, as_of=as_of), champion_version=champion.version),
        shadow_weeks=(as_of - challenger.trained_on).days // WEEK,
        decided_later=find_later_week(decisions, as_of=as_of),
    )


def _measure_gain(
    challenger: Challenger, champion: LoadedModel, history: History, *, as_of: date
) -> tuple[SeparationGain | None, str]:
    """What customers of a horizon ago did since says which model tells them apart better; or why it cannot be said."""
    if history.past is None:
        return None, "the shop is too young to look at what customers did afterwards"
    old_enough = champion.age_on(as_of) >= history.days
    sides = (
        Contender(challenger.segmenter.recipe, challenger.seed),
        Contender(champion.segmenter.recipe, champion.seed, champion.segmenter if old_enough else None),
    )
    try:
        return contest_separation(*sides, history.past, earlier=history.earlier, seed=0), ""
    except Exception as error:  # whatever goes wrong in a check keeps the champion
        return None, " ".join(str(error).split()) or type(error).__name__


def _measure_champion(champion: LoadedModel, factors: pd.DataFrame) -> GateValues:
    """The champion's sizes today, its stability as measured at its training; what is not known of it is NaN."""
    unknown = float("nan")
    known = champion.gates or GateValues(
        segments=2, smallest_share=unknown, outlier_share=unknown, stability=unknown, stability_min=unknown
    )
    return replace(known, **measure_shape(champion.segmenter.assign(factors)))


def revert_promotion(lake: Lake, registry: Registry, *, as_of: date) -> tuple[LoadedModel, dict[str, Any]]:
    """Put on record that the previous champion comes back, and return it; `settle_promotions` carries it out.

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
        lake, as_of=as_of, decision=ROLLBACK, reasons=(reason,), challenger_version=None,
        champion_version=previous.version, previous_version=current, snapshot_id=None, gates={},
    )  # fmt: skip
    return previous, {"decision": ROLLBACK, "champion_version": previous.version, "reason": reason}


@task(
    name="settle promotions", cache_policy=NO_CACHE, persist_result=False,
    retries=RETRIES, retry_delay_seconds=RETRY_DELAYS, retry_condition_fn=is_worth_retrying,
)  # fmt: skip
def settle_promotions(lake: Lake, registry: Registry) -> str | None:
    """Set the registry's aliases to what the last decision on record says; usually they are.

    Returns:
        the decision, if it had not been carried out before; otherwise None.
    """
    repair_aliases(registry)
    decisions = list_promotions(lake)
    if decisions.empty or pd.isna(decisions["champion_version"].iloc[-1]):
        return None
    last = decisions.iloc[-1]
    open_still = read_champion(registry) != last["champion_version"]
    if open_still:
        if last["decision"] == ROLLBACK:
            rollback_champion(registry)
        else:
            promote_version(registry, str(last["champion_version"]))
    if not pd.isna(last["challenger_version"]):
        told = {"decision": last["decision"], "decision_reason": json.loads(last["reasons"])[0]}
        tag_version(registry, str(last["challenger_version"]), told)
    return str(last["decision"]) if open_still else None
