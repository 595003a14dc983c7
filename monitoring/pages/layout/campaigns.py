"""A campaign's measured results, read out of the run's summary into small types a page can walk through.

Whatever in them is said in words is in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.metrics import Unit, load_metrics
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.verdicts import CAMPAIGN, Verdict, read_verdict
from monitoring.pages.layout.words import Words, format_text, mark, read_number

KPI_ORDER = ("conversion", "cac", "aov", "churn", "ltv", "roi", "cost_per_conversion")
NOT_MEASURED = mark("not measured")
NO_DECISION = Verdict(mark("No decision"), mark("The figures stand without a recommendation."), "")
URGENCY = ("invalid", "stop", "ship", "continue", "inconclusive")
# What these say against control is no difference of two levels but a figure of its own.
AGAINST_CONTROL_ONLY = {
    "cac": mark("{amount} each"),
    "cost_per_conversion": mark("{amount} each"),
    "roi": "{amount}",
}


@dataclass(frozen=True, slots=True)
class Kpi:
    """A metric as the page shows it: name, title, unit, and which way is better (1 up, −1 down)."""

    name: str
    title: str
    unit: Unit
    better: int = 1


@dataclass(frozen=True, slots=True)
class Effect:
    """One arm against control: both levels, and the absolute and relative difference with intervals."""

    arm: str
    control: float | None
    treatment: float | None
    absolute: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    p_value: float | None = None

    def judge(self, better: int) -> str:
        """`good` or `bad` where the interval lies wholly on one side of zero, else nothing."""
        if self.low is not None and self.low > 0:
            return "good" if better > 0 else "bad"
        if self.high is not None and self.high < 0:
            return "bad" if better > 0 else "good"
        return ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric in every treatment arm; `reason` says why a figure is missing and what else to know."""

    kpi: Kpi
    effects: tuple[Effect, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """The primary metric within one segment."""

    segment_name: str
    customers: int | None
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the experiment itself; `passed` is null where it could not be made."""

    passed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as its section shows it; `entry` is what the run's summary says of it."""

    campaign_id: str
    name: str
    decision: str
    verdict: Verdict
    sentence: str
    primary: str
    confidence: float
    customers: Mapping[str, int]
    costs: Mapping[str, float | None]
    window: Mapping[str, str]
    srm_p: float | None
    checks: tuple[Check, ...]
    measurements: tuple[Measurement, ...]
    segments: tuple[SegmentResult, ...]
    entry: Mapping[str, Any]

    @property
    def lead(self) -> Measurement:
        """The measurement the decision rests on."""
        return self.find(self.primary)

    @property
    def lead_arm(self) -> str:
        """The treatment the decision rests on: of those it speaks of, the one least likely to be chance."""
        tone = {"ship": "good", "stop": "bad"}.get(self.decision)
        effects = self.lead.effects
        spoken_of = [
            effect for effect in effects if tone is None or effect.judge(self.lead.kpi.better) == tone
        ]
        ranked = sorted(
            spoken_of or effects, key=lambda effect: 1.0 if effect.p_value is None else effect.p_value
        )
        return ranked[0].arm if ranked else ""

    def find_effect(self, name: str) -> Effect:
        """What the leading treatment did to a metric; without figures where that was not measured."""
        effects = (effect for one in self.measurements if one.kpi.name == name for effect in one.effects)
        return next((effect for effect in effects if effect.arm == self.lead_arm), NO_EFFECT)

    def find(self, name: str) -> Measurement:
        """The measurement of a metric."""
        return next(measurement for measurement in self.measurements if measurement.kpi.name == name)


NO_EFFECT = Effect("", None, None)


def rank_campaigns(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """The campaigns, those first that call for action soonest."""
    return sorted(
        campaigns,
        key=lambda one: URGENCY.index(one.decision) if one.decision in URGENCY else len(URGENCY),
    )


def read_campaigns(
    summary: Mapping[str, Any], *, words: Words, segment_names: Mapping[str, str] | None = None
) -> tuple[Campaign, ...]:
    """The measured campaigns of a run; none where the run has none.

    Args:
        segment_names: name by segment_id as text, for segments whose result does not bring its own.
    """
    campaigns = summary.get("campaigns")
    if not isinstance(campaigns, list | tuple):
        return ()
    return tuple(_read_campaign(entry, segment_names or {}, words) for entry in campaigns)


def _read_campaign(entry: Mapping[str, Any], segment_names: Mapping[str, str], words: Words) -> Campaign:
    primary = str(entry.get("primary_metric") or "conversion")
    metrics = dict(entry.get("metrics") or {})
    kpis = _list_kpis([*KPI_ORDER, *metrics, primary], words)
    identifier = format_text(entry.get("campaign_id"))
    return Campaign(
        campaign_id=identifier,
        name=str(entry.get("name") or identifier),
        decision=str(entry.get("decision") or ""),
        verdict=read_verdict(entry.get("decision"), CAMPAIGN, unknown=NO_DECISION, words=words),
        sentence=retell(str(entry.get("sentence") or entry.get("reason") or ""), words),
        primary=primary,
        confidence=1 - (read_number(entry.get("alpha")) or 0.05),
        customers={arm: int(count or 0) for arm, count in _read_numbers(entry.get("customers")).items()},
        costs=_read_numbers(entry.get("costs")),
        window={str(name): str(moment) for name, moment in (entry.get("window") or {}).items()},
        srm_p=read_number(entry.get("srm_p")),
        checks=tuple(
            Check(c.get("passed"), retell(str(c.get("sentence")), words)) for c in entry.get("checks") or ()
        ),
        measurements=tuple(_read_measurement(kpi, metrics.get(name), words) for name, kpi in kpis.items()),
        segments=tuple(
            _read_segment(segment_id, result, kpis[primary], segment_names, words)
            for segment_id, result in (entry.get("by_segment") or {}).items()
        ),
        entry=entry,
    )


def _list_kpis(names: list[str], words: Words) -> dict[str, Kpi]:
    known = load_metrics()
    return {
        name: Kpi(
            name,
            words.gettext(known[name].title),
            known[name].unit,
            better=1 if known[name].better == "higher" else -1,
        )
        if name in known
        else Kpi(name, name.replace("_", " ").capitalize(), "number")
        for name in dict.fromkeys(names)
    }


def _read_measurement(kpi: Kpi, metric: Mapping[str, Any] | None, words: Words) -> Measurement:
    if not metric:
        return Measurement(kpi, (), words.gettext(NOT_MEASURED))
    levels = dict(metric.get("arms") or {})
    lifts = dict(metric.get("lift") or {})
    control = read_number(levels.get("control"))
    arms = dict.fromkeys([*(arm for arm in levels if arm != "control"), *lifts])
    effects = tuple(_read_effect(arm, control, levels.get(arm), lifts.get(arm) or {}) for arm in arms)
    return Measurement(kpi, effects, retell(str(metric["reason"]), words) if metric.get("reason") else None)


def _read_effect(arm: str, control: float | None, level: Any, lift: Mapping[str, Any]) -> Effect:
    parts = ("absolute", "low", "high", "relative", "relative_low", "relative_high", "p_value")
    numbers = {part: read_number(lift.get(part)) for part in parts}
    return Effect(str(arm), control, read_number(level), **numbers)


def _read_segment(
    segment_id: str, result: Mapping[str, Any], kpi: Kpi, segment_names: Mapping[str, str], words: Words
) -> SegmentResult:
    counts = [count for count in _read_numbers(result.get("customers")).values() if count is not None]
    name = result.get("segment_name") or name_segment(segment_id, segment_names, words)
    return SegmentResult(
        str(name), int(sum(counts)) if counts else None, _read_measurement(kpi, result, words)
    )


def name_segment(segment_id: Any, names: Mapping[str, str], words: Words) -> str:
    """A segment by its name, or by its number where it has none."""
    return names.get(str(segment_id)) or words.gettext("Segment {number}", number=segment_id)


def _read_numbers(values: Any) -> dict[str, float | None]:
    pairs = values.items() if isinstance(values, Mapping) else ()
    return {str(name): read_number(value) for name, value in pairs}
