"""ROI: what each campaign added over its control group, what that means, and what to do next time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from markupsafe import Markup

from monitoring.charts import draw_forest
from monitoring.finished_campaigns import find_last_day
from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.campaign_tables import (
    tabulate_campaigns,
    tabulate_kpis,
    tabulate_segments,
    write_gain,
    write_interval,
)
from monitoring.pages.layout.campaign_views import Views, build_views
from monitoring.pages.layout.campaigns import (
    NO_EFFECT,
    NOT_MEASURED,
    Campaign,
    Effect,
    Kpi,
    Measurement,
    read_campaigns,
)
from monitoring.pages.layout.retelling import name_arm, retell
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.words import MISSING, Words, mark, read_part

OPEN_CAMPAIGNS = 3
FOREST_CAPTION = mark(
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
    words = data.words
    campaigns = read_campaigns(data.summary, words=words, segment_names=_name_segments(data.profiles))
    sections = tuple(
        build_section(campaign, place, data, is_open=len(campaigns) <= OPEN_CAMPAIGNS)
        for place, campaign in enumerate(campaigns, start=1)
    )
    return render_template(
        "roi.html",
        words=words,
        sections=sections,
        alarms=[section for section in sections if section.campaign.verdict.tone == "alarm"],
        overview=tabulate_campaigns({one.anchor: one.campaign for one in sections}, words),
        forest=draw_overview(campaigns, words),
        together=tuple(tabulate_together(data)),
        programme=tuple(describe_programme(data)),
        missing=explain_missing(data),
        verdicts=list(dict.fromkeys(campaign.verdict for campaign in campaigns)),
    )


def build_section(campaign: Campaign, place: int, data: ReportData, *, is_open: bool) -> Section:
    """A campaign's figures in the order they are read: what it changed, checks, KPIs, segments."""
    words = data.words
    return Section(
        anchor=f"campaign-{place}",
        campaign=campaign,
        headline=write_headline(campaign, words),
        facts=tuple(list_facts(campaign, words, timezone=data.timezone)),
        kpis=tabulate_kpis(campaign, words, name=f"campaign_{place}_kpis"),
        segments=tabulate_segments(campaign, words, name=f"campaign_{place}_segments"),
        figure=draw_segments(campaign, words, name=f"campaign-{place}-segments"),
        views=build_views(campaign, words, names=_name_segments(data.profiles), prefix=f"campaign_{place}"),
        is_open=is_open,
    )


def write_headline(campaign: Campaign, words: Words) -> tuple[str, str]:
    """The one figure the decision rests on, and the words that go with it."""
    _, lead = words.gettext, campaign.lead
    effect = campaign.find_effect(campaign.primary)
    if effect.absolute is None:
        against = _("{kpi} against control", kpi=lead.kpi.title)
        return MISSING, words.close_sentence(words.explain(against, lead.reason or _(NOT_MEASURED)))
    figures = {
        "level": words.format_level(campaign.confidence),
        "interval": write_interval(effect, lead.kpi, words),
    }
    told = (
        _("{kpi} against control; {level} interval {interval}", kpi=lead.kpi.title, **figures)
        if len(lead.effects) < 2
        else _(
            "{kpi} in {arm} against control; {level} interval {interval}",
            kpi=lead.kpi.title,
            arm=name_arm(effect.arm, words),
            **figures,
        )
    )
    return write_gain(effect.absolute, lead.kpi, words), words.close_sentence(told)


def list_facts(campaign: Campaign, words: Words, *, timezone: str) -> Iterator[tuple[str, str]]:
    """Who, when, for how much, and whether the groups came out as they were planned."""
    _, days = words.gettext, _read_days(campaign.window, timezone)
    if len(days) == 2:
        yield (
            _("Window"),
            _(
                "{first_day} to {last_day}",
                first_day=words.format_date(days[0]),
                last_day=words.format_date(days[1]),
            ),
        )
    for arm, count in campaign.customers.items():
        yield words.explain(_("Customers"), name_arm(arm, words)), words.format_count(count)
    for arm, cost in campaign.costs.items():
        if cost is not None:
            yield words.explain(_("Cost"), name_arm(arm, words)), words.format_money(cost)
    if campaign.srm_p is not None and not campaign.checks:
        yield _("p-value of the planned split"), words.format_p_value(campaign.srm_p)


def tabulate_together(data: ReportData) -> Iterator[Table]:
    """Finished campaigns added up, by channel and by quarter."""
    words, _ = data.words, data.words.gettext
    returns = read_part(data.summary, "returns")
    change = partial(words.format_change, unit="money")
    for key, heading, title in (
        ("channel", _("Channel"), _("Finished campaigns by channel")),
        ("quarter", _("Quarter"), _("Finished campaigns by quarter")),
    ):
        columns = (
            Column(key, heading),
            Column("campaigns", _("Campaigns and groups"), words.format_count, kind="number"),
            Column("margin", _("Margin gained"), change, kind="number"),
            Column("interval", _("Interval"), kind="phrase"),
            Column("cost", _("Cost"), words.format_money, kind="number"),
            Column("profit", _("Profit"), change, kind="number"),
            Column("roi", _("ROI"), words.format_relative, kind="number"),
        )
        rows = pd.DataFrame(returns.get(f"by_{key}") or ())
        if len(rows):
            rows["interval"] = [
                words.format_change_interval(low, high, "money")
                for low, high in zip(rows["margin_low"], rows["margin_high"], strict=True)
            ]
        yield build_table(rows, columns, name=f"by_{key}", title=title)


def describe_programme(data: ReportData) -> Iterator[str]:
    """What all campaigns of a quarter added, by the customers held out of them."""
    words, _ = data.words, data.words.gettext
    for quarter in data.summary.get("programme") or ():
        primary = quarter["primary_metric"]
        for lift in quarter["metrics"][primary]["lift"].values():
            held, others = quarter["customers"]["control"], sum(quarter["customers"].values())
            if lift["absolute"] is None:
                reason = retell(quarter["metrics"][primary]["reason"] or "", words) or _(NOT_MEASURED)
                yield words.close_sentence(
                    words.explain(_("all campaigns of {quarter}", quarter=quarter["quarter"]), reason)
                )
                continue
            gain, low, high, mde = (
                words.format_change(value, "money")
                for value in (lift["absolute"], lift["low"], lift["high"], quarter["mde"])
            )
            yield words.close_sentence(
                _(
                    "all campaigns of {quarter} together added {gain} a customer ({low} to {high}), by {held} of "
                    "{everybody} customers held out of them; {mde} would be seen",
                    quarter=quarter["quarter"],
                    gain=gain,
                    low=low,
                    high=high,
                    held=words.format_count(held),
                    everybody=words.format_count(others),
                    mde=mde,
                )
            )


def draw_overview(campaigns: Sequence[Campaign], words: Words) -> Figure | None:
    """The relative change of every campaign's primary metric, those with an interval."""
    rows = [
        _place_effect(
            _label(campaign.name, effect, campaign.lead, words),
            effect,
            campaign.lead.kpi,
            trusted=campaign.verdict.tone != "alarm",
        )
        for campaign in campaigns
        for effect in campaign.lead.effects or (NO_EFFECT,)
    ]
    if not campaigns:
        return None
    caption = words.gettext(FOREST_CAPTION, confidence=words.format_level(campaigns[0].confidence))
    return _draw(rows, words, name="campaigns", caption=caption)


def draw_segments(campaign: Campaign, words: Words, *, name: str) -> Figure | None:
    """The relative change of a campaign's primary metric in each segment, those with an interval."""
    rows = [
        _place_effect(
            _label(result.segment_name, effect, result.measurement, words),
            effect,
            result.measurement.kpi,
            trusted=campaign.verdict.tone != "alarm",
        )
        for result in campaign.segments
        for effect in result.measurement.effects or (NO_EFFECT,)
    ]
    caption = words.gettext(
        "{kpi} by segment, relative to control, with {level} intervals. Segments are smaller than the whole, so their "
        "lines are longer; one of many may look good by chance alone.",
        kpi=campaign.lead.kpi.title,
        level=words.format_level(campaign.confidence),
    )
    return _draw(rows, words, name=name, caption=caption)


def explain_missing(data: ReportData) -> str:
    """Why there is nothing to report, in one sentence."""
    reason = read_part(data.summary, "campaigns").get("reason")
    nothing = data.words.gettext(
        "no campaign with a control group has been measured, so there is no return to report"
    )
    return data.words.close_sentence(data.words.explain(nothing, reason))


def _label(name: str, effect: Effect, measurement: Measurement, words: Words) -> str:
    return name if len(measurement.effects) < 2 else f"{name} ({name_arm(effect.arm, words)})"


def _name_segments(profiles: pd.DataFrame) -> dict[str, str]:
    if profiles.empty:
        return {}
    return dict(zip(profiles["segment_id"].astype(str), profiles["segment_name"].astype(str), strict=True))


def _read_days(window: Mapping[str, str], timezone: str) -> tuple[date, ...]:
    """First and last whole day of the window in the shop's own days; its end is exclusive."""
    last = find_last_day({"window": window}, timezone=timezone)
    if last is None or "starts_at" not in window:
        return ()
    return datetime.fromisoformat(window["starts_at"]).astimezone(ZoneInfo(timezone)).date(), last


def _place_effect(label: str, effect: Effect, kpi: Kpi, *, trusted: bool) -> dict[str, Any]:
    return {
        "label": label,
        "estimate": effect.relative,
        "low": effect.relative_low,
        "high": effect.relative_high,
        "tone": effect.judge(kpi.better) if trusted else "",
    }


def _draw(rows: Sequence[dict[str, Any]], words: Words, *, name: str, caption: str) -> Figure | None:
    drawable = [
        row
        for row in rows
        if row["estimate"] is not None and (row["low"] is not None or row["high"] is not None)
    ]
    if not drawable:
        return None
    missing = len(rows) - len(drawable)
    if missing:
        note = words.ngettext(
            "{count} row without a relative interval cannot be drawn.",
            "{count} rows without a relative interval cannot be drawn.",
            missing,
        )
        caption = words.chain(caption, note)
    figure = draw_forest(pd.DataFrame(drawable), write=words.format_relative)
    return embed_figure(figure, name=name, caption=caption, words=words)


PAGE = Page("roi", mark("ROI"), render_roi, order=3)
