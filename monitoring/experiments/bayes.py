"""The Bayesian view of an effect, for those who want to know how likely and how costly it is to be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from monitoring.experiments.arms import Lift

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of an arm after the campaign by somebody who believed nothing in particular before.

    Attributes:
        probability_better: that the arm is better than control.
        expected_loss: what is lost a customer, on average over what may be true, by going on with the arm.
    """

    probability_better: float
    expected_loss: float


def believe(lift: Lift, *, better: Literal["higher", "lower"], alpha: float) -> Posterior | None:
    """The posterior of a lift with a flat prior and a normal likelihood; None without an interval.

    With mean m in the good direction and standard deviation s: P(better) = Φ(m/s) and the expected loss is
    s φ(m/s) − m Φ(−m/s) (Stucchio 2015).
    """
    spread = lift.find_error(alpha)
    if spread is None or lift.absolute is None:
        return None
    mean = lift.absolute if better == "higher" else -lift.absolute
    z = mean / spread
    return Posterior(_NORMAL.cdf(z), max(spread * _NORMAL.pdf(z) - mean * _NORMAL.cdf(-z), 0.0))
