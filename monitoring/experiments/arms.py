"""What is known of each arm of a campaign, and what a metric says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from monitoring.experiments import CONTROL, Campaign, Horizon, MeasurementSettings
from monitoring.experiments.adjustment import AdjustedLift

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates


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

    def find_error(self, alpha: float) -> float | None:
        """The standard error that the `1 - alpha` interval stands for, if it is a normal one; None without it."""
        if self.absolute is None or self.low is None or self.high is None or not self.high > self.low:
            return None
        return (self.high - self.low) / 2 / NormalDist().inv_cdf(1 - alpha / 2)


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A metric's value in every arm and its lift in every treatment arm.

    Attributes:
        lift: by treatment arm, the plain difference.
        reason: explains every None, and says what else a reader of the numbers must know.
        interval: what the intervals are: "fixed" ones hold at the planned end, "always_valid" ones whenever and however
            often one looks; None where there is none.
        adjusted: by treatment arm, the difference given what customers did before and their segments; empty where
            neither is known.
    """

    arms: Mapping[str, float | None]
    lift: Mapping[str, Lift]
    reason: str | None = None
    interval: Literal["fixed", "always_valid"] | None = None
    adjusted: Mapping[str, AdjustedLift] = field(default_factory=dict)


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
        strata: the statistics per segment, which add up to `statistics`.
    """

    arms: tuple[str, ...]
    statistics: Mapping[str, Aggregates]
    costs: Mapping[str, float]
    campaign: Campaign
    settings: MeasurementSettings
    until: datetime
    strata: tuple[Mapping[str, Aggregates], ...] = ()

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

    def variance(self, arm: str, column: str) -> float:
        """Of a column's mean over the customers of an arm; NaN for fewer than two or a column there is not."""
        if self.count(arm) < 2 or column not in self.statistics[arm].var_:
            return math.nan
        return float(self.statistics[arm].var(column)) / self.count(arm)

    def is_final(self, horizon: Horizon) -> bool:
        """Whether a metric that looks so far will not change any more."""
        return self.until >= self.campaign.final_at(horizon, self.settings)

    def incremental_cost(self, arm: str) -> float:
        """What an arm cost beyond what control would have cost at the arm's size; NaN if not known."""
        per_customer = self.costs.get(CONTROL, 0.0) / self.count(CONTROL) if self.count(CONTROL) else 0.0
        return self.costs.get(arm, math.nan) - per_customer * self.count(arm)

    def knows(self, column: str) -> bool:
        """Whether a column is known for every customer."""
        return all(self.mean(arm, f"{column}:known") == 1.0 for arm in self.statistics)


def keep_finite(value: float | None) -> float | None:
    """The value as a plain float, or None where it is not a finite number."""
    return None if value is None or not math.isfinite(value) else float(value)


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
