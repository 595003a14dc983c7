"""What to do with a campaign, and one sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitoring.experiments import CONTROL, Campaign, MeasurementSettings
from monitoring.experiments.arms import Lift, MetricResult
from monitoring.experiments.trust import Check, find_fatal
from monitoring.metrics import Metric, Unit

Verdict = Literal["ship", "stop", "continue", "inconclusive", "invalid"]
OPENINGS = {"ship": "worked", "stop": "did harm", "inconclusive": "is undecided"}
JUDGEMENTS = {"ship": "better", "stop": "worse", "inconclusive": "may be chance"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and one plain sentence."""

    decision: Verdict
    sentence: str


def decide_campaign(
    measured: Mapping[str, MetricResult],
    *,
    metrics: Mapping[str, Metric],
    campaign: Campaign,
    checks: tuple[Check, ...],
    settings: MeasurementSettings,
    until: datetime,
) -> Decision:
    """Decide by the campaign's primary metric and the guardrails. The rule, first match wins:

    1. not started: `continue`;
    2. a check that invalidates the experiment failed, or the metric is unknown or may not decide: `invalid`;
    3. the metric is not final yet (window open, churn days or value days not over): `stop` where its always-valid
       interval already lies wholly on the bad side in every arm, else `continue`;
    4. the primary metric is better than control in an arm, tested two-sidedly at `alpha` with Holm's (1979) correction
       over the treatment arms, and no guardrail is worse there (at `alpha`, Holm's correction over guardrails and
       arms): `ship`;
    5. better only where a guardrail is worse, or worse in every arm: `stop`;
    6. otherwise `inconclusive`.

    With `decide_on = "adjusted"` the tests are those of the adjusted difference, where there is one.
    """
    if until <= campaign.starts_at:
        return Decision("continue", f"{campaign.name} starts on {campaign.first_day}.")
    fatal = find_fatal(checks)
    if fatal:
        return Decision("invalid", f"{campaign.name} cannot be judged: {fatal.sentence}.")
    primary, metric = measured.get(campaign.primary_metric), metrics.get(campaign.primary_metric)
    if primary is None or metric is None or not metric.decides:
        why = f"'{campaign.primary_metric}' is not a metric that can decide"
        return Decision("invalid", f"{campaign.name} cannot be judged: {why}.")
    used = choose_lifts(primary, decide_on=settings.decide_on)
    verdicts = judge_arms(used, better=metric.better, alpha=settings.alpha)
    final_at = campaign.final_at(metric.horizon, settings)
    if until < final_at:
        return _decide_early(
            primary, verdicts, metric=metric, campaign=campaign, final_at=final_at, settings=settings
        )
    harms = find_harms(measured, metrics, alpha=settings.alpha)
    verdict = _combine(verdicts, harms)
    told = _tell_arms(primary, used, verdicts, metric=metric, alpha=settings.alpha)
    harmed = "; ".join(f"but {', '.join(names)} went up in {arm}" for arm, names in sorted(harms.items()))
    return Decision(
        verdict, f"{campaign.name} {OPENINGS[verdict]}: {'; '.join(filter(None, [told, harmed]))}."
    )


def _decide_early(
    primary: MetricResult,
    verdicts: Mapping[str, Verdict],
    *,
    metric: Metric,
    campaign: Campaign,
    final_at: datetime,
    settings: MeasurementSettings,
) -> Decision:
    if verdicts and set(verdicts.values()) == {"stop"}:
        told = _tell_arms(primary, primary.lift, verdicts, metric=metric, alpha=settings.alpha)
        return Decision("stop", f"{campaign.name} does harm and can be ended early: {told}.")
    return Decision(
        "continue",
        f"{campaign.name} is still being measured; it is decided on {campaign.find_day(final_at)}.",
    )


def choose_lifts(result: MetricResult, *, decide_on: str) -> Mapping[str, Lift]:
    """By arm, the difference a decision rests on: the plain one, or the adjusted one where it is wanted and there."""
    if decide_on == "difference":
        return result.lift
    return {
        arm: Lift(absolute=one.absolute, low=one.low, high=one.high, p_value=one.p_value)
        if (one := result.adjusted.get(arm))
        else lift
        for arm, lift in result.lift.items()
    }


def find_harms(
    measured: Mapping[str, MetricResult], metrics: Mapping[str, Metric], *, alpha: float
) -> dict[str, list[str]]:
    """By arm, the titles of the guardrails that went the wrong way there, Holm's correction over all of them."""
    guards = {name: metric for name, metric in metrics.items() if metric.guards and name in measured}
    tested = {f"{name}\0{arm}": lift for name in guards for arm, lift in measured[name].lift.items()}
    harms: dict[str, list[str]] = {}
    for key, verdict in judge_arms(tested, better="lower", alpha=alpha).items():
        name, _zero, arm = key.partition("\0")
        if verdict == "stop":
            harms.setdefault(arm, []).append(guards[name].title.lower())
    return harms


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


def _combine(verdicts: Mapping[str, Verdict], harms: Mapping[str, list[str]]) -> Verdict:
    better = [arm for arm, verdict in verdicts.items() if verdict == "ship"]
    if any(arm not in harms for arm in better):
        return "ship"
    if better or (verdicts and set(verdicts.values()) == {"stop"}):
        return "stop"
    return "inconclusive"


def _tell_arms(
    primary: MetricResult,
    used: Mapping[str, Lift],
    verdicts: Mapping[str, Verdict],
    *,
    metric: Metric,
    alpha: float,
) -> str:
    if all(lift.p_value is None for lift in primary.lift.values()):
        return primary.reason or "there is nothing to compare"
    control = _format(primary.arms[CONTROL], metric.unit)
    arms = sorted(primary.lift, key=lambda arm: (verdicts[arm] == "inconclusive", arm))
    told = "; ".join(
        _tell_arm(
            primary.arms[arm],
            used[arm],
            arm,
            judgement=JUDGEMENTS[verdicts[arm]],
            unit=metric.unit,
            alpha=alpha,
        )
        for arm in arms
    )
    adjusted = "" if used is primary.lift else ", adjusted for what they did before and their segments"
    remark = f"; note: {primary.reason}" if primary.reason else ""
    return f"{metric.title.lower()} was {control} in control and {told}{adjusted}{remark}"


def _tell_arm(value: float | None, lift: Lift, arm: str, *, judgement: str, unit: Unit, alpha: float) -> str:
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
