"""Tidy rows for BI tools out of what runs and tables have on record: one row an observation, plain columns.

Every table has its columns and their types here; what a column means stands in `bi_dictionary`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from monitoring.experiments import CONTROL
from monitoring.metrics import load_metrics

Row = dict[str, Any]

LIFT = ("absolute", "low", "high", "relative", "relative_low", "relative_high", "p_value")
_TIME = "timestamp('UTC', 6)"
_LIFT = dict.fromkeys(LIFT, "float64")
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "segment_profiles": {
        "as_of": "date", "segment_id": "int64", "segment_name": "string", "size": "int64", "share": "float64",
        "value": "float64", "rule": "string", "lineage": "string", "model_version": "string",
    },
    "segment_factors": {
        "as_of": "date", "segment_id": "int64", "segment_name": "string", "factor": "string", "median": "float64",
        "mean": "float64", "effect": "float64", "others_median": "float64",
    },
    "migration": {
        "as_of": "date", "previous_as_of": "date", "before_id": "int64", "before_name": "string",
        "between_id": "int64", "between_name": "string", "after_id": "int64", "after_name": "string",
        "customers": "int64", "before_version": "string", "after_version": "string",
    },
    "drift": {
        "as_of": "date", "factor": "string", "method": "string", "score": "float64", "threshold": "float64",
        "drifted": "boolean",
    },
    "promotions": {
        "decided_at": _TIME, "as_of": "date", "decision": "string", "reasons": "string",
        "challenger_version": "string", "previous_version": "string", "champion_version": "string",
    },
    "campaigns": {
        "campaign_id": "string", "campaign_name": "string", "channel": "string", "starts_at": _TIME,
        "ends_at": _TIME, "as_of": "date", "run_id": "string", "decision": "string", "sentence": "string",
        "metric": "string", "unit": "string", "arm": "string", "customers": "int64", "customers_control": "int64",
        "cost": "float64", "absolute": "float64", "low": "float64", "high": "float64", "roi": "float64",
        "roi_low": "float64", "roi_high": "float64", "srm_p": "float64",
    },
    "campaign_results": {
        "as_of": "date", "run_id": "string", "campaign_id": "string", "campaign_name": "string",
        "decision": "string", "metric": "string", "unit": "string", "arm": "string", "control": "float64",
        "treatment": "float64", **_LIFT, "reason": "string",
    },
    "campaign_segments": {
        "as_of": "date", "run_id": "string", "campaign_id": "string", "campaign_name": "string",
        "segment_id": "int64", "segment_name": "string", "metric": "string", "unit": "string", "arm": "string",
        "customers_control": "int64", "customers_treatment": "int64", "control": "float64",
        "treatment": "float64", **_LIFT, "reason": "string",
    },
    "sources": {
        "as_of": "date", "run_id": "string", "flow": "string", "source": "string", "read": "int64",
        "accepted": "int64", "duplicates": "int64", "quarantined": "int64", "filtered": "int64", "late": "int64",
    },
    "quarantine": {"first_seen_on": "date", "source": "string", "reason": "string", "rows": "int64"},
    "runs": {
        "run_id": "string", "flow": "string", "as_of": "date", "started_at": _TIME, "finished_at": _TIME,
        "customers": "int64", "rows_read": "int64", "rows_accepted": "int64", "rows_duplicate": "int64",
        "rows_quarantined": "int64", "drift_decision": "string", "promotion_decision": "string",
        "champion_version": "string",
    },
}  # fmt: skip


def list_runs(records: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a run.

    Args:
        records: rows of `runs`, oldest first, their `summary` read.
    """
    for record in records:
        summary = record["summary"]
        drift, promotion = (summary.get(part) or {} for part in ("drift", "promotion"))
        ingest = _read_intake(summary)
        yield {
            **{name: record[name] for name in ("run_id", "flow", "as_of", "started_at", "finished_at")},
            "customers": summary.get("customers"),
            "rows_read": ingest.get("read"),
            "rows_accepted": ingest.get("accepted"),
            "rows_duplicate": ingest.get("duplicates"),
            "rows_quarantined": ingest.get("quarantined"),
            "drift_decision": drift.get("decision"),
            "promotion_decision": promotion.get("decision"),
            "champion_version": promotion.get("champion_version"),
        }


def list_sources(records: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a run and source: what it held and what became of it."""
    counts = ("read", "accepted", "duplicates", "quarantined", "filtered", "late")
    for record in records:
        for source, found in _read_intake(record["summary"]).get("by_source", {}).items():
            run = {name: record[name] for name in ("as_of", "run_id", "flow")}
            yield {**run, "source": source, **{name: found.get(name) for name in counts}}


def _read_intake(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a run took in: a part of its summary, or all of it where it did nothing else; empty: nothing."""
    told = summary.get("ingest") or summary
    return told if "by_source" in told else {}


def list_campaigns(records: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a campaign, as it was measured last; of several treatments the first one's figures."""
    by_week = sorted(records, key=lambda record: record["as_of"])
    last = {entry["campaign_id"]: (record, entry) for record in by_week for entry in _read_campaigns(record)}
    for record, entry in last.values():
        metric = str(entry.get("primary_metric") or "conversion")
        arm, lift = _find_first_lift(entry, metric)
        _, returned = _find_first_lift(entry, "roi")
        customers = entry.get("customers") or {}
        window = entry.get("window") or {}
        yield {
            **_name_campaign(record, entry),
            "channel": entry.get("channel"),
            **{end: _read_moment(window.get(end)) for end in ("starts_at", "ends_at")},
            "decision": entry.get("decision"),
            "sentence": entry.get("sentence"),
            "metric": metric,
            "unit": _find_unit(metric),
            "arm": arm,
            "customers": sum(customers.values()) if customers else None,
            "customers_control": customers.get(CONTROL),
            "cost": (entry.get("costs") or {}).get(arm),
            **{part: lift.get(part) for part in ("absolute", "low", "high")},
            "roi": returned.get("absolute"),
            "roi_low": returned.get("low"),
            "roi_high": returned.get("high"),
            "srm_p": entry.get("srm_p"),
        }


def list_results(records: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a run, campaign, metric and treatment arm."""
    for record in records:
        for entry in _read_campaigns(record):
            for metric, result in (entry.get("metrics") or {}).items():
                for row in _list_lifts(metric, result):
                    yield {**_name_campaign(record, entry), "decision": entry.get("decision"), **row}


def list_segment_results(records: Iterable[Mapping[str, Any]], *, names: Mapping[int, str]) -> Iterator[Row]:
    """One row a run, campaign, segment and treatment arm, of the campaign's primary metric.

    Args:
        names: of the segments, by id.
    """
    for record in records:
        for entry in _read_campaigns(record):
            metric = str(entry.get("primary_metric") or "conversion")
            for segment_id, result in (entry.get("by_segment") or {}).items():
                customers = result.get("customers") or {}
                for row in _list_lifts(metric, result):
                    yield {
                        **_name_campaign(record, entry),
                        "segment_id": int(segment_id),
                        "segment_name": result.get("segment_name") or names.get(int(segment_id)),
                        "customers_control": customers.get(CONTROL),
                        "customers_treatment": customers.get(row["arm"]),
                        **row,
                    }


def list_segment_factors(profiles: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a week, segment and factor: the segment's own level, and how far it lies from all others.

    Args:
        profiles: rows of `segment_profiles`.
    """
    for row in profiles:
        profile = json.loads(row["profile"] or "{}")
        reasons = {reason["factor"]: reason for reason in profile.get("reasons") or ()}
        for factor, levels in (profile.get("factors") or {}).items():
            told = reasons.get(factor, {})
            yield {
                **{name: row[name] for name in ("as_of", "segment_id", "segment_name")},
                "factor": factor,
                "median": levels.get("median"),
                "mean": levels.get("mean"),
                "effect": told.get("effect"),
                "others_median": told.get("others"),
            }


def list_promotions(decisions: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a decision about a model, its reasons as one text.

    Args:
        decisions: rows of `promotions`.
    """
    for row in decisions:
        reasons = "; ".join(map(str, json.loads(row["reasons"] or "[]")))
        yield {name: row[name] for name in COLUMNS["promotions"]} | {"reasons": reasons}


def list_refused(counts: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """One row a day, source and set of reasons: how many rows were set aside for them.

    Args:
        counts: first_seen_on, source, reasons (a JSON list), rows.
    """
    for row in counts:
        reason = "; ".join(map(str, json.loads(row["reasons"] or "[]")))
        yield {name: row[name] for name in ("first_seen_on", "source", "rows")} | {"reason": reason}


def _read_campaigns(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    campaigns = record["summary"].get("campaigns")
    return list(campaigns) if isinstance(campaigns, list) else []


def _name_campaign(record: Mapping[str, Any], entry: Mapping[str, Any]) -> Row:
    return {
        "as_of": record["as_of"],
        "run_id": record["run_id"],
        "campaign_id": entry["campaign_id"],
        "campaign_name": entry.get("name"),
    }


def _list_lifts(metric: str, result: Mapping[str, Any]) -> Iterator[Row]:
    levels = result.get("arms") or {}
    for arm, lift in (result.get("lift") or {}).items():
        yield {
            "metric": metric,
            "unit": _find_unit(metric),
            "arm": arm,
            "control": levels.get(CONTROL),
            "treatment": levels.get(arm),
            **{part: lift.get(part) for part in LIFT},
            "reason": result.get("reason"),
        }


def _find_first_lift(entry: Mapping[str, Any], metric: str) -> tuple[str | None, Mapping[str, Any]]:
    lifts = ((entry.get("metrics") or {}).get(metric) or {}).get("lift") or {}
    first: tuple[str | None, Mapping[str, Any]] = next(iter(lifts.items()), (None, {}))
    return first


def _find_unit(metric: str) -> str:
    known = load_metrics()
    return known[metric].unit if metric in known else "number"


def _read_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
