"""Data health: what came in from where, what was set aside, and why."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.tables import Column, Table, build_table
from monitoring.pages.layout.words import Words, mark, read_number, read_part

COUNTS = (
    ("read", mark("Rows in"), mark("everything the sources held")),
    ("accepted", mark("New"), mark("taken in for the first time")),
    ("duplicates", mark("Already known"), mark("recognised and not counted twice")),
    ("quarantined", mark("Set aside"), mark("unusable; kept with the reason")),
    ("late", mark("Late"), mark("happened before the week and arrived in it")),
    ("merges", mark("Merged"), mark("customers who turned out to be one known already")),
)
EXAMPLE_LENGTH = 160


def render_data_health(data: ReportData) -> Markup:
    """The page's main part."""
    words, ingest = data.words, read_part(data.summary, "ingest")
    why = ingest.get("reason") or words.gettext("the run gives no figures")
    return render_template(
        "data_health.html",
        words=words,
        tiles=list_tiles(ingest, words),
        verdict=describe_quarantine(ingest, data.quarantine, words),
        sources=tabulate_sources(data.sources, words),
        quarantine=tabulate_quarantine(data.quarantine, words),
        no_reasons=explain_no_reasons(ingest, words),
        missing=words.close_sentence(words.explain(words.gettext("no source was read this week"), why)),
    )


def list_tiles(ingest: dict[str, Any], words: Words) -> tuple[tuple[str, str, str], ...]:
    """The run's counts, as far as it gives them: a name, a figure, what it means."""
    return tuple(
        (words.gettext(name), words.format_count(ingest[key]), words.gettext(note))
        for key, name, note in COUNTS
        if ingest.get(key) is not None
    )


def describe_quarantine(ingest: dict[str, Any], quarantine: pd.DataFrame, words: Words) -> str:
    """How much was set aside, and chiefly why."""
    read, bad = read_number(ingest.get("read")), read_number(ingest.get("quarantined"))
    if not read or bad is None:
        return ""
    if bad == 0:
        return words.gettext("Every row could be used.")
    text = words.ngettext(
        "{count} row of {total} ({share}) could not be used",
        "{count} rows of {total} ({share}) could not be used",
        bad,
        total=words.format_count(read),
        share=words.format_share(bad / read),
    )
    if len(quarantine):
        main = quarantine.groupby("reason")["rows"].sum().sort_values(ascending=False, kind="stable")
        rows = words.ngettext("{count} row", "{count} rows", main.iloc[0])
        text = words.gettext(
            "{first}; most often: {reason} ({rows})", first=text, reason=main.index[0], rows=rows
        )
    return words.close_sentence(text)


def explain_no_reasons(ingest: dict[str, Any], words: Words) -> str:
    """What to say where no reasons are on record."""
    bad = read_number(ingest.get("quarantined"))
    if bad is None:
        return words.gettext("The run gives no figures on rows that were set aside.")
    return (
        words.gettext("Nothing was set aside.")
        if bad == 0
        else words.gettext("The reasons are not on record.")
    )


def tabulate_sources(sources: pd.DataFrame, words: Words) -> Table:
    """What each source held and what became of it."""
    _ = words.gettext
    columns = (
        Column("source", _("Source")),
        Column("read", _("Rows in"), words.format_count, kind="number"),
        Column("accepted", _("New"), words.format_count, kind="number"),
        Column("duplicates", _("Already known"), words.format_count, kind="number"),
        Column("quarantined", _("Set aside"), words.format_count, kind="number"),
        Column("share", _("Share set aside"), words.format_share, kind="number"),
        Column("filtered", _("Left out by filter"), words.format_count, kind="number"),
        Column("late", _("Late"), words.format_count, kind="number"),
    )
    if len(sources):
        read = sources["read"].astype(float)
        sources = sources.assign(share=sources["quarantined"].astype(float) / read.where(read > 0))
    return build_table(sources, columns, name="sources", title=_("What came from where"))


def tabulate_quarantine(quarantine: pd.DataFrame, words: Words) -> Table:
    """Why rows were set aside, most frequent first, with one of them."""
    _ = words.gettext
    columns = (
        Column("source", _("Source")),
        Column("reason", _("Reason")),
        Column("rows", _("Rows"), words.format_count, kind="number"),
        Column("example", _("One of them"), _shorten, kind="code"),
    )
    if len(quarantine):
        quarantine = quarantine.sort_values("rows", ascending=False, kind="stable")
    return build_table(quarantine, columns, name="quarantine", title=_("Why rows were set aside"))


def _shorten(example: Any) -> str:
    text = str(example or "")
    return text if len(text) <= EXAMPLE_LENGTH else f"{text[:EXAMPLE_LENGTH]}…"


PAGE = Page("data_health", mark("Data health"), render_data_health, order=5)
