"""The model's versions on the screen, and who was in production when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.terminal.screen import console, show_table

_COLUMNS = {
    "version": "version", "alias": "aliases", "as of": "as_of", "algorithm": "algorithm", "segments": "segments",
    "decision": "decision",
}  # fmt: skip


def show_models(result: Mapping[str, Any]) -> None:
    """The versions in the registry, and who was in production when, and why."""
    out = console()
    versions = [
        ["" if v.get(key) is None else v[key] for key in _COLUMNS.values()] for v in result["versions"]
    ]
    show_table([*_COLUMNS], versions, out, figures=("as of",))
    if not result["promotions"]:
        return
    out.print()
    trail = [
        (row["as_of"], row["decision"], row["champion_version"] or "none", row["reasons"][0])
        for row in result["promotions"]
    ]
    show_table(("week to", "decision", "champion", "because"), trail, out, figures=("week to",))
