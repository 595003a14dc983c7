"""The KPIs a campaign is measured by, one file each, and what they have in common.

A metric reads per-arm statistics (`ArmData`) and answers with each arm's value and each treatment's lift
over control. Most are one call of `compare_shares`, `compare_means` or `compare_ratios`. To add one, put a
file with a `METRIC` in this folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from monitoring.experiments import CONTROL, Campaign, MeasurementSettings

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import RatioOfMeans

Unit = Literal["share", "money", "number", "ratio"]


@dataclass(frozen=True, slots=True)
class Lift:
    """A treatment arm's difference to control, with its interval; None where it cannot be had.

    `absolute` is in the metric's own unit, `relative` a share of control's value.
    """

    absolute: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    p_value: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, keep_finite(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A metric's value in every arm and its lift in every treatment arm.

    `reason` explains every None in it, and says what else a reader of the numbers must know.
    """

    arms: Mapping[str, float | None]
    lift: Mapping[str, Lift]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ArmData:
    """What is known of each arm: statistics of every numeric column of the outcomes, and costs.

    Attributes:
        arms: all arms, control first; an arm nobody is in has no statistics.
        statistics: per arm, count, means, variances and covariances over its customers. Nulls are counted as
            zero; the mean of `<column>:known` is the share of customers whose value is not null, that of
            `<column>:nonzero` the share whose value is neither null nor zero.
        costs: what was spent on an arm; NaN, or no entry, is a cost not known. Only control is taken to cost
            nothing where it has no entry.
        until: end of what is known, exclusive.
    """

    arms: tuple[str, ...]
    statistics: Mapping[str, Aggregates]
    costs: Mapping[str, float]
    campaign: Campaign
    settings: MeasurementSettings
    until: datetime

    @property
    def treatments(self) -> tuple[str, ...]:
        """Every arm but control."""
        return tuple(arm for arm in self.arms if arm != CONTROL)

    def count(self, arm: str) -> int:
        """Customers assigned to an arm."""
        return self.statistics[arm].count() if arm in self.statistics else 0

    def count_nonzero(self, arm: str, column: str) -> int:
        """Customers of an arm whose value is neither null nor zero; 0 for a column there is not."""
        share = self.mean(arm, f"{column}:nonzero")
        return 0 if math.isnan(share) else round(self.count(arm) * share)

    def mean(self, arm: str, column: str) -> float:
        """A column's mean over all customers of an arm; NaN for an empty arm or a column there is not."""
        return float(self.statistics[arm].mean_.get(column, math.nan)) if self.count(arm) else math.nan

    def incremental_cost(self, arm: str) -> float:
        """What an arm cost beyond what control would have cost at the arm's size; NaN if not known."""
        per_customer = self.costs.get(CONTROL, 0.0) / self.count(CONTROL) if self.count(CONTROL) else 0.0
        return self.costs.get(arm, math.nan) - per_customer * self.count(arm)

    def knows(self, column: str) -> bool:
        """Whether a column is known for every customer."""
        return all(self.mean(arm, f"{column}:known") == 1.0 for arm in self.statistics)


@dataclass(frozen=True, slots=True)
class Metric:
    """A KPI.

    Attributes:
        name: as in the JSON output and in a campaign's `primary_metric`.
        title: for people.
        unit: how to print it.
        better: which direction is good for the shop.
        measure: from the arms' data to the result.
        decides: whether a campaign may be decided by it.
        waits_for_churn: whether it is known only `churn_days` after the campaign's end.
    """

    name: str
    title: str
    unit: Unit
    better: Literal["higher", "lower"]
    measure: Callable[[ArmData], MetricResult]
    decides: bool = True
    waits_for_churn: bool = False


def load_metrics() -> dict[str, Metric]:
    """All metrics in this folder, by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.METRIC.name: module.METRIC for module in modules}


def keep_finite(value: float | None) -> float | None:
    """The value as a plain float, or None where it is not a finite number."""
    return None if value is None or not math.isfinite(value) else float(value)


def compare_shares(data: ArmData, column: str) -> MetricResult:
    """Share of customers for whom a 0/1 column is 1, and its difference to control (Welch, unpooled)."""
    from tea_tasting.metrics import Mean

    ones = {arm: data.count_nonzero(arm, column) for arm in data.arms}
    rarer = {arm: min(ones[arm], data.count(arm) - ones[arm]) for arm in data.arms}
    return _compare(data, Mean(column, **_options(data)), cases=rarer)


def compare_means(data: ArmData, column: str) -> MetricResult:
    """Mean of a column over all assigned customers, and its difference to control (Welch 1947)."""
    from tea_tasting.metrics import Mean

    cases = {arm: data.count_nonzero(arm, column) for arm in data.arms}
    return _compare(data, Mean(column, **_options(data)), cases=cases)


def compare_ratios(data: ArmData, numerator: str, denominator: str) -> MetricResult:
    """Ratio of two columns' means, and its difference to control by the delta method (Deng et al. 2018)."""
    from tea_tasting.metrics import RatioOfMeans

    cases = {arm: data.count_nonzero(arm, denominator) for arm in data.arms}
    return _compare(data, RatioOfMeans(numerator, denominator, **_options(data)), cases=cases)


def explain_nothing(data: ArmData, reason: str) -> MetricResult:
    """A result without a single number, and why."""
    return MetricResult(dict.fromkeys(data.arms), dict.fromkeys(data.treatments, Lift()), reason)


def join_reasons(*reasons: str | None) -> str | None:
    """The distinct reasons, in order, as one."""
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None


def explain_arms(data: ArmData, reasons: Mapping[str, str | None]) -> str | None:
    """The reasons of single treatment arms as one, naming the arm where there is more than one."""
    prefix = "{}: " if len(data.treatments) > 1 else ""
    return join_reasons(*(f"{prefix.format(arm)}{why}" for arm, why in reasons.items() if why))


def _options(data: ArmData) -> dict:
    return {
        "alternative": "two-sided",
        "confidence_level": 1 - data.settings.alpha,
        "equal_var": False,
        "use_t": True,
    }


def _compare(data: ArmData, statistic: RatioOfMeans, *, cases: Mapping[str, int]) -> MetricResult:
    unknown = [column for column in statistic.aggr_cols.mean_cols if not data.knows(column)]
    if unknown:
        return explain_nothing(data, f"{unknown[0]} is not known for every customer")
    values = {arm: _value(data, statistic, arm) for arm in data.arms}
    problems = {arm: _find_problem(data, arm, cases[arm]) for arm in data.arms}
    lift = {
        arm: _lift(data, statistic, arm)
        if not problems[arm] and not problems.get(CONTROL, "no control")
        else Lift()
        for arm in data.treatments
    }
    reasons = [*problems.values(), None if CONTROL in data.arms else "no control group to compare with"]
    if any(one.absolute is not None and one.relative is None for one in lift.values()):
        reasons.append("no relative lift, because not every arm's value is above zero")
    if CONTROL in data.arms and not any(reasons) and any(one.absolute is None for one in lift.values()):
        reasons.append("the values do not vary, so there is no interval")
    return MetricResult(values, lift, join_reasons(*reasons))


def _find_problem(data: ArmData, arm: str, cases: int) -> str | None:
    """Why an arm gets no interval: with few cases the normal approximation would be a guess."""
    count, needed = data.count(arm), data.settings.min_conversions
    if not count:
        return f"nobody is in arm {arm}"
    if cases < needed or count < 2:
        return f"{arm} rests on {cases} of its {count} customers, an interval needs {needed}"
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


def _is_flat(arm: Aggregates, statistic: RatioOfMeans) -> bool:
    """Whether every customer has the same value, up to what rounding leaves of a ratio's variance."""
    numerator = arm.var(statistic.numer) / arm.mean(statistic.denom) ** 2
    return arm.ratio_var(statistic.numer, statistic.denom) <= 1e-9 * numerator
