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
from monitoring.pages.layout.words import (
    SPACE,
    close_sentence,
    format_count,
    format_date,
    format_share,
    read_part,
)

Occasion = Literal["data_fault", "retrain", "promote", "blocked", "failed"]
TOLD_REASONS = 5
TOLD_FLOWS = 5


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
    """A message: the occasion, a subject of one line, and a body of plain text."""

    occasion: Occasion
    subject: str
    body: str


def list_notices(summary: Mapping[str, Any], *, title: str) -> tuple[Notice, ...]:
    """What is worth a message in a weekly or a daily run; nothing in most.

    Args:
        summary: the run's summary, as it is put on record.
        title: what the shop's reports are called, for the subject.
    """
    told: list[Notice] = []
    drift, promotion = read_part(summary, "drift"), read_part(summary, "promotion")
    if drift.get("decision") in ("data_fault", "retrain"):
        told.append(_describe_drift(summary, drift, title=title))
    if promotion.get("decision") in ("promote", "blocked"):
        told.append(_describe_promotion(summary, promotion, title=title))
    return tuple(told)


def describe_failure(*, flow: str, run: str, as_of: date | str | None, reason: str, title: str) -> Notice:
    """A run that did not finish.

    Args:
        flow, run: the names of both in Prefect.
        as_of: the day it was to count up to; None where it had not been given one.
        reason: why, if that is fit to be told; may be empty.
        title: what the shop's reports are called.
    """
    day = f" for {format_date(as_of)}" if as_of else ""
    parts = (
        f"The run {flow}{day} did not finish.",
        close_sentence(reason),
        "Nothing of it is to be seen: segments, reports and the model in use are as the last finished run left them.",
        f"What to do: have whoever runs Segmentwerk look at the run '{run}' in Prefect. "
        "Once the cause is gone, the same run can be started again; nothing is counted twice.",
    )
    return _write("failed", f"{title}: {flow}{day} did not finish", *parts)


def _describe_drift(summary: Mapping[str, Any], drift: Mapping[str, Any], *, title: str) -> Notice:
    occasion: Occasion = "data_fault" if drift["decision"] == "data_fault" else "retrain"
    day, verdict = format_date(summary.get("as_of")), DRIFT[occasion]
    if occasion == "data_fault":
        subject = f"{title}: the data to {day} look faulty"
        steps = (
            "Once the deliveries are repaired, run it again. Until then no new model replaces the one in use.",
        )
    else:
        subject = f"{title}: customers have changed, as of {day}"
        steps = (_say_what_is_trained(summary),)
    return _write(
        occasion,
        subject,
        verdict.meaning,
        _list(drift.get("reasons"), most=TOLD_REASONS),
        " ".join((_say_what_to_do(verdict), *steps)),
        _point_to_report(summary),
    )


def _say_what_is_trained(summary: Mapping[str, Any]) -> str:
    promotion = read_part(summary, "promotion")
    if promotion:
        return f"A new model was trained in this run; version {promotion['champion_version']} is in use now."
    return "The weekly run trains a new model; `segmentwerk weekly` does so at once."


def _describe_promotion(summary: Mapping[str, Any], promotion: Mapping[str, Any], *, title: str) -> Notice:
    occasion: Occasion = "promote" if promotion["decision"] == "promote" else "blocked"
    day, verdict = format_date(summary.get("as_of")), PROMOTION[occasion]
    version = f"Version {promotion['champion_version']} is in use."
    subject = (
        f"{title}: new segments from {day} on"
        if occasion == "promote"
        else f"{title}: the new model of {day} was held back"
    )
    return _write(
        occasion,
        subject,
        f"{verdict.meaning} {version}",
        _list(promotion.get("reasons"), most=TOLD_REASONS),
        _describe_moves(read_part(summary, "migration")) if occasion == "promote" else "",
        _say_what_to_do(verdict),
        _point_to_report(summary),
    )


def _say_what_to_do(verdict: Verdict) -> str:
    return f"What to do: {verdict.action[0].lower()}{verdict.action[1:]}"


def _describe_moves(migration: Mapping[str, Any]) -> str:
    if not migration.get("common") or migration.get("moved") is None:
        return ""
    share, common = format_share(migration["moved"]), format_count(migration["common"])
    since = f"{share} of {common} customers changed segment since {format_date(migration['previous_as_of'])}."
    return since + "\n\n" + _list(migration.get("sentences"), most=TOLD_FLOWS)


def _list(sentences: Any, *, most: int) -> str:
    every = [close_sentence(str(sentence)) for sentence in sentences or ()]
    more = [f"… and {len(every) - most} more."] if len(every) > most else []
    return "\n".join(f"- {sentence}" for sentence in [*every[:most], *more])


def _point_to_report(summary: Mapping[str, Any]) -> str:
    index = read_part(summary, "reports").get("index")
    return f"The report: {index}" if index else ""


def _write(occasion: Occasion, subject: str, *paragraphs: str) -> Notice:
    """A notice of the paragraphs that say something, in spaces that every mail program knows."""
    body = "\n\n".join(part for part in paragraphs if part)
    return Notice(occasion, subject.replace(SPACE, " "), body.replace(SPACE, " "))
