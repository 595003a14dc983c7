"""ROI: what each campaign added over its control group, what that means, and what to do next time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from markupsafe import Markup

from monitoring.charts import draw_forest
from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.campaign_views import Views, build_views
from monitoring.pages.layout.campaigns import (
    AGAINST_CONTROL_ONLY,
    NOT_MEASURED,
    Campaign,
    Effect,
    Kpi,
    Measurement,
    read_campaigns,
)
from monitoring.pages.layout.tables import Cell, Column, Figure, Table, build_table, embed_figure, write_exact
from monitoring.pages.layout.words import (
    MISSING,
    SPACE,
    close_sentence,
    format_change,
    format_count,
    format_date,
    format_interval,
    format_money,
    format_p_value,
    format_plural,
    format_relative,
    format_value,
    read_part,
)

OPEN_CAMPAIGNS = 3
NO_EFFECT = Effect("", None, None)
FOREST_CAPTION = (
    "The dot is the measured change against control, the line its {confidence} interval: the true effect "
    "may lie anywhere on it. A line that crosses zero means that the campaign may have added nothing. "
    "Green: better than control; red: worse; grey: cannot tell, or not to be trusted."
)


@dataclass(frozen=True, slots=True)
class Section:
    """One campaign as its section shows it."""

    anchor: str
    campaign: Campaign
    headline: tuple[str, str]
    facts: tuple[tuple[str, str], ...]
    kpis: Table
    segments: Table
    figure: Figure | None
    views: Views
    is_open: bool


def render_roi(data: ReportData) -> Markup:
    """The page's main part."""
    campaigns = read_campaigns(data.summary, segment_names=_name_segments(data.profiles))
    sections = tuple(
        build_section(campaign, place, data, is_open=len(campaigns) <= OPEN_CAMPAIGNS)
        for place, campaign in enumerate(campaigns, start=1)
    )
    return render_template(
        "roi.html",
        sections=sections,
        alarms=[section for section in sections if section.campaign.verdict.tone == "alarm"],
        overview=tabulate_campaigns(sections, data.currency),
        forest=draw_overview(campaigns),
        together=tuple(tabulate_together(data)),
        programme=tuple(describe_programme(data)),
        missing=explain_missing(data),
        verdicts=list(dict.fromkeys(campaign.verdict for campaign in campaigns)),
    )


def build_section(campaign: Campaign, place: int, data: ReportData, *, is_open: bool) -> Section:
    """A campaign's figures in the order they are read: what it changed, checks, KPIs, segments."""
    return Section(
        anchor=f"campaign-{place}",
        campaign=campaign,
        headline=write_headline(campaign, data.currency),
        facts=tuple(list_facts(campaign, currency=data.currency, timezone=data.timezone)),
        kpis=tabulate_kpis(campaign, data.currency, name=f"campaign_{place}_kpis"),
        segments=tabulate_segments(campaign, data.currency, name=f"campaign_{place}_segments"),
        figure=draw_segments(campaign, name=f"campaign-{place}-segments"),
        views=build_views(
            campaign, data.currency, names=_name_segments(data.profiles), prefix=f"campaign_{place}"
        ),
        is_open=is_open,
    )


def write_headline(campaign: Campaign, currency: str) -> tuple[str, str]:
    """The one figure the decision rests on, and the words that go with it."""
    lead = campaign.lead
    effect = lead.effects[0] if lead.effects else NO_EFFECT
    if effect.absolute is None:
        return MISSING, close_sentence(f"{lead.kpi.title} against control: {lead.reason or NOT_MEASURED}")
    shown = _write_interval(effect, lead.kpi, currency)
    arm = f" in {effect.arm}" if len(lead.effects) > 1 else ""
    words = f"{lead.kpi.title}{arm} against control; {_name_level(campaign)} interval {shown}"
    return _write_gain(effect.absolute, lead.kpi, currency), close_sentence(words)


def list_facts(campaign: Campaign, *, currency: str, timezone: str) -> Iterator[tuple[str, str]]:
    """Who, when, for how much, and whether the groups came out as they were planned."""
    days = _read_days(campaign.window, timezone)
    if len(days) == 2:
        yield "Window", f"{format_date(days[0])} to {format_date(days[1])}"
    for arm, count in campaign.customers.items():
        yield f"Customers: {arm}", format_count(count)
    for arm, cost in campaign.costs.items():
        if cost is not None:
            yield f"Cost: {arm}", format_money(cost, currency)
    if campaign.srm_p is not None and not campaign.checks:
        yield "p-value of the planned split", format_p_value(campaign.srm_p)


def tabulate_kpis(campaign: Campaign, currency: str, *, name: str) -> Table:
    """Every KPI in control and treatment side by side, or the reason there is none."""
    several = len({effect.arm for m in campaign.measurements for effect in m.effects}) > 1
    columns = (
        Column("kpi", "KPI"),
        *((Column("arm", "Group"),) if several else ()),
        Column("control", "Control", kind="number"),
        Column("treatment", "Treatment", kind="number"),
        Column("absolute", "Added", kind="number"),
        Column("interval", f"{_name_level(campaign)} interval", kind="phrase"),
        Column("relative", "Relative", kind="number"),
        Column("p_value", "p-value", kind="number"),
        Column("reason", "Remark", kind="note"),
    )
    rows = (cells for m in campaign.measurements for cells in _list_kpi_cells(m, currency))
    return _build_table(rows, columns, name=name, title="KPIs of control and treatment")


def tabulate_segments(campaign: Campaign, currency: str, *, name: str) -> Table:
    """The primary metric segment by segment."""
    columns = (
        Column("segment", "Segment"),
        Column("customers", "Customers", kind="number"),
        *((Column("arm", "Group"),) if len(campaign.lead.effects) > 1 else ()),
        Column("control", "Control", kind="number"),
        Column("treatment", "Treatment", kind="number"),
        Column("absolute", "Added", kind="number"),
        Column("interval", f"{_name_level(campaign)} interval", kind="phrase"),
        Column("reason", "Remark", kind="note"),
    )
    rows = (
        cells
        | {
            "segment": Cell(result.segment_name, result.segment_name),
            "customers": Cell(format_count(result.customers), write_exact(result.customers)),
        }
        for result in campaign.segments
        for cells in _list_kpi_cells(result.measurement, currency)
    )
    return _build_table(rows, columns, name=name, title=f"{campaign.lead.kpi.title} by segment")


def tabulate_campaigns(sections: Sequence[Section], currency: str) -> Table:
    """One row a campaign: the decision and the figure it rests on."""
    columns = (
        Column("campaign", "Campaign"),
        Column("decision", "Decision"),
        Column("kpi", "Decided on"),
        Column("absolute", "Added", kind="number"),
        Column("interval", "Interval", kind="phrase"),
        Column("roi", "ROI", kind="number"),
        Column("customers", "Customers", kind="number"),
    )
    rows = (_list_overview_cells(section.campaign, section.anchor, currency) for section in sections)
    return _build_table(rows, columns, name="campaigns", title="Campaigns and what to do with them")


def tabulate_together(data: ReportData) -> Iterator[Table]:
    """Finished campaigns added up, by channel and by quarter."""
    returns = read_part(data.summary, "returns")
    for part, heading in (("by_channel", "Channel"), ("by_quarter", "Quarter")):
        key = part.removeprefix("by_")
        columns = (
            Column(key, heading),
            Column("campaigns", "Campaigns and groups", format_count, kind="number"),
            Column(
                "margin", "Margin gained", lambda v: format_change(v, "money", data.currency), kind="number"
            ),
            Column("interval", "Interval", kind="phrase"),
            Column("cost", "Cost", lambda v: format_money(v, data.currency), kind="number"),
            Column("profit", "Profit", lambda v: format_change(v, "money", data.currency), kind="number"),
            Column("roi", "ROI", format_relative, kind="number"),
        )
        rows = pd.DataFrame(returns.get(part) or ())
        if len(rows):
            rows["interval"] = [
                format_interval(low, high, lambda end: format_change(end, "money", data.currency))
                for low, high in zip(rows["margin_low"], rows["margin_high"], strict=True)
            ]
        yield build_table(rows, columns, name=part, title=f"Finished campaigns by {key}")


def describe_programme(data: ReportData) -> Iterator[str]:
    """What all campaigns of a quarter added, by the customers held out of them."""
    for quarter in data.summary.get("programme") or ():
        primary = quarter["primary_metric"]
        for lift in quarter["metrics"][primary]["lift"].values():
            held, others = quarter["customers"]["control"], sum(quarter["customers"].values())
            if lift["absolute"] is None:
                reason = quarter["metrics"][primary]["reason"] or NOT_MEASURED
                yield close_sentence(f"all campaigns of {quarter['quarter']}: {reason}")
                continue
            gain, low, high, mde = (
                format_change(value, "money", data.currency)
                for value in (lift["absolute"], lift["low"], lift["high"], quarter["mde"])
            )
            yield close_sentence(
                f"all campaigns of {quarter['quarter']} together added {gain} a customer ({low} to {high}), by "
                f"{format_count(held)} of {format_count(others)} customers held out of them; {mde} would be seen"
            )


def draw_overview(campaigns: Sequence[Campaign]) -> Figure | None:
    """The relative change of every campaign's primary metric, those with an interval."""
    rows = [
        _place_effect(
            campaign.name if len(campaign.lead.effects) < 2 else f"{campaign.name} ({effect.arm})",
            effect,
            campaign.lead.kpi,
            trusted=campaign.verdict.tone != "alarm",
        )
        for campaign in campaigns
        for effect in campaign.lead.effects or (NO_EFFECT,)
    ]
    caption = FOREST_CAPTION.format(confidence=_name_level(campaigns[0])) if campaigns else ""
    return _draw(rows, name="campaigns", caption=caption)


def draw_segments(campaign: Campaign, *, name: str) -> Figure | None:
    """The relative change of a campaign's primary metric in each segment, those with an interval."""
    rows = [
        _place_effect(
            result.segment_name
            if len(result.measurement.effects) < 2
            else f"{result.segment_name} ({effect.arm})",
            effect,
            result.measurement.kpi,
            trusted=campaign.verdict.tone != "alarm",
        )
        for result in campaign.segments
        for effect in result.measurement.effects or (NO_EFFECT,)
    ]
    caption = (
        f"{campaign.lead.kpi.title} by segment, relative to control, with {_name_level(campaign)} intervals. "
        "Segments are smaller than the whole, so their lines are longer; one of many may look good by chance "
        "alone."
    )
    return _draw(rows, name=name, caption=caption)


def explain_missing(data: ReportData) -> str:
    """Why there is nothing to report, in one sentence."""
    reason = read_part(data.summary, "campaigns").get("reason")
    return close_sentence(
        "no campaign with a control group has been measured, so there is no return to report"
        + (f": {reason}" if reason else "")
    )


def _list_kpi_cells(measurement: Measurement, currency: str) -> Iterator[dict[str, Cell]]:
    """The cells of a KPI, one set an arm; of a KPI without figures one set that gives the reason."""
    kpi, reason = measurement.kpi, measurement.reason or ""
    for effect in measurement.effects or (NO_EFFECT,):
        relative = format_relative(effect.relative)
        yield {
            "kpi": Cell(kpi.title, kpi.name),
            "arm": Cell(effect.arm or MISSING, effect.arm),
            "control": Cell(format_value(effect.control, kpi.unit, currency), write_exact(effect.control)),
            "treatment": Cell(
                format_value(effect.treatment, kpi.unit, currency), write_exact(effect.treatment)
            ),
            "absolute": Cell(_write_gain(effect.absolute, kpi, currency), write_exact(effect.absolute)),
            "interval": Cell(_write_interval(effect, kpi, currency), _write_exact_interval(effect)),
            "relative": Cell(relative, write_exact(effect.relative)),
            "p_value": Cell(format_p_value(effect.p_value), write_exact(effect.p_value)),
            "reason": Cell(reason, reason),
        }


def _list_overview_cells(campaign: Campaign, anchor: str, currency: str) -> dict[str, Cell]:
    lead = next(_list_kpi_cells(campaign.lead, currency))
    returned = next(_list_kpi_cells(campaign.find("roi"), currency))
    total = sum(campaign.customers.values()) or None
    return lead | {
        "campaign": Cell(campaign.name, campaign.name, href=f"#{anchor}"),
        "decision": Cell(campaign.verdict.word, campaign.verdict.word, tone=campaign.verdict.tone),
        "roi": returned["absolute"],
        "customers": Cell(format_count(total), write_exact(total)),
    }


def _build_table(
    rows: Iterable[dict[str, Cell]], columns: tuple[Column, ...], *, name: str, title: str
) -> Table:
    return Table(name, title, columns, tuple(tuple(row[c.source] for c in columns) for row in rows))


def _write_gain(value: float | None, kpi: Kpi, currency: str) -> str:
    """A difference to control; for a KPI that exists only against control, the figure itself."""
    if value is None or kpi.name not in AGAINST_CONTROL_ONLY or kpi.unit == "ratio":
        return format_change(value, kpi.unit, currency)
    return f"{format_value(value, kpi.unit, currency)} {AGAINST_CONTROL_ONLY[kpi.name]}".strip()


def _write_interval(effect: Effect, kpi: Kpi, currency: str) -> str:
    signed = kpi.name not in AGAINST_CONTROL_ONLY or kpi.unit == "ratio"
    write = format_change if signed else format_value
    return format_interval(effect.low, effect.high, lambda end: write(end, kpi.unit, currency))


def _write_exact_interval(effect: Effect) -> str:
    if effect.low is None and effect.high is None:
        return ""
    return f"{write_exact(effect.low)}..{write_exact(effect.high)}"


def _name_level(campaign: Campaign) -> str:
    return f"{campaign.confidence * 100:g}{SPACE}%"


def _name_segments(profiles: pd.DataFrame) -> dict[str, str]:
    if profiles.empty:
        return {}
    return dict(zip(profiles["segment_id"].astype(str), profiles["segment_name"].astype(str), strict=True))


def _read_days(window: Mapping[str, str], timezone: str) -> tuple[date, ...]:
    """First and last whole day of the window in the shop's own days; its end is exclusive."""
    if not {"starts_at", "ends_at"} <= set(window):
        return ()
    zone = ZoneInfo(timezone)
    starts_at, ends_at = (datetime.fromisoformat(window[end]) for end in ("starts_at", "ends_at"))
    return starts_at.astimezone(zone).date(), (ends_at - timedelta(seconds=1)).astimezone(zone).date()


def _place_effect(label: str, effect: Effect, kpi: Kpi, *, trusted: bool) -> dict[str, Any]:
    return {
        "label": label,
        "estimate": effect.relative,
        "low": effect.relative_low,
        "high": effect.relative_high,
        "tone": effect.judge(kpi.better) if trusted else "",
    }


def _draw(rows: Sequence[dict[str, Any]], *, name: str, caption: str) -> Figure | None:
    drawable = [
        row
        for row in rows
        if row["estimate"] is not None and (row["low"] is not None or row["high"] is not None)
    ]
    if not drawable:
        return None
    missing = len(rows) - len(drawable)
    note = f" {format_plural(missing, 'row')} without a relative interval cannot be drawn." if missing else ""
    return embed_figure(draw_forest(pd.DataFrame(drawable)), name=name, caption=caption + note)


PAGE = Page("roi", "ROI", render_roi, order=3)
