"""The data audit on the screen: what there is, how it hangs together, and what it supports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from flows.terminal.screen import TOLD_REASONS, bold, console, join, show_lines, show_table, show_text
from flows.terminal.sources import show_check

TOLD_PAIRS = 6
_COUNTS = {
    "rows": "read", "good": "accepted", "again": "duplicates", "refused": "quarantined", "left out": "filtered",
}  # fmt: skip


def show_audit(result: Mapping[str, Any]) -> None:
    """What all the data holds, and what it can and cannot support."""
    out = console()
    if any(source["preview"] for source in result["sources"]):
        show_check(result)
        out.print()
    profile = result["profile"]
    show_text(bold(f"What the data holds, as of {profile['as_of']}"), out)
    if profile["history"]:
        show_lines(describe_history(profile["history"], profile["customers"]), out)
    out.print()
    _show_sources(profile["sources"], out)
    if profile["families"]:
        _show_keys(profile["keys"], out)
        _show_coverage(profile["families"], out)
    show_text(bold("What it supports"), out)
    for support in profile["support"]:
        sign = Text("✓", style="green") if support["ok"] else Text("✗", style="red")
        show_text(join(sign, f" {support['sentence']}"), out, indent=2, hang=4)
    out.print()
    show_text("Nothing was changed.", out)


def describe_history(history: Mapping[str, Any], customers: int) -> list[str]:
    """How much there is, and which sources fell silent."""
    lines = [
        f"{history['events']:,} events from {history['first']} to {history['last']}: {history['weeks']} whole weeks, "
        f"{history['events_per_week']:,.0f} events in a usual one",
        f"{customers:,} customers who may be profiled",
    ]
    for source, weeks in history["gaps"].items():
        lines.append(f"nothing from {source} in {len(weeks)} week(s), the last of which began on {weeks[-1]}")
    return lines


def _show_sources(sources: Sequence[Mapping[str, Any]], out: Console) -> None:
    rows = [
        (
            s["name"],
            *(f"{s[count]:,}" for count in _COUNTS.values()),
            "" if s["identified"] is None else f"{s['identified']:.1%}",
        )
        for s in sources
    ]
    columns = ("source", *_COUNTS, "with a key")
    show_table(columns, rows, out, figures=columns[1:])
    for s in sources:
        if s["reasons"]:
            told = "; ".join(f"{r['rows']:,} × {r['reason']}" for r in s["reasons"][:TOLD_REASONS])
            show_lines([f"{s['name']} refused {told}"], out)
    out.print()


def _show_keys(keys: Mapping[str, Any], out: Console) -> None:
    show_text(bold("How sources hang together"), out)
    seen = keys["customers_by_sources"]
    total = sum(seen.values())
    one, two, more = (f"{count / total:.0%}" for count in seen.values())
    lines = [f"{one} of customers are seen in one source of events, {two} in two, {more} in three or more"]
    pairs: dict[str, list[str]] = {}
    for overlap in keys["overlaps"]:
        found = f"{overlap['share']:.0%} of the {overlap['key_kind']} keys ({overlap['both']:,})"
        pairs.setdefault(" and ".join(overlap["sources"]), []).append(found)
    lines += [f"{pair} share {', '.join(found)}" for pair, found in list(pairs.items())[:TOLD_PAIRS]]
    if len(pairs) > TOLD_PAIRS:
        lines.append(f"… and {len(pairs) - TOLD_PAIRS} more pairs of sources: see --json")
    for kind, count in keys["shared"].items():
        lines.append(f"{count:,} {kind} key(s) join too many people and are not followed")
    show_lines(lines, out)
    out.print()


def _show_coverage(families: Sequence[Mapping[str, Any]], out: Console) -> None:
    show_text(bold("Of how many customers it says anything"), out)
    rows = [
        (f"  {family['name']}", f"{family['coverage']:.0%}", _describe_family(family))
        for family in sorted(families, key=lambda f: (bool(f["meaning"]), -f["coverage"]))
    ]
    show_table(("family", "of customers", "about"), rows, out, figures=("of customers",), head=False)
    out.print()


def _describe_family(family: Mapping[str, Any]) -> str:
    """What it means, what it lacks, or a bar of how many customers it speaks of."""
    silent = [name for name, share in family["factors"].items() if not share]
    about = f"needs {', '.join(family['needs'])}" if family["needs"] else ""
    if family["coverage"] and silent:
        about = f"but nothing for {', '.join(silent)}"
    return family["meaning"] or about or "█" * round(10 * family["coverage"])
