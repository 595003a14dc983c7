"""What campaigns were worth: margin they added, what they cost, and what the one returned on the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import pandas as pd

from monitoring.experiments.arms import ArmData, MetricResult, keep_finite
from monitoring.experiments.comparisons import compare_means
from monitoring.experiments.costs import find_cost, return_on_cost

FIGURES = ("margin", "margin_low", "margin_high", "cost")
"""What of a return can be added up."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Return:
    """What one arm added, among everybody or in one segment.

    Attributes:
        segment_id: None for everybody.
        customers: treated, over whom the effect is counted.
        margin: what they brought in beyond what they would have without the campaign, with its interval.
        cost: what was spent on them beyond control; None where it is not known. That of a segment is its customers'
            even share of the arm's.
        break_even_cost: the largest cost at which nothing would have been lost: the margin, where that is above zero.
        reason: why a figure is missing.
    """

    arm: str
    segment_id: int | None
    customers: int
    margin: float | None = None
    margin_low: float | None = None
    margin_high: float | None = None
    cost: float | None = None
    profit: float | None = None
    roi: float | None = None
    roi_low: float | None = None
    roi_high: float | None = None
    break_even_cost: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_returns(data: ArmData, segments: Mapping[int, ArmData]) -> tuple[Return, ...]:
    """The return of every treatment arm, first among everybody, then segment by segment.

    Args:
        data: of the whole campaign, with its costs.
        segments: the same by segment_id, with each segment's share of the costs.
    """
    scopes = [(None, data), *segments.items()]
    return tuple(one for segment, part in scopes for one in _measure_returns(part, segment_id=segment))


def _measure_returns(data: ArmData, *, segment_id: int | None) -> Iterator[Return]:
    margin = compare_means(data, "margin")
    for arm in data.treatments:
        yield _measure_return(data, arm, margin, segment_id=segment_id)


def _measure_return(data: ArmData, arm: str, margin: MetricResult, *, segment_id: int | None) -> Return:
    lift, customers = margin.lift[arm], data.count(arm)
    cost = find_cost(data, arm, column="margin")
    spent = keep_finite(cost.cost * customers)
    found, problem = return_on_cost(data, arm, lift)
    if lift.absolute is None or lift.low is None or lift.high is None:
        return Return(arm, segment_id, customers, cost=spent, reason=margin.reason or problem)
    return Return(
        arm,
        segment_id,
        customers,
        margin=lift.absolute * customers,
        margin_low=lift.low * customers,
        margin_high=lift.high * customers,
        cost=spent,
        profit=None if spent is None else lift.absolute * customers - spent,
        roi=found.absolute,
        roi_low=found.low,
        roi_high=found.high,
        break_even_cost=max(lift.absolute * customers, 0.0),
        reason=problem,
    )


def share_costs(whole: ArmData, part: ArmData) -> dict[str, float]:
    """What a part of the customers cost, if each of an arm's customers cost the same."""
    return {
        arm: cost * part.count(arm) / whole.count(arm)
        for arm, cost in whole.costs.items()
        if whole.count(arm)
    }


def sum_returns(returns: pd.DataFrame, *, by: Sequence[str], alpha: float) -> pd.DataFrame:
    """Returns of several campaigns added up, as if each had drawn its customers independently of the others.

    Args:
        returns: one row a campaign and arm: the columns `by`, and margin, margin_low, margin_high, cost.
        by: what to add up by, such as channel or quarter.

    Returns:
        the columns `by`, campaigns, margin, margin_low, margin_high, cost, profit, roi, roi_low, roi_high. Campaigns
        without a margin or a cost are left out of all sums, and counted in `left_out`.
    """
    critical = _NORMAL.inv_cdf(1 - alpha / 2)
    rows = select_complete(returns, alpha=alpha)
    sums = rows.groupby(list(by), dropna=False).agg(
        campaigns=("margin", "size"),
        margin=("margin", "sum"),
        cost=("cost", "sum"),
        variance=("variance", "sum"),
    )
    half = critical * sums.pop("variance").map(math.sqrt)
    sums = sums.assign(margin_low=sums["margin"] - half, margin_high=sums["margin"] + half)
    paid = sums["cost"].where(sums["cost"] > 0)
    for name, column in (("roi", "margin"), ("roi_low", "margin_low"), ("roi_high", "margin_high")):
        sums[name] = sums[column] / paid - 1
    sums["profit"] = sums["margin"] - sums["cost"]
    incomplete = returns.drop(rows.index).groupby(list(by), dropna=False).size()
    sums["left_out"] = incomplete.reindex(sums.index, fill_value=0)
    return sums.reset_index()


def select_complete(returns: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    """The returns of which margin, its interval and cost are known, with the `variance` the interval stands for."""
    rows = returns[returns[list(FIGURES)].notna().all(axis=1)]
    half = (rows["margin_high"] - rows["margin_low"]) / 2
    return rows.assign(variance=(half / _NORMAL.inv_cdf(1 - alpha / 2)) ** 2)
