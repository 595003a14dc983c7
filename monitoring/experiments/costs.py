"""What a campaign's effect cost, and what it returned on that.

A campaign's own cost is known per arm and taken as fixed, shared evenly among its customers. Discounts that are no part
of order values differ from customer to customer: then cost is random, and varies together with what was gained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from monitoring.experiments import CONTROL
from monitoring.experiments.arms import ArmData, Lift, MetricResult, explain_arms, join_reasons, keep_finite
from monitoring.experiments.comparisons import compare_shares

NO_TEST = "a cost per additional conversion has no relative lift and no p-value"
DISCOUNTS = "discounts"


@dataclass(frozen=True, slots=True)
class CustomerCost:
    """What an arm cost a customer beyond control, and how that varies with something else.

    Attributes:
        variance, covariance: of the cost, and with the other column's difference; 0 where cost is fixed.
    """

    cost: float
    variance: float = 0.0
    covariance: float = 0.0


def price_conversions(data: ArmData, column: str, *, among: str | None = None) -> MetricResult:
    """Per arm: cost over converted customers. As lift: incremental cost over incremental conversions.

    The set of costs that agree with the data inverts the conversion lift's interval, by Fieller (1954) where cost is
    random. Where the lift's interval touches zero, that set is bounded from below only; where it lies wholly below,
    nothing was gained that could have a cost.

    Args:
        column: 1 for a converted customer.
        among: a 0/1 column of the customers whose share of the cost counts; all if not given.
    """
    conversion = compare_shares(data, column)
    values = {arm: _cost_per_conversion(data, arm, column, among) for arm in data.arms}
    found = {arm: _cost_of_gain(data, arm, column, among, conversion.lift[arm]) for arm in data.treatments}
    valueless = [arm for arm, value in values.items() if value is None]
    return MetricResult(
        values,
        {arm: lift for arm, (lift, _reason) in found.items()},
        join_reasons(
            explain_arms(data, {arm: reason for arm, (_lift, reason) in found.items()}),
            conversion.reason,
            f"no cost per conversion in {', '.join(valueless)}" if valueless else None,
            NO_TEST,
        ),
        interval=conversion.interval
        if any(lift.low is not None for lift, _reason in found.values())
        else None,
    )


def return_on_cost(data: ArmData, arm: str, margin: Lift) -> tuple[Lift, str | None]:
    """An arm's return, and why there is none.

    With fixed cost the interval is that of the margin's lift, rescaled; with random cost it is the delta method's, with
    the covariance of margin and cost (Deng, Knoblich & Lu 2018).
    """
    cost = find_cost(data, arm, column="margin")
    if problem := _find_problem(cost):
        return Lift(), problem
    if margin.absolute is None or margin.low is None or margin.high is None:
        return Lift(), None
    ratio = margin.absolute / cost.cost
    half = (margin.high - margin.low) / 2
    variance = data.variance(CONTROL, "margin") + data.variance(arm, "margin")
    if cost.variance and variance > 0:
        critical = half / math.sqrt(variance)
        half = critical * math.sqrt(variance - 2 * ratio * cost.covariance + ratio**2 * cost.variance)
    return Lift(absolute=ratio - 1, low=ratio - 1 - half / cost.cost, high=ratio - 1 + half / cost.cost), None


def find_cost(data: ArmData, arm: str, *, column: str, among: str | None = None) -> CustomerCost:
    """What an arm cost a customer beyond control; NaN where that is not known."""
    share = 1.0 if among is None else data.mean(arm, among)
    fixed = data.incremental_cost(arm) / data.count(arm) * share if data.count(arm) else math.nan
    if data.settings.discounts == "in_value" or CONTROL not in data.statistics:
        return CustomerCost(fixed)
    covariance = sum(
        float(data.statistics[one].cov(column, DISCOUNTS)) / data.count(one) for one in (CONTROL, arm)
    )
    return CustomerCost(
        cost=fixed + data.mean(arm, DISCOUNTS) - data.mean(CONTROL, DISCOUNTS),
        variance=data.variance(CONTROL, DISCOUNTS) + data.variance(arm, DISCOUNTS),
        covariance=covariance,
    )


def _find_problem(cost: CustomerCost) -> str | None:
    if math.isnan(cost.cost):
        return "cost unknown"
    return "no cost over control" if cost.cost <= 0 else None


def _cost_per_conversion(data: ArmData, arm: str, column: str, among: str | None) -> float | None:
    conversions = data.count_nonzero(arm, column)
    if not conversions or arm not in data.costs:
        return None
    share = 1.0 if among is None else data.mean(arm, among)
    discounts = data.mean(arm, DISCOUNTS) * data.count(arm) if data.settings.discounts == "as_cost" else 0.0
    return keep_finite((data.costs[arm] + discounts) * share / conversions)


def _cost_of_gain(
    data: ArmData, arm: str, column: str, among: str | None, conversion: Lift
) -> tuple[Lift, str | None]:
    cost = find_cost(data, arm, column=column, among=among)
    if problem := _find_problem(cost):
        return Lift(), problem
    if conversion.absolute is None or conversion.low is None or conversion.high is None:
        return Lift(), None
    if conversion.high <= 0:
        return Lift(), "no conversions gained"
    variance = data.variance(CONTROL, column) + data.variance(arm, column)
    critical = (conversion.high - conversion.low) / 2 / math.sqrt(variance)
    low, high = divide(cost, conversion.absolute, variance=variance, critical=critical)
    average = cost.cost / conversion.absolute if conversion.absolute > 0 else None
    if high is None:
        return Lift(absolute=average, low=low), f"at least {low:.2f}, no upper bound"
    return Lift(absolute=average, low=low, high=high), None


def divide(
    cost: CustomerCost, gain: float, *, variance: float, critical: float
) -> tuple[float, float | None]:
    """Bounds of cost ÷ gain by Fieller (1954): the smallest and the largest positive ratio that agrees with both; None
    where there is no largest, because the gain may be nothing.

    Args:
        variance: of the gain.
        critical: how many standard errors count as agreeing.
    """
    square = gain**2 - critical**2 * variance
    middle = cost.cost * gain - critical**2 * cost.covariance
    rest = cost.cost**2 - critical**2 * cost.variance
    if rest <= 0:
        # The cost may be nothing itself, and with it the ratio.
        return 0.0, None
    root = math.sqrt(max(middle**2 - square * rest, 0.0))
    # Both roots as a division by what cannot vanish, so that a gain just at the limit is no division by zero.
    low = rest / (middle + root) if middle + root > 0 else math.inf
    return low, (middle + root) / square if square > 0 and gain > 0 else None
