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
    "why": r".+", "told": r".+", "more": r".+", "due": r".+?", "measured": r".+?",
    "p": r"[\d.]+(?:e-?\d+)?", "day": r"\d{4}-\d\d-\d\d", "until": r"\d{4}-\d\d-\d\d",
}  # fmt: skip
"""What may stand for a field of a sentence; for one that is not listed, a figure."""

SENTENCES = (
    # monitoring/experiments/decision.py
    mark("{name} starts on {day}."),
    mark("{name} cannot be judged: {why}."),
    mark("'{metric}' is not a metric that can decide"),
    mark("{name} worked: {told}."),
    mark("{name} did harm: {told}."),
    mark("{name} is undecided: {told}."),
    mark("{name} does harm and can be ended early: {told}."),
    mark("{name} is still being measured; it is decided on {day}."),
    mark("{told}, adjusted for what they did before and their segments"),
    mark("{metric} was {level} in control and {told}"),
    mark("{level} in {arm} ({difference} points, {confidence} interval {low} to {high}: better)"),
    mark("{level} in {arm} ({difference} points, {confidence} interval {low} to {high}: worse)"),
    mark("{level} in {arm} ({difference} points, {confidence} interval {low} to {high}: may be chance)"),
    mark("{level} in {arm} ({difference}, {confidence} interval {low} to {high}: better)"),
    mark("{level} in {arm} ({difference}, {confidence} interval {low} to {high}: worse)"),
    mark("{level} in {arm} ({difference}, {confidence} interval {low} to {high}: may be chance)"),
    mark("cannot be compared in {arm}"),
    mark("note: {why}"),
    mark("but {metrics} went up in {arm}"),
    mark("there is nothing to compare"),
    # monitoring/experiments/trust.py
    mark("it runs from {day} to {until}"),
    mark("it ends on {until}, not after its start on {day}"),
    mark("no customer was assigned to it"),
    mark("it has no control group"),
    mark("nobody but the control group was assigned to it"),
    mark("nobody is in arm {arms}"),
    mark("{count} arms"),
    mark("no planned control share is recorded, so sizes are not checked"),
    mark("there are no two groups whose sizes could be checked"),
    mark("{share} of customers are in control where {planned} were planned"),
    mark("{share} of customers are in control where {planned} were planned, which is not chance (p = {p})"),
    mark("{share} of customers are in control where {planned} were planned (sequential test, while it runs)"),
    mark("customers in two arms were left out, not counted"),
    mark("no customer is in two arms"),
    mark("{count} customers ({share}) were in two arms and are left out"),
    mark("how many were drawn is not on record"),
    mark("everybody who was drawn is still there"),
    mark("{count} of {total} customers drawn ({share}) have been erased or merged since and count no more"),
    mark("what the arms did before cannot be compared"),
    mark("the arms already differed before, in orders of {arm} (p = {p})"),
    mark("the arms already differed before, in revenue of {arm} (p = {p})"),
    mark("the arms already differed before, in visited of {arm} (p = {p})"),
    mark("the arms did alike before"),
    mark("nobody looked how far the sources have delivered"),
    mark("every source has delivered to the end"),
    mark("what happened is not all known yet: nothing from {told}"),
    mark("'{source}' since {day}"),
    mark("'{source}' since {day}, {told}"),
    mark("the metric counts customers, not money: no customer weighs more than another"),
    mark("there is no result that outliers could carry"),
    mark("the result in {arms} rests on the largest 1 % of purchasers"),
    mark("the result is the same without the largest 1 % of purchasers"),
    mark("whether the effect lasts is seen at the end"),
    mark("conversions are too few to see whether the effect lasts"),
    mark("the effect in {arms} was stronger in the first half than in the second"),
    mark("the effect did not wear off in the window"),
    mark("there are no arms"),
    mark("the smallest arm, {arm}, has {count} customers"),
    # Why a figure is missing: monitoring/experiments and monitoring/metrics
    mark("the campaign starts on {day}"),
    mark("interim: the campaign runs until {day}"),
    mark("money of one customer counts up to the {share} quantile"),
    mark("{metric} is not known for every customer"),
    mark("no control group to compare with"),
    mark("a ratio has an interval only at the end"),
    mark("no relative lift, because not every arm's value is above zero"),
    mark("the values do not vary, so there is no interval"),
    mark("{arm} rests on {count} of its {total} customers, an interval needs {needed}"),
    mark(
        "{arm} rests on {count} of its {total} customers, an interval that may be looked at early needs {needed}"
    ),
    mark("cost unknown"),
    mark("no cost over control"),
    mark("no conversions gained"),
    mark("at least {low}, no upper bound"),
    mark("no cost per conversion in {arms}"),
    mark("a cost per additional conversion has no relative lift and no p-value"),
    mark("a return exists only against control: no value an arm, no relative lift, no p-value"),
    mark("who had bought before is not known"),
    mark("nobody assigned was new: everybody had bought before; see cost_per_conversion"),
    mark("churn is known {count} days after the campaign's end, on {day}"),
    mark("retention is known {count} days after the campaign's end, on {day}"),
    mark("revenue, because the margin is not known"),
    mark("nobody answered a survey in the window"),
    # models/promotion.py and tasks/approval.py
    mark("this week's data cannot be trusted ({why}): there is no champion yet"),
    mark("this week's data cannot be trusted ({why}): the champion stays"),
    mark("how the challenger stands to the champion is unknown"),
    mark("there is no champion, and the first model is not fit for use"),
    mark("there was no champion: the first model is installed"),
    mark("there was no champion: the first model is installed provisionally, its segments may still shift"),
    mark("{count} segments (at least {least})"),
    mark("the smallest segment holds {share} (at least {least})"),
    mark("customers in no segment: {share} (at most {most})"),
    mark("stability {value} (at least {least})"),
    mark("stability of the least stable segment {value} (at least {least})"),
    mark("the search found the model not fit for use: {why}"),
    mark("the champion is {count} days old (at most {most})"),
    mark("the champion does not pass itself ({why})"),
    mark("the gain in separation over the champion could not be measured"),
    mark("the gain in separation over the champion could not be measured: {why}"),
    mark("the champion's age is unknown"),
    mark("the challenger is better: {measured} (at least {least}, bound above 0)"),
    mark("the challenger is not clearly better: {measured} (at least {least}, bound above 0)"),
    mark("{due} and the challenger is no worse: {measured} (bound above {least})"),
    mark("{due}, but the challenger may be worse: {measured} (bound above {least})"),
    mark("it is the champion's own recipe, fitted anew, so the gain in separation is none"),
    mark("gain in separation {value}, lower bound {low}"),
    mark("gain in separation {value}, lower bound {low}, {least} could have been noticed"),
    mark("customers who would change segment: {share} (at most {most})"),
    mark("{share} of the champion's inputs have drifted"),
    mark("it is unknown how far the champion's inputs have drifted"),
    mark("the week to {day} has been decided already: an older one changes nothing"),
    mark("a challenger was better {count} weeks running (at least {least})"),
    mark("{count} weeks in the champion's shadow (at least {least})"),
    mark("nobody approved the challenger within {count} minutes"),
    mark("the challenger was not approved"),
    # monitoring/drift.py
    mark("no reference yet: drift is measured from the first champion on"),
    mark("fewer than {count} customers with values to compare: drift cannot be measured"),
    mark("{count} of {total} factors drifted ({share}): retrain from {high} on"),
    mark("{count} of {total} factors drifted ({share}): watch from {low}, retrain from {high} on"),
    mark("{count} of {total} factors drifted ({share}), fewer than {low}"),
    mark(
        "the largest of {count} changes is {score} times its usual size (watch from {low}, retrain from {high}, by "
        "{weeks} past weeks of this shop)"
    ),
    # models/surrogate.py and monitoring/experiments/before_after.py
    mark("assuming surrogacy"),
    mark("earlier cohorts brought in nothing after the short run"),
    mark("earlier cohorts have {count} customers; it takes {least}"),
    mark("the campaign lasts longer than the {count} days to look ahead"),
    mark(
        "weak evidence: without a control group, season, prices and chance look like the campaign; plan a control "
        "group next time"
    ),
)


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
        return words.join((_name_metric(metric, words) for metric in text.split(", ")), limit=len(text))
    if name in ("why", "told", "due", "measured"):
        return retell(text, words)
    if name in ("day", "until"):
        return words.format_date(text)
    return words.tell_p_value(float(text)) if name == "p" else _write_figure(text, words)


def _name_metric(metric: str, words: Words) -> str:
    """A metric by its title, name or column; as a noun inside a sentence, in lower case where the language does so."""
    title = _list_titles().get(COLUMNS.get(metric, metric))
    if title is None:
        return metric
    said = words.gettext(title)
    is_plain = words.locale.language != "de" and not said[:2].isupper()
    return said[0].lower() + said[1:] if is_plain else said


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
