"""What the command line shows: plain words and tables that fit eighty columns; progress on stderr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import fill
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tasks.progress import listening

WIDTH = 80
WORTH_TELLING_S = 2.0
TOLD_REASONS = 3
TOLD_PAIRS = 6
TOLD_FLOWS = 2
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


def console() -> Console:
    """Standard output, no wider than eighty columns."""
    out = Console(highlight=False)
    return Console(highlight=False, width=min(out.width, WIDTH))


@contextmanager
def progress(*, debug: bool) -> Iterator[None]:
    """Show the stage a run is in and the time it has taken; quiet where stderr is no terminal."""
    err = Console(stderr=True)
    if debug or not err.is_terminal:
        with listening(lambda text: err.print(f"… {text}", highlight=False) if err.is_terminal else None):
            yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        stage = bar.add_task("starting")
        with listening(lambda text: bar.update(stage, description=text)):
            yield


def show_weekly(summary: Mapping[str, Any]) -> None:
    """A weekly run in plain words."""
    out = console()
    out.print(f"[bold]Week to {summary['as_of']}[/bold]")
    show_lines(describe_week(summary), out)
    out.print()
    show_profiles(summary["segments"], out)
    show_campaigns(summary["campaigns"], out)
    out.print(f"Reports: [bold]{summary['reports']['index']}[/bold]", soft_wrap=True)
    if summary["undelivered"]:
        show_lines([f"not handed on: {', '.join(summary['undelivered'])}; `--debug` shows why"], out)


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
        f"drift: {drift['decision']}{_because(drift['reasons'][:1])}",
        f"promotion: {promotion['decision']}, champion is version {promotion['champion_version']}"
        f"{_because(promotion['reasons'][:1])}",
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


def show_lines(lines: Sequence[str], out: Console) -> None:
    """Indented lines, folded at the width of the screen."""
    for line in lines:
        out.print(fill(line, width=out.width, initial_indent="  ", subsequent_indent="    "), markup=False)


def show_profiles(segments: Sequence[Mapping[str, Any]], out: Console) -> None:
    """The segments as a table."""
    table = Table("id", "segment", "customers", "share", "value 180 d", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for s in segments:
        value = "–" if s["value"] is None else f"{s['value']:,.2f}"
        table.add_row(str(s["segment_id"]), s["segment_name"], f"{s['size']:,}", f"{s['share']:.1%}", value)
    out.print(table)
    out.print()


def show_campaigns(campaigns: Sequence[Mapping[str, Any]], out: Console) -> None:
    """What each campaign added over its control group."""
    for campaign in campaigns:
        told = escape(f"{campaign['decision']}. {campaign['sentence']}")
        out.print(f"[bold]{escape(campaign['name'])}[/bold]: {told}")
        for name, title in _METRIC_TITLES.items():
            metric = campaign["metrics"].get(name)
            if metric is not None and (name != "cac" or _has_figure(metric)):
                told = f"{title:<11}{describe_metric(name, metric)}"
                out.print(
                    fill(told, width=out.width, initial_indent="  ", subsequent_indent=" " * 13), markup=False
                )
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


def show_demo(result: Mapping[str, Any]) -> None:
    """Three weeks of a simulated shop, the last one in full, and how much of the truth was found."""
    out = console()
    out.print(f"[bold]A simulated shop:[/bold] {result['simulated']}")
    for week in result["weeks"]:
        out.print(f"\n[bold]Week to {week['as_of']}[/bold]")
        show_lines(describe_week(week), out)
    last = result["weeks"][-1]
    out.print("\n[bold]Segments[/bold]")
    show_profiles(last["segments"], out)
    out.print("[bold]What campaigns added over their control groups[/bold]")
    show_campaigns(last["campaigns"], out)
    out.print(f"Reports: [bold]{last['reports']['index']}[/bold]", soft_wrap=True)
    out.print(str(result["truth"]))


def show_score(summary: Mapping[str, Any]) -> None:
    """A daily scoring in plain words."""
    out = console()
    out.print(f"[bold]{summary['as_of']}[/bold]: {summary['customers']:,} customers scored with version "
              f"{summary['champion_version']}")  # fmt: skip
    out.print(f"  drift: {summary['drift']['decision']}{_because(summary['drift']['reasons'][:1])}")
    show_profiles(summary["segments"], out)


def show_campaign(campaign: Mapping[str, Any]) -> None:
    """One campaign's result."""
    show_campaigns([campaign], console())


def show_plan(plan: Mapping[str, Any]) -> None:
    """A campaign's plan: what it could find, who is in which arm, and how it looks in each segment."""
    out = console()
    arms = ", ".join(f"{customers:,} {arm}" for arm, customers in plan["arms"].items())
    out.print(f"[bold]{escape(plan['name'])}[/bold]: {escape(arms)}")
    show_lines(plan["sentences"], out)
    table = Table(
        "segment", "arm", "customers", "baseline", "needed", "power", "MDE", box=None, pad_edge=False
    )
    for column in table.columns[2:]:
        column.justify = "right"
    groups = [("all", plan["overall"]), *((s["segment_name"], s["arms"]) for s in plan["by_segment"])]
    for name, rows in groups:
        for row in rows:
            table.add_row(escape(name), escape(row["arm"]), *_plan_cells(row, metric=plan["primary_metric"]))
    out.print(table)
    told = {row["reason"] for _name, rows in groups[1:] for row in rows if row["reason"]}
    show_lines([f"–: {reason}" for reason in sorted(told)[:TOLD_REASONS]], out)


def _plan_cells(row: Mapping[str, Any], *, metric: str) -> tuple[str, ...]:
    """One arm's figures in one group of customers; a dash is one that cannot be had."""
    amount = "{:.1%}" if metric in ("conversion", "churn") else "{:,.2f}"
    styles = {"customers": "{:,}", "baseline": amount, "needed": "{:,}", "power": "{:.0%}", "mde": amount}
    return tuple("–" if row[name] is None else style.format(row[name]) for name, style in styles.items())


def show_ingest(summary: Mapping[str, Any]) -> None:
    """What each source handed in."""
    out = console()
    table = Table(
        "source",
        "read",
        "accepted",
        "duplicates",
        "quarantined",
        "filtered",
        "late",
        box=None,
        pad_edge=False,
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for source, count in summary["by_source"].items():
        numbers = ("read", "accepted", "duplicates", "quarantined", "filtered", "late")
        table.add_row(source, *(f"{count[n]:,}" for n in numbers))
    out.print(table)
    for warning in summary["warnings"]:
        out.print(f"note: {warning}")


def show_check(result: Mapping[str, Any]) -> None:
    """Each source: its files, and what a few rows become."""
    out = console()
    for source in result["sources"]:
        out.print(
            f"[bold]{source['name']}[/bold] → {source['table']}: {source['files']} file(s), {source['columns']}"
        )
        for row in source["preview"]:
            kept = ", ".join(f"{k}={v}" for k, v in row["row"].items() if v is not None)
            verdict = (
                f"[red]refused: {'; '.join(row['reasons'])}[/red]" if row["reasons"] else "[green]ok[/green]"
            )
            out.print(f"  {verdict} {kept}", soft_wrap=True)
    out.print("The configuration is in order; nothing was changed.")


def show_audit(result: Mapping[str, Any]) -> None:
    """What all the data holds, and what it can and cannot support."""
    out = console()
    if any(source["preview"] for source in result["sources"]):
        show_check(result)
        out.print()
    profile = result["profile"]
    out.print(f"[bold]What the data holds, as of {profile['as_of']}[/bold]")
    if profile["history"]:
        show_lines(describe_history(profile["history"], profile["customers"]), out)
    out.print()
    _show_sources(profile["sources"], out)
    if profile["families"]:
        _show_keys(profile["keys"], out)
        _show_coverage(profile["families"], out)
    out.print("[bold]What it supports[/bold]")
    for support in profile["support"]:
        sign = "[green]✓[/green]" if support["ok"] else "[red]✗[/red]"
        text = fill(support["sentence"], width=out.width, initial_indent=" " * 4, subsequent_indent=" " * 4)
        out.print(f"  {sign} {escape(text[4:])}")
    out.print("\nNothing was changed.")


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
    table = Table(
        "source", "rows", "good", "again", "refused", "left out", "with a key", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for s in sources:
        counts = [f"{s[n]:,}" for n in ("read", "accepted", "duplicates", "quarantined", "filtered")]
        table.add_row(s["name"], *counts, "" if s["identified"] is None else f"{s['identified']:.1%}")
    out.print(table)
    for s in sources:
        if s["reasons"]:
            told = "; ".join(
                f"{reason['rows']:,} × {reason['reason']}" for reason in s["reasons"][:TOLD_REASONS]
            )
            show_lines([f"{s['name']} refused {told}"], out)
    out.print()


def _show_keys(keys: Mapping[str, Any], out: Console) -> None:
    out.print("[bold]How sources hang together[/bold]")
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
    out.print("[bold]Of how many customers it says anything[/bold]")
    table = Table("", "", "", box=None, pad_edge=False, show_header=False, padding=(0, 1))
    table.columns[1].justify = "right"
    for family in sorted(families, key=lambda f: (bool(f["meaning"]), -f["coverage"])):
        silent = [name for name, share in family["factors"].items() if not share]
        about = f"needs {', '.join(family['needs'])}" if family["needs"] else ""
        if family["coverage"] and silent:
            about = f"but nothing for {', '.join(silent)}"
        about = family["meaning"] or about
        bar = "█" * round(10 * family["coverage"])
        table.add_row(f"  {family['name']}", f"{family['coverage']:.0%}", escape(about or bar))
    out.print(table)
    out.print()


def show_segments(result: Mapping[str, Any]) -> None:
    """The segments with what tells them apart."""
    out = console()
    out.print(f"[bold]Segments as of {result['as_of']}[/bold]")
    show_profiles(result["segments"], out)
    for segment in result["segments"]:
        out.print(f"[bold]{segment['segment_id']} {segment['segment_name']}[/bold]: {segment['rule']}")
    if "map" in result:
        out.print(f"Map: [bold]{result['map']}[/bold]", soft_wrap=True)


def show_models(result: Mapping[str, Any]) -> None:
    """The versions in the registry, and who was in production when, and why."""
    out = console()
    versions = Table(
        "version", "alias", "as of", "algorithm", "segments", "decision", box=None, pad_edge=False
    )
    for v in result["versions"]:
        versions.add_row(
            *(
                escape(str(v.get(k) if v.get(k) is not None else ""))
                for k in ("version", "aliases", "as_of", "algorithm", "segments", "decision")
            )
        )
    out.print(versions)
    if not result["promotions"]:
        return
    out.print()
    trail = Table("week to", "decision", "champion", "because", box=None, pad_edge=False)
    for row in result["promotions"]:
        trail.add_row(
            row["as_of"], row["decision"], row["champion_version"] or "none", escape(row["reasons"][0])
        )
    out.print(trail)


def show_exports(result: Mapping[str, Any]) -> None:
    """The files written."""
    out = console()
    for name, files in result["exports"].items():
        out.print(f"[bold]{name}[/bold]: {len(files)} file(s)")
        for file in files:
            out.print(f"  {file}", soft_wrap=True)
        if name in result["contacts"]:
            show_lines([result["contacts"][name]["sentence"]], out)
    if not result["exports"]:
        out.print("There is no [[exports]] section in the configuration.", markup=False)


def show_facts(result: Mapping[str, Any]) -> None:
    """Name and value, a line each."""
    out = console()
    for name, value in result.items():
        if value is None or value == [] or name == "seconds":
            continue
        shown = "\n  ".join(str(v) for v in value) if isinstance(value, list) else value
        out.print(f"{name.replace('_', ' ')}: {shown}", soft_wrap=True, markup=False)


def show_doctor(result: Mapping[str, Any]) -> None:
    """What is wrong with the deployments' slots, and what to do."""
    show_facts({"examined": ", ".join(result["examined"]), "found": result["found"] or "nothing wrong"})
    if result["released"]:
        show_facts({"released": result["released"]})
    elif result["remedy"]:
        show_facts({"remedy": f"run `{result['remedy']}`"})


def show_duration(seconds: float) -> None:
    """How long it took, where anybody had to wait."""
    if seconds > WORTH_TELLING_S:
        console().print(f"Done in {seconds:.0f} s.")


def _because(reasons: Sequence[str]) -> str:
    return f" ({reasons[0]})" if reasons else ""


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
