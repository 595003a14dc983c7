"""Whom to treat next time: the segments in which the campaign earned more than it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import ibis
import numpy as np
import pandas as pd

from monitoring.experiments import CONTROL

FOLDS = 5
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Targeting:
    """A recommendation for one arm.

    Attributes:
        segments: those whose estimated profit is above zero, by all customers; the recommendation.
        profit: expected incremental profit if the customers of this campaign were chosen that way, and its interval.
            Segments are chosen without the customers they are judged by, so that luck in choosing does not count.
        everybody: the same for treating all segments.
    """

    segments: tuple[int, ...]
    profit: float
    low: float
    high: float
    everybody: float


def sum_folds(outcomes: ibis.Table) -> pd.DataFrame:
    """Margins by segment, arm and fifth of the customers: segment_id, arm, fold, customers, margin, squares.

    A fifth is drawn by a hash of the customer, so that it does not depend on the order of rows. Customers in no segment
    are left out; empty where a margin is not known.
    """
    columns = outcomes.columns
    if "margin" not in columns or "customer_id" not in columns:
        return pd.DataFrame(columns=["segment_id", "arm", "fold", "customers", "margin", "squares"])
    kept = outcomes.filter(outcomes.segment_id.notnull()).mutate(  # noqa: PD004 - an Ibis column
        margin=outcomes.margin.cast("float64"), fold=(outcomes.customer_id.hash() & 0xFFFF) % FOLDS
    )
    found = (
        kept.group_by("segment_id", "arm", "fold")
        .aggregate(
            customers=kept.count(),
            known=kept.margin.count(),
            margin=kept.margin.sum(),
            squares=(kept.margin * kept.margin).sum(),
        )
        .order_by("segment_id", "arm", "fold")
        .to_pandas()
    )
    complete = (found["known"] == found["customers"]).all()
    return found.drop(columns="known") if complete else found.drop(columns="known").iloc[:0]


def choose_segments(sums: pd.DataFrame, *, arm: str, cost: float, alpha: float) -> Targeting | None:
    """Which segments to treat, and what that would have earned; None where it cannot be had.

    Args:
        sums: as `sum_folds` gives them.
        cost: of treating one customer.
    """
    if not math.isfinite(cost) or sums.empty:
        return None
    cells = sums[sums["arm"].isin([CONTROL, arm])]
    gains = {fold: _gain_by_segment(cells[cells["fold"] != fold], arm) for fold in range(FOLDS)}
    profit, variance = 0.0, 0.0
    for fold in range(FOLDS):
        chosen = [segment for segment, (gain, _error) in gains[fold].items() if gain > cost]
        part = cells[(cells["fold"] == fold) & cells["segment_id"].isin(chosen)]
        sizes = part.groupby("segment_id")["customers"].sum()
        for segment, (gain, error) in _gain_by_segment(part, arm).items():
            profit += sizes[segment] * (gain - cost)
            variance += (sizes[segment] * error) ** 2
    overall = _gain_by_segment(cells, arm)
    sizes = cells.groupby("segment_id")["customers"].sum()
    half = _NORMAL.inv_cdf(1 - alpha / 2) * math.sqrt(variance)
    return Targeting(
        segments=tuple(sorted(int(segment) for segment, (gain, _error) in overall.items() if gain > cost)),
        profit=profit,
        low=profit - half,
        high=profit + half,
        everybody=float(sum(sizes[segment] * (gain - cost) for segment, (gain, _error) in overall.items())),
    )


def _gain_by_segment(cells: pd.DataFrame, arm: str) -> Mapping[int, tuple[float, float]]:
    """Difference of the arms' mean margins and its standard error, where both arms have customers enough."""
    sums = cells.groupby(["segment_id", "arm"])[["customers", "margin", "squares"]].sum()
    means = sums["margin"] / sums["customers"]
    free = (sums["customers"] - 1).where(sums["customers"] > 1)
    variance = ((sums["squares"] - sums["customers"] * means**2) / free).clip(lower=0) / sums["customers"]
    table = pd.DataFrame({"mean": means, "variance": variance}).unstack("arm")  # noqa: PD010
    if not {("mean", CONTROL), ("mean", arm), ("variance", arm)} <= set(table.columns):
        return {}
    gain = table["mean"][arm] - table["mean"][CONTROL]
    error = np.sqrt(table["variance"][arm] + table["variance"][CONTROL])
    known = gain.notna() & error.notna()
    return {int(s): (float(gain[s]), float(error[s])) for s in gain.index[known]}
