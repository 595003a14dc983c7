"""Customers who are in no segment, split in two: those worth a look of one's own, and those who are asleep.

A customer unlike any group is neither good nor bad. The split asks what matters for what to do next: whoever spends
at least as much as the middle one of those who spend, or has bought more lately than the middle customer, is
valuable; whoever does neither is dormant. The bounds are learnt when a model is fitted, and are part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.naming import OUTLIER_NAME

OUTLIER_SEGMENT = 0  # the valuable ones; of a model without a split, all of them
DORMANT_SEGMENT = -1
OUTLIER_SEGMENTS = (OUTLIER_SEGMENT, DORMANT_SEGMENT)
SPLIT_NAMES: Mapping[int, str] = {
    OUTLIER_SEGMENT: f"{OUTLIER_NAME}, valuable",
    DORMANT_SEGMENT: f"{OUTLIER_NAME}, dormant",
}
VALUES = ("revenue_180d", "revenue_90d", "revenue_lifetime")
RECENCIES = ("days_since_last_purchase", "days_since_last_activity")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierSplit:
    """Who is valuable: at least `value_least` of the factor `value`, or at most `days_most` of `recency`.

    A factor that was not there to learn from is None, and so is its bound. An unknown value meets no bound.
    """

    value: str | None
    value_least: float | None
    recency: str | None
    days_most: float | None

    @property
    def bounds(self) -> dict[str, float]:
        """The factors it looks at, and the bound of each."""
        given = ((self.value, self.value_least), (self.recency, self.days_most))
        return {name: bound for name, bound in given if name is not None and bound is not None}

    def find_valuable(self, factors: pd.DataFrame) -> np.ndarray:
        """Whether each customer is valuable.

        Raises:
            ValueError: a factor is missing.
        """
        missing = [name for name in self.bounds if name not in factors.columns]
        if missing:
            raise ValueError(f"factors missing: {', '.join(missing)}; the model splits outliers by them")
        valuable = np.zeros(len(factors), dtype=bool)
        if self.value is not None:
            valuable |= factors[self.value].to_numpy(np.float64) >= self.value_least
        if self.recency is not None:
            valuable |= factors[self.recency].to_numpy(np.float64) <= self.days_most
        return valuable

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def learn_split(factors: pd.DataFrame) -> OutlierSplit | None:
    """The split by all customers a model is fitted on; None where neither value nor recency is known.

    Args:
        factors: one row a customer_id, float64.
    """
    spent = factors.filter(items=VALUES)
    value, value_least = _find_middle(spent.where(spent > 0), VALUES)
    recency, days_most = _find_middle(factors, RECENCIES)
    if value is None and recency is None:
        return None
    return OutlierSplit(value=value, value_least=value_least, recency=recency, days_most=days_most)


def _find_middle(factors: pd.DataFrame, names: tuple[str, ...]) -> tuple[str | None, float | None]:
    """The first of the factors that anybody has, and its median."""
    for name in names:
        if name in factors.columns and factors[name].notna().any():
            return name, float(factors[name].median())
    return None, None
