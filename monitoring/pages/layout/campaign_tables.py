"""The tables of campaigns: one row a campaign, and of each its KPIs and its segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from monitoring.pages.layout.campaigns import (
    AGAINST_CONTROL_ONLY,
    NO_EFFECT,
    Campaign,
    Effect,
    Kpi,
    Measurement,
)
from monitoring.pages.layout.retelling import name_arm
from monitoring.pages.layout.tables import Cell, Column, Table, write_exact
from monitoring.pages.layout.words import MISSING, Words


def tabulate_kpis(campaign: Campaign, words: Words, *, name: str) -> Table:
    """Every KPI in control and treatment side by side, or the reason there is none."""
    _, several = words.gettext, len({effect.arm for m in campaign.measurements for effect in m.effects}) > 1
    columns = (
        Column("kpi", _("KPI")),
        *((Column("arm", _("Group")),) if several else ()),
        Column("control", _("Control"), kind="number"),
        Column("treatment", _("Treatment"), kind="number"),
        Column("absolute", _("Added"), kind="number"),
        Column("interval", _head_interval(campaign, words), kind="phrase"),
        Column("relative", _("Relative"), kind="number"),
        Column("p_value", _("p-value"), kind="number"),
        Column("reason", _("Remark"), kind="note"),
    )
    rows = (cells for m in campaign.measurements for cells in _list_kpi_cells(m, words))
    return _build_table(rows, columns, name=name, title=_("KPIs of control and treatment"))


def tabulate_segments(campaign: Campaign, words: Words, *, name: str) -> Table:
    """The primary metric segment by segment."""
    _ = words.gettext
    columns = (
        Column("segment", _("Segment")),
        Column("customers", _("Customers"), kind="number"),
        *((Column("arm", _("Group")),) if len(campaign.lead.effects) > 1 else ()),
        Column("control", _("Control"), kind="number"),
        Column("treatment", _("Treatment"), kind="number"),
        Column("absolute", _("Added"), kind="number"),
        Column("interval", _head_interval(campaign, words), kind="phrase"),
        Column("reason", _("Remark"), kind="note"),
    )
    rows = (
        cells
        | {
            "segment": Cell(result.segment_name, result.segment_name),
            "customers": Cell(words.format_count(result.customers), write_exact(result.customers)),
        }
        for result in campaign.segments
        for cells in _list_kpi_cells(result.measurement, words)
    )
    return _build_table(rows, columns, name=name, title=_("{kpi} by segment", kpi=campaign.lead.kpi.title))


def tabulate_campaigns(campaigns: Mapping[str, Campaign], words: Words) -> Table:
    """One row a campaign: the decision, the figure it rests on, and what that came to in money.

    Args:
        campaigns: by the anchor of their section on the page.
    """
    _ = words.gettext
    columns = (
        Column("campaign", _("Campaign")),
        Column("decision", _("Decision")),
        Column("kpi", _("Decided on")),
        Column("absolute", _("Added"), kind="number"),
        Column("interval", _("Interval"), kind="phrase"),
        Column("revenue", _("Revenue added"), kind="number"),
        Column("cost", _("Cost"), kind="number"),
        Column("roi", _("ROI"), kind="number"),
        Column("cac", _("CAC"), kind="number"),
    )
    rows = [_list_overview_cells(campaign, anchor, words) for anchor, campaign in campaigns.items()]
    told = [column for column in columns if any(row[column.source].value for row in rows)]
    return _build_table(rows, told, name="campaigns", title=_("Campaigns and what to do with them"))


def find_revenue(campaign: Campaign) -> float | None:
    """What the customers of the leading treatment together spent beyond what they would have."""
    gain, treated = campaign.find_effect("revenue").absolute, campaign.customers.get(campaign.lead_arm)
    return None if gain is None or treated is None else gain * treated


def _list_kpi_cells(measurement: Measurement, words: Words) -> Iterator[dict[str, Cell]]:
    """The cells of a KPI, one set an arm; of a KPI without figures one set that gives the reason."""
    kpi, reason = measurement.kpi, measurement.reason or ""
    for effect in measurement.effects or (NO_EFFECT,):
        levels = {"control": effect.control, "treatment": effect.treatment}
        yield {
            "kpi": Cell(kpi.title, kpi.name),
            "arm": Cell(name_arm(effect.arm, words) or MISSING, effect.arm),
            **{arm: Cell(words.format_value(v, kpi.unit), write_exact(v)) for arm, v in levels.items()},
            "absolute": Cell(write_gain(effect.absolute, kpi, words), write_exact(effect.absolute)),
            "interval": Cell(write_interval(effect, kpi, words), _write_exact_interval(effect)),
            "relative": Cell(words.format_relative(effect.relative), write_exact(effect.relative)),
            "p_value": Cell(words.format_p_value(effect.p_value), write_exact(effect.p_value)),
            "reason": Cell(reason, reason),
        }


def _list_overview_cells(campaign: Campaign, anchor: str, words: Words) -> dict[str, Cell]:
    """Of several treatments the leading one's figures, so that what stands in a row belongs together."""
    kpi, effect, arm = campaign.lead.kpi, campaign.find_effect(campaign.primary), campaign.lead_arm
    revenue, cost, cac = find_revenue(campaign), campaign.costs.get(arm), campaign.find_effect("cac").absolute
    returned = campaign.find_effect("roi")
    title = f"{kpi.title} ({name_arm(arm, words)})" if len(campaign.lead.effects) > 1 else kpi.title
    return {
        "campaign": Cell(campaign.name, campaign.name, href=f"#{anchor}"),
        "decision": Cell(campaign.verdict.word, campaign.verdict.word, tone=campaign.verdict.tone),
        "kpi": Cell(title, kpi.name),
        "absolute": Cell(write_gain(effect.absolute, kpi, words), write_exact(effect.absolute)),
        "interval": Cell(write_interval(effect, kpi, words), _write_exact_interval(effect)),
        "revenue": Cell(words.format_change(revenue, "money"), write_exact(revenue)),
        "cost": Cell(words.format_money(cost), write_exact(cost)),
        "roi": Cell(words.format_change(returned.absolute, "ratio"), write_exact(returned.absolute)),
        "cac": Cell(words.format_money(cac), write_exact(cac)),
    }


def _build_table(
    rows: Iterable[dict[str, Cell]], columns: Sequence[Column], *, name: str, title: str
) -> Table:
    return Table(name, title, tuple(columns), tuple(tuple(row[c.source] for c in columns) for row in rows))


def write_gain(value: float | None, kpi: Kpi, words: Words) -> str:
    """A difference to control; for a KPI that exists only against control, the figure itself."""
    if value is None or kpi.name not in AGAINST_CONTROL_ONLY or kpi.unit == "ratio":
        return words.format_change(value, kpi.unit)
    return words.gettext(AGAINST_CONTROL_ONLY[kpi.name], amount=words.format_value(value, kpi.unit))


def write_interval(effect: Effect, kpi: Kpi, words: Words) -> str:
    if kpi.name not in AGAINST_CONTROL_ONLY or kpi.unit == "ratio":
        return words.format_change_interval(effect.low, effect.high, kpi.unit)
    return words.format_interval(effect.low, effect.high, partial(words.format_value, unit=kpi.unit))


def _write_exact_interval(effect: Effect) -> str:
    if effect.low is None and effect.high is None:
        return ""
    return f"{write_exact(effect.low)}..{write_exact(effect.high)}"


def _head_interval(campaign: Campaign, words: Words) -> str:
    return words.gettext("{level} interval", level=words.format_level(campaign.confidence))
