"""A small shop that promotes every challenger, and its week from the trained challenger on.

It is registered, judged, scored, reported, committed and promoted by the same tasks in the same order as in
`flows/weekly_retrain.py`, for tests that end a run at every one of their writes. What comes before, the search above
all, is done once and kept in a file.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd

from flows.settings import Settings, load_settings
from models.simulation.shop import Shop, simulate_shop
from tasks.decisions import ROLLBACK
from tasks.drift import CheckedSources, DriftWatch, watch_drift
from tasks.features import History, compute_features, compute_history, read_newest_features
from tasks.lake import begin_run, write_lake
from tasks.migration import trace_migration
from tasks.promotion import (
    judge_challenger,
    load_champion,
    record_verdict,
    revert_promotion,
    settle_promotions,
)
from tasks.registry import Registry, list_versions, load_segmenter, open_registry
from tasks.reporting import build_reports, show_reports
from tasks.scoring import score_customers
from tasks.simulated_shop import write_config, write_delivery
from tasks.snapshots import read_snapshot, store_snapshot
from tasks.training import Challenger, register_challenger, train_challenger

FIRST_DAY, LAST_DAY = date(2026, 11, 8), date(2026, 11, 15)
# Quick to search, and any challenger is good enough to take over from a champion a week old.
EAGER = """
[training]
algorithms = ["kmeans"]
preparations = ["balanced"]
segments_min = 3
segments_max = 4
trials = 2
bootstraps = 2
finalists = 1
stability_mean = 0.0
stability_min = 0.0
[promotion]
stability_mean = 0.0
stability_min = 0.0
max_age_days = 1
non_inferiority = 1.0
"""


@dataclass(frozen=True)
class Week:
    """What a week knows once its challenger is trained."""

    day: date
    factors: pd.DataFrame
    history: History
    drift: DriftWatch
    challenger: Challenger


def write_eager_shop(folder: Path, *, until: date = LAST_DAY) -> Shop:
    """A small simulated shop that promotes every challenger; what it has delivered until a day lies in the folder."""
    shop = simulate_shop(customers=300, weeks=30, last_day=LAST_DAY, shift_week=29, seed=1)
    with write_config(folder).open("a", encoding="utf-8") as file:
        file.write(EAGER)
    write_delivery(shop, folder=folder, start=None, end=until)
    return shop


def train_week(config: Path, day: date, file: Path) -> None:
    """Train on what the lake holds, and keep the week in a file. Leaves a version in the registry, none in the lake."""
    settings, registry = _open(config)
    with write_lake(settings.home) as lake:
        factors = compute_features.fn(lake, as_of=day, consent_default=True, own=())
        history = compute_history.fn(
            lake, as_of=day, days=settings.features.outcome_days, consent_default=True, own=()
        )
        champion = load_champion.fn(lake, registry, as_of=day)
        challenger = train_challenger.fn(
            lake, registry, factors, history, champion,
            as_of=day, settings=settings.training, experiment=settings.experiment,
        )  # fmt: skip
        reference = read_snapshot(lake, champion)
        drift = watch_drift.fn(
            lake, champion, reference, factors, as_of=day,
            sources=CheckedSources((), pd.Series(dtype=float)),
            settings=settings.drift, churn_days=settings.measurement.churn_days,
        )  # fmt: skip
    file.write_bytes(pickle.dumps(Week(day, factors, history, drift, challenger)))


def finish_week(config: str, file: str) -> None:
    """From registering to publishing, as the weekly flow does it."""
    week: Week = pickle.loads(Path(file).read_bytes())  # noqa: S301 - written by `train_week`
    settings, registry = _open(Path(config))
    with write_lake(settings.home) as lake:
        run = begin_run("weekly-retrain", week.day)
        settle_promotions.fn(lake, registry)
        champion = load_champion.fn(lake, registry, as_of=week.day)
        store_snapshot(lake, week.factors, snapshot_id=week.challenger.snapshot_id)
        challenger = replace(week.challenger, version=_register(registry, week))
        verdict = judge_challenger.fn(
            lake, challenger, champion, week.factors, week.history,
            as_of=week.day, drift=week.drift, settings=settings.promotion,
        )  # fmt: skip
        promotion = record_verdict.fn(lake, registry, verdict, challenger, champion, as_of=week.day)
        scored = score_customers.fn(
            lake, promotion.segmenter, week.factors, as_of=week.day, version=promotion.champion_version,
            states=promotion.states, owner_names={},
        )  # fmt: skip
        migration = trace_migration.fn(lake, week.factors, scored, champion, as_of=week.day)
        summary = {
            "as_of": str(week.day), "run_id": run.run_id, "customers": len(week.factors), "campaigns": [],
            "ingest": {"read": 0, "accepted": 0, "duplicates": 0, "quarantined": 0, "late": 0, "by_source": {}},
            "drift": week.drift.to_dict(), "training": challenger.to_dict(), "promotion": promotion.to_dict(),
            "segments": scored.to_dict(),
        }  # fmt: skip
        report = build_reports.fn(
            lake, summary, week.factors, scored, challenger, week.drift,
            migration=migration, segmenter=promotion.segmenter, maps=("pca",), playbook={},
            smallest_group=settings.report.smallest_group, title="A shop", language="en", address=None,
            currency=settings.currency, timezone=settings.timezone, folder=settings.reports_folder,
            since=run.started_at,
        )  # fmt: skip
        lake.commit(run, summary)
        settle_promotions.fn(lake, registry)
        show_reports.fn(report)


def roll_back(config: str) -> None:
    """As the flow `rollback` does it."""
    settings, registry = _open(Path(config))
    with write_lake(settings.home) as lake:
        run = begin_run("rollback", date(2026, 11, 15))
        if settle_promotions.fn(lake, registry) == ROLLBACK:
            return
        previous, summary = revert_promotion(lake, registry, as_of=run.as_of)
        newest, factors = read_newest_features(lake)
        score_customers.fn(
            lake, previous.segmenter, factors,
            as_of=newest, version=previous.version, states={}, owner_names={},
        )  # fmt: skip
        lake.commit(run, summary)
        settle_promotions.fn(lake, registry)


def tell_registry(config: str) -> None:
    """Print the registry's aliases and versions, and whether the champion can be loaded."""
    _settings, registry = _open(Path(config))
    versions = list_versions(registry)
    held = [(alias, row["version"]) for _, row in versions.iterrows() for alias in _split(row["aliases"])]
    champion = load_segmenter(registry, "champion")
    print(
        json.dumps(
            {
                "aliases": dict(held),
                "versions": sorted(versions["version"]),
                "champions": [version for alias, version in held if alias == "champion"],
                "loaded": champion.version if champion else None,
            }
        )
    )


def _open(config: Path) -> tuple[Settings, Registry]:
    settings = load_settings(config)
    return settings, open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)


def _register(registry: Registry, week: Week) -> str:
    challenger = week.challenger
    version: str = register_challenger.fn(
        registry, challenger.segmenter, as_of=week.day, snapshot_id=challenger.snapshot_id, parameters={},
        metrics={}, gates=challenger.gates, candidates=challenger.search.candidates,
        input_example=week.factors.head(5),
    )  # fmt: skip
    return version


def _split(aliases: str) -> list[str]:
    return [alias for alias in aliases.split(", ") if alias]
