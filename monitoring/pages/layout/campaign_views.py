"""The other views of a campaign, folded away behind the figure the decision rests on: a table or a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from monitoring.metrics import Unit
from monitoring.pages.layout.campaigns import Campaign, Kpi, name_segment
from monitoring.pages.layout.retelling import name_arm, retell
from monitoring.pages.layout.tables import Cell, Column, Table, write_exact
from monitoring.pages.layout.words import Words, mark, read_number

WEEKLY = {
    "conversion": Kpi("conversion", mark("Conversion"), "share"),
    "revenue": Kpi("revenue", mark("Revenue"), "money"),
}


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


def build_views(campaign: Campaign, words: Words, *, names: Mapping[str, str], prefix: str) -> Views:
    """Every view there is of a campaign; one without figures is an empty table.

    Args:
        names: segment names by id.
        prefix: of the tables' names, which must differ on a page.
    """
    return Views(
        adjusted=tabulate_adjusted(campaign, words, name=f"{prefix}_adjusted"),
        beliefs=tabulate_beliefs(campaign, words, name=f"{prefix}_beliefs"),
        segments=tabulate_segments(campaign, words, names=names, name=f"{prefix}_shrunken"),
        weeks=tabulate_weeks(campaign, words, name=f"{prefix}_weeks"),
        returns=tabulate_returns(campaign, words, names=names, name=f"{prefix}_returns"),
        sentences=tuple(map(words.close_sentence, _list_sentences(campaign, words, names))),
    )


def tabulate_adjusted(campaign: Campaign, words: Words, *, name: str) -> Table:
    """Metric by metric the plain difference beside the adjusted one."""
    _ = words.gettext
    columns = (
        Column("kpi", _("KPI")), Column("arm", _("Group")), Column("plain", _("Plain"), kind="number"),
        Column("adjusted", _("Adjusted"), kind="number"), Column("interval", _("Interval"), kind="phrase"),
        Column("saved", _("Variance saved"), kind="number"),
    )  # fmt: skip
    rows = []
    for measurement in campaign.measurements:
        entry = _read(campaign.entry, "metrics", measurement.kpi.name)
        plain = {effect.arm: effect.absolute for effect in measurement.effects}
        change = partial(words.format_change, unit=measurement.kpi.unit)
        for arm, one in _read(entry, "adjusted").items():
            rows.append(
                {
                    "kpi": Cell(measurement.kpi.title, measurement.kpi.name),
                    "arm": _show_arm(arm, words),
                    "plain": _write(plain.get(arm), change),
                    "adjusted": _write(one["absolute"], change),
                    "interval": _write_interval(one, "low", "high", measurement.kpi.unit, words),
                    "saved": _write(one["variance_saved"], words.format_share),
                }
            )
    title = _("Adjusted for what customers did before, and for segments")
    return _build(rows, columns, name=name, title=title)


def tabulate_beliefs(campaign: Campaign, words: Words, *, name: str) -> Table:
    """The Bayesian view, metric by metric."""
    _ = words.gettext
    columns = (
        Column("kpi", _("KPI")), Column("arm", _("Group")),
        Column("better", _("Probability of being better"), kind="number"),
        Column("loss", _("Expected loss a customer if it is chosen"), kind="number"),
    )  # fmt: skip
    rows = [
        {
            "kpi": Cell(measurement.kpi.title, measurement.kpi.name),
            "arm": _show_arm(arm, words),
            "better": _write(one["probability_better"], words.format_share),
            "loss": _write(one["expected_loss"], partial(words.format_value, unit=measurement.kpi.unit)),
        }
        for measurement in campaign.measurements
        for arm, one in _read(campaign.entry, "metrics", measurement.kpi.name, "bayes").items()
    ]
    return _build(rows, columns, name=name, title=_("How likely it is better, and what it costs to be wrong"))


def tabulate_segments(campaign: Campaign, words: Words, *, names: Mapping[str, str], name: str) -> Table:
    """Effects of segments as measured and shrunken, with p-values for their number."""
    _, kpi = words.gettext, campaign.lead.kpi
    change = partial(words.format_change, unit=kpi.unit)
    columns = (
        Column("segment", _("Segment")), Column("arm", _("Group")), Column("plain", _("As measured"), kind="number"),
        Column("shrunken", _("Shrunken"), kind="number"),
        Column("interval", _("Interval, on average"), kind="phrase"),
        Column("p_value", _("p-value for so many"), kind="number"),
    )  # fmt: skip
    rows = [
        {
            "segment": _show_segment(segment, names, words),
            "arm": _show_arm(arm, words),
            "plain": _write(_read(result, "lift", arm).get("absolute"), change),
            "shrunken": _write(one["shrunken"], change),
            "interval": _write_interval(one, "shrunken_low", "shrunken_high", kpi.unit, words),
            "p_value": _write(one["adjusted_p"], words.format_p_value),
        }
        for segment, result in _read(campaign.entry, "by_segment").items()
        for arm, one in _read(result, "beside_others").items()
    ]
    return _build(rows, columns, name=name, title=_("{kpi} by segment, beside the others", kpi=kpi.title))


def tabulate_weeks(campaign: Campaign, words: Words, *, name: str) -> Table:
    """What each week of the campaign added."""
    _ = words.gettext
    columns = (
        Column("week", _("Week"), kind="number"), Column("kpi", _("KPI")), Column("arm", _("Group")),
        Column("added", _("Added"), kind="number"), Column("interval", _("Interval"), kind="phrase"),
    )  # fmt: skip
    rows = [
        {
            "week": _write(one["week"], words.format_count),
            "kpi": Cell(_(WEEKLY[one["metric"]].title), one["metric"]),
            "arm": _show_arm(str(one["arm"]), words),
            "added": _write(one["absolute"], partial(words.format_change, unit=WEEKLY[one["metric"]].unit)),
            "interval": _write_interval(one, "low", "high", WEEKLY[one["metric"]].unit, words),
        }
        for one in campaign.entry.get("weeks") or ()
    ]
    return _build(rows, columns, name=name, title=_("Week by week"))


def tabulate_returns(campaign: Campaign, words: Words, *, names: Mapping[str, str], name: str) -> Table:
    """What each arm earned and cost, overall and by segment."""
    _, change = words.gettext, partial(words.format_change, unit="money")
    columns = (
        Column("segment", _("Segment")), Column("arm", _("Group")),
        Column("margin", _("Margin gained"), kind="number"), Column("interval", _("Interval"), kind="phrase"),
        Column("cost", _("Cost"), kind="number"), Column("profit", _("Profit"), kind="number"),
        Column("roi", _("ROI"), kind="number"), Column("break_even", _("Costs nothing up to"), kind="number"),
    )  # fmt: skip
    rows = [
        {
            "segment": _show_segment(one["segment_id"], names, words),
            "arm": _show_arm(one["arm"], words),
            "margin": _write(one["margin"], change),
            "interval": _write_interval(one, "margin_low", "margin_high", "money", words),
            "cost": _write(one["cost"], words.format_money),
            "profit": _write(one["profit"], change),
            "roi": _write(one["roi"], words.format_relative),
            "break_even": _write(one["break_even_cost"], words.format_money),
        }
        for one in campaign.entry.get("returns") or ()
        if one["margin"] is not None
    ]
    return _build(rows, columns, name=name, title=_("What it earned and what it cost"))


def _list_sentences(campaign: Campaign, words: Words, names: Mapping[str, str]) -> Iterator[str]:
    _, entry = words.gettext, campaign.entry
    for arm, found in _read(entry, "heterogeneity").items():
        differs = found["p_value"] < 1 - campaign.confidence
        told = (
            mark("in {arm} the effect differs between the {segments} segments ({p})")
            if differs
            else mark("in {arm} the effect does not clearly differ between the {segments} segments ({p})")
        )
        segments, p_value = words.format_count(found["segments"]), words.tell_p_value(found["p_value"])
        yield _(told, arm=name_arm(arm, words), segments=segments, p=p_value)
    for arm, found in _read(entry, "targeting").items():
        yield _tell_targeting(arm, found, words, names)
    yield from _list_projections(entry.get("projection") or {}, words)
    for arm, change in _read(entry, "before_after").items():
        yield _(
            "in {arm}, a day and customer, before and during: {before} → {during}; {warning}",
            arm=name_arm(arm, words),
            before=words.format_number(change["before"]),
            during=words.format_number(change["during"]),
            warning=retell(change["warning"], words),
        )


def _list_projections(projection: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What the campaign may come to in the long run, or why that is not foretold."""
    for scenario, told in (
        (
            "effect_ends",
            mark(
                "{arm} would add {gain} a customer within {days} days if its effect ends now ({interval}), {assumption}"
            ),
        ),
        (
            "effect_persists",
            mark(
                "{arm} would add {gain} a customer within {days} days if it persists ({interval}), {assumption}"
            ),
        ),
    ):
        for arm, lift in _read(projection, scenario, "lift").items():
            yield words.gettext(
                told,
                arm=name_arm(arm, words),
                gain=words.format_change(lift["absolute"], "money"),
                days=words.format_count(projection["days"]),
                interval=words.format_change_interval(lift["low"], lift["high"], "money"),
                assumption=retell(projection["assumption"], words),
            )
    for reason in projection.get("reasons") or ():
        yield words.explain(words.gettext("nothing is projected beyond the window"), retell(reason, words))


def _tell_targeting(arm: str, found: Mapping[str, Any], words: Words, names: Mapping[str, str]) -> str:
    everybody = words.format_change(found["everybody"], "money")
    if not found["segments"]:
        return words.gettext(
            "no segment earned in {arm} what it cost; treating everybody brought {everybody}",
            arm=name_arm(arm, words),
            everybody=everybody,
        )
    return words.gettext(
        "next time treat with {arm}: {segments}. Choosing segments that way would have brought {gain} ({interval}), "
        "treating everybody {everybody}",
        arm=name_arm(arm, words),
        segments=words.join((name_segment(one, names, words) for one in found["segments"]), limit=8),
        gain=words.format_change(found["profit"], "money"),
        interval=words.format_change_interval(found["low"], found["high"], "money"),
        everybody=everybody,
    )


def _read(entry: Any, *path: str) -> dict[str, Any]:
    """A part of a part; empty where there is none."""
    for name in path:
        entry = entry.get(name) if isinstance(entry, Mapping) else None
    return dict(entry) if isinstance(entry, Mapping) else {}


def _show_segment(segment: Any, names: Mapping[str, str], words: Words) -> Cell:
    if segment is None:
        return Cell(words.gettext("Everybody"), "")
    return Cell(name_segment(segment, names, words), str(segment))


def _show_arm(arm: str, words: Words) -> Cell:
    return Cell(name_arm(arm, words), arm)


def _write(value: Any, show: Callable[[Any], str]) -> Cell:
    return Cell(show(value), write_exact(value))


def _write_interval(entry: Mapping[str, Any], low: str, high: str, unit: Unit, words: Words) -> Cell:
    start, end = (read_number(entry.get(name)) for name in (low, high))
    exact = "" if start is None and end is None else f"{write_exact(start)}..{write_exact(end)}"
    return Cell(words.format_change_interval(start, end, unit), exact)


def _build(
    rows: Iterable[Mapping[str, Cell]], columns: tuple[Column, ...], *, name: str, title: str
) -> Table:
    return Table(name, title, columns, tuple(tuple(row[c.source] for c in columns) for row in rows))
