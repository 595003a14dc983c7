"""Data health: what came in from where, what was set aside, and why."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.tables import Column, Table, build_table
from monitoring.pages.layout.words import (
    close_sentence,
    format_count,
    format_plural,
    format_share,
    read_number,
    read_part,
)

COUNTS = (
    ("read", "Rows in", "everything the sources held"),
    ("accepted", "New", "taken in for the first time"),
    ("duplicates", "Already known", "recognised and not counted twice"),
    ("quarantined", "Set aside", "unusable; kept with the reason"),
    ("late", "Late", "happened before the week and arrived in it"),
)
EXAMPLE_LENGTH = 160


def render_data_health(data: ReportData) -> Markup:
    """The page's main part."""
    ingest = read_part(data.summary, "ingest")
    return render_template(
        "data_health.html",
        tiles=list_tiles(ingest),
        verdict=describe_quarantine(ingest, data.quarantine),
        sources=tabulate_sources(data.sources),
        quarantine=tabulate_quarantine(data.quarantine),
        no_reasons=explain_no_reasons(ingest),
        missing=close_sentence(
            f"no source was read this week: {ingest.get('reason') or 'the run gives no figures'}"
        ),
    )


def list_tiles(ingest: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The run's counts, as far as it gives them: a name, a figure, what it means."""
    return tuple(
        (name, format_count(ingest[key]), note) for key, name, note in COUNTS if ingest.get(key) is not None
    )


def describe_quarantine(ingest: dict[str, Any], quarantine: pd.DataFrame) -> str:
    """How much was set aside, and chiefly why."""
    read, bad = read_number(ingest.get("read")), read_number(ingest.get("quarantined"))
    if not read or bad is None:
        return ""
    if bad == 0:
        return "Every row could be used."
    text = (
        f"{format_plural(bad, 'row')} of {format_count(read)} ({format_share(bad / read)}) could not be used"
    )
    if quarantine.empty:
        return f"{text}."
    main = quarantine.groupby("reason")["rows"].sum().sort_values(ascending=False, kind="stable")
    return f"{text}; most often: {main.index[0]} ({format_plural(main.iloc[0], 'row')})."


def explain_no_reasons(ingest: dict[str, Any]) -> str:
    """What to say where no reasons are on record."""
    bad = read_number(ingest.get("quarantined"))
    if bad is None:
        return "The run gives no figures on rows that were set aside."
    return "Nothing was set aside." if bad == 0 else "The reasons are not on record."


def tabulate_sources(sources: pd.DataFrame) -> Table:
    """What each source held and what became of it."""
    columns = (
        Column("source", "Source"),
        Column("read", "Rows in", format_count, kind="number"),
        Column("accepted", "New", format_count, kind="number"),
        Column("duplicates", "Already known", format_count, kind="number"),
        Column("quarantined", "Set aside", format_count, kind="number"),
        Column("share", "Share set aside", format_share, kind="number"),
        Column("filtered", "Left out by filter", format_count, kind="number"),
        Column("late", "Late", format_count, kind="number"),
    )
    if len(sources):
        read = sources["read"].astype(float)
        sources = sources.assign(share=sources["quarantined"].astype(float) / read.where(read > 0))
    return build_table(sources, columns, name="sources", title="What came from where")


def tabulate_quarantine(quarantine: pd.DataFrame) -> Table:
    """Why rows were set aside, most frequent first, with one of them."""
    columns = (
        Column("source", "Source"),
        Column("reason", "Reason"),
        Column("rows", "Rows", format_count, kind="number"),
        Column("example", "One of them", _shorten, kind="code"),
    )
    if len(quarantine):
        quarantine = quarantine.sort_values("rows", ascending=False, kind="stable")
    return build_table(quarantine, columns, name="quarantine", title="Why rows were set aside")


def _shorten(example: Any) -> str:
    text = str(example or "")
    return text if len(text) <= EXAMPLE_LENGTH else f"{text[:EXAMPLE_LENGTH]}…"


PAGE = Page("data_health", "Data health", render_data_health, order=5)
