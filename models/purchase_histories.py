"""Purchase histories: what the lifetime-value models know of a customer, one row each, as of one day.

A history is `frequency` (repeat purchases: further days with an order after the first), `recency` (weeks from the
first purchase to the last one, 0 without a repeat), `age` (weeks from the first purchase to `as_of`) and `spend` (mean
value of the repeat purchases, null without one): x, t_x, T and m_x of Fader, Hardie & Lee (2005). Beware that
`recency` counts from the first purchase here, as that literature does, not backwards from today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pandas as pd
from ibis import _

from models.likelihood import NoFit

HISTORY = ("frequency", "recency", "age")
DAY = 1 / 7
AGE_MAX = 5200.0  # a century: older is a fault of dates
_DAYS_A_WEEK = 7.0


def build_histories(orders: ibis.Table, *, as_of: date) -> ibis.Table:
    """Customers who had bought by the end of `as_of`: customer_id, frequency, recency, age, spend.

    Orders of one day are one purchase, and the first day is no repeat, as in Fader, Hardie & Lee (2005). Nothing
    later than `as_of` is used; refunds are left out, as the rollup does not say when they came.

    Args:
        orders: the rollup `orders`: customer_id, day, revenue, lines (0 where only a refund is known).
    """
    dates = _sum_days(orders).filter(_.day <= ibis.date(as_of))
    first = dates.day.min().over(group_by=dates.customer_id)
    dates = dates.mutate(first=first, repeated=(dates.day > first).ifelse(1, 0))
    sums = dates.group_by("customer_id").aggregate(
        first=_.day.min(),
        last=_.day.max(),
        frequency=_.repeated.sum().cast("float64"),
        repeat_revenue=(_.repeated == 1).ifelse(_.revenue, ibis.null("float64")).sum(),
    )
    return sums.select(
        "customer_id",
        "frequency",
        recency=sums["last"].delta(sums["first"], unit="day").cast("float64") / _DAYS_A_WEEK,
        age=ibis.date(as_of).delta(sums["first"], unit="day").cast("float64") / _DAYS_A_WEEK,
        spend=sums.repeat_revenue / sums.frequency.nullif(0.0),
    )


def count_holdout(orders: ibis.Table, *, after: date, until: date) -> ibis.Table:
    """What customers bought from the day after `after` to the end of `until`: customer_id, purchases, value.

    Purchases are days with an order, value is their revenue; who bought nothing has no row.
    """
    dates = _sum_days(orders).filter((_.day > ibis.date(after)) & (_.day <= ibis.date(until)))
    return dates.group_by("customer_id").aggregate(
        purchases=_.day.count().cast("float64"), value=_.revenue.sum()
    )


def _sum_days(orders: ibis.Table) -> ibis.Table:
    bought = orders.filter(_.lines > 0)
    return bought.group_by("customer_id", "day").aggregate(revenue=_.revenue.sum().cast("float64"))


def check_histories(histories: pd.DataFrame) -> None:
    """See that every history can be: it is refused rather than fitted where one cannot.

    Raises:
        NoFit: a column is missing, or a value of it is impossible; with the first such value.
    """
    if missing := [name for name in HISTORY if name not in histories.columns]:
        raise NoFit(f"purchase histories lack {', '.join(missing)}")
    frequency, recency, age = read_histories(histories)
    possible = {
        "frequency": (frequency >= 0) & (frequency == np.floor(frequency)) & np.isfinite(frequency),
        "recency": (recency >= 0) & (recency <= age) & (frequency > 0) | (recency == 0) & (frequency == 0),
        "age": (age >= 0) & (age <= AGE_MAX),
    }
    needs = {
        "frequency": "a whole number from 0",
        "recency": "from 0 to the age, and 0 without a repeat purchase",
        "age": f"weeks from 0 to {AGE_MAX:,.0f}",
    }
    for name, sound in possible.items():
        if not sound.all():
            first = histories[name].to_numpy(dtype=np.float64)[~sound][0]
            raise NoFit(
                f"{name} must be {needs[name]}; it is not for {(~sound).sum():,} customers, as {first:g}"
            )


def read_histories(histories: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequency, recency and age as floats; null is NaN."""
    frequency, recency, age = (
        histories[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in HISTORY
    )
    return frequency, recency, age


@dataclass(frozen=True, slots=True, eq=False)
class GroupedHistories:
    """Distinct histories and how many customers have each: all that the BG/NBD likelihood needs.

    Attributes:
        frequency, recency, age: of each distinct history.
        customers: how many have it.
        frequencies, place: the distinct frequencies, and which of them each history has; what depends on the
            frequency alone is computed once for each.
    """

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    customers: np.ndarray
    frequencies: np.ndarray
    place: np.ndarray


def group_histories(histories: pd.DataFrame, *, resolution: float | None = DAY) -> GroupedHistories:
    """Group customers whose history is the same.

    Args:
        histories: one row a customer: frequency, recency, age.
        resolution: weeks that recency and age are rounded to before, a day where not given otherwise; None leaves
            them as they are.
    """
    frequency, recency, age = read_histories(histories)
    if resolution is not None:
        recency, age = (np.round(weeks / resolution) * resolution for weeks in (recency, age))
    first, group = find_groups(frequency, recency, age)
    frequencies, place = np.unique(frequency[first], return_inverse=True)
    return GroupedHistories(
        frequency[first],
        recency[first],
        age[first],
        np.bincount(group).astype(np.float64),
        frequencies,
        place,
    )


def find_groups(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each group of rows that are the same in all columns, and the group of every row."""
    group = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes, kinds = pd.factorize(column)
        group, _kinds = pd.factorize(group * len(kinds) + codes)
    first = np.empty(int(group.max(initial=-1)) + 1, dtype=np.int64)
    # Written backwards, so that the first row of each group is the one that stays.
    first[group[::-1]] = np.arange(len(group))[::-1]
    return first, group
