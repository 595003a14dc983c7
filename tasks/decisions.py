"""The decisions about models, as rows of `promotions`: who was in production when, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow

from tasks.lake import Lake

ROLLBACK = "rollback"
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


def list_promotions(lake: Lake) -> pd.DataFrame:
    """Every decision on record, oldest first; `as_of` as a date."""
    if not lake.has("promotions"):
        return _PROMOTIONS.empty_table().to_pandas()
    decisions = lake.table("promotions").order_by("decided_at").to_pandas()
    return decisions.assign(as_of=pd.to_datetime(decisions["as_of"]).dt.date)


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
    """One row in `promotions`: the intent that `settle_promotions` carries out.

    Args:
        champion_version, previous_version: who is champion after it, and who was before.
        gates: every number the rules looked at.
    """
    row = {
        "decided_at": _date_decision(list_promotions(lake)),
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


def _date_decision(decisions: pd.DataFrame) -> datetime:
    """Now, but after every decision on record: they are ordered by it, and clocks jump."""
    now = datetime.now(UTC)
    return now if decisions.empty else max(now, decisions["decided_at"].max() + timedelta(microseconds=1))


def find_decision(decisions: pd.DataFrame, *, snapshot_id: str) -> pd.Series | None:
    """The decision that stands about a challenger trained on these rows; None if there is none.

    A week that was blocked is decided anew.
    """
    found = decisions[(decisions["snapshot_id"] == snapshot_id) & (decisions["decision"] != "blocked")]
    return None if found.empty else found.iloc[-1]


def find_champion_before(decisions: pd.DataFrame, *, as_of: date) -> str | None:
    """The version that was champion when the week to `as_of` was first decided, or is now if it has not been."""
    weeks = decisions[decisions["decision"] != ROLLBACK]
    this_week = weeks[weeks["as_of"] == as_of]
    if len(this_week):
        return _read(this_week["previous_version"].iloc[0])
    return _read(decisions["champion_version"].iloc[-1]) if len(decisions) else None


def find_champion_after(decisions: pd.DataFrame, decision: pd.Series) -> str | None:
    """The version that is champion by a decision, or by rollbacks right after it."""
    after = decisions.loc[decision.name :]
    rolled_back = (after["decision"] == ROLLBACK).to_numpy()
    undone = int(rolled_back[1:].cumprod().sum())
    return _read(after["champion_version"].iloc[undone])


def list_wins(decisions: pd.DataFrame, *, as_of: date) -> list[dict[str, Any]]:
    """Of every week decided before `as_of`, since the last rollback: the champion it ended with, and whether the
    challenger had won.
    """
    last = _list_earlier_weeks(decisions, as_of=as_of)
    return [
        {"champion_version": version, "won": bool(json.loads(gates).get("won"))}
        for version, gates in zip(last["champion_version"], last["gates"], strict=True)
    ]


def find_last_winner(decisions: pd.DataFrame, *, as_of: date, champion_version: str) -> str | None:
    """The challenger that won against this champion the week before and did not replace it; None if none did."""
    last = _list_earlier_weeks(decisions, as_of=as_of).tail(1)
    if last.empty or last["champion_version"].iloc[0] != champion_version:
        return None
    return _read(last["challenger_version"].iloc[0]) if json.loads(last["gates"].iloc[0]).get("won") else None


def _list_earlier_weeks(decisions: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """The last decision about each week before `as_of`, since the last rollback."""
    earlier = decisions[decisions["as_of"] < as_of]
    returned = earlier.index[earlier["decision"] == ROLLBACK]
    since = earlier.loc[returned[-1] + 1 :] if len(returned) else earlier
    return since.drop_duplicates("as_of", keep="last").sort_values("as_of", kind="stable")


def find_later_week(decisions: pd.DataFrame, *, as_of: date) -> date | None:
    """The newest week after `as_of` that has been decided."""
    weeks = decisions.loc[decisions["decision"] != ROLLBACK, "as_of"]
    later = weeks[weeks > as_of]
    return None if later.empty else later.max()


def _read(version: Any) -> str | None:
    return None if pd.isna(version) else str(version)
