"""What to do with a campaign, and one sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitoring.experiments import CONTROL, Campaign, MeasurementSettings
from monitoring.experiments.trust import Check, find_fatal
from monitoring.metrics import Lift, Metric, MetricResult, Unit

Verdict = Literal["ship", "stop", "continue", "inconclusive", "invalid"]
OPENINGS = {"ship": "worked", "stop": "did harm", "inconclusive": "is undecided"}
JUDGEMENTS = {"ship": "better", "stop": "worse", "inconclusive": "may be chance"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and one plain sentence."""

    decision: Verdict
    sentence: str


def decide_campaign(
    primary: MetricResult | None,
    *,
    metric: Metric | None,
    campaign: Campaign,
    checks: tuple[Check, ...],
    settings: MeasurementSettings,
    until: datetime,
) -> Decision:
    """Decide by the primary metric. The rule, first match wins:

    1. not started: `continue`;
    2. a check that invalidates the experiment failed, or the metric is unknown or may not decide: `invalid`;
    3. the metric is not final yet (window open, or churn days not over): `continue`;
    4. the primary metric is better than control in any arm, tested two-sidedly at `alpha` with Holm's (1979)
       correction over the treatment arms: `ship`;
    5. worse in every arm: `stop`;
    6. otherwise `inconclusive`.
    """
    if until <= campaign.starts_at:
        return Decision("continue", f"{campaign.name} starts on {campaign.starts_at:%Y-%m-%d}.")
    fatal = find_fatal(checks)
    if fatal:
        return Decision("invalid", f"{campaign.name} cannot be judged: {fatal.sentence}.")
    if primary is None or metric is None or not metric.decides:
        why = f"'{campaign.primary_metric}' is not a metric that can decide"
        return Decision("invalid", f"{campaign.name} cannot be judged: {why}.")
    final_at = campaign.churn_horizon(settings.churn_days) if metric.waits_for_churn else campaign.ends_at
    if until < final_at:
        return Decision(
            "continue", f"{campaign.name} is still being measured; it is decided on {final_at:%Y-%m-%d}."
        )
    verdicts = judge_arms(primary.lift, better=metric.better, alpha=settings.alpha)
    verdict = _combine(verdicts)
    told = _tell_arms(primary, verdicts, metric=metric, alpha=settings.alpha)
    return Decision(verdict, f"{campaign.name} {OPENINGS[verdict]}: {told}.")


def judge_arms(lift: Mapping[str, Lift], *, better: str, alpha: float) -> dict[str, Verdict]:
    """Each treatment arm for itself: `ship`, `stop` or `inconclusive`.

    Holm, S. (1979): the i-th smallest of k p-values is held against alpha / (k − i + 1), until one fails.
    """
    tested = {arm: one.p_value for arm, one in lift.items() if one.p_value is not None}
    verdicts: dict[str, Verdict] = dict.fromkeys(lift, "inconclusive")
    for done, (arm, p_value) in enumerate(sorted(tested.items(), key=lambda pair: pair[1])):
        if p_value >= alpha / (len(tested) - done):
            break
        gained = (lift[arm].absolute or 0.0) * (1 if better == "higher" else -1)
        verdicts[arm] = "ship" if gained > 0 else "stop"
    return verdicts


def _combine(verdicts: Mapping[str, Verdict]) -> Verdict:
    if "ship" in verdicts.values():
        return "ship"
    return "stop" if verdicts and set(verdicts.values()) == {"stop"} else "inconclusive"


def _tell_arms(
    primary: MetricResult, verdicts: Mapping[str, Verdict], *, metric: Metric, alpha: float
) -> str:
    if all(lift.p_value is None for lift in primary.lift.values()):
        return primary.reason or "there is nothing to compare"
    control = _format(primary.arms[CONTROL], metric.unit)
    arms = sorted(primary.lift, key=lambda arm: (verdicts[arm] == "inconclusive", arm))
    told = "; ".join(
        _tell_arm(primary, arm, judgement=JUDGEMENTS[verdicts[arm]], unit=metric.unit, alpha=alpha)
        for arm in arms
    )
    remark = f"; note: {primary.reason}" if primary.reason else ""
    return f"{metric.title.lower()} was {control} in control and {told}{remark}"


def _tell_arm(primary: MetricResult, arm: str, *, judgement: str, unit: Unit, alpha: float) -> str:
    value, lift = primary.arms[arm], primary.lift[arm]
    if lift.absolute is None:
        return f"cannot be compared in {arm}"
    difference, low, high = (_format(one, unit, sign="+") for one in (lift.absolute, lift.low, lift.high))
    points = " points" if unit == "share" else ""
    interval = f"{100 * (1 - alpha):g} % interval {low} to {high}"
    return f"{_format(value, unit)} in {arm} ({difference}{points}, {interval}: {judgement})"


def _format(value: float | None, unit: Unit, *, sign: str = "") -> str:
    if value is None:
        return "unknown"
    if unit == "share":
        return f"{_round(100 * value):{sign}.2f}" + ("" if sign else " %")
    return f"{_round(value):{sign},.2f}"


def _round(value: float) -> float:
    """To the two decimals shown; adding zero turns a negative zero into a plain one."""
    return round(value, 2) + 0.0
