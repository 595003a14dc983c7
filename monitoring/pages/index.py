"""This week: five sentences that say what happened and what to do, the main numbers, and past weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.charts import name_factor
from monitoring.pages import OUTLIER_SEGMENT, Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.campaigns import read_campaigns
from monitoring.pages.layout.tables import Cell, Column, Table, build_cell
from monitoring.pages.layout.verdicts import (
    CAMPAIGN,
    DRIFT,
    PROMOTION,
    UNKNOWN_DRIFT,
    UNKNOWN_PROMOTION,
    Verdict,
    read_verdict,
)
from monitoring.pages.layout.words import (
    MISSING,
    close_sentence,
    format_count,
    format_date,
    format_money,
    format_plural,
    format_share,
    format_text,
    join_words,
    read_number,
    read_part,
)

CALM_BAD_SHARE = 0.05
URGENCY = ("invalid", "stop", "ship", "continue", "inconclusive")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What happened, what to do about it, and the page that shows it."""

    happened: str
    action: str
    href: str
    evidence: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that matters and its change."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    href: str = ""


def render_index(data: ReportData) -> Markup:
    """The page's main part."""
    sentences = (
        describe_data(data),
        describe_drift(data),
        describe_segments(data),
        describe_model(data),
        describe_campaigns(data),
    )
    return render_template("index.html", sentences=sentences, tiles=list_tiles(data), weeks=list_weeks(data))


def describe_data(data: ReportData) -> Sentence:
    """What came in, and whether too much of it was unusable."""
    ingest = read_part(data.summary, "ingest")
    read, bad = read_number(ingest.get("read")), read_number(ingest.get("quarantined")) or 0.0
    if read is None:
        reason = close_sentence(
            f"no data was read this week: {ingest.get('reason') or 'the run gives no figures'}"
        )
        return Sentence(reason, "Ask whoever runs the sources.", "data_health.html", "Data health", "wait")
    if read == 0:
        text = "The sources held no rows this week."
        return Sentence(text, "Ask whoever runs the sources.", "data_health.html", "Data health", "wait")
    text = (
        f"{format_plural(read, 'row')} came in: {format_count(ingest.get('accepted'))} new, "
        f"{format_count(ingest.get('duplicates'))} already known, "
        f"{format_count(bad)} ({format_share(bad / read)}) set aside as unusable."
    )
    calm = bad / read <= CALM_BAD_SHARE
    action = "Nothing to do." if calm else "See why so many rows could not be used."
    return Sentence(text, action, "data_health.html", "Data health", "good" if calm else "wait")


def describe_drift(data: ReportData) -> Sentence:
    """Whether customers still behave as the model believes."""
    drift = read_part(data.summary, "drift")
    verdict = read_verdict(drift.get("decision"), DRIFT, unknown=UNKNOWN_DRIFT)
    moved = [name_factor(factor) for factor in drift.get("drifted") or ()]
    text = verdict.meaning or close_sentence(verdict.word)
    if not drift.get("decision") and drift.get("reason"):
        text = close_sentence(f"drift was not checked: {drift['reason']}")
    elif moved:
        text += f" {format_plural(len(moved), 'factor')} moved: {join_words(moved)}."
    return Sentence(text, verdict.action, "drift.html", "Drift", verdict.tone)


def describe_segments(data: ReportData) -> Sentence:
    """Who the customers are: the largest and the most valuable segment."""
    customers = read_number(data.summary.get("customers"))
    groups = (
        data.profiles[data.profiles["segment_id"] != OUTLIER_SEGMENT] if len(data.profiles) else data.profiles
    )
    if groups.empty:
        text = "There are no segments this week: no model is in use."
        return Sentence(text, "See the model's own line below.", "segments.html", "Segments", "wait")
    largest = groups.sort_values("share", ascending=False, kind="stable").iloc[0]
    whose = f"{format_count(customers)} customers fall" if customers is not None else "Customers fall"
    text = (
        f"{whose} into {format_plural(len(groups), 'segment')}; the largest is "
        f"{largest['segment_name']} ({format_share(largest['share'])})"
    )
    valued = groups.dropna(subset=["value"])
    action = "Read what sets each apart, and try an offer on one with a control group."
    if len(valued):
        best = valued.sort_values("value", ascending=False, kind="stable").iloc[0]
        worth = format_money(best["value"], data.currency)
        text += f", the most valuable {best['segment_name']} ({worth} a customer)"
    return Sentence(f"{text}.", action, "segments.html", "Segments", "good")


def describe_model(data: ReportData) -> Sentence:
    """Which model is in use, and why."""
    promotion = read_part(data.summary, "promotion")
    verdict = read_verdict(promotion.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION)
    text = verdict.meaning or close_sentence(verdict.word)
    reasons = [str(reason) for reason in promotion.get("reasons") or ()] or (
        [str(promotion["reason"])] if promotion.get("reason") else []
    )
    if reasons:
        text = f"{text.rstrip('.')}: {join_words(reasons, limit=2)}."
    return Sentence(text, verdict.action, "segments.html#model", "The model", verdict.tone)


def describe_campaigns(data: ReportData) -> Sentence:
    """What the campaigns were worth, most urgent first."""
    campaigns = read_campaigns(data.summary)
    if not campaigns:
        text = "No campaign with a control group has been measured."
        return Sentence(text, "Keep a control group in the next campaign.", "roi.html", "ROI")
    urgency = [verdict.word for verdict in (CAMPAIGN[name] for name in URGENCY)]
    ranked = sorted(
        campaigns, key=lambda c: urgency.index(c.verdict.word) if c.verdict.word in urgency else len(urgency)
    )
    first = ranked[0]
    if len(campaigns) == 1:
        said = first.sentence or first.verdict.meaning
        name = "" if first.name in said else f"{first.name}. "
        text = f"{first.verdict.word}: {name}{close_sentence(said)}"
    else:
        names = {
            c.verdict.word: [other.name for other in ranked if other.verdict == c.verdict] for c in ranked
        }
        said = "; ".join(f"{word.lower()}: {join_words(which)}" for word, which in names.items())
        text = f"{len(campaigns)} campaigns measured against their control groups. {close_sentence(said)}"
    return Sentence(text, first.verdict.action, "roi.html", "ROI", first.verdict.tone)


def list_tiles(data: ReportData) -> tuple[Tile, ...]:
    """The week in six numbers."""
    ingest, training = read_part(data.summary, "ingest"), read_part(data.summary, "training")
    drift = read_verdict(read_part(data.summary, "drift").get("decision"), DRIFT, unknown=UNKNOWN_DRIFT)
    promotion = read_part(data.summary, "promotion")
    decided = read_verdict(promotion.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION)
    campaigns = read_campaigns(data.summary)
    repeat = sum(campaign.verdict == CAMPAIGN["ship"] for campaign in campaigns)
    segments = (
        len(data.profiles[data.profiles["segment_id"] != OUTLIER_SEGMENT]) if len(data.profiles) else None
    )
    champion = format_text(promotion.get("champion_version"))
    return (
        Tile(
            "Customers",
            format_count(data.summary.get("customers")),
            describe_change(data, "customers"),
            href="segments.html",
        ),
        Tile(
            "Segments",
            format_count(segments if segments is not None else training.get("segments")),
            describe_change(data, "segments"),
            href="segments.html",
        ),
        Tile("Drift", drift.word, tone=drift.tone, href="drift.html"),
        Tile(
            "Model in use",
            MISSING if champion == MISSING else f"Version {champion}",
            decided.word,
            href="segments.html#model",
        ),
        Tile(
            "New rows",
            format_count(ingest.get("accepted")),
            _describe_bad_rows(ingest),
            href="data_health.html",
        ),
        Tile(
            "Campaigns",
            format_count(len(campaigns)),
            f"{repeat} to repeat" if campaigns else "",
            href="roi.html",
        ),
    )


def describe_change(data: ReportData, column: str) -> str:
    """How a number stands against the week before; nothing where there is no week before."""
    before = _list_history(data)
    before = before[before["as_of"] < data.as_of.isoformat()] if len(before) else before
    now = read_number(data.summary.get(column) or read_part(data.summary, "training").get(column))
    then = read_number(before.iloc[0][column]) if len(before) else None
    if now is None or then is None:
        return ""
    if now == then:
        return "as the week before"
    return f"{format_count(abs(now - then))} {'more' if now > then else 'fewer'} than the week before"


def list_weeks(data: ReportData) -> Table:
    """Every week the shop has a record or a report of, newest first."""
    columns = (
        Column("as_of", "Week to"),
        Column("customers", "Customers", format_count, kind="number"),
        Column("segments", "Segments", format_count, kind="number"),
        Column(
            "drift_decision", "Drift", lambda d: read_verdict(d, DRIFT, unknown=Verdict(MISSING, "", "")).word
        ),
        Column(
            "promotion_decision",
            "Model",
            lambda d: read_verdict(d, PROMOTION, unknown=Verdict(MISSING, "", "")).word,
        ),
        Column("champion_version", "Version in use"),
    )
    history = _list_history(data)
    records = {str(row["as_of"]): row for row in history.to_dict("records")}
    weeks = sorted({*records, *data.past_weeks}, reverse=True)
    return Table(
        "weeks",
        "One row a week, newest first",
        columns,
        tuple(
            (
                Cell(format_date(week), week, f"../{week}/index.html" if week in data.past_weeks else None),
                *(build_cell(records.get(week, {}).get(column.source), column) for column in columns[1:]),
            )
            for week in weeks
        ),
    )


def _list_history(data: ReportData) -> pd.DataFrame:
    """The history by ISO day, newest first."""
    if data.history.empty:
        return data.history
    days = data.history.assign(as_of=data.history["as_of"].astype(str).str[:10]).astype(object)
    days = days.where(days.notna(), None)
    return days.sort_values("as_of", ascending=False, kind="stable")


def _describe_bad_rows(ingest: Mapping[str, Any]) -> str:
    bad = read_number(ingest.get("quarantined"))
    return "" if bad is None else f"{format_count(bad)} set aside"


PAGE = Page("index", "This week", render_index, order=1)
