"""Campaigns without the figures of small arms and segments.

An arm of a few makes every comparison with it one of a few: such a campaign is shown without figures. So is a segment
in which an arm has few people, and with it, arm by arm, the segments it would follow from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from monitoring.experiments.holdout import name_quarter
from monitoring.finished_campaigns import find_last_day, is_over
from monitoring.small_groups import is_small, mark_small

ABOUT = ("campaign_id", "name", "channel", "quarter", "window", "alpha", "decision", "primary_metric", "mde")
KEYS = ("channel", "quarter", "campaigns")
_COUNTED = re.compile(r"\b(\d{1,3}(?:,\d{3})*)( of [\d,]+)?( customers(?: drawn)?)( \([\d.]+%\))?")


def suppress_campaigns(summary: Mapping[str, Any], *, timezone: str, smallest: int) -> dict[str, Any]:
    """The summary with its campaigns, the programme's quarters, and what campaigns returned together.

    Args:
        timezone: the shop's, in which quarters are counted.
    """
    shown = dict(summary)
    for part in ("campaigns", "programme"):
        if isinstance(shown.get(part), list | tuple):
            shown[part] = [_suppress(entry, smallest=smallest) for entry in shown[part]]
    if isinstance(shown.get("campaigns"), list) and isinstance(shown.get("returns"), Mapping):
        shown["returns"] = _suppress_returns(shown["returns"], shown["campaigns"], timezone=timezone)
    return shown


def _suppress(entry: Mapping[str, Any], *, smallest: int) -> dict[str, Any]:
    few = [arm for arm, count in _read_customers(entry).items() if is_small(count, smallest=smallest)]
    if few:
        return _withhold(entry, f"fewer than {smallest} people are in {', '.join(few)}")
    return _suppress_segments(entry, smallest=smallest)


def _withhold(entry: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The campaign, when it was and what was decided, without any figure."""
    told = {name: entry[name] for name in ABOUT if name in entry}
    empty = {"arms": {}, "lift": {}, "reason": reason}
    metrics = dict.fromkeys(entry.get("metrics") or {}, empty)
    sentence = f"Its figures are not shown: {reason}."
    return told | {"metrics": metrics, "sentence": sentence, "withheld": True}


def _suppress_segments(entry: Mapping[str, Any], *, smallest: int) -> dict[str, Any]:
    segments = entry.get("by_segment") or {}
    hidden = _find_hidden(segments, smallest=smallest)
    by_segment = {
        segment: _withhold_segment(smallest) if segment in hidden else result
        for segment, result in segments.items()
    }
    returns = [one for one in entry.get("returns") or () if str(one.get("segment_id")) not in hidden]
    targeting = {
        arm: dict(one) | {"segments": [kept for kept in one.get("segments") or () if str(kept) not in hidden]}
        for arm, one in (entry.get("targeting") or {}).items()
    }
    checks = [
        dict(check) | {"sentence": _hide_counts(str(check.get("sentence")), smallest=smallest)}
        for check in entry.get("checks") or ()
    ]
    return dict(entry) | {
        "by_segment": by_segment,
        "returns": returns,
        "targeting": targeting,
        "checks": checks,
    }


def _hide_counts(sentence: str, *, smallest: int) -> str:
    """What a check says, with a few customers as "fewer than", and without the total and share that tell how many."""
    return _COUNTED.sub(partial(_hide_count, smallest=smallest), sentence)


def _hide_count(match: re.Match[str], *, smallest: int) -> str:
    if not is_small(int(match[1].replace(",", "")), smallest=smallest):
        return match[0]
    return f"fewer than {smallest}{match[3]}"


def _find_hidden(segments: Mapping[str, Mapping[str, Any]], *, smallest: int) -> set[str]:
    """The segments with few people in an arm, and those beside them: each arm is a line whose total is known."""
    counts = pd.DataFrame({segment: _read_customers(result) for segment, result in segments.items()}).T
    if counts.empty:
        return set()
    marks = counts.apply(lambda arm: mark_small(arm, smallest=smallest))
    return set(counts.index[(marks != "").any(axis=1)])


def _withhold_segment(smallest: int) -> dict[str, Any]:
    reason = f"not shown: there or in a segment beside it, fewer than {smallest} people are in an arm"
    return {"customers": {}, "arms": {}, "lift": {}, "reason": reason}


def _suppress_returns(
    returns: Mapping[str, Any], campaigns: Sequence[Mapping[str, Any]], *, timezone: str
) -> dict[str, Any]:
    """Without the sums a withheld campaign is part of: alone in its channel, it would be the sum."""
    withheld = [one for one in campaigns if one.get("withheld") and is_over(one)]
    channels = {str(one.get("channel") or "unknown") for one in withheld}
    days = [find_last_day(one, timezone=timezone) for one in withheld]
    quarters = {name_quarter(day) for day in days if day is not None}
    shown = {
        part: [_empty_row(row) if str(row.get(key)) in taken else row for row in returns.get(part) or ()]
        for part, key, taken in (("by_channel", "channel", channels), ("by_quarter", "quarter", quarters))
    }
    return dict(returns) | shown | ({"cumulated": []} if withheld else {})


def _empty_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if name in KEYS else None for name, value in row.items()}


def _read_customers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {str(arm): float(count or 0) for arm, count in (entry.get("customers") or {}).items()}
