"""What finished campaigns have done to a segment, a line each, with where the figures stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.finished_campaigns import is_over
from monitoring.pages.layout.campaigns import NOT_MEASURED, Campaign, Effect, Measurement
from monitoring.pages.layout.words import format_change, format_interval, read_number

UNDECIDED = ("continue", "invalid")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A campaign's effect in a segment in words, and the place on the ROI page it is from."""

    campaign: str
    href: str
    text: str
    tone: str = ""


def list_evidence(campaigns: Sequence[Campaign], *, segment_id: int, currency: str) -> tuple[Evidence, ...]:
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
        for evidence in _list_effects(campaign, f"roi.html#campaign-{place}", segment_id, currency)
    )


def _list_effects(campaign: Campaign, href: str, segment_id: int, currency: str) -> Iterator[Evidence]:
    """One line an arm; nothing where the segment was not in the campaign."""
    told = dict(campaign.entry.get("by_segment") or {})
    for (known, entry), result in zip(told.items(), campaign.segments, strict=True):
        if str(known) != str(segment_id):
            continue
        measurement = result.measurement
        if not measurement.effects:
            yield Evidence(campaign.name, href, _explain(measurement))
        for effect in measurement.effects:
            name = f"{campaign.name} ({effect.arm})" if len(measurement.effects) > 1 else campaign.name
            beside = dict((entry.get("beside_others") or {}).get(effect.arm) or {})
            text, tone = _tell_effect(effect, measurement, beside, 1 - campaign.confidence, currency)
            yield Evidence(name, href, text, tone)


def _tell_effect(
    effect: Effect, measurement: Measurement, beside: Mapping[str, Any], alpha: float, currency: str
) -> tuple[str, str]:
    """The effect in words, and its tone. What is one of many segments' is held against their number."""
    kpi = measurement.kpi
    if effect.absolute is None or (effect.low is None and effect.high is None):
        return _explain(measurement), ""
    interval = format_interval(effect.low, effect.high, lambda end: format_change(end, kpi.unit, currency))
    tone = effect.judge(kpi.better)
    if not tone:
        return f"no effect found on {kpi.title.lower()} ({interval})", ""
    text = f"{format_change(effect.absolute, kpi.unit, currency)} {kpi.title.lower()} ({interval})"
    shrunken, p_value = (read_number(beside.get(name)) for name in ("shrunken", "adjusted_p"))
    if shrunken is not None:
        text += f"; with luck taken out {format_change(shrunken, kpi.unit, currency)}"
    if p_value is not None and p_value >= alpha:
        return f"{text}; of so many segments, one may look like this by chance", ""
    return text, tone


def _explain(measurement: Measurement) -> str:
    return f"cannot be told: {measurement.reason or NOT_MEASURED}"
