"""Sentences that reach the pages as English text, told again in the reader's language.

The run says in words why a campaign is decided as it is, what a check found, why a figure is missing and why a model
stays. Such a sentence is found among those the program writes, its figures are read out of it and written anew. What
is not found, such as an error's own words, stays as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from monitoring.metrics import load_metrics
from monitoring.pages.layout.sentences import SENTENCES
from monitoring.pages.layout.words import Words, mark

ARMS = (mark("control"), mark("treatment"))
COLUMNS = {
    "churned": "churn", "clicked": "clicks", "complained": "complaints", "converted": "conversion", "opened": "opens",
    "realised": "ltv", "retained": "retention", "unsubscribed": "unsubscribes", "visited": "visits",
}  # fmt: skip
"""The metric a column of outcomes is measured for, where they are not called alike."""
_NAMES = r"[^;]+?"
_FIGURE = r"[+−-]?\d[\d,]*(?:\.\d+)?(?: ?%)?|unknown"
_PATTERNS = {
    "name": r".+?", "arm": _NAMES, "arms": _NAMES, "metric": _NAMES, "metrics": _NAMES, "source": _NAMES,
    "why": r".+", "told": r".+", "due": r".+?", "measured": r".+?",
    "p": r"[\d.]+(?:e-?\d+)?", "day": r"\d{4}-\d\d-\d\d", "until": r"\d{4}-\d\d-\d\d",
}  # fmt: skip
"""What may stand for a field of a sentence; for one that is not listed, a figure."""


def retell(text: str, words: Words) -> str:
    """A sentence, or several joined by semicolons, in the reader's language; English stays as it is."""
    if words.is_english or not text:
        return text
    for sentence in SENTENCES:
        if found := _compile(sentence).fullmatch(text):
            return words.gettext(sentence, **_write_fields(found.groupdict(), words))
    parts = text.split("; ")
    if len(parts) > 1:
        return words.gettext("; ").join(retell(part, words) for part in parts)
    arm, colon, why = text.partition(": ")
    told = retell(why, words)
    return words.explain(name_arm(arm, words), told) if colon and told != why else text


def name_arm(arm: str, words: Words) -> str:
    """An arm as its owner called it; the two that the program names itself in the reader's language."""
    return words.gettext(arm) if arm in ARMS else arm


def name_metric(metric: str, words: Words) -> str:
    """A metric by its title, name or column; as a noun inside a sentence, in lower case where the language does so."""
    title = _list_titles().get(COLUMNS.get(metric, metric))
    if title is None:
        return metric
    said = words.gettext(title)
    is_plain = words.locale.language != "de" and not said[:2].isupper()
    return said[0].lower() + said[1:] if is_plain else said


@cache
def _compile(sentence: str) -> re.Pattern[str]:
    fields = re.split(r"\{(\w+)\}", sentence)
    parts = [
        f"(?P<{part}>{_PATTERNS.get(part, _FIGURE)})" if place % 2 else re.escape(part)
        for place, part in enumerate(fields)
    ]
    return re.compile("".join(parts), re.DOTALL)


def _write_fields(fields: Mapping[str, str], words: Words) -> dict[str, Any]:
    return {name: _write_field(name, text, words) for name, text in fields.items()}


def _write_field(name: str, text: str, words: Words) -> str:
    if name in ("name", "source"):
        return text
    if name in ("arm", "arms"):
        return words.join((name_arm(arm, words) for arm in text.split(", ")), limit=len(text))
    if name in ("metric", "metrics"):
        return words.join((name_metric(metric, words) for metric in text.split(", ")), limit=len(text))
    if name in ("why", "told", "due", "measured"):
        return retell(text, words)
    if name in ("day", "until"):
        return words.format_date(text)
    return words.tell_p_value(float(text)) if name == "p" else _write_figure(text, words)


@cache
def _list_titles() -> dict[str, str]:
    return {key: one.title for one in load_metrics().values() for key in (one.title.lower(), one.name)}


def _write_figure(text: str, words: Words) -> str:
    """A figure with as many decimals as it came with."""
    digits = text.rstrip(" %").lstrip("+−-").replace(",", "")
    if text == "unknown":
        return words.gettext(mark("unknown"))
    decimals, sign = len(digits.partition(".")[2]), text[0].replace("-", "−")
    share, size = text.endswith("%"), float(digits)
    shown = words.format_percent(size / 100, decimals) if share else words.format_decimals(size, decimals)
    return sign + shown if sign in "+−" else shown
