"""What people are told about a run without asking: plain sentences on what happened and what to do.

They hold counts, shares and names of sources, factors and segments; nothing about a single customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from monitoring.pages.layout.verdicts import DRIFT, PROMOTION, Verdict
from monitoring.pages.layout.words import SPACE, load_words, read_part

Occasion = Literal["data_fault", "retrain", "promote", "blocked", "failed"]
TOLD_REASONS = 5
TOLD_FLOWS = 5
WORDS = load_words()


class Notification(BaseModel):
    """One `[[notifications]]` section: who is told of what.

    Attributes:
        block: a notification block of Prefect's, `type/name` as its page shows it: `slack-webhook/marketing`.
        on: the occasions to send a message on; all of them are the default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")
    on: tuple[Occasion, ...] = Field(default=get_args(Occasion), min_length=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message: the occasions it is sent on, a subject of one line, and a body of plain text."""

    occasions: tuple[Occasion, ...]
    subject: str
    body: str


def list_notices(summary: Mapping[str, Any], *, title: str) -> tuple[Notice, ...]:
    """What is worth a message in a weekly or a daily run; nothing in most.

    Args:
        summary: the run's summary, as it is put on record.
        title: what the shop's reports are called, for the subject.
    """
    drift = read_part(summary, "drift").get("decision")
    promotion = read_part(summary, "promotion").get("decision")
    told = []
    if drift == "data_fault":
        told.append(_describe_fault(summary, title=title))
    elif promotion == "blocked":
        told.append(_describe_block(summary, title=title))
    if drift == "retrain":
        told.append(_describe_change(summary, title=title))
    if promotion == "promote":
        told.append(_describe_promotion(summary, title=title))
    return tuple(told)


def describe_failure(*, flow: str, run: str, as_of: date | str | None, reason: str, title: str) -> Notice:
    """A run that did not finish.

    Args:
        flow, run: the names of both in Prefect.
        as_of: the day it was to count up to; None where it had not been given one.
        reason: why, if that is fit to be told; may be empty.
        title: what the shop's reports are called.
    """
    day = f" for {WORDS.format_date(as_of)}" if as_of else ""
    parts = (
        f"The run {flow}{day} did not finish.",
        WORDS.close_sentence(reason),
        "Segments, reports and the model in use are as the last run on record left them.",
        f"What to do: have whoever runs Segmentwerk look at the run '{run}' in Prefect. "
        "Once the cause is gone, the same run can be started again; nothing is counted twice.",
    )
    return _write(("failed",), f"{title}: {flow}{day} did not finish", *parts)


def _describe_fault(summary: Mapping[str, Any], *, title: str) -> Notice:
    """Faulty data hold a week's model back as well: that is one message, not two."""
    promotion = read_part(summary, "promotion")
    blocked = promotion.get("decision") == "blocked"
    held = (
        f" The week's new model was held back: version {promotion['champion_version']} is in use."
        if blocked
        else ""
    )
    return _write(
        ("data_fault", "blocked") if blocked else ("data_fault",),
        f"{title}: the data to {WORDS.format_date(summary.get('as_of'))} look faulty",
        DRIFT["data_fault"].meaning + held,
        _list(read_part(summary, "drift").get("reasons"), most=TOLD_REASONS),
        f"{_say_what_to_do(DRIFT['data_fault'])} Once the deliveries are repaired, run it again. "
        "Until then no new model replaces the one in use.",
        _point_to_report(summary),
    )


def _describe_change(summary: Mapping[str, Any], *, title: str) -> Notice:
    promotion = read_part(summary, "promotion")
    trained = (
        f"A new model was trained in this run; version {promotion['champion_version']} is in use now."
        if promotion
        else "The weekly run trains a new model; `segmentwerk weekly` does so at once."
    )
    return _write(
        ("retrain",),
        f"{title}: customers have changed, as of {WORDS.format_date(summary.get('as_of'))}",
        DRIFT["retrain"].meaning,
        _list(read_part(summary, "drift").get("reasons"), most=TOLD_REASONS),
        f"{_say_what_to_do(DRIFT['retrain'])} {trained}",
        _point_to_report(summary),
    )


def _describe_promotion(summary: Mapping[str, Any], *, title: str) -> Notice:
    promotion = read_part(summary, "promotion")
    return _write(
        ("promote",),
        f"{title}: new segments from {WORDS.format_date(summary.get('as_of'))} on",
        f"{PROMOTION['promote'].meaning} Version {promotion['champion_version']} is in use.",
        _list(promotion.get("reasons"), most=TOLD_REASONS),
        _describe_moves(read_part(summary, "migration")),
        _say_what_to_do(PROMOTION["promote"]),
        _point_to_report(summary),
    )


def _describe_block(summary: Mapping[str, Any], *, title: str) -> Notice:
    promotion = read_part(summary, "promotion")
    return _write(
        ("blocked",),
        f"{title}: the new model of {WORDS.format_date(summary.get('as_of'))} was held back",
        f"{PROMOTION['blocked'].meaning} Version {promotion['champion_version']} is in use.",
        _list(promotion.get("reasons"), most=TOLD_REASONS),
        _say_what_to_do(PROMOTION["blocked"]),
        _point_to_report(summary),
    )


def _say_what_to_do(verdict: Verdict) -> str:
    return f"What to do: {verdict.action[0].lower()}{verdict.action[1:]}"


def _describe_moves(migration: Mapping[str, Any]) -> str:
    if not migration.get("common") or migration.get("moved") is None:
        return ""
    share, common = WORDS.format_share(migration["moved"]), WORDS.format_count(migration["common"])
    since = f"{share} of {common} customers changed segment since {WORDS.format_date(migration['previous_as_of'])}."
    return f"{since}\n\n{_list(migration.get('sentences'), most=TOLD_FLOWS)}".strip()


def _list(sentences: Any, *, most: int) -> str:
    every = [WORDS.close_sentence(str(sentence)) for sentence in sentences or ()]
    more = [f"… and {len(every) - most} more."] if len(every) > most else []
    return "\n".join(f"- {sentence}" for sentence in [*every[:most], *more])


def _point_to_report(summary: Mapping[str, Any]) -> str:
    index = read_part(summary, "reports").get("index")
    return f"The report: {index}" if index else ""


def _write(occasions: tuple[Occasion, ...], subject: str, *paragraphs: str) -> Notice:
    """A notice of the paragraphs that say something, in spaces that every mail program knows."""
    body = "\n\n".join(part for part in paragraphs if part)
    return Notice(occasions, subject.replace(SPACE, " "), body.replace(SPACE, " "))
