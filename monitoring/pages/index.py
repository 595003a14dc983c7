"""This week: five sentences that say what happened and what to do, the main numbers, and past weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.charts import name_factor
from monitoring.pages import Page, ReportData, fits_none
from monitoring.pages.layout import render_template
from monitoring.pages.layout.campaigns import Campaign, rank_campaigns, read_campaigns
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.tables import Cell, Column, Table, build_cell
from monitoring.pages.layout.verdicts import (
    DRIFT,
    PROMOTION,
    UNKNOWN_DRIFT,
    UNKNOWN_PROMOTION,
    Verdict,
    read_drift,
    read_verdict,
)
from monitoring.pages.layout.words import MISSING, Words, format_text, mark, read_number, read_part

CALM_BAD_SHARE = 0.05


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
    return render_template(
        "index.html",
        words=data.words,
        sentences=list_sentences(data),
        tiles=list_tiles(data),
        weeks=list_weeks(data),
    )


def list_sentences(data: ReportData) -> tuple[Sentence, ...]:
    """What happened, a sentence a subject."""
    tell = (describe_data, describe_drift, describe_segments, describe_model, describe_campaigns)
    return tuple(describe(data) for describe in tell)


def describe_data(data: ReportData) -> Sentence:
    """What came in, and whether too much of it was unusable."""
    words, _ = data.words, data.words.gettext
    ingest = read_part(data.summary, "ingest")
    read, bad = read_number(ingest.get("read")), read_number(ingest.get("quarantined")) or 0.0
    page = {"href": "data_health.html", "evidence": _("Data health")}
    if not read:
        why = ingest.get("reason") or _("the run gives no figures")
        text = _("The sources held no rows this week.")
        if read is None:
            text = words.close_sentence(words.explain(_("no data was read this week"), why))
        return Sentence(text, _("Ask whoever runs the sources."), tone="wait", **page)
    text = _(
        "{rows} came in: {new} new, {known} already known, {bad} ({share}) set aside as unusable.",
        rows=words.ngettext("{count} row", "{count} rows", read),
        new=words.format_count(ingest.get("accepted")),
        known=words.format_count(ingest.get("duplicates")),
        bad=words.format_count(bad),
        share=words.format_share(bad / read),
    )
    calm = bad / read <= CALM_BAD_SHARE
    action = _("Nothing to do.") if calm else _("See why so many rows could not be used.")
    return Sentence(text, action, tone="good" if calm else "wait", **page)


def describe_drift(data: ReportData) -> Sentence:
    """Whether customers still behave as the model believes."""
    words, drift = data.words, read_part(data.summary, "drift")
    verdict = read_drift(data.summary, data.drift, words)
    moved = [name_factor(factor) for factor in drift.get("drifted") or ()]
    text = verdict.meaning or words.close_sentence(verdict.word)
    reasons = [drift["reason"]] if drift.get("reason") else drift.get("reasons") or ()
    if verdict.word == words.gettext(UNKNOWN_DRIFT.word) and reasons:
        why = retell(str(reasons[0]), words)
        text = words.close_sentence(words.explain(words.gettext("drift was not checked"), why))
    elif moved:
        told = words.ngettext(
            "{count} factor moved: {names}.",
            "{count} factors moved: {names}.",
            len(moved),
            names=words.join(moved),
        )
        text = words.chain(text, told)
    return Sentence(text, verdict.action, "drift.html", words.gettext("Drift"), verdict.tone)


def describe_segments(data: ReportData) -> Sentence:
    """Who the customers are: the largest and the most valuable segment."""
    words, _ = data.words, data.words.gettext
    customers = read_number(data.summary.get("customers"))
    groups = data.profiles[~fits_none(data.profiles["segment_id"])] if len(data.profiles) else data.profiles
    if groups.empty:
        text = _("There are no segments this week: no model is in use.")
        return Sentence(text, _("See the model's own line below."), "segments.html", _("Segments"), "wait")
    largest = groups.sort_values("share", ascending=False, kind="stable").iloc[0]
    told = words.ngettext("{count} segment", "{count} segments", len(groups))
    if read_number(largest["share"]) is None:
        text = _("Customers fall into {segments}, too small to say more.", segments=told)
        return Sentence(text, "", "segments.html", _("Segments"))
    parts = {
        "segments": told,
        "largest": largest["segment_name"],
        "share": words.format_share(largest["share"]),
    }
    text = (
        _("Customers fall into {segments}; the largest is {largest} ({share})", **parts)
        if customers is None
        else _(
            "{customers} customers fall into {segments}; the largest is {largest} ({share})",
            customers=words.format_count(customers),
            **parts,
        )
    )
    valued = groups.dropna(subset=["value"])
    if len(valued):
        best = valued.sort_values("value", ascending=False, kind="stable").iloc[0]
        text = _(
            "{largest}, the most valuable {best} ({money} a customer)",
            largest=text,
            best=best["segment_name"],
            money=words.format_money(best["value"]),
        )
    action = _("Read what sets each apart, and try an offer on one with a control group.")
    return Sentence(words.close_sentence(text), action, "segments.html", _("Segments"), "good")


def describe_model(data: ReportData) -> Sentence:
    """Which model is in use, and why."""
    words, promotion = data.words, read_part(data.summary, "promotion")
    verdict = read_verdict(promotion.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION, words=words)
    text = verdict.meaning or words.close_sentence(verdict.word)
    reasons = promotion.get("reasons") or ([promotion["reason"]] if promotion.get("reason") else [])
    if reasons:
        # The first one decided; the others, which may be eight, stand where the sentence leads.
        text = words.close_sentence(words.explain(text.rstrip(".。"), retell(str(reasons[0]), words)))
    return Sentence(text, verdict.action, "segments.html#model", words.gettext("The model"), verdict.tone)


def describe_campaigns(data: ReportData) -> Sentence:
    """What the campaigns were worth, most urgent first."""
    words, _ = data.words, data.words.gettext
    campaigns = read_campaigns(data.summary, words=words)
    page = {"href": "roi.html", "evidence": _("ROI")}
    if not campaigns:
        text = _("No campaign with a control group has been measured.")
        return Sentence(text, _("Keep a control group in the next campaign."), **page)
    ranked = rank_campaigns(campaigns)
    first = ranked[0]
    text = _tell_campaign(first, words) if len(campaigns) == 1 else _tell_campaigns(ranked, words)
    return Sentence(text, first.verdict.action, tone=first.verdict.tone, **page)


def _tell_campaign(campaign: Campaign, words: Words) -> str:
    said = words.close_sentence(campaign.sentence or campaign.verdict.meaning)
    if campaign.name not in said:
        said = words.chain(words.gettext("{sentence}.", sentence=campaign.name), said)
    return words.explain(campaign.verdict.word, said)


def _tell_campaigns(ranked: Sequence[Campaign], words: Words) -> str:
    """How many were measured, and what to do with which."""
    names: dict[str, list[str]] = {}
    for campaign in ranked:
        names.setdefault(campaign.verdict.word, []).append(campaign.name)
    said = words.gettext("; ").join(
        words.explain(word[:1].lower() + word[1:], words.join(which)) for word, which in names.items()
    )
    count = words.ngettext(
        "{count} campaign measured against its control group.",
        "{count} campaigns measured against their control groups.",
        len(ranked),
    )
    return words.chain(count, words.close_sentence(said))


def list_tiles(data: ReportData) -> tuple[Tile, ...]:
    """The week in six numbers."""
    words, _ = data.words, data.words.gettext
    ingest, training = read_part(data.summary, "ingest"), read_part(data.summary, "training")
    promotion = read_part(data.summary, "promotion")
    checked = read_drift(data.summary, data.drift, words)
    decided = read_verdict(promotion.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION, words=words)
    campaigns = read_campaigns(data.summary, words=words)
    segments = len(data.profiles[~fits_none(data.profiles["segment_id"])]) if len(data.profiles) else None
    champion = format_text(promotion.get("champion_version"))
    return (
        Tile(
            _("Customers"),
            words.format_count(data.summary.get("customers")),
            describe_change(data, "customers", now=data.summary.get("customers")),
            href="segments.html",
        ),
        Tile(
            _("Segments"),
            words.format_count(segments if segments is not None else training.get("segments")),
            describe_change(data, "segments", now=segments),
            href="segments.html",
        ),
        Tile(_("Drift"), checked.word, tone=checked.tone, href="drift.html"),
        Tile(
            _("Model in use"),
            MISSING if champion == MISSING else _("Version {version}", version=champion),
            decided.word,
            href="segments.html#model",
        ),
        Tile(
            _("New rows"),
            words.format_count(ingest.get("accepted")),
            _describe_bad_rows(ingest, words),
            href="data_health.html",
        ),
        Tile(
            _("Campaigns"),
            words.format_count(len(campaigns)),
            _("{count} to repeat", count=sum(one.decision == "ship" for one in campaigns))
            if campaigns
            else "",
            href="roi.html",
        ),
    )


def describe_change(data: ReportData, column: str, *, now: Any) -> str:
    """How a number stands against the week before; nothing where there is no week before."""
    words, before = data.words, _list_history(data)
    before = before[before["as_of"] < data.as_of.isoformat()] if len(before) else before
    now = read_number(now)
    then = read_number(before.iloc[0][column]) if len(before) else None
    if now is None or then is None:
        return ""
    if now == then:
        return words.gettext("as the week before")
    count = words.format_count(abs(now - then))
    if now > then:
        return words.gettext("{count} more than the week before", count=count)
    return words.gettext("{count} fewer than the week before", count=count)


def list_weeks(data: ReportData) -> Table:
    """Every week the shop has a record or a report of, newest first."""
    words, _ = data.words, data.words.gettext
    none = Verdict(MISSING, "", "")

    def name_by(verdicts: Mapping[str, Verdict]) -> Callable[[Any], str]:
        return lambda decision: read_verdict(decision, verdicts, unknown=none, words=words).word

    columns = (
        Column("as_of", _("Week to")),
        Column("customers", _("Customers"), words.format_count, kind="number"),
        Column("segments", _("Segments"), words.format_count, kind="number"),
        Column("drift_decision", _("Drift"), name_by(DRIFT)),
        Column("promotion_decision", _("Model"), name_by(PROMOTION)),
        Column("champion_version", _("Version in use")),
    )
    history = _list_history(data)
    records = {str(row["as_of"]): row for row in history.to_dict("records")}
    weeks = sorted({*records, *data.past_weeks}, reverse=True)
    return Table(
        "weeks",
        _("One row a week, newest first"),
        columns,
        tuple(
            (
                Cell(
                    words.format_date(week),
                    week,
                    f"../{week}/index.html" if week in data.past_weeks else None,
                ),
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


def _describe_bad_rows(ingest: Mapping[str, Any], words: Words) -> str:
    bad = read_number(ingest.get("quarantined"))
    return "" if bad is None else words.gettext("{count} set aside", count=words.format_count(bad))


PAGE = Page("index", mark("This week"), render_index, order=1)
