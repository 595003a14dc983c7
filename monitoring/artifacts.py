"""A run as Prefect's page of artifacts shows it: segments, drift, promotion and campaigns, each under a fixed key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.charts import name_factor
from monitoring.pages.layout.campaign_tables import tabulate_kpis
from monitoring.pages.layout.campaigns import Campaign, read_campaigns
from monitoring.pages.layout.tables import Table
from monitoring.pages.layout.verdicts import (
    DRIFT,
    PROMOTION,
    UNKNOWN_DRIFT,
    UNKNOWN_PROMOTION,
    Verdict,
    read_verdict,
)
from monitoring.pages.layout.words import Words, format_text, load_words, read_part


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is shown under a key: rows of a table, or Markdown.

    Attributes:
        key: the same from run to run, so that Prefect keeps a history of it.
        description: the day and the run it is from.
    """

    key: str
    description: str
    content: str | list[dict[str, str]]


def list_artifacts(summary: Mapping[str, Any], *, currency: str) -> tuple[Artifact, ...]:
    """What a weekly or daily run has to show: only what is in its summary; nothing about a single customer."""
    words = load_words(currency=currency)
    about = f"As of {words.format_date(summary.get('as_of'))}, run {summary.get('run_id')}"
    contents: dict[str, str | list[dict[str, str]]] = {}
    if "segments" in summary:
        contents["segments"] = list_segments(summary["segments"], words)
    if "drift" in summary:
        contents["drift"] = write_drift(summary, words)
    if "promotion" in summary:
        contents["promotion"] = write_promotion(summary, words)
    if "campaigns" in summary:
        contents["campaigns"] = write_campaigns(summary, words)
    return tuple(Artifact(key, about, content) for key, content in contents.items())


def list_segments(segments: Sequence[Mapping[str, Any]], words: Words) -> list[dict[str, str]]:
    """A row a segment."""
    return [
        {
            "id": str(segment["segment_id"]),
            "segment": format_text(segment["segment_name"]),
            "customers": words.format_count(segment["size"]),
            "share": words.format_share(segment["share"]),
            "value in 180 days": words.format_money(segment["value"]),
            "since last time": format_text(segment["lineage"]),
            "rule": format_text(segment["rule"]),
        }
        for segment in segments
    ]


def write_drift(summary: Mapping[str, Any], words: Words) -> str:
    """The verdict on drift, what to do, what it rests on and which factors moved."""
    drift = read_part(summary, "drift")
    verdict = read_verdict(drift.get("decision"), DRIFT, unknown=UNKNOWN_DRIFT, words=words)
    factors = ", ".join(name_factor(factor) for factor in drift.get("drifted") or ())
    retraining = read_part(summary, "retraining").get("sentence")
    return _join(
        *_open(verdict),
        _list(drift.get("reasons"), words),
        f"Factors that drifted: {factors}." if factors else "",
        f"Retraining: {retraining}." if retraining else "",
    )


def write_promotion(summary: Mapping[str, Any], words: Words) -> str:
    """Which model is in use, why, and what the challenger was like."""
    promotion, training = read_part(summary, "promotion"), read_part(summary, "training")
    verdict = read_verdict(promotion.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION, words=words)
    challenger = (
        f"Challenger: {training.get('algorithm')} with {words.format_count(training.get('segments'))} segments, "
        f"stability {words.format_number(training.get('stability'))}, "
        f"separation {words.format_number(training.get('separation'))}, "
        f"best of {words.format_count(training.get('candidates'))}."
    )
    return _join(
        *_open(verdict),
        f"In use: version {promotion.get('champion_version')}.",
        challenger if training else "",
        _list(promotion.get("reasons"), words),
    )


def write_campaigns(summary: Mapping[str, Any], words: Words) -> str:
    """What each campaign added over its control group: the decision, and every KPI with its interval."""
    campaigns = read_campaigns(summary, words=words)
    if not campaigns:
        return "No campaign with a control group has been measured."
    return _join(*(part for campaign in campaigns for part in _write_campaign(campaign, words)))


def _write_campaign(campaign: Campaign, words: Words) -> Iterator[str]:
    yield f"## {_escape(campaign.name)}: {campaign.verdict.word}"
    yield _escape(words.close_sentence(campaign.sentence or campaign.verdict.meaning))
    yield f"**What to do:** {campaign.verdict.action}" if campaign.verdict.action else ""
    yield _write_table(tabulate_kpis(campaign, words, name="kpis"))


def _open(verdict: Verdict) -> tuple[str, ...]:
    action = f"**What to do:** {verdict.action}" if verdict.action else ""
    return f"## {verdict.word}", verdict.meaning, action


def _list(sentences: Sequence[str] | None, words: Words) -> str:
    return "\n".join(f"- {_escape(words.close_sentence(str(sentence)))}" for sentence in sentences or ())


def _write_table(table: Table) -> str:
    rows = [[column.title for column in table.columns], ["---"] * len(table.columns)]
    rows += [[_escape(cell.text) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escape(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    for character, plain in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        ("|", "\\|"),
        ("*", "\\*"),
        ("_", "\\_"),
        ("`", "\\`"),
    ):
        text = text.replace(character, plain)
    return " ".join(text.split())


def _join(*paragraphs: str) -> str:
    return "\n\n".join(part for part in paragraphs if part)
