"""How often customers will buy again: the BG/NBD model.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24 (2). While alive, a customer
buys at random at a rate of their own, which is gamma distributed over customers (shape r, rate α); after each repeat
purchase they leave for good with a probability of their own, which is beta distributed (a, b). Time is in weeks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.likelihood import NoFit, maximise_likelihood
from models.purchase_histories import (
    DAY,
    GroupedHistories,
    check_histories,
    find_groups,
    group_histories,
    read_histories,
)

CUSTOMERS_MIN = 100
REPEATERS_MIN = 30
LIMITS = ((1e-3, 100.0), (1e-3, 1e5), (1e-4, 100.0), (1e-3, 1e4))
"""Least and most of r, α, a and b: beyond 100, shapes r and a mean that customers are as good as alike."""
DISCOUNTED = 24  # places of the Gauss-Legendre rule over time
_SINGULAR = 1e-4


@dataclass(frozen=True, slots=True)
class PurchaseModel:
    """A fitted BG/NBD model.

    Attributes:
        r, alpha: shape and rate (weeks) of the purchase rate's gamma distribution.
        a, b: of the beta distribution of the probability to leave after a repeat purchase.
        log_likelihood: of all customers, their time in weeks.
        customers: how many it was fitted on.
        notes: what a reader of its predictions must know.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: int
    notes: tuple[str, ...] = ()


def fit_purchases(histories: pd.DataFrame, *, resolution: float | None = DAY) -> PurchaseModel:
    """Fit BG/NBD by maximum likelihood on distinct histories and their counts.

    Args:
        histories: one row a customer: frequency, recency and age (weeks), as `build_histories` gives them.
        resolution: weeks that times are rounded to, so that more customers share a history; None does not round.

    Raises:
        NoFit: a history is impossible, there are fewer than 100 customers or 30 who bought again, all are the
            same, or the fit did not converge.
    """
    check_histories(histories)
    customers, repeaters = len(histories), int((histories["frequency"] > 0).sum())
    if customers < CUSTOMERS_MIN or repeaters < REPEATERS_MIN:
        raise NoFit(
            f"{customers:,} customers, {repeaters:,} of whom bought again, are too few to fit on; it takes "
            f"{CUSTOMERS_MIN} and {REPEATERS_MIN}"
        )
    groups = group_histories(histories, resolution=resolution)
    if len(groups.customers) == 1:
        raise NoFit("all customers have the same purchase history")
    rate = float(groups.customers @ groups.frequency / (groups.customers @ groups.age))
    found = maximise_likelihood(
        lambda parameters: measure_purchases(parameters, groups),
        starts=[(r, r / (2 * rate), a, b) for r, a, b in ((0.3, 0.5, 2.0), (1.0, 1.0, 5.0), (3.0, 0.2, 3.0))],
        limits=LIMITS,
        rows=customers,
    )
    r, alpha, a, b = map(float, found.parameters)
    notes = tuple(_describe_limits(a / (a + b), found.at_limit))
    return PurchaseModel(r, alpha, a, b, found.log_likelihood, customers, notes)


def _describe_limits(leaving: float, at_limit: np.ndarray) -> list[str]:
    notes = []
    if at_limit[:2].any():
        notes.append("the spread of purchase rates ran to its limit: customers buy about equally often")
    if at_limit[2:].any():
        who = "hardly anybody leaves" if leaving < 0.01 else "everybody is about as likely to leave"
        notes.append(f"the spread of leaving ran to its limit: {who}")
    return notes


def measure_purchases(parameters: np.ndarray, groups: GroupedHistories) -> tuple[float, np.ndarray]:
    """Log-likelihood of grouped histories (Fader, Hardie & Lee 2005, equation 6), and its gradient.

    Args:
        parameters: r, α, a, b.
    """
    from scipy.special import expit, gammaln, psi

    r, alpha, a, b = parameters
    by_frequency, at = groups.frequencies, groups.place
    x, customers = groups.frequency, groups.customers
    times = np.bincount(at, weights=customers, minlength=len(by_frequency))
    counted = gammaln(r + by_frequency) - gammaln(r) + r * np.log(alpha)
    counted += gammaln(a + b) + gammaln(b + by_frequency) - gammaln(b) - gammaln(a + b + by_frequency)

    to_now, to_last = np.log(alpha + groups.age), np.log(alpha + groups.recency)
    left = np.where(by_frequency > 0, b + by_frequency - 1, 1.0)
    # Odds of having left right after the last purchase against being there still; none without a repeat.
    log_odds = np.where(by_frequency > 0, np.log(a) - np.log(left), -np.inf)[at] + (r + x) * (
        to_now - to_last
    )
    gone = expit(log_odds)
    value = times @ counted + customers @ (np.logaddexp(0.0, log_odds) - (r + x) * to_now)

    gone_by_frequency = np.bincount(at, weights=customers * gone, minlength=len(by_frequency))
    slope_r = times @ (psi(r + by_frequency) - psi(r) + np.log(alpha))
    slope_r -= customers @ (to_now - gone * (to_now - to_last))
    reciprocal = (1 - gone) / (alpha + groups.age) + gone / (alpha + groups.recency)
    slope_alpha = customers.sum() * r / alpha - customers @ ((r + x) * reciprocal)
    both = psi(a + b) - psi(a + b + by_frequency)
    slope_a = times @ both + gone_by_frequency.sum() / a
    slope_b = times @ (both + psi(b + by_frequency) - psi(b)) - gone_by_frequency @ (1 / left)
    return float(value), np.array([slope_r, slope_alpha, slope_a, slope_b])


def predict_alive(model: PurchaseModel, histories: pd.DataFrame) -> pd.Series:
    """Probability that each customer has not left; 1 without a repeat purchase, as leaving takes one.

    Fader, Hardie & Lee (2008), Computing P(alive) Using the BG/NBD Model.
    """
    from scipy.special import expit

    frequency, recency, age = read_histories(histories)
    left = np.where(frequency > 0, model.b + frequency - 1, 1.0)
    silence = (model.r + frequency) * (np.log(model.alpha + age) - np.log(model.alpha + recency))
    log_odds = np.where(frequency > 0, np.log(model.a) - np.log(left) + silence, -np.inf)
    return pd.Series(expit(-log_odds), index=histories.index, name="alive")


def predict_purchases(model: PurchaseModel, histories: pd.DataFrame, *, weeks: float) -> pd.Series:
    """Purchases each customer is expected to make in the coming weeks, given their history.

    Fader, Hardie & Lee (2005), equation 10.
    """
    return _expect(model, histories, lambda x, age: count_if_alive(model, x, age, weeks=weeks))


def predict_discounted_purchases(
    model: PurchaseModel, histories: pd.DataFrame, *, weeks: float, discount: float
) -> pd.Series:
    """The same, each purchase worth e^(−discount · weeks until it).

    By parts, ∫ e^(−δt) dE(t) is e^(−δ·weeks) E(weeks) + δ ∫ e^(−δt) E(t) dt: no derivative is needed, and the
    integrand is so smooth that 24 places give it to a millionth.

    Args:
        discount: continuous rate a week.
    """
    places, weights = np.polynomial.legendre.leggauss(DISCOUNTED)
    # Squared, the places lie closer where the expectation bends most: at the start.
    moments, steps = weeks * ((places + 1) / 2) ** 2, weights * weeks * (places + 1) / 2

    def count(x: np.ndarray, age: np.ndarray) -> np.ndarray:
        total = np.exp(-discount * weeks) * count_if_alive(model, x, age, weeks=weeks)
        for moment, step in zip(moments, steps, strict=True):
            total += (
                discount * step * np.exp(-discount * moment) * count_if_alive(model, x, age, weeks=moment)
            )
        return total

    return _expect(model, histories, count)


def _expect(
    model: PurchaseModel, histories: pd.DataFrame, count: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> pd.Series:
    """Alive × what somebody alive is expected to do, which depends on frequency and age alone."""
    frequency, _recency, age = read_histories(histories)
    first, group = find_groups(frequency, age)
    counted = count(frequency[first], age[first])[group]
    return pd.Series(predict_alive(model, histories) * counted, index=histories.index, name="purchases")


def count_if_alive(
    model: PurchaseModel, frequency: np.ndarray, age: np.ndarray, *, weeks: float
) -> np.ndarray:
    """Expected purchases of somebody who is alive, in the coming weeks.

    By Euler's transformation of the paper's ₂F₁: its large arguments cancel, so that neither many purchases nor a
    long time overflow.
    """
    from scipy.special import hyp2f1

    if abs(model.a - 1) < _SINGULAR:
        # 0 ÷ 0 at a = 1, and smooth around it.
        beside = (replace(model, a=1 - 2 * _SINGULAR), replace(model, a=1 + 2 * _SINGULAR))
        below, above = (count_if_alive(one, frequency, age, weeks=weeks) for one in beside)
        return np.asarray((below + above) / 2)
    z = weeks / (model.alpha + age + weeks)
    total = model.a + model.b + frequency - 1
    function = hyp2f1(model.a + model.b - 1 - model.r, model.a - 1, total, z)
    return np.asarray(total / (model.a - 1) * (1 - (1 - z) ** (model.a - 1) * function))
