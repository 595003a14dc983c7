"""The week's report: what the lake and the run know, put into the shape its pages show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from monitoring.pages import ReportData
from tasks.drift import DriftWatch
from tasks.lake import Lake
from tasks.promotion import list_promotions
from tasks.reports import PreparedReports, prepare_reports, publish_reports
from tasks.scoring import Scored
from tasks.training import Challenger

MAP_CUSTOMERS = 3000
QUARANTINE_REASONS = 50


@task(name="build reports", cache_policy=NO_CACHE, persist_result=False)
def build_reports(
    lake: Lake,
    summary: Mapping[str, Any],
    factors: pd.DataFrame,
    scored: Scored,
    challenger: Challenger,
    drift: DriftWatch,
    *,
    title: str,
    currency: str,
    timezone: str,
    folder: Path,
    since: datetime,
) -> PreparedReports:
    """Make the week's site under a hidden name; `publish` shows it once the run is on record."""
    measured = drift.measurement
    data = ReportData(
        title=title,
        as_of=date.fromisoformat(summary["as_of"]),
        currency=currency,
        timezone=timezone,
        generated_note=f"Model version {scored.version}, run {summary['run_id']}.",
        summary=dict(summary),
        profiles=scored.profiles,
        map=map_customers(challenger, factors, scored),
        heatmap=standardise_means(factors, scored),
        candidates=challenger.search.candidates,
        drift=pd.DataFrame() if measured is None else measured.columns,
        evidently_html=None if measured is None else measured.html,
        history=list_history(lake, summary),
        promotions=_show_promotions(lake),
        quarantine=count_quarantine(lake, since=since),
        sources=_list_sources(summary),
    )
    return prepare_reports(data, folder=folder)


@task(name="publish reports", cache_policy=NO_CACHE, persist_result=False)
def show_reports(reports: PreparedReports) -> Path:
    """Put the prepared site where people look."""
    return publish_reports(reports)


def map_customers(challenger: Challenger, factors: pd.DataFrame, scored: Scored) -> pd.DataFrame:
    """x, y, segment_name of at most `MAP_CUSTOMERS` customers, in the plane of two principal components."""
    from sklearn.decomposition import PCA

    shown = factors.sample(min(len(factors), MAP_CUSTOMERS), random_state=0)
    points = challenger.segmenter.preparation.transform(shown)
    plane = PCA(n_components=min(2, points.shape[1]), random_state=0).fit_transform(points)
    return pd.DataFrame(
        {
            "x": plane[:, 0],
            "y": plane[:, -1],
            "segment_name": scored.assignment.loc[shown.index, "segment_name"].to_numpy(),
        }
    )


def standardise_means(factors: pd.DataFrame, scored: Scored) -> pd.DataFrame:
    """Mean of each factor by segment, in standard deviations from everybody's; the extreme 1 % is drawn in."""
    calm = factors.clip(factors.quantile(0.01), factors.quantile(0.99), axis=1)
    spread = calm.std().replace(0.0, np.nan)
    known = calm.columns[spread.notna()]
    scaled = (calm[known] - calm[known].mean()) / spread[known]
    return scaled.groupby(scored.assignment["segment_name"]).mean()


def list_history(lake: Lake, summary: Mapping[str, Any]) -> pd.DataFrame:
    """One row a week: the finished weekly runs, and this one."""
    finished = [
        json.loads(row["summary"]) for row in lake.runs().to_pylist() if row["flow"] == "weekly-retrain"
    ]
    weeks = {week["as_of"]: week for week in (*finished, summary)}
    rows = [
        {
            "as_of": as_of,
            "customers": week["customers"],
            "drift_decision": week["drift"]["decision"],
            "promotion_decision": week["promotion"]["decision"],
            "champion_version": week["promotion"]["champion_version"],
            "segments": len(week["segments"]),
        }
        for as_of, week in sorted(weeks.items())
    ]
    return pd.DataFrame(rows)


def count_quarantine(lake: Lake, *, since: datetime) -> pd.DataFrame:
    """source, reason, rows, example: the commonest reasons rows were refused for since that moment."""
    if not lake.has("quarantine"):
        return pd.DataFrame()
    refused = lake.table("quarantine")
    rows = refused.filter(refused.first_seen_at >= ibis.literal(since))
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
    columns = ["decided_at", "as_of", "decision", "reasons", "challenger_version", "champion_version"]
    return decisions[columns]


def _list_sources(summary: Mapping[str, Any]) -> pd.DataFrame:
    rows = [{"source": name, **counts} for name, counts in summary["ingest"]["by_source"].items()]
    return pd.DataFrame(rows)
