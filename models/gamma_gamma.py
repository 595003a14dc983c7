"""How much customers spend a purchase: the Gamma-Gamma model.

Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value. The value of a purchase is gamma distributed around the
customer's own mean (shape p), and these means are spread over customers by another gamma distribution (shape q, scale
v). How much somebody spends is taken to have nothing to do with how often they buy: `models.lifetime_check` looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.bg_nbd import REPEATERS_MIN
from models.likelihood import NoFit, maximise_likelihood
from models.purchase_histories import find_groups

LIMITS = ((1e-2, 1e3), (1e-2, 1e3), (1e-6, 1e12))
"""Least and most of p, q and v."""


@dataclass(frozen=True, slots=True)
class SpendModel:
    """A fitted Gamma-Gamma model.

    Attributes:
        p, q, v: its parameters; v in the shop's currency.
        log_likelihood: of all customers it was fitted on.
        customers: how many: those who bought again, for a positive amount.
        left_out: customers who bought again but whose spend is null, zero or negative.
        notes: what a reader of its predictions must know.
    """

    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int
    left_out: int
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Expected value of a purchase by somebody of whom nothing is known."""
        return self.p * self.v / (self.q - 1)


@dataclass(frozen=True, slots=True, eq=False)
class GroupedSpend:
    """Sums, and distinct pairs of frequency and spend with their counts: all the likelihood needs.

    Attributes:
        total, pair: spend × frequency of each distinct pair, and which frequency it has.
        customers: how many have the pair.
        frequencies, times: the distinct frequencies, and the customers of each.
        logarithms, weighted: Σ ln spend and Σ frequency · ln(spend · frequency) over customers.
    """

    total: np.ndarray
    pair: np.ndarray
    customers: np.ndarray
    frequencies: np.ndarray
    times: np.ndarray
    logarithms: float
    weighted: float


def fit_spend(histories: pd.DataFrame) -> SpendModel:
    """Fit Gamma-Gamma by maximum likelihood to customers who bought again.

    Args:
        histories: one row a customer: frequency, spend (mean of the repeat purchases; null without one). Those whose
            spend is null, zero or negative are left out and counted.

    Raises:
        NoFit: fewer than 30 such customers, all spend the same, spend so uneven that it has no mean (q ≤ 1), or the
            fit did not converge.
    """
    known = find_spenders(histories)
    repeaters = int((histories["frequency"] > 0).sum())
    groups = group_spend(histories[known])
    customers = int(groups.customers.sum())
    if customers < REPEATERS_MIN:
        raise NoFit(
            f"{customers:,} customers who bought again for a positive amount are too few to fit spend on; it takes "
            f"{REPEATERS_MIN}"
        )
    mean = groups.total / groups.frequencies[groups.pair]
    if np.ptp(mean) <= 1e-9 * mean.max():
        raise NoFit("all customers spend the same, so there is nothing to learn about spend")
    typical = float(groups.customers @ mean / customers)
    found = maximise_likelihood(
        lambda parameters: measure_spend(parameters, groups),
        starts=[(p, q, typical * max(q - 1, 0.5) / p) for p, q in ((1.0, 2.0), (5.0, 4.0), (20.0, 10.0))],
        limits=LIMITS,
        rows=customers,
    )
    p, q, v = map(float, found.parameters)
    if q <= 1:
        raise NoFit(f"spend is so uneven that its mean is not known (q is {q:.2f}, and it takes more than 1)")
    notes = (
        ("the spread of spend ran to its limit: customers spend about alike",) if found.at_limit.any() else ()
    )
    return SpendModel(p, q, v, found.log_likelihood, customers, repeaters - customers, notes)


def find_spenders(histories: pd.DataFrame) -> np.ndarray:
    """Who bought again for a positive amount."""
    spend = histories["spend"].to_numpy(dtype=np.float64, na_value=np.nan)
    frequency = histories["frequency"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray((frequency > 0) & (spend > 0) & np.isfinite(spend))


def group_spend(histories: pd.DataFrame) -> GroupedSpend:
    """Group customers with the same frequency and spend; all of them have both, and positive."""
    frequency, spend = (histories[name].to_numpy(dtype=np.float64) for name in ("frequency", "spend"))
    first, group = find_groups(frequency, spend)
    customers = np.bincount(group).astype(np.float64)
    frequencies, pair = np.unique(frequency[first], return_inverse=True)
    total = frequency[first] * spend[first]
    return GroupedSpend(
        total=total,
        pair=pair,
        customers=customers,
        frequencies=frequencies,
        times=np.bincount(pair, weights=customers, minlength=len(frequencies)),
        logarithms=float(customers @ np.log(spend[first])),
        weighted=float(customers @ (frequency[first] * np.log(total))),
    )


def measure_spend(parameters: np.ndarray, groups: GroupedSpend) -> tuple[float, np.ndarray]:
    """Log-likelihood of grouped spend (Fader & Hardie 2013, equation 1a), and its gradient.

    Args:
        parameters: p, q, v.
    """
    from scipy.special import gammaln, psi

    p, q, v = parameters
    x, times, count = groups.frequencies, groups.times, groups.customers.sum()
    level = np.log(v + groups.total)
    levels = np.bincount(groups.pair, weights=groups.customers * level, minlength=len(x))
    inverses = np.bincount(groups.pair, weights=groups.customers / (v + groups.total), minlength=len(x))
    value = times @ (gammaln(p * x + q) - gammaln(p * x)) + count * (q * np.log(v) - gammaln(q))
    value += p * groups.weighted - groups.logarithms - (p * x + q) @ levels
    slope_p = times @ (x * (psi(p * x + q) - psi(p * x))) + groups.weighted - x @ levels
    slope_q = times @ psi(p * x + q) + count * (np.log(v) - psi(q)) - levels.sum()
    slope_v = count * q / v - (p * x + q) @ inverses
    return float(value), np.array([slope_p, slope_q, slope_v])


def predict_spend(model: SpendModel, histories: pd.DataFrame) -> pd.Series:
    """Expected value of each customer's coming purchases: their own mean, drawn to everybody's where it is known from
    few (Fader & Hardie 2013, equation 5). Everybody's mean without a repeat purchase; NaN where there was one but its
    spend is not known to be positive.
    """
    frequency = histories["frequency"].to_numpy(dtype=np.float64, na_value=np.nan)
    spend = histories["spend"].to_numpy(dtype=np.float64, na_value=np.nan)
    total = np.where(find_spenders(histories), frequency * spend, np.where(frequency == 0, 0.0, np.nan))
    expected = model.p * (model.v + total) / (model.p * frequency + model.q - 1)
    return pd.Series(expected, index=histories.index, name="spend")
