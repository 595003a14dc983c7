"""A shop's week in a few numbers: what later weeks are compared with.

A profile holds shares, quantiles and correlations of everybody together, no customer. So it can be kept for years,
and outlives a request to be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

LEVELS = (np.arange(100) + 0.5) / 100
"""Where a factor's distribution is read off."""

ACTIVITY_SUMS = (
    "buyers", "active", "purchases", "revenue", "discount", "emails_sent", "emails_opened", "emails_clicked",
)  # fmt: skip
"""What `rate_activity` is computed from: customers who bought, customers who did anything, and sums of the week; of
e-mails those of the last `MONTH` days, since many shops send them once a month.
"""

MONTH = 28


@dataclass(frozen=True, slots=True)
class WeekProfile:
    """A week, as far as drift is concerned.

    Attributes:
        as_of: the last day of the week.
        customers: how many there were.
        quantiles: of every factor at `LEVELS`, a column a factor; NaN where nobody's value is known.
        unknown: share of customers without a value, by factor.
        correlations: Spearman's, of every two factors; 0 where one is constant.
        segments: share of customers by segment id, as the model `model_version` placed them; empty without a model.
        levels: key figures by name, such as `conversion` or `outlier_share`; NaN where the week has none.
        rows: events delivered in the week, by source.
    """

    as_of: date
    customers: int
    quantiles: pd.DataFrame
    unknown: pd.Series
    correlations: pd.DataFrame
    segments: pd.Series
    model_version: str | None
    levels: pd.Series
    rows: pd.Series

    def place(self, placed: pd.DataFrame, *, model_version: str) -> WeekProfile:
        """The same week, its customers in the segments of a model: `segment_id`, `strength`, `is_outlier`."""
        shares = placed["segment_id"].astype(str).value_counts(normalize=True).sort_index()
        levels = self.levels.drop(["outlier_share", "strength"], errors="ignore")
        told = {
            "outlier_share": float(placed["is_outlier"].mean()),
            "strength": float(placed["strength"].mean()),
        }
        levels = pd.concat([levels, pd.Series(told)])
        return replace(self, segments=shares, model_version=model_version, levels=levels)

    def to_json(self) -> str:
        """The profile as text; numbers keep six digits."""
        names = list(self.quantiles.columns)
        upper = np.triu_indices(len(names), 1)
        told = {
            "customers": self.customers,
            "quantiles": {name: _list_numbers(self.quantiles[name]) for name in names},
            "unknown": _list_numbers(self.unknown.reindex(names)),
            "correlations": _list_numbers(self.correlations.to_numpy()[upper]),
            "segments": _tell_numbers(self.segments),
            "levels": _tell_numbers(self.levels),
            "rows": _tell_numbers(self.rows),
        }
        return json.dumps(told, separators=(",", ":"))


def profile_week(
    factors: pd.DataFrame,
    *,
    as_of: date,
    levels: pd.Series | None = None,
    rows: pd.Series | None = None,
    sample: int = 50_000,
) -> WeekProfile:
    """What is kept of a week.

    Args:
        factors: one row a customer, one float64 column a factor; not finite counts as unknown.
        as_of: the last day of the week.
        levels: key figures of the week, see `rate_activity`.
        rows: events by source.
        sample: quantiles and correlations are of so many customers at most, the same from week to week.
    """
    drawn = _draw_customers(factors, sample).astype("float64").replace([np.inf, -np.inf], np.nan)
    quantiles = drawn.quantile(LEVELS) if len(drawn) else pd.DataFrame(np.nan, LEVELS, drawn.columns)
    return WeekProfile(
        as_of=as_of,
        customers=len(factors),
        quantiles=quantiles,
        unknown=drawn.isna().mean(),
        correlations=_correlate(drawn),
        segments=pd.Series(dtype="float64"),
        model_version=None,
        levels=pd.Series(dtype="float64") if levels is None else levels.astype("float64"),
        rows=pd.Series(dtype="float64") if rows is None else rows.astype("float64"),
    )


def read_profile(text: str, *, as_of: date, model_version: str | None) -> WeekProfile:
    """The inverse of `WeekProfile.to_json`."""
    told = json.loads(text)
    quantiles = pd.DataFrame(told["quantiles"], index=LEVELS, dtype="float64")
    names = quantiles.columns
    correlations = np.eye(len(names))
    upper = np.triu_indices(len(names), 1)
    correlations[upper] = told["correlations"]
    correlations[upper[::-1]] = told["correlations"]
    return WeekProfile(
        as_of=as_of,
        customers=told["customers"],
        quantiles=quantiles,
        unknown=pd.Series(told["unknown"], names, dtype="float64"),
        correlations=pd.DataFrame(correlations, names, names),
        segments=pd.Series(told["segments"], dtype="float64"),
        model_version=model_version,
        levels=pd.Series(told["levels"], dtype="float64"),
        rows=pd.Series(told["rows"], dtype="float64"),
    )


def rate_activity(sums: Mapping[str, float], *, customers: int, silent: float) -> pd.Series:
    """The key figures of a week: NaN where there was nothing to divide by.

    Args:
        sums: `ACTIVITY_SUMS` of the week.
        customers: how many there are.
        silent: share of customers without any activity for so long that they count as lost.
    """
    return pd.Series(
        {
            "conversion": _divide(sums["buyers"], customers),
            "activity": _divide(sums["active"], customers),
            "aov": _divide(sums["revenue"], sums["purchases"]),
            "churn": silent,
            "discount_share": _divide(sums["discount"], sums["revenue"] + sums["discount"]),
            "email_open_rate": _divide(sums["emails_opened"], sums["emails_sent"]),
            "email_click_rate": _divide(sums["emails_clicked"], sums["emails_sent"]),
        },
        dtype="float64",
    )


def _draw_customers(factors: pd.DataFrame, sample: int) -> pd.DataFrame:
    if len(factors) <= sample:
        return factors
    # By the hash of their ids, so that next week's sample is of the same people and differs by what they did.
    drawn = np.argpartition(pd.util.hash_pandas_object(factors.index).to_numpy(), sample)[:sample]
    return factors.iloc[np.sort(drawn)]


def _correlate(drawn: pd.DataFrame) -> pd.DataFrame:
    # A customer of whom a value is not known stands in the middle of the others.
    ranks = drawn.rank(pct=True).fillna(0.5).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.corrcoef(ranks, rowvar=False) if len(drawn) > 1 else np.eye(ranks.shape[1])
    found = np.atleast_2d(np.nan_to_num(found))
    return pd.DataFrame(found, drawn.columns, drawn.columns)


def _divide(amount: float, by: float) -> float:
    return float(amount) / float(by) if by > 0 else np.nan


def _list_numbers(values: Any) -> list[float | None]:
    return [
        None if np.isnan(value) else float(f"{value:.6g}") for value in np.asarray(values, dtype="float64")
    ]


def _tell_numbers(values: pd.Series) -> dict[str, float | None]:
    return dict(zip(values.index.astype(str), _list_numbers(values), strict=True))
