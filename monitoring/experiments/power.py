"""How many customers an experiment needs, and what it can see.

For two arms of any shares and a two-sided test that does not pool variances, which is how campaigns are
analysed. With v_c, v_t the variances of a single customer's outcome, s the control share and n the customers
in both arms together, the difference of the arms' means has variance

    (v_c / s + v_t / (1 − s)) / n

and power, sample size and smallest detectable effect follow from the normal distribution (Chow, Shao, Wang &
Lokhnygina 2018, Sample Size Calculations in Clinical Research, sections 3.2 and 4.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

_NORMAL = NormalDist()


class Outcome(Protocol):
    """What is measured of a customer."""

    def variance(self, effect: float) -> float:
        """Variance of one customer's outcome in an arm whose mean lies `effect` above control's."""

    def largest_effect(self) -> float:
        """No effect beyond this one is possible."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """A yes/no outcome with a known share of yes in control.

    Raises:
        ValueError: the share is not strictly between 0 and 1.
    """

    baseline: float

    def __post_init__(self) -> None:
        if not 0 < self.baseline < 1:
            raise ValueError(f"baseline {self.baseline} is not a share; give one between 0 and 1")

    def variance(self, effect: float) -> float:
        """p (1 − p), at p = baseline + effect.

        Raises:
            ValueError: that is no share.
        """
        share = self.baseline + effect
        if not 0 <= share <= 1:
            raise ValueError(f"effect {effect} moves the share {self.baseline} to {share}, outside 0 to 1")
        return share * (1 - share)

    def largest_effect(self) -> float:
        """Everybody says yes."""
        return 1 - self.baseline


@dataclass(frozen=True, slots=True)
class Mean:
    """An amount with a known standard deviation over all customers, buyers or not.

    Raises:
        ValueError: the deviation is not positive.
    """

    deviation: float

    def __post_init__(self) -> None:
        if not self.deviation > 0:
            raise ValueError(f"deviation {self.deviation} is not positive; power needs some spread")

    def variance(self, effect: float) -> float:  # noqa: ARG002 - a shift leaves the spread as it is
        """The deviation squared."""
        return self.deviation**2

    def largest_effect(self) -> float:
        """Unbounded."""
        return math.inf


@dataclass(frozen=True, slots=True)
class Design:
    """How an experiment will be run.

    Attributes:
        control_share: control's share of the customers in both arms.
        alpha: two-sided error probability.
        power: wanted probability to see the effect if it is there.

    Raises:
        ValueError: one of them is not strictly between 0 and 1.
    """

    control_share: float = 0.5
    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} is out of range; give one between 0 and 1")


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Customers needed, both arms rounded up."""

    control: int
    treatment: int

    @property
    def total(self) -> int:
        """Both arms together."""
        return self.control + self.treatment


def find_sample_size(outcome: Outcome, *, effect: float, design: Design) -> SampleSize:
    """Customers needed to see an absolute `effect` with the design's power.

    Raises:
        ValueError: the effect is zero, or leads out of the outcome's range.
    """
    if effect == 0:
        raise ValueError("effect is 0; no number of customers can show that, give the smallest that matters")
    total = (_quantiles(design) * _spread(outcome, effect, design) / effect) ** 2
    return SampleSize(
        control=math.ceil(total * design.control_share),
        treatment=math.ceil(total * (1 - design.control_share)),
    )


def find_power(outcome: Outcome, *, effect: float, customers: int, design: Design) -> float:
    """Probability that `customers` in both arms together show an absolute `effect` as significant."""
    shift = abs(effect) * math.sqrt(customers) / _spread(outcome, effect, design)
    critical = _NORMAL.inv_cdf(1 - design.alpha / 2)
    return _NORMAL.cdf(shift - critical) + _NORMAL.cdf(-critical - shift)


def find_mde(outcome: Outcome, *, customers: int, design: Design) -> float | None:
    """Smallest detectable effect: the absolute gain that `customers` show with the design's power.

    None where not even the largest possible gain would be seen.
    """
    from scipy.optimize import brentq

    scale = _quantiles(design) / math.sqrt(customers)
    largest = outcome.largest_effect()
    if math.isinf(largest):
        return scale * _spread(outcome, 0.0, design)

    def lack(effect: float) -> float:
        return scale * _spread(outcome, effect, design) - effect

    return None if lack(largest) > 0 else float(brentq(lack, 0.0, largest))


def _quantiles(design: Design) -> float:
    return _NORMAL.inv_cdf(1 - design.alpha / 2) + _NORMAL.inv_cdf(design.power)


def _spread(outcome: Outcome, effect: float, design: Design) -> float:
    """Standard deviation of the difference between the arms' means, times the root of all customers."""
    return math.sqrt(
        outcome.variance(0.0) / design.control_share + outcome.variance(effect) / (1 - design.control_share)
    )
