"""The week's report: what the lake and the run know, put into the shape its pages show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.clusterers import OUTLIER, title_algorithms
from models.levels import cut_levels, describe_levels
from models.maps import FEWEST, MapMethod, compute_map
from models.naming import label_factor
from models.segmenter import Segmenter
from models.silhouettes import compute_silhouettes
from monitoring.pages import ReportData
from monitoring.pages.layout.words import load_words
from monitoring.playbook import Play, list_strangers
from tasks.decisions import list_promotions
from tasks.destinations import replace_file
from tasks.drift import DriftWatch
from tasks.lake import WEEKLY_FLOW, Lake
from tasks.logs import get_logger
from tasks.migration import TracedMigration
from tasks.registry import Registry, load_segmenter
from tasks.reports import PreparedReports, prepare_reports, publish_reports
from tasks.scoring import Scored
from tasks.training import Challenger

SAMPLE = 3000  # customers that are drawn
QUARANTINE_REASONS = 50
RUNS_SHOWN = 100
WEEKS_SHOWN = 13
DATA_TABLES = ("events", "identities", "features", "segments", "assignments")


@task(name="build reports", cache_policy=NO_CACHE, persist_result=False)
def build_reports(
    lake: Lake,
    summary: Mapping[str, Any],
    factors: pd.DataFrame,
    scored: Scored,
    challenger: Challenger,
    drift: DriftWatch,
    *,
    migration: TracedMigration | None,
    segmenter: Segmenter,
    maps: Sequence[MapMethod],
    playbook: Mapping[str, Play],
    smallest_group: int,
    title: str,
    language: str,
    currency: str,
    timezone: str,
    folder: Path,
    address: str | None,
    since: datetime,
) -> PreparedReports:
    """Make the week's site under a hidden name; `publish` shows it once the run is on record.

    `migration` is None where there was no week to compare with.
    `segmenter` is the one in use; pictures of customers are drawn in its space.
    `address` is where the published site is reached, if it is.
    """
    warn_of_strangers(playbook, scored.profiles)
    measured = drift.measurement
    shown = factors.sample(min(len(factors), SAMPLE), random_state=0).sort_index()
    placed = scored.assignment.loc[shown.index]
    points = segmenter.preparation.transform(shown)
    data = ReportData(
        title=title,
        as_of=date.fromisoformat(summary["as_of"]),
        currency=currency,
        timezone=timezone,
        language=language,
        generated_note=load_words(language).gettext(
            "Model version {version}, run {run}.", version=scored.version, run=summary["run_id"]
        ),
        summary=dict(summary),
        profiles=word_reasons(scored.profiles),
        migration=pd.DataFrame() if migration is None else migration.flows,
        maps=map_customers(points, placed, methods=maps),
        silhouettes=measure_fit(points, placed),
        levels=describe_levels(cut_levels(points, clusterer=segmenter.clusterer, seed=0), shown),
        sizes=count_customers(lake, as_of=date.fromisoformat(summary["as_of"])),
        playbook=playbook,
        champion=find_training(lake, summary),
        heatmap=standardise_means(factors, scored),
        algorithms=title_algorithms(),
        candidates=challenger.search.candidates,
        drift=drift.list_columns(),
        drift_timeline=drift.list_weeks(),
        distributions=drift.list_distributions(),
        evidently_html=None if measured is None else measured.html,
        history=list_history(lake, summary),
        promotions=_show_promotions(lake),
        runs=list_runs(lake),
        quarantine=count_quarantine(lake, since=since),
        sources=_list_sources(summary),
        address=address or "",
        smallest_group=smallest_group,
    )
    return prepare_reports(data, folder=folder)


@task(name="publish reports", cache_policy=NO_CACHE, persist_result=False)
def show_reports(reports: PreparedReports) -> Path:
    """Put the prepared site where people look."""
    return publish_reports(reports)


def map_customers(
    points: np.ndarray, placed: pd.DataFrame, *, methods: Sequence[MapMethod]
) -> dict[str, pd.DataFrame]:
    """By method x, y, segment_name and strength; too few customers for a method leave it out.

    Args:
        points: a sample of customers, prepared.
        placed: the same customers with segment_name and strength.
    """
    possible = [method for method in methods if method == "pca" or len(points) >= FEWEST]
    known = placed[["segment_name", "strength"]].reset_index(drop=True)
    return {
        method: compute_map(points, method=method, most=len(points), seed=0).join(known)
        for method in possible
    }


def write_map(lake: Lake, registry: Registry, *, as_of: date, method: MapMethod, out: Path) -> None:
    """A map of the customers as they were segmented on a day, in the champion's space, as one HTML file.

    Raises:
        LookupError: there is no champion, or nobody was segmented on that day.
        ValueError: there are too few customers for the method.
    """
    from monitoring.segment_charts import draw_segment_map, title_figure

    loaded = load_segmenter(registry, "champion")
    features, segments = (
        table.filter(table.as_of == ibis.literal(as_of)).drop("as_of").to_pandas().set_index("customer_id")
        for table in (lake.table("features"), lake.table("segments"))
    )
    known = features.index.intersection(segments.index)
    if loaded is None or known.empty:
        raise LookupError(f"no customers were segmented on {as_of}; run `segmentwerk weekly` first")
    shown = features.loc[known].sample(min(len(known), SAMPLE), random_state=0).sort_index()
    placed = segments.loc[shown.index, ["segment_name", "strength"]].reset_index(drop=True)
    points = loaded.segmenter.preparation.transform(shown)
    customers = compute_map(points, method=method, most=len(points), seed=0).join(placed)
    figure = title_figure(draw_segment_map(customers, method=method), f"Customers by segment, {as_of}")
    with replace_file(out) as fresh:
        figure.write_html(fresh, include_plotlyjs=True)


def measure_fit(points: np.ndarray, placed: pd.DataFrame) -> pd.DataFrame:
    """segment_name and silhouette of the customers of a sample who are in a segment."""
    labels = placed["segment_id"].where(~placed["is_outlier"], OUTLIER).to_numpy()
    found = compute_silhouettes(points, labels, most=len(points), seed=0)
    return found.assign(segment_name=placed["segment_name"].to_numpy()[found.index])


def word_reasons(profiles: pd.DataFrame) -> pd.DataFrame:
    """The profiles with the factors of their reasons in words."""
    worded = [
        [(label_factor(factor), effect) for factor, effect in reasons] for reasons in profiles["reasons"]
    ]
    return profiles.assign(reasons=pd.Series(worded, index=profiles.index, dtype=object))


def standardise_means(factors: pd.DataFrame, scored: Scored) -> pd.DataFrame:
    """Mean of each factor by segment, in standard deviations from everybody's; the extreme 1 % is drawn in.

    Factors are named in words.
    """
    calm = factors.clip(factors.quantile(0.01), factors.quantile(0.99), axis=1)
    spread = calm.std().replace(0.0, np.nan)
    known = calm.columns[spread.notna()]
    scaled = (calm[known] - calm[known].mean()) / spread[known]
    return scaled.groupby(scored.assignment["segment_name"]).mean().rename(columns=label_factor)


def count_customers(lake: Lake, *, as_of: date) -> pd.DataFrame:
    """as_of, segment_id, customers: the segments' sizes in the weeks up to a day, as they were counted then.

    A week is compared with a week: what daily runs counted in between is left out.
    """
    runs = lake.runs().select(["flow", "as_of"]).to_pylist()
    past = {run["as_of"] for run in runs if run["flow"] == WEEKLY_FLOW and run["as_of"] < as_of}
    weeks = [*sorted(past)[1 - WEEKS_SHOWN :], as_of]
    profiles = lake.table("segment_profiles")
    chosen = profiles.filter(profiles.as_of.isin(weeks))
    counted = chosen.select("as_of", "segment_id", customers=chosen["size"])
    return counted.order_by("as_of", "segment_id").to_pandas()


def find_training(lake: Lake, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of the model in use when it was trained: `training` of that week; empty if not on record."""
    version = summary["promotion"]["champion_version"]
    runs = [run for run in lake.runs().to_pylist() if run["flow"] == WEEKLY_FLOW]
    for week in (summary, *(json.loads(run["summary"]) for run in reversed(runs))):
        training = week.get("training") or {}
        if training.get("version") == version:
            return dict(training)
    return {}


def warn_of_strangers(playbook: Mapping[str, Play], profiles: pd.DataFrame) -> None:
    """A line in the log on sections of the playbook that mean no segment; the page says so, too."""
    segments = zip(profiles["segment_id"].astype(int), profiles["segment_name"].astype(str), strict=True)
    strangers = list_strangers(playbook, segments)
    if strangers:
        get_logger().warning(
            "[playbook] there is no segment %s this week; `segmentwerk segments` lists those there are",
            ", ".join(f"'{name}'" for name in strangers),
        )


def list_history(lake: Lake, summary: Mapping[str, Any]) -> pd.DataFrame:
    """One row a week: the finished weekly runs, and this one."""
    finished = [json.loads(row["summary"]) for row in lake.runs().to_pylist() if row["flow"] == WEEKLY_FLOW]
    weeks = {week["as_of"]: week for week in (*finished, summary)}
    rows = [
        {
            "as_of": as_of,
            "customers": week["customers"],
            "drift_decision": week["drift"]["decision"],
            "promotion_decision": week["promotion"]["decision"],
            "champion_version": week["promotion"]["champion_version"],
            "segments": sum(segment["segment_id"] > 0 for segment in week["segments"]),
        }
        for as_of, week in sorted(weeks.items())
    ]
    return pd.DataFrame(rows)


def list_runs(lake: Lake) -> pd.DataFrame:
    """The newest runs on record: finished_at, flow, as_of, champion_version, versions, run_id."""
    rows = []
    for run in lake.runs().to_pylist()[-RUNS_SHOWN:]:
        versions = json.loads(run["versions"])
        promotion = json.loads(run["summary"]).get("promotion") or {}
        rows.append(
            {
                **{name: run[name] for name in ("finished_at", "flow", "as_of", "run_id")},
                "champion_version": promotion.get("champion_version"),
                "versions": ", ".join(f"{name} {versions[name]}" for name in DATA_TABLES if name in versions),
            }
        )
    return pd.DataFrame(rows)


def count_quarantine(lake: Lake, *, since: datetime) -> pd.DataFrame:
    """source, reason, rows, example: the commonest reasons rows were refused for since that moment."""
    if not lake.has("quarantine"):
        return pd.DataFrame()
    refused = lake.table("quarantine")
    # What is dated later than now was refused under a clock that was ahead, not by this run.
    rows = refused.filter(refused.first_seen_at.between(ibis.literal(since), ibis.literal(datetime.now(UTC))))
    counted = (
        rows.group_by("source", "reasons")
        .aggregate(rows=_.count(), example=_.row.min())
        .order_by(ibis.desc("rows"), "source", "reasons")
        .limit(QUARANTINE_REASONS)
        .to_pandas()
    )
    counted["reason"] = ["; ".join(json.loads(reasons)) for reasons in counted.pop("reasons")]
    return counted[["source", "reason", "rows", "example"]]


def _show_promotions(lake: Lake) -> pd.DataFrame:
    decisions = list_promotions(lake)
    decisions["reasons"] = ["; ".join(json.loads(reasons)) for reasons in decisions["reasons"]]
    columns = ["decided_at", "as_of", "decision", "reasons"]
    return decisions[[*columns, "challenger_version", "previous_version", "champion_version"]]


def _list_sources(summary: Mapping[str, Any]) -> pd.DataFrame:
    rows = [{"source": name, **counts} for name, counts in summary["ingest"]["by_source"].items()]
    return pd.DataFrame(rows)
