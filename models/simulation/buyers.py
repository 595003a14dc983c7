"""Customers who buy just as BG/NBD and Gamma-Gamma say, or knowingly otherwise: what these models are judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class BuyingWorld:
    """What customers are drawn from; the defaults are as in CDNOW's sample. Time is in weeks.

    Attributes:
        r, alpha, a, b: of BG/NBD.
        p, q, v: of Gamma-Gamma.
        spend_by_rate: the power of the purchase rate, over its mean, that a customer's mean spend is multiplied by;
            0 is as Gamma-Gamma says.
        holdout_rate: what purchase rates are multiplied by after the histories end; 1 is as BG/NBD says.
    """

    r: float = 0.243
    alpha: float = 4.414
    a: float = 0.793
    b: float = 2.426
    p: float = 6.25
    q: float = 3.74
    v: float = 15.44
    spend_by_rate: float = 0.0
    holdout_rate: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Buyers:
    """What is seen of simulated customers, and what is not.

    Attributes:
        histories: by customer_id: frequency, recency, age, spend.
        holdout: by customer_id: purchases and value in the weeks after.
        alive: whether they had not left when the histories end.
    """

    histories: pd.DataFrame
    holdout: pd.DataFrame
    alive: pd.Series


def simulate_buyers(
    world: BuyingWorld,
    *,
    customers: int,
    age: tuple[float, float] = (27.0, 39.0),
    weeks: float = 39.0,
    seed: int,
) -> Buyers:
    """Draw customers with their histories, and what they do in the weeks after.

    Args:
        age: fewest and most weeks since the first purchase, spread evenly.
        weeks: how long the holdout is.
    """
    rng = np.random.default_rng(seed)
    ages = rng.uniform(*age, customers)
    rates = rng.gamma(world.r, 1 / world.alpha, customers)
    leaving = rng.beta(world.a, world.b, customers)
    frequency, recency, alive = _buy(rng, rates, leaving, np.zeros(customers), ages)
    again, _last, _alive = _buy(
        rng, rates * world.holdout_rate, leaving, ages, ages + weeks, alive=alive.copy()
    )
    # p over ν is the mean of a purchase.
    nu = rng.gamma(world.q, 1 / world.v, customers)
    nu /= np.maximum(rates / (world.r / world.alpha), 1e-12) ** world.spend_by_rate
    with np.errstate(divide="ignore", invalid="ignore"):
        spend = np.where(frequency > 0, _spend(rng, world.p, nu, frequency) / frequency, np.nan)
    index = pd.RangeIndex(customers, name="customer_id")
    return Buyers(
        pd.DataFrame({"frequency": frequency, "recency": recency, "age": ages, "spend": spend}, index=index),
        pd.DataFrame({"purchases": again, "value": _spend(rng, world.p, nu, again)}, index=index),
        pd.Series(alive, index=index, name="alive"),
    )


def round_to_days(buyers: Buyers) -> pd.DataFrame:
    """Histories in whole days, as a shop knows them."""
    weeks = (buyers.histories[["recency", "age"]] * DAYS_A_WEEK).round() / DAYS_A_WEEK
    # Who bought again within half a day did so a day later, as the first day is no repeat.
    repeated = buyers.histories["frequency"] > 0
    weeks["recency"] = weeks["recency"].where(~repeated, weeks["recency"].clip(lower=1 / DAYS_A_WEEK))
    weeks["age"] = weeks[["recency", "age"]].max(axis=1)
    return buyers.histories.assign(**weeks)


def _spend(rng: np.random.Generator, p: float, nu: np.ndarray, purchases: np.ndarray) -> np.ndarray:
    """The sum of so many gamma distributed purchases, which is gamma distributed itself; 0 for none."""
    drawn = rng.gamma(np.where(purchases > 0, p * purchases, 1.0), 1 / nu)
    return np.asarray(np.where(purchases > 0, drawn, 0.0))


def _buy(
    rng: np.random.Generator,
    rates: np.ndarray,
    leaving: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    *,
    alive: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat purchases between start and end, when the last was (0 for none), and who has not left by then.

    Every round is one more purchase by all who are still buying.
    """
    alive = np.ones(len(rates), dtype=bool) if alive is None else alive
    counted, last = np.zeros(len(rates)), np.zeros(len(rates))
    buying, clock = np.flatnonzero(alive), start[alive]
    while len(buying):
        clock = clock + rng.exponential(1 / np.maximum(rates[buying], 1e-300))
        within = clock <= end[buying]
        buying, clock = buying[within], clock[within]
        counted[buying] += 1
        last[buying] = clock
        left = rng.random(len(buying)) < leaving[buying]
        alive[buying[left]] = False
        buying, clock = buying[~left], clock[~left]
    return counted, last, alive
