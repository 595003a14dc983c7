"""A week on the screen: what came in, what was decided, the segments, and who moved between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from flows.terminal.campaigns import show_campaigns
from flows.terminal.screen import (
    NO_FIGURE,
    bold,
    console,
    join,
    show_address,
    show_lines,
    show_table,
    show_text,
)

TOLD_FLOWS = 2


def show_weekly(summary: Mapping[str, Any]) -> None:
    """A weekly run in plain words."""
    out = console()
    show_text(bold(f"Week to {summary['as_of']}"), out)
    show_lines(describe_week(summary), out)
    out.print()
    show_profiles(summary["segments"], out)
    show_campaigns(summary["campaigns"], out)
    show_address("Reports: ", summary["reports"]["index"], out)
    if summary["undelivered"]:
        show_lines([f"not handed on: {', '.join(summary['undelivered'])}; `--debug` shows why"], out)


def show_demo(result: Mapping[str, Any]) -> None:
    """Three weeks of a simulated shop, the last one in full, and how much of the truth was found."""
    out = console()
    show_text(join(bold("A simulated shop:"), f" {result['simulated']}"), out)
    for week in result["weeks"]:
        out.print()
        show_text(bold(f"Week to {week['as_of']}"), out)
        show_lines(describe_week(week), out)
    last = result["weeks"][-1]
    out.print()
    show_text(bold("Segments"), out)
    show_profiles(last["segments"], out)
    show_text(bold("What campaigns added over their control groups"), out)
    show_campaigns(last["campaigns"], out)
    show_address("Reports: ", last["reports"]["index"], out)
    show_text(str(result["truth"]), out)


def show_score(summary: Mapping[str, Any]) -> None:
    """A daily scoring in plain words."""
    out = console()
    scored = f"{summary['customers']:,} customers scored with version {summary['champion_version']}"
    show_text(join(bold(summary["as_of"]), f": {scored}"), out)
    show_lines([f"drift: {summary['drift']['decision']}{_because(summary['drift']['reasons'])}"], out)
    show_profiles(summary["segments"], out)


def show_segments(result: Mapping[str, Any]) -> None:
    """The segments with what tells them apart."""
    out = console()
    show_text(bold(f"Segments as of {result['as_of']}"), out)
    show_profiles(result["segments"], out)
    for segment in result["segments"]:
        named = bold(f"{segment['segment_id']} {segment['segment_name']}")
        show_text(join(named, f": {segment['rule']}"), out, hang=2)
    if "map" in result:
        show_address("Map: ", result["map"], out)


def show_profiles(segments: Sequence[Mapping[str, Any]], out: Console) -> None:
    """The segments as a table."""
    rows = [
        (
            s["segment_id"],
            s["segment_name"],
            f"{s['size']:,}",
            f"{s['share']:.1%}",
            NO_FIGURE if s["value"] is None else f"{s['value']:,.2f}",
        )
        for s in segments
    ]
    columns = ("id", "segment", "customers", "share", "value 180 d")
    show_table(columns, rows, out, figures=columns[2:])
    out.print()


def describe_week(summary: Mapping[str, Any]) -> list[str]:
    """Rows in, customers, drift, promotion, a line each; and who moved."""
    intake, drift, promotion = summary["ingest"], summary["drift"], summary["promotion"]
    training = summary["training"]
    rows = (
        "nothing new delivered"
        if not intake["read"]
        else (
            f"{intake['read']:,} rows read: {intake['accepted']:,} accepted, {intake['duplicates']:,} duplicates, "
            f"{intake['quarantined']:,} quarantined, {intake['late']:,} late"
        )
    )
    lines = [
        rows,
        f"{summary['customers']:,} customers in {len(summary['segments'])} segments",
        f"challenger: {training['algorithm']} with {training['segments']} segments, best of {training['candidates']} "
        f"candidates, stability {_number(training['stability'])}, separation {_number(training['separation'])}",
        f"drift: {drift['decision']}{_because(drift['reasons'])}",
        f"promotion: {promotion['decision']}, champion is version {promotion['champion_version']}"
        f"{_because(promotion['reasons'])}",
    ]
    lines += describe_migration(summary["migration"])
    return lines + [f"note: {warning}" for warning in intake["warnings"] if "nothing new" not in warning]


def describe_migration(migration: Mapping[str, Any] | None) -> list[str]:
    """How many customers changed segment since the week before, and the largest flows; nothing without one."""
    if migration is None or not migration["common"]:
        return []
    since = f"{migration['common']:,} customers since {migration['previous_as_of']}"
    summed_up = f"moved: {migration['moved']:.1%} of {since}"
    if migration["before_version"] != migration["after_version"]:
        themselves, model = migration["moved_by_customers"], migration["moved_by_model"]
        summed_up += f", {themselves:.1%} by what they did, {model:.1%} by the new model"
    return [summed_up, *(f"moved: {sentence}" for sentence in migration["sentences"][:TOLD_FLOWS])]


def _because(reasons: Sequence[str]) -> str:
    return f" ({reasons[0]})" if reasons else ""


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
