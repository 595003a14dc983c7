"""All that is held about a person, for the person: Article 15 of the GDPR, Article 14 of 152-FZ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import ibis
import pyarrow

from models.retention import RetentionLimits
from tasks.export_erasure import find_in_exports
from tasks.forgotten import Forgotten, find_keys, find_names, list_suppressed, select_refused
from tasks.lake import Lake
from tasks.model_erasure import find_versions, list_snapshots
from tasks.places import Places
from tasks.registry import open_registry

PURPOSES = {
    "customers": "who the customer is, as far as the shop has said, and the latest word on consent",
    "consents": "evidence of consent and of its withdrawal",
    "identities": "which hashed keys are the same customer's",
    "links": "which hashed keys came together, so that customers can be told apart",
    "merges": "that customers turned out to be one, or several",
    "renames": "what the customer was called before",
    "events": "what reaction factors and the results of campaigns are computed from",
    "activity_daily": "events added up by day, for reaction factors",
    "orders": "events added up by order, for reaction factors",
    "sessions": "events added up by visit, for reaction factors",
    "categories_daily": "events added up by category and day, for reaction factors",
    "features": "reaction factors, which segments are made from",
    "segments": "the segment of each week, and why",
    "shadow_segments": "the segment that a model on trial would have given",
    "lifetime_values": "what the customer is expected to spend",
    "snapshots": "reaction factors that a model was trained on",
    "assignments": "the arm of each campaign, to measure what it changed",
    "holdout": "quarters in which no campaign may address the customer",
    "quarantine": "rows that were refused, to be tried again",
    "suppressions": "hashed keys that are never let in again",
}
"""What each table about people is for."""

_HIDDEN = ("component", "link_id")


def describe_person(
    lake: Lake, *, key_kind: str, key_hash: str, places: Places, limits: RetentionLimits
) -> dict[str, Any]:
    """Every row about whoever holds a key, under every name they had, and nobody else's.

    Returns:
        `tables`, each with `purpose`, `kept_days` (null: no limit) and `rows`; `exports` with the person in them;
        `models` that were trained on their rows; and `names` and `keys`, hashed.

    Raises:
        LookupError: nobody known holds the key, or so many do that it names nobody.
    """
    keys = find_keys(lake, key_kind=key_kind, key_hash=key_hash)
    if keys.empty and key_hash not in list_suppressed(lake):
        raise LookupError(f"nobody known holds this {key_kind}; check how it is written, and its kind")
    hashes = sorted({*keys["key_hash"], key_hash})
    person = Forgotten(tuple(hashes), tuple(find_names(lake, hashes)))
    tables = {name: rows for name in sorted(lake.versions) if (rows := _read_rows(lake, name, person))}
    snapshots = list_snapshots(lake, person.names)
    models = []
    if snapshots:
        models = find_versions(open_registry(lake.home, tracking_uri=places.tracking_uri), snapshots)
    return {
        "asked_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "names": list(person.names),
        "keys": [{"kind": kind, "hash": key} for kind, key in keys.itertuples(index=False, name=None)],
        "tables": {
            name: {"purpose": PURPOSES.get(name), "kept_days": limits.root.get(name), "rows": rows}
            for name, rows in tables.items()
        },
        "exports": [
            {"name": one.name, "kind": one.kind, "place": one.place, "rows": count, "as_of": str(one.as_of)}
            for one, count in find_in_exports(lake, places, person)
        ],
        "models": models,
    }


def write_answer(answer: dict[str, Any], out: Path) -> None:
    """Write the answer as a file that only its owner can read."""
    out.touch(mode=0o600)
    out.write_text(json.dumps(answer, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


def _read_rows(lake: Lake, name: str, person: Forgotten) -> list[dict[str, Any]]:
    columns = lake.schema(name).names
    if name == "quarantine":
        return _read_refused(lake, person.key_hashes)
    if name in ("identities", "links", "suppressions"):
        return _list_rows(lake, name, "key_hash", person.key_hashes)
    if "customer_id" not in columns:
        return []
    rows = _list_rows(lake, name, "customer_id", person.names)
    if "old_customer_id" not in columns:
        return rows
    # Of a split the other side is somebody else.
    own = set(person.names)
    return [row for row in rows if row["old_customer_id"] in own]


def _list_rows(lake: Lake, name: str, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    table = lake.table(name)
    rows = table.filter(table[column].isin(list(values)))
    if name == "identities":
        rows = rows.filter(~rows.shared)
    kept = [c for c in rows.columns if c not in _HIDDEN]
    return _plain(rows.select(kept).order_by(kept))


def _read_refused(lake: Lake, key_hashes: Sequence[str]) -> list[dict[str, Any]]:
    theirs = select_refused(lake, key_hashes)
    rows = lake.engine.con.execute(
        f'SELECT source, reasons, "row", first_seen_at FROM {lake.relation("quarantine")} '
        f"SEMI JOIN ({theirs}) USING (source, row_hash) ORDER BY first_seen_at, source, row_hash"
    ).to_arrow_table()
    return _list_plain(rows)


def _plain(rows: ibis.Table) -> list[dict[str, Any]]:
    return _list_plain(rows.to_pyarrow())


def _list_plain(rows: pyarrow.Table) -> list[dict[str, Any]]:
    return [{name: _plain_value(value) for name, value in row.items()} for row in rows.to_pylist()]


def _plain_value(value: Any) -> Any:
    """What JSON has: moments as text, and null for a figure that is none."""
    if isinstance(value, float) and not isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value
