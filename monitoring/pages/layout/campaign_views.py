"""The other views of a campaign, folded away behind the figure the decision rests on: a table or a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from monitoring.pages.layout.campaigns import Campaign, Kpi
from monitoring.pages.layout.tables import Cell, Column, Table, write_exact
from monitoring.pages.layout.words import (
    SPACE,
    close_sentence,
    format_change,
    format_count,
    format_interval,
    format_money,
    format_p_value,
    format_relative,
    format_share,
    format_value,
    join_words,
    read_number,
)

MONEY = Kpi("money", "Money", "money")


@dataclass(frozen=True, slots=True)
class Views:
    """What a campaign's section shows on request.

    Attributes:
        adjusted: the differences freed of what customers did before, and of their segments.
        beliefs: how likely each arm is better, and what it costs to be wrong.
        segments: effects of segments drawn towards each other, and p-values for their number.
        weeks: the effect week by week.
        returns: margin gained, cost and return, of each arm and segment.
        sentences: whom to treat next time, whether segments differ, what may come in the long run, before and after.
    """

    adjusted: Table
    beliefs: Table
    segments: Table
    weeks: Table
    returns: Table
    sentences: tuple[str, ...]


def build_views(campaign: Campaign, currency: str, *, names: Mapping[str, str], prefix: str) -> Views:
    """Every view there is of a campaign; one without figures is an empty table.

    Args:
        names: segment names by id.
        prefix: of the tables' names, which must differ on a page.
    """
    return Views(
        adjusted=tabulate_adjusted(campaign, currency, name=f"{prefix}_adjusted"),
        beliefs=tabulate_beliefs(campaign, currency, name=f"{prefix}_beliefs"),
        segments=tabulate_segments(campaign, currency, names=names, name=f"{prefix}_shrunken"),
        weeks=tabulate_weeks(campaign, currency, name=f"{prefix}_weeks"),
        returns=tabulate_returns(campaign, currency, names=names, name=f"{prefix}_returns"),
        sentences=tuple(map(close_sentence, _list_sentences(campaign, currency, names))),
    )


def tabulate_adjusted(campaign: Campaign, currency: str, *, name: str) -> Table:
    """Metric by metric the plain difference beside the adjusted one."""
    columns = (
        Column("kpi", "KPI"), Column("arm", "Group"), Column("plain", "Plain", kind="number"),
        Column("adjusted", "Adjusted", kind="number"), Column("interval", "Interval", kind="phrase"),
        Column("saved", "Variance saved", kind="number"),
    )  # fmt: skip
    rows = []
    for measurement in campaign.measurements:
        entry = _read(campaign.entry, "metrics", measurement.kpi.name)
        plain = {effect.arm: effect.absolute for effect in measurement.effects}
        for arm, one in _read(entry, "adjusted").items():
            rows.append(
                {
                    "kpi": Cell(measurement.kpi.title, measurement.kpi.name),
                    "arm": Cell(arm, arm),
                    "plain": _write(plain.get(arm), _change_in(measurement.kpi, currency)),
                    "adjusted": _write(one["absolute"], _change_in(measurement.kpi, currency)),
                    "interval": _write_interval(one, "low", "high", measurement.kpi, currency),
                    "saved": _write(one["variance_saved"], format_share),
                }
            )
    return _build(rows, columns, name=name, title="Adjusted for what customers did before, and for segments")


def tabulate_beliefs(campaign: Campaign, currency: str, *, name: str) -> Table:
    """The Bayesian view, metric by metric."""
    columns = (
        Column("kpi", "KPI"), Column("arm", "Group"), Column("better", "Probability of being better", kind="number"),
        Column("loss", "Expected loss a customer if it is chosen", kind="number"),
    )  # fmt: skip
    rows = [
        {
            "kpi": Cell(measurement.kpi.title, measurement.kpi.name),
            "arm": Cell(arm, arm),
            "better": _write(one["probability_better"], format_share),
            "loss": _write(
                one["expected_loss"], partial(format_value, unit=measurement.kpi.unit, currency=currency)
            ),
        }
        for measurement in campaign.measurements
        for arm, one in _read(campaign.entry, "metrics", measurement.kpi.name, "bayes").items()
    ]
    return _build(rows, columns, name=name, title="How likely it is better, and what it costs to be wrong")


def tabulate_segments(campaign: Campaign, currency: str, *, names: Mapping[str, str], name: str) -> Table:
    """Effects of segments as measured and shrunken, with p-values for their number."""
    kpi = campaign.lead.kpi
    columns = (
        Column("segment", "Segment"), Column("arm", "Group"), Column("plain", "As measured", kind="number"),
        Column("shrunken", "Shrunken", kind="number"), Column("interval", "Interval, on average", kind="phrase"),
        Column("p_value", "p-value for so many", kind="number"),
    )  # fmt: skip
    rows = [
        {
            "segment": _name_segment(segment, names),
            "arm": Cell(arm, arm),
            "plain": _write(_read(result, "lift", arm).get("absolute"), _change_in(kpi, currency)),
            "shrunken": _write(one["shrunken"], _change_in(kpi, currency)),
            "interval": _write_interval(one, "shrunken_low", "shrunken_high", kpi, currency),
            "p_value": _write(one["adjusted_p"], format_p_value),
        }
        for segment, result in _read(campaign.entry, "by_segment").items()
        for arm, one in _read(result, "beside_others").items()
    ]
    return _build(rows, columns, name=name, title=f"{kpi.title} by segment, beside the others")


def tabulate_weeks(campaign: Campaign, currency: str, *, name: str) -> Table:
    """What each week of the campaign added."""
    kpis = {"conversion": Kpi("conversion", "Conversion", "share"), "revenue": MONEY}
    columns = (
        Column("week", "Week", kind="number"), Column("kpi", "KPI"), Column("arm", "Group"),
        Column("added", "Added", kind="number"), Column("interval", "Interval", kind="phrase"),
    )  # fmt: skip
    rows = [
        {
            "week": _write(one["week"], format_count),
            "kpi": Cell(str(one["metric"]).capitalize(), str(one["metric"])),
            "arm": Cell(str(one["arm"]), str(one["arm"])),
            "added": _write(one["absolute"], _change_in(kpis[one["metric"]], currency)),
            "interval": _write_interval(one, "low", "high", kpis[one["metric"]], currency),
        }
        for one in campaign.entry.get("weeks") or ()
    ]
    return _build(rows, columns, name=name, title="Week by week")


def tabulate_returns(campaign: Campaign, currency: str, *, names: Mapping[str, str], name: str) -> Table:
    """What each arm earned and cost, overall and by segment."""
    columns = (
        Column("segment", "Segment"), Column("arm", "Group"), Column("margin", "Margin gained", kind="number"),
        Column("interval", "Interval", kind="phrase"), Column("cost", "Cost", kind="number"),
        Column("profit", "Profit", kind="number"), Column("roi", "ROI", kind="number"),
        Column("break_even", "Costs nothing up to", kind="number"),
    )  # fmt: skip
    rows = [
        {
            "segment": _name_segment(one["segment_id"], names),
            "arm": Cell(one["arm"], one["arm"]),
            "margin": _write(one["margin"], _change_in(MONEY, currency)),
            "interval": _write_interval(one, "margin_low", "margin_high", MONEY, currency),
            "cost": _write(one["cost"], lambda v: format_money(v, currency)),
            "profit": _write(one["profit"], _change_in(MONEY, currency)),
            "roi": _write(one["roi"], format_relative),
            "break_even": _write(one["break_even_cost"], lambda v: format_money(v, currency)),
        }
        for one in campaign.entry.get("returns") or ()
        if one["margin"] is not None
    ]
    return _build(rows, columns, name=name, title="What it earned and what it cost")


def _list_sentences(campaign: Campaign, currency: str, names: Mapping[str, str]) -> Iterator[str]:
    entry = campaign.entry
    for arm, found in _read(entry, "heterogeneity").items():
        differ = "differs" if found["p_value"] < 1 - campaign.confidence else "does not clearly differ"
        yield (
            f"in {arm} the effect {differ} between the {found['segments']} segments (p = "
            f"{format_p_value(found['p_value'])})"
        )
    for arm, found in _read(entry, "targeting").items():
        yield _tell_targeting(arm, found, currency, names)
    projection = entry.get("projection") or {}
    for scenario, words in (("effect_ends", "if its effect ends now"), ("effect_persists", "if it persists")):
        for arm, lift in _read(projection, scenario, "lift").items():
            shown = _write_interval(lift, "low", "high", MONEY, currency).text
            yield (
                f"{arm} would add {_change(lift['absolute'], MONEY, currency)} a customer within "
                f"{projection['days']} days {words} ({shown}), {projection['assumption']}"
            )
    for reason in projection.get("reasons") or ():
        yield f"nothing is projected beyond the window: {reason}"
    for arm, change in _read(entry, "before_after").items():
        per_day = " → ".join(format_value(change[when], "number", currency) for when in ("before", "during"))
        yield f"in {arm}, a day and customer, before and during: {per_day}; {change['warning']}"


def _tell_targeting(arm: str, found: Mapping[str, Any], currency: str, names: Mapping[str, str]) -> str:
    chosen = [names.get(str(segment), f"Segment {segment}") for segment in found["segments"]]
    everybody = _change(found["everybody"], MONEY, currency)
    if not chosen:
        return f"no segment earned in {arm} what it cost; treating everybody brought {everybody}"
    expected = _change(found["profit"], MONEY, currency)
    shown = _write_interval(found, "low", "high", MONEY, currency).text
    return (
        f"next time treat with {arm}: {join_words(chosen, limit=8)}. Choosing segments that way would have brought "
        f"{expected} ({shown}), treating everybody {everybody}"
    )


def _read(entry: Any, *path: str) -> dict[str, Any]:
    """A part of a part; empty where there is none."""
    for name in path:
        entry = entry.get(name) if isinstance(entry, Mapping) else None
    return dict(entry) if isinstance(entry, Mapping) else {}


def _name_segment(segment: Any, names: Mapping[str, str]) -> Cell:
    if segment is None:
        return Cell("Everybody", "")
    return Cell(names.get(str(segment), f"Segment{SPACE}{segment}"), str(segment))


def _write(value: Any, show: Callable[[Any], str]) -> Cell:
    return Cell(show(value), write_exact(value))


def _change(value: Any, kpi: Kpi, currency: str) -> str:
    return format_change(value, kpi.unit, currency)


def _change_in(kpi: Kpi, currency: str) -> Callable[[Any], str]:
    return partial(format_change, unit=kpi.unit, currency=currency)


def _write_interval(entry: Mapping[str, Any], low: str, high: str, kpi: Kpi, currency: str) -> Cell:
    start, end = (read_number(entry.get(name)) for name in (low, high))
    exact = "" if start is None and end is None else f"{write_exact(start)}..{write_exact(end)}"
    return Cell(format_interval(start, end, _change_in(kpi, currency)), exact)


def _build(
    rows: Iterable[Mapping[str, Cell]], columns: tuple[Column, ...], *, name: str, title: str
) -> Table:
    return Table(name, title, columns, tuple(tuple(row[c.source] for c in columns) for row in rows))
