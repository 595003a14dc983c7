"""Campaigns on the screen: what each added over its control group, and what a planned one could find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from flows.terminal.screen import (
    NO_FIGURE,
    TOLD_REASONS,
    bold,
    console,
    join,
    show_lines,
    show_table,
    show_text,
)

_METRIC_TITLES = {
    "conversion": "Conversion",
    "cac": "CAC",
    "cost_per_conversion": "Cost/conv.",
    "aov": "AOV",
    "churn": "Churn",
    "ltv": "LTV",
    "roi": "ROI",
}
_STYLES = {
    "conversion": "{:+.2%} points", "churn": "{:+.2%} points", "roi": "{:+.0%}", "cac": "{:,.2f} each",
    "cost_per_conversion": "{:,.2f} each",
}  # fmt: skip


def show_campaign(campaign: Mapping[str, Any]) -> None:
    """One campaign's result."""
    show_campaigns([campaign], console())


def show_campaigns(campaigns: Sequence[Mapping[str, Any]], out: Console) -> None:
    """What each campaign added over its control group."""
    for campaign in campaigns:
        told = f": {campaign['decision']}. {campaign['sentence']}"
        show_text(join(bold(campaign["name"]), told), out)
        for name, title in _METRIC_TITLES.items():
            metric = campaign["metrics"].get(name)
            if metric is not None and (name != "cac" or _has_figure(metric)):
                show_text(f"{title:<11}{describe_metric(name, metric)}", out, indent=2, hang=13)
        out.print()


def _has_figure(metric: Mapping[str, Any]) -> bool:
    return any(lift["absolute"] is not None or lift["low"] is not None for lift in metric["lift"].values())


def describe_metric(name: str, metric: Mapping[str, Any]) -> str:
    """A metric's lift with its interval, or why there is none."""
    style = _STYLES.get(name, "{:+,.2f}")
    parts = []
    for arm, lift in metric["lift"].items():
        if lift["absolute"] is None:
            continue
        bounds = [_figure(style.split()[0], lift[bound]) for bound in ("low", "high")]
        parts.append(f"{arm} {_figure(style, lift['absolute'])} ({bounds[0]} to {bounds[1]})")
    return "; ".join(parts) or str(metric["reason"] or "no figure")


def _figure(style: str, value: float | None) -> str:
    return "no bound" if value is None else style.format(value).replace("% points", " points")


def show_plan(plan: Mapping[str, Any]) -> None:
    """A campaign's plan: what it could find, who is in which arm, and how it looks in each segment."""
    out = console()
    arms = ", ".join(f"{customers:,} {arm}" for arm, customers in plan["arms"].items())
    show_text(join(bold(plan["name"]), f": {arms}"), out)
    show_lines(plan["sentences"], out)
    groups = [("all", plan["overall"]), *((s["segment_name"], s["arms"]) for s in plan["by_segment"])]
    rows = [
        (name, row["arm"], *_plan_cells(row, metric=plan["primary_metric"]))
        for name, rows in groups
        for row in rows
    ]
    columns = ("segment", "arm", "customers", "baseline", "needed", "power", "MDE")
    show_table(columns, rows, out, figures=columns[2:])
    told = {row["reason"] for _name, rows in groups[1:] for row in rows if row["reason"]}
    show_lines([f"{NO_FIGURE}: {reason}" for reason in sorted(told)[:TOLD_REASONS]], out)


def _plan_cells(row: Mapping[str, Any], *, metric: str) -> tuple[str, ...]:
    """One arm's figures in one group of customers; a dash is one that cannot be had."""
    amount = "{:.1%}" if metric in ("conversion", "churn") else "{:,.2f}"
    styles = {"customers": "{:,}", "baseline": amount, "needed": "{:,}", "power": "{:.0%}", "mde": amount}
    return tuple(
        NO_FIGURE if row[name] is None else style.format(row[name]) for name, style in styles.items()
    )
