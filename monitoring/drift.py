"""Drift: do customers still behave as those the champion was trained on, and what follows from it?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from monitoring.calibration import Surprise
from monitoring.comparison import SEGMENT_MIX, DriftMeasurement
from monitoring.drift_settings import DriftSettings
from monitoring.watchers import CORRELATION, RECONSTRUCTION

REASONS_SHOWN = 5
_WITHOUT_A_READING = {
    SEGMENT_MIX: "the mix of segments has changed",
    CORRELATION: "factors no longer go together as they did",
    RECONSTRUCTION: "the structure of all factors together has changed",
}


@dataclass(frozen=True, slots=True)
class DriftDecision:
    """What follows: `drifted` names the columns, most drifted first; `reasons` are sentences."""

    decision: Literal["none", "watch", "retrain", "data_fault"]
    drifted: tuple[str, ...]
    reasons: tuple[str, ...]


def decide_drift(
    measurement: DriftMeasurement | None,
    *,
    data_faults: Sequence[str],
    settings: DriftSettings,
    surprise: Surprise | None = None,
) -> DriftDecision:
    """Turn faults of the data and drift into one decision.

    The first rule that holds decides:

    1. `data_fault`: there is a fault in the data (retraining on it would learn the fault).
    2. `none`: there is no reference yet, or nothing to compare.
    3. Where enough weeks are on record: `retrain` if the largest change of all reaches the limit for it, `watch` if it
       reaches the lower one, else `none`.
    4. Else `retrain` if the share of drifted factors is at least `share_retrain`; `watch` if it is at least
       `share_watch`, or the mix of segments has drifted; else `none`.

    Args:
        measurement: today's factors beside those the champion was trained on; None where there is no champion.
        data_faults: sentences, a fault each.
        settings: the limits.
        surprise: how unusual the week is for this shop; None where too few weeks are on record.
    """
    calibrated = surprise is not None and settings.thresholds == "calibrated"
    if surprise is not None and calibrated:
        drifted = tuple(surprise.list_beyond(surprise.limits.watch)["watcher"])
    else:
        drifted = () if measurement is None else _list_drifted(measurement.columns)
    if data_faults:
        return DriftDecision("data_fault", drifted, tuple(data_faults))
    if measurement is None:
        return DriftDecision("none", (), ("no reference yet: drift is measured from the first champion on",))
    if surprise is not None and calibrated:
        return _decide_by_surprise(surprise, drifted)
    return _decide_by_share(measurement.columns, drifted, settings)


def _decide_by_surprise(surprise: Surprise, drifted: tuple[str, ...]) -> DriftDecision:
    limits, score = surprise.limits, surprise.score
    told = (
        f"the largest of {len(surprise.changes)} changes is {score:.1f} times its usual size (watch from "
        f"{limits.watch:.1f}, retrain from {limits.retrain:.1f}, by {limits.weeks} past weeks of this shop)"
    )
    beyond = surprise.list_beyond(limits.watch).head(REASONS_SHOWN)
    reasons = (told, *(explain_change(row) for row in beyond.to_dict("records")))
    if score >= limits.retrain:
        return DriftDecision("retrain", drifted, reasons)
    return DriftDecision("watch" if score >= limits.watch else "none", drifted, reasons)


def explain_change(change: Mapping[Hashable, Any]) -> str:
    """A row of `Surprise.changes` as a sentence."""
    kind, _, name = str(change["watcher"]).rpartition(":")
    what = {
        "": f"{name}: mean",
        "unknown": f"{name}: share of customers without a value",
        "kpi": f"{name.replace('_', ' ')}:",
        "source": f"events of source '{name}':",
    }[kind]
    read = f" {change['before']:.3g} → {change['after']:.3g}"
    if name in _WITHOUT_A_READING:
        what, read = _WITHOUT_A_READING[name], ""
    since = f"since {change['since']}" + (
        ", when the champion was trained" if change["against"] == "training" else ""
    )
    return f"{what}{read} {since}; {change['score']:.1f} times its usual change over that time"


def _decide_by_share(
    columns: pd.DataFrame, drifted: tuple[str, ...], settings: DriftSettings
) -> DriftDecision:
    factors = columns[(columns["column"] != SEGMENT_MIX) & (columns["drifted"] | columns["score"].notna())]
    if factors.empty:
        few = f"fewer than {settings.small} customers with values to compare: drift cannot be measured"
        return DriftDecision("none", (), (few,))
    share = float(factors["drifted"].mean())
    summary = f"{factors['drifted'].sum()} of {len(factors)} factors drifted ({share:.0%})"
    reasons = (_explain_share(summary, share, settings), *_explain_columns(columns))
    if share >= settings.share_retrain:
        return DriftDecision("retrain", drifted, reasons)
    if share >= settings.share_watch or SEGMENT_MIX in drifted:
        return DriftDecision("watch", drifted, reasons)
    return DriftDecision("none", drifted, reasons)


def _list_drifted(columns: pd.DataFrame) -> tuple[str, ...]:
    return tuple(columns.loc[columns["drifted"], "column"])


def _explain_share(summary: str, share: float, settings: DriftSettings) -> str:
    if share >= settings.share_retrain:
        return f"{summary}: retrain from {settings.share_retrain:.0%} on"
    if share >= settings.share_watch:
        return (
            f"{summary}: watch from {settings.share_watch:.0%}, retrain from {settings.share_retrain:.0%} on"
        )
    return f"{summary}, fewer than {settings.share_watch:.0%}"


def _explain_columns(columns: pd.DataFrame) -> tuple[str, ...]:
    is_mix = columns["column"] == SEGMENT_MIX
    moved = columns[columns["drifted"] & ~is_mix].head(REASONS_SHOWN)
    told = pd.concat([columns[columns["drifted"] & is_mix], moved, columns[columns["method"] == "new"]])
    return tuple(told["sentence"])
