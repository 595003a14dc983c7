"""Sources on the screen: what each handed in, and what its rows become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from flows.terminal.screen import bold, console, join, show_table, show_text

_COUNTS = ("read", "accepted", "duplicates", "quarantined", "filtered", "late")


def show_ingest(summary: Mapping[str, Any]) -> None:
    """What each source handed in."""
    out = console()
    rows = [(source, *(f"{count[n]:,}" for n in _COUNTS)) for source, count in summary["by_source"].items()]
    show_table(("source", *_COUNTS), rows, out, figures=_COUNTS)
    for warning in summary["warnings"]:
        show_text(f"note: {warning}", out, hang=2)


def show_check(result: Mapping[str, Any]) -> None:
    """Each source: its files, and what a few rows become."""
    out = console()
    for source in result["sources"]:
        told = f" → {source['table']}: {source['files']} file(s), {source['columns']}"
        show_text(join(bold(source["name"]), told), out, hang=2)
        for row in source["preview"]:
            kept = ", ".join(f"{k}={v}" for k, v in row["row"].items() if v is not None)
            show_text(join(_judge(row["reasons"]), f" {kept}"), out, indent=2, hang=4)
    show_text("The configuration is in order; nothing was changed.", out)


def _judge(reasons: list[str]) -> Text:
    if not reasons:
        return Text("ok", style="green")
    refused = join(f"refused: {'; '.join(reasons)}")
    refused.stylize("red")
    return refused
