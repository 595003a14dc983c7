"""What finished campaigns have done to a segment, a line each, with where the figures stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.finished_campaigns import is_over
from monitoring.pages.layout.campaigns import NOT_MEASURED, Campaign, Effect, Measurement
from monitoring.pages.layout.retelling import name_arm, name_metric
from monitoring.pages.layout.words import Words, read_number

UNDECIDED = ("continue", "invalid")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A campaign's effect in a segment in words, and the place on the ROI page it is from."""

    campaign: str
    href: str
    text: str
    tone: str = ""


def list_evidence(campaigns: Sequence[Campaign], words: Words, *, segment_id: int) -> tuple[Evidence, ...]:
    """What each campaign that is over and can be believed did to its primary metric in a segment.

    The figure is the plain difference, as in the ROI page's table of segments. Assignments keep the segment of their
    day, and a segment that keeps its id is the same one: those who were in it then speak for it now.

    Args:
        campaigns: in the order the ROI page shows them.
    """
    return tuple(
        evidence
        for place, campaign in enumerate(campaigns, start=1)
        if is_over(campaign.entry) and campaign.entry.get("decision") not in UNDECIDED
        for evidence in _list_effects(campaign, words, f"roi.html#campaign-{place}", segment_id)
    )


def _list_effects(campaign: Campaign, words: Words, href: str, segment_id: int) -> Iterator[Evidence]:
    """One line an arm; nothing where the segment was not in the campaign."""
    told = dict(campaign.entry.get("by_segment") or {})
    for (known, entry), result in zip(told.items(), campaign.segments, strict=True):
        if str(known) != str(segment_id):
            continue
        measurement = result.measurement
        if not measurement.effects:
            yield Evidence(campaign.name, href, _explain(measurement, words))
        for effect in measurement.effects:
            name = campaign.name
            if len(measurement.effects) > 1:
                name = words.gettext("{campaign} ({arm})", campaign=name, arm=name_arm(effect.arm, words))
            beside = dict((entry.get("beside_others") or {}).get(effect.arm) or {})
            text, tone = _tell_effect(effect, measurement, beside, words, alpha=1 - campaign.confidence)
            yield Evidence(name, href, text, tone)


def _tell_effect(
    effect: Effect, measurement: Measurement, beside: Mapping[str, Any], words: Words, *, alpha: float
) -> tuple[str, str]:
    """The effect in words, and its tone. What is one of many segments' is held against their number."""
    _, kpi = words.gettext, measurement.kpi
    if effect.absolute is None or (effect.low is None and effect.high is None):
        return _explain(measurement, words), ""
    interval = words.format_change_interval(effect.low, effect.high, kpi.unit)
    metric, tone = name_metric(kpi.name, words), effect.judge(kpi.better)
    if not tone:
        return _("no effect found on {metric} ({interval})", metric=metric, interval=interval), ""
    change = words.format_change(effect.absolute, kpi.unit)
    text = _("{change} {metric} ({interval})", change=change, metric=metric, interval=interval)
    shrunken, p_value = (read_number(beside.get(name)) for name in ("shrunken", "adjusted_p"))
    if shrunken is not None:
        change = words.format_change(shrunken, kpi.unit)
        text = _("{effect}; with luck taken out {change}", effect=text, change=change)
    if p_value is not None and p_value >= alpha:
        return _("{effect}; of so many segments, one may look like this by chance", effect=text), ""
    return text, tone


def _explain(measurement: Measurement, words: Words) -> str:
    return words.gettext("cannot be told: {why}", why=measurement.reason or words.gettext(NOT_MEASURED))
