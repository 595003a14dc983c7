"""A challenger every week: searched, fitted, given the champion's ids where it is the same, and registered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.candidates import INDICES
from models.draws import leave_held_out
from models.lineage import Lineage, match_segments, start_lineage
from models.profiles import profile_segments
from models.promotion import GateValues
from models.search import SearchResult, search_recipes
from models.segmenter import Segmenter, fit_segmenter
from models.structure import Structure
from models.training_settings import TrainingSettings
from monitoring.experiments.power import Design, Proportion, find_sample_size
from tasks.decisions import list_promotions
from tasks.features import History
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.progress import report
from tasks.registration import register_segmenter
from tasks.registry import (
    LINEAGE_TAG,
    SEED_TAG,
    LoadedModel,
    Registry,
    find_highest_id,
    find_version,
)
from tasks.registry_faults import RETRIES, RETRY_DELAYS, is_worth_retrying
from tasks.scoring import VALUE_FACTOR
from tasks.snapshots import identify_snapshot, store_snapshot


@dataclass(frozen=True, slots=True)
class Challenger:
    """This week's candidate for champion, as registered.

    Attributes:
        version: its version in the registry.
        snapshot_id: names the rows it was trained on, in `snapshots`.
        gates: what the gate will look at.
        search: every candidate, and why this one won.
        lineage: what became of the champion's segments.
        outcome_days: how long what customers did afterwards was looked at.
        seed: what it was fitted with.
        trained_on: the last day of what it was fitted on.
    """

    segmenter: Segmenter
    version: str
    snapshot_id: str
    gates: GateValues
    search: SearchResult
    lineage: Lineage
    outcome_days: int
    seed: int
    trained_on: date

    def to_dict(self) -> dict[str, Any]:
        search, best = self.search, self.search.best
        return {
            "algorithm": best.recipe.algorithm,
            "segments": self.gates.segments,
            "outlier_share": _clean(self.gates.outlier_share),
            "silhouette": _clean(best.silhouette),
            "stability": _clean(self.gates.stability),
            "separation": _clean(self.gates.separation),
            "reason": self.gates.reason or search.silence or None,
            "candidates": len(search.candidates),
            "version": self.version,
            "sentence": search.sentence,
            "warning": search.warning or None,
            "outcome_days": self.outcome_days if search.separation else None,
            "beyond_rfm": _clean(search.beyond_rfm),
            "indices": {name: _clean(getattr(best, name)) for name in INDICES},
            "structure": _describe(search.structure),
        }


@task(name="train challenger", cache_policy=NO_CACHE, persist_result=False)
def train_challenger(
    lake: Lake,
    registry: Registry,
    factors: pd.DataFrame,
    history: History,
    champion: LoadedModel | None,
    *,
    as_of: date,
    settings: TrainingSettings,
    experiment: Design,
) -> Challenger:
    """Search, fit and register. Training again on the same rows finds the version it made before.

    Args:
        experiment: how a campaign within one segment would be run, if segments must be large enough for one.

    Raises:
        TooFewCustomers, NoVariation: there is nothing to cluster; the message says what would help.
    """
    learning, past = leave_held_out(factors), history.leave_held_out()
    search = search_recipes(
        learning,
        past_factors=past.factors,
        outcomes=past.outcomes,
        settings=settings,
        segment_size=size_segment(history, effect=settings.effect, experiment=experiment),
        incumbent=champion.segmenter.recipe if champion else None,
        incumbent_seed=champion.seed if champion else None,
        progress=report,
    )
    report("fitting the chosen recipe")
    seed = champion.seed if champion else settings.seed
    placed = champion.segmenter.assign(factors)["segment_id"] if champion else None
    fitted = fit_segmenter(learning, recipe=search.winner, seed=seed, past=past.past, earlier=placed)
    _log_preparation(fitted)
    snapshot_id = identify_snapshot(
        factors,
        as_of=as_of,
        recipe=repr(search.winner.to_dict()),
        champion_version=champion.version if champion else None,
    )
    next_id = find_next_id(lake, registry, snapshot_id=snapshot_id)
    labels = fitted.assign(factors)["segment_id"]
    if champion is None or placed is None:
        lineage = start_lineage(labels, next_id=next_id)
    else:
        lineage = match_segments(placed, labels, former=champion.segmenter.ids.values(), next_id=next_id)
    segmenter = name_segmenter(fitted.relabel(lineage.mapping), factors, champion)
    gates = measure_gates(search, segmenter.assign(factors))
    store_snapshot(lake, factors, snapshot_id=snapshot_id)
    version = register_challenger(
        registry,
        segmenter,
        as_of=as_of,
        snapshot_id=snapshot_id,
        trained_at=datetime.now(UTC),
        parameters=_flatten(search.winner.to_dict()),
        metrics={name: getattr(search.best, name) for name in INDICES} | _numbers(asdict(gates)),
        gates=gates,
        candidates=search.candidates,
        input_example=factors.head(5),
        tags={
            "algorithm": search.winner.algorithm,
            SEED_TAG: str(seed),
            LINEAGE_TAG: json.dumps(lineage.states),
        },
    )
    get_logger().info("challenger: version %s, %s", version, search.sentence)
    if search.warning:
        get_logger().warning("%s", search.warning)
    return Challenger(segmenter, version, snapshot_id, gates, search, lineage, history.days, seed, as_of)


@task(
    name="register challenger", cache_policy=NO_CACHE, persist_result=False,
    retries=RETRIES, retry_delay_seconds=RETRY_DELAYS, retry_condition_fn=is_worth_retrying,
)  # fmt: skip
def register_challenger(registry: Registry, segmenter: Segmenter, *, snapshot_id: str, **facts: Any) -> str:
    """The version trained on a snapshot, registered where there is none yet.

    A task of its own, so that a registry that is away for a moment does not cost the search again.

    Args:
        facts: the rest of what `register_segmenter` takes.
    """
    version = find_version(registry, snapshot_id)
    return version or register_segmenter(registry, segmenter, snapshot_id=snapshot_id, **facts)


def size_segment(history: History, *, effect: float | None, experiment: Design) -> int:
    """How many customers a segment needs for a campaign within it to show a gain in conversion; 0 if not asked.

    The baseline is the conversion of all customers over the time outcomes are looked at; where that is not known,
    one half, which needs most.
    """
    if effect is None:
        return 0
    baseline = 0.5 if history.outcomes is None else float(history.outcomes["converted"].mean())
    if not 0 < baseline < 1 - effect:
        baseline = min(0.5, 1 - effect)
    return find_sample_size(Proportion(baseline), effect=effect, design=experiment).total


def _log_preparation(fitted: Segmenter) -> None:
    """Which factors left before anything was learnt from them, and why."""
    dropped = fitted.preparation.dropped
    left = "; ".join(f"{name}: {why}" for name, why in dropped.items()) or "none"
    get_logger().info("%d factors used, %d left out: %s", len(fitted.preparation.columns), len(dropped), left)


@task(
    name="find next segment id", cache_policy=NO_CACHE, persist_result=False,
    retries=RETRIES, retry_delay_seconds=RETRY_DELAYS, retry_condition_fn=is_worth_retrying,
)  # fmt: skip
def find_next_id(lake: Lake, registry: Registry, *, snapshot_id: str) -> int:
    """The first segment id that no customer has ever been in, and that no champion has ever had.

    What was trained on this very snapshot does not count, so that a second run for a week gives the same ids.
    """
    own = find_version(registry, snapshot_id)
    decisions = list_promotions(lake)
    champions = {str(version) for version in decisions["champion_version"].dropna()} - {own}
    used = [find_highest_id(registry, champions)]
    if lake.has("segment_profiles"):
        profiles = lake.table("segment_profiles")
        others = profiles if own is None else profiles.filter(profiles.model_version != own)
        used.append(int(others.segment_id.max().to_pyarrow().as_py() or 0))
    return max(used) + 1


def name_segmenter(segmenter: Segmenter, factors: pd.DataFrame, champion: LoadedModel | None) -> Segmenter:
    """The segmenter with a name and a rule for every segment: inherited ones keep their names."""
    earlier = champion.segmenter.names if champion else {}
    inherited = {segment: name for segment, name in earlier.items() if segment in segmenter.ids.values()}
    profiles = profile_segments(
        factors, segmenter.assign(factors), value=VALUE_FACTOR, earlier_names=inherited
    )
    names, rules = (
        {int(s): str(words) for s, words in zip(profiles["segment_id"], profiles[column], strict=True)}
        for column in ("segment_name", "rule")
    )
    return segmenter.rename(names, rules=rules)


def measure_shape(assignment: pd.DataFrame) -> dict[str, Any]:
    """Number and sizes of the segments customers are in, by their names in `GateValues`."""
    sizes = assignment.loc[~assignment["is_outlier"], "segment_id"].value_counts()
    return {
        "segments": len(sizes),
        "smallest_share": float(sizes.min() / len(assignment)) if len(sizes) else float("nan"),
        "outlier_share": float(assignment["is_outlier"].mean()),
    }


def measure_gates(search: SearchResult, assignment: pd.DataFrame) -> GateValues:
    """What the gate will look at, sizes counted on this week's customers."""
    best = search.best
    return GateValues(
        **measure_shape(assignment),
        stability=best.stability_mean,
        stability_min=best.stability_min,
        separation=None if np.isnan(search.score) else search.score,
        admissible=best.admissible,
        reason=best.reason or None,
    )


def _flatten(recipe: dict[str, Any]) -> dict[str, Any]:
    nested = {
        f"{part}.{name}": value
        for part in ("parameters", "preparation")
        for name, value in recipe[part].items()
    }
    return {"algorithm": recipe["algorithm"], **nested}


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(v) for name, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)
    }


def _describe(structure: Structure | None) -> dict[str, Any] | None:
    return None if structure is None else {name: _clean(value) for name, value in asdict(structure).items()}


def _clean(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 6)
