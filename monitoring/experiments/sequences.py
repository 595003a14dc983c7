"""Intervals that may be looked at as often as one likes while a campaign runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

EVENTS_MIN = 100
"""Customers with something to count an arm needs before an interval is given: it holds asymptotically."""


@dataclass(frozen=True, slots=True)
class SequenceInterval:
    """An always-valid interval and p-value."""

    low: float
    high: float
    p_value: float


def find_sequence(effect: float, *, variance: float, planned: float, alpha: float) -> SequenceInterval:
    """The asymptotic confidence sequence of an effect that adds up while a campaign runs.

    With V its variance now, by Robbins' normal mixture (Howard, Ramdas, McAuliffe & Sekhon 2021; asymptotically,
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024):

        effect ± √((V + ρ) · ln((V + ρ) / (ρ α²)))

    covers the effect at every look together with probability 1 − α. The customers are the same at every look, so what
    grows is V, not their number. Customers who buy again and again make looks more alike than the theorem needs, which
    errs on the side of caution.

    Args:
        variance: of the effect now; above 0.
        planned: what the variance was expected to be at the end, from before the campaign: ρ is chosen so that the
            interval is narrowest there.
    """
    rho = planned / _tightest(alpha)
    total = variance + rho
    half = math.sqrt(total * math.log(total / (rho * alpha**2)))
    # One over the mixture of likelihood ratios, which is a martingale where there is no effect (Ville).
    p_value = math.exp(0.5 * math.log(total / rho) - effect**2 / (2 * total))
    return SequenceInterval(effect - half, effect + half, min(1.0, p_value))


def _tightest(alpha: float) -> float:
    """V / ρ at which the interval is narrowest: −W₋₁(−α² / e) − 1."""
    from scipy.special import lambertw

    return float(-lambertw(-(alpha**2) / math.e, k=-1).real - 1)
