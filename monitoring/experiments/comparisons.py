"""Arms compared: a share, a mean or a ratio in every arm, and each treatment's difference to control.

At the horizon the intervals are Welch's. Before it they are always-valid, or there are none. Where the outcomes have a
column `prior_<column>`, the difference adjusted by it stands beside the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monitoring.experiments import CONTROL, Horizon
from monitoring.experiments.adjustment import AdjustedLift, adjust_difference
from monitoring.experiments.aggregates import PRIOR
from monitoring.experiments.arms import (
    ArmData,
    Lift,
    MetricResult,
    explain_nothing,
    join_reasons,
    keep_finite,
)
from monitoring.experiments.outcomes import PRIOR_DAYS
from monitoring.experiments.sequences import EVENTS_MIN, find_sequence

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import RatioOfMeans


def compare_shares(data: ArmData, column: str, *, horizon: Horizon = "window") -> MetricResult:
    """Share of customers for whom a 0/1 column is 1, and its difference to control (Welch, unpooled)."""
    from tea_tasting.metrics import Mean

    ones = {arm: data.count_nonzero(arm, column) for arm in data.arms}
    rarer = {arm: min(ones[arm], data.count(arm) - ones[arm]) for arm in data.arms}
    return _compare(data, Mean(column, **_options(data)), cases=rarer, horizon=horizon)


def compare_means(data: ArmData, column: str, *, horizon: Horizon = "window") -> MetricResult:
    """Mean of a column over all assigned customers, and its difference to control (Welch 1947)."""
    from tea_tasting.metrics import Mean

    cases = {arm: data.count_nonzero(arm, column) for arm in data.arms}
    return _compare(data, Mean(column, **_options(data)), cases=cases, horizon=horizon)


def compare_ratios(
    data: ArmData, numerator: str, denominator: str, *, horizon: Horizon = "window"
) -> MetricResult:
    """Ratio of two columns' means, and its difference to control by the delta method (Deng et al. 2018)."""
    from tea_tasting.metrics import RatioOfMeans

    cases = {arm: data.count_nonzero(arm, denominator) for arm in data.arms}
    statistic = RatioOfMeans(numerator, denominator, **_options(data))
    return _compare(data, statistic, cases=cases, horizon=horizon)


def _options(data: ArmData) -> dict:
    return {
        "alternative": "two-sided",
        "confidence_level": 1 - data.settings.alpha,
        "equal_var": False,
        "use_t": True,
    }


def _compare(
    data: ArmData, statistic: RatioOfMeans, *, cases: Mapping[str, int], horizon: Horizon
) -> MetricResult:
    unknown = [column for column in statistic.aggr_cols.mean_cols if not data.knows(column)]
    if unknown:
        return explain_nothing(data, f"{unknown[0]} is not known for every customer")
    values = {arm: _value(data, statistic, arm) for arm in data.arms}
    is_final = data.is_final(horizon)
    problems = {arm: _find_problem(data, arm, cases[arm], is_final=is_final) for arm in data.arms}
    sound = [arm for arm in data.treatments if not problems[arm] and not problems.get(CONTROL, "no control")]
    reasons = [*problems.values(), None if CONTROL in data.arms else "no control group to compare with"]
    if not is_final and statistic.denom is not None:
        reasons.append("a ratio has an interval only at the end")
        sound = []
    measure = _lift if is_final else _interim_lift
    lift = {arm: measure(data, statistic, arm) if arm in sound else Lift() for arm in data.treatments}
    if any(one.absolute is not None and one.relative is None for one in lift.values()):
        reasons.append("no relative lift, because not every arm's value is above zero")
    if CONTROL in data.arms and not any(reasons) and any(one.absolute is None for one in lift.values()):
        reasons.append("the values do not vary, so there is no interval")
    found = any(one.low is not None for one in lift.values())
    return MetricResult(
        values,
        lift,
        join_reasons(*reasons),
        interval=None if not found else "fixed" if is_final else "always_valid",
        adjusted=_adjust(data, statistic, sound) if is_final else {},
    )


def _find_problem(data: ArmData, arm: str, cases: int, *, is_final: bool) -> str | None:
    """Why an arm gets no interval: with few cases the normal approximation would be a guess."""
    count = data.count(arm)
    needed = data.settings.min_conversions if is_final else max(EVENTS_MIN, data.settings.min_conversions)
    if not count:
        return f"nobody is in arm {arm}"
    if cases < needed or count < 2:
        early = "" if is_final else " that may be looked at early"
        return f"{arm} rests on {cases} of its {count} customers, an interval{early} needs {needed}"
    return None


def _value(data: ArmData, statistic: RatioOfMeans, arm: str) -> float | None:
    below = 1.0 if statistic.denom is None else data.mean(arm, statistic.denom)
    return keep_finite(data.mean(arm, statistic.numer) / below) if below else None


def _lift(data: ArmData, statistic: RatioOfMeans, arm: str) -> Lift:
    control, treatment = data.statistics[CONTROL], data.statistics[arm]
    if _is_flat(control, statistic) and _is_flat(treatment, statistic):
        return Lift()
    found = statistic.analyze_aggregates(control, treatment)
    # The relative interval is one on the log scale, which a value at or below zero does not have.
    positive = found.control > 0 and found.treatment > 0
    return Lift(
        absolute=found.effect_size,
        low=found.effect_size_ci_lower,
        high=found.effect_size_ci_upper,
        relative=found.rel_effect_size if positive else None,
        relative_low=found.rel_effect_size_ci_lower if positive else None,
        relative_high=found.rel_effect_size_ci_upper if positive else None,
        p_value=found.pvalue,
    )


def _interim_lift(data: ArmData, statistic: RatioOfMeans, arm: str) -> Lift:
    """While the campaign runs; of its relative lift there is no interval that holds at every look."""
    column = statistic.numer
    level, effect = data.mean(CONTROL, column), data.mean(arm, column) - data.mean(CONTROL, column)
    variance = data.variance(CONTROL, column) + data.variance(arm, column)
    if not variance > 0:
        return Lift()
    found = find_sequence(
        effect,
        variance=variance,
        planned=_plan_variance(data, column, arm, variance),
        alpha=data.settings.alpha,
    )
    return Lift(
        absolute=effect,
        low=found.low,
        high=found.high,
        relative=effect / level if level > 0 else None,
        p_value=found.p_value,
    )


def _plan_variance(data: ArmData, column: str, arm: str, now: float) -> float:
    """What the variance was to be expected to be at the end, by what the same customers did before."""
    campaign = data.campaign
    length = campaign.ends_at - campaign.starts_at
    past = data.variance(CONTROL, f"{PRIOR}{column}") + data.variance(arm, f"{PRIOR}{column}")
    if past > 0:
        return past * length.total_seconds() / (PRIOR_DAYS * 86_400)
    return now * length / max(data.until - campaign.starts_at, length / 1000)


def _adjust(data: ArmData, statistic: RatioOfMeans, arms: list[str]) -> dict[str, AdjustedLift]:
    column = statistic.numer
    covariate: str | None = f"{PRIOR}{column}"
    if not data.knows(f"{PRIOR}{column}") or not any(
        data.variance(arm, f"{PRIOR}{column}") > 0 for arm in data.statistics
    ):
        covariate = None
    if statistic.denom is not None or (covariate is None and len(data.strata) < 2):
        return {}
    strata = data.strata or (data.statistics,)
    found = {
        arm: adjust_difference(strata, arm=arm, column=column, covariate=covariate, alpha=data.settings.alpha)
        for arm in arms
    }
    return {arm: one for arm, one in found.items() if one is not None}


def _is_flat(arm: Aggregates, statistic: RatioOfMeans) -> bool:
    """Whether every customer has the same value, up to what rounding leaves of a ratio's variance."""
    numerator = arm.var(statistic.numer) / arm.mean(statistic.denom) ** 2
    return arm.ratio_var(statistic.numer, statistic.denom) <= 1e-9 * numerator
