"""What destinations are given, small enough to be counted by hand: twelve customers, two weeks, two campaigns."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import ibis
import pandas as pd

AS_OF = date(2026, 11, 16)
BEFORE = date(2026, 11, 9)
CUSTOMERS = [f"p{number:02d}" for number in range(12)]
# p02 refused marketing, p11 profiling; p00 was never asked.
REFUSED = {"p02", "p11"}
NAMES = ["Loyal", 'Curious, "new"', "Fading"]
Tables = dict[str, ibis.Table]


def make_tables() -> Tables:
    """The lake's tables, as `tasks.exports.read_tables` hands them out."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    frames = {
        **_make_customers(),
        **_make_campaigns(),
        **_make_weeks(),
        "runs": _make_runs(),
    }
    return {name: connection.create_table(name, ibis.memtable(frame)) for name, frame in frames.items()}


def _make_customers() -> dict[str, pd.DataFrame]:
    segments = pd.DataFrame(
        {
            "as_of": AS_OF,
            "customer_id": CUSTOMERS,
            "segment_id": [0, 1, 2] * 4,
            "segment_name": NAMES * 4,
            "strength": [1 / (number + 3) for number in range(12)],
            "is_outlier": False,
            "reason_1": "tenure_days",
            "reason_2": pd.array([None] * 12, dtype="string"),
            "model_version": "2",
        }
    )
    earlier = segments.assign(as_of=BEFORE, segment_name="Before")
    marketing = pd.array([None, True, False] + [True] * 9, dtype="boolean")
    profiling = pd.array([None] + [True] * 10 + [False], dtype="boolean")
    features = pd.DataFrame(
        {"as_of": AS_OF, "customer_id": CUSTOMERS, "tenure_days": [number / 7 for number in range(12)]}
    )
    return {
        "segments": pd.concat([segments, earlier]),
        "customers": pd.DataFrame(
            {"customer_id": CUSTOMERS, "consent_marketing": marketing, "consent_profiling": profiling}
        ),
        "features": features,
    }


def _make_campaigns() -> dict[str, pd.DataFrame]:
    campaigns = pd.DataFrame(
        {
            "campaign_id": ["over", "running", "announced"],
            "name": ["Over", "Running", "Announced"],
            "starts_at": [datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11, 12)],
            "ends_at": [datetime(2026, month, 15, tzinfo=UTC) for month in (10, 12, 12)],
        }
    )
    assignments = pd.DataFrame(
        {
            "campaign_id": ["over", "running", "running", "announced", "unheard_of"],
            "customer_id": ["p03", "p04", "p05", "p06", "p07"],
            "arm": ["control", "control", "treatment", "control", "control"],
        }
    )
    return {"campaigns": campaigns, "assignments": assignments}


def _make_weeks() -> dict[str, pd.DataFrame]:
    profile = {
        "factors": {"tenure_days": {"median": 3.25, "mean": 0.1}, "aov": {"median": None, "mean": None}},
        "reasons": [{"factor": "tenure_days", "effect": -1.5, "median": 3.25, "others": 7.0}],
    }
    profiles = pd.DataFrame(
        {
            "as_of": [BEFORE, AS_OF, AS_OF],
            "segment_id": [1, 1, 2],
            "segment_name": ["Before", NAMES[1], NAMES[2]],
            "size": [8, 8, 4],
            "share": [1.0, 2 / 3, 1 / 3],
            "value": [120.5, 0.1 + 0.2, None],
            "profile": ["{}", json.dumps(profile), "{}"],
            "rule": ["bought twice", 'said "no",\nthen bought', ""],
            "lineage": ["new", "continues", "new"],
            "model_version": ["1", "2", "2"],
        }
    )
    migrations = pd.DataFrame(
        {
            "as_of": AS_OF,
            "previous_as_of": BEFORE,
            "before_id": pd.array([1, None], dtype="Int64"),
            "between_id": pd.array([1, 2], dtype="Int64"),
            "after_id": pd.array([2, 2], dtype="Int64"),
            "customers": [4, 1],
            "before_name": ["Before", None],
            "between_name": ["Before", NAMES[2]],
            "after_name": NAMES[2],
            "before_version": "1",
            "after_version": "2",
        }
    )
    drift = pd.DataFrame(
        {
            "as_of": [BEFORE, AS_OF],
            "factor": "tenure_days",
            "method": "calibrated",
            "score": [None, 4.2],
            "threshold": 2.0,
            "drifted": [False, True],
        }
    )
    promotions = pd.DataFrame(
        {
            "decided_at": pd.to_datetime(
                ["2026-11-10 05:00:00.25", "2026-11-17 05:00"], utc=True, format="mixed"
            ),
            "as_of": [BEFORE, AS_OF],
            "decision": ["first", "promote"],
            "reasons": [json.dumps(["it is the first"]), json.dumps(["it is better", "it is stable"])],
            "challenger_version": ["1", "2"],
            "champion_version": ["1", "2"],
            "previous_version": [None, "1"],
            "snapshot_id": "s",
            "gates": "{}",
        }
    )
    quarantine = pd.DataFrame(
        {
            "source": ["web", "web", "crm"],
            "row_hash": ["a", "b", "c"],
            "reasons": [json.dumps(["value: below 0", "kind: unknown"])] * 2 + [json.dumps(["no key"])],
            "row": ['{"street": "Elm 3"}'] * 3,
            "first_seen_at": pd.to_datetime(
                ["2026-11-16 23:30", "2026-11-16 01:00", "2026-11-17"], utc=True, format="mixed"
            ),
        }
    )
    return {
        "segment_profiles": profiles, "migrations": migrations, "drift_scores": drift, "promotions": promotions,
        "quarantine": quarantine,
    }  # fmt: skip


def _make_runs() -> pd.DataFrame:
    summary = {
        "customers": 12,
        "ingest": {
            "read": 100, "accepted": 90, "duplicates": 8, "quarantined": 2,
            "by_source": {
                "web": {
                    "read": 100, "accepted": 90, "duplicates": 8, "quarantined": 2, "filtered": 0, "late": 1,
                },
            },
        },
        "drift": {"decision": "none"},
        "promotion": None,
        "campaigns": [_make_campaign("ship")],
    }  # fmt: skip
    first = summary | {"campaigns": [_make_campaign("continue")]}
    return pd.DataFrame(
        {
            "run_id": ["r0", "r1", "r2", "r3"],
            "flow": ["weekly-retrain", "weekly-retrain", "weekly-retrain", "daily-score"],
            "as_of": [BEFORE, AS_OF, date(2026, 11, 23), date(2026, 11, 10)],
            "started_at": pd.Timestamp("2026-11-17 05:00", tz="UTC"),
            "finished_at": pd.to_datetime([f"2026-11-{day} 05:01" for day in (10, 17, 24, 11)], utc=True),
            "summary": [json.dumps(first), json.dumps(summary), json.dumps(summary), "{}"],
            "versions": "{}",
        }
    )


def _make_campaign(decision: str) -> dict[str, Any]:
    lift = {"absolute": 0.03, "low": 0.01, "high": None, "relative": None, "p_value": 0.01}
    levels = {"control": 0.1, "treatment": 0.13}
    conversion = {"arms": levels, "lift": {"treatment": lift}, "reason": None}
    roi = {"arms": {}, "lift": {"treatment": {"absolute": 0.5, "low": -0.2, "high": 1.2}}, "reason": None}
    return {
        "campaign_id": "over",
        "name": "Over",
        "channel": "email",
        "window": {
            "starts_at": "2026-09-30T22:00:00+00:00", "ends_at": "2026-10-15T22:00:00+00:00",
            "until": "2026-11-16T23:00:00+00:00",
        },
        "customers": {"control": 5, "treatment": 7},
        "costs": {"control": None, "treatment": 12.5},
        "srm_p": 0.4,
        "decision": decision,
        "sentence": "Over worked.",
        "primary_metric": "conversion",
        "metrics": {"conversion": conversion, "roi": roi},
        "by_segment": {"1": {"customers": {"control": 2, "treatment": 3}, **conversion}},
    }  # fmt: skip
