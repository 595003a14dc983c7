"""A campaign's plan in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping

from monitoring.experiments import CONTROL
from monitoring.experiments.history import SHARES
from monitoring.experiments.planning import (
    POWER,
    ArmPower,
    CampaignPlan,
    ExperimentDesign,
    Pooling,
    is_too_small,
)


def describe_arms(plan: CampaignPlan) -> tuple[str, ...]:
    """What each treatment arm can show over all customers, and what to do where that is too little."""
    return tuple(
        describe_power(arm, design=plan.design, days=plan.days, pooling=pooling)
        for arm, pooling in zip(plan.arms, plan.poolings, strict=True)
    )


def describe_history(plan: CampaignPlan) -> str | None:
    """A warning where the shop's history is shorter than the time the metric is counted over."""
    if plan.known_days >= plan.days:
        return None
    return (
        f"The shop's history covers {plan.known_days} of the {plan.days} days the metric is counted over, so what "
        "customers do is understated"
    )


def describe_draw(*, refused: int, held_out: int, holdout: Mapping[str, int]) -> str:
    """Who was left out of the draw, and how many the hold-out has."""
    quarters = " and ".join(f"{count:,} customers in {quarter}" for quarter, count in holdout.items())
    return (
        f"Left out: {refused:,} who may not be sent marketing and {held_out:,} in the hold-out "
        f"(which has {quarters})"
    )


def describe_power(
    found: ArmPower, *, design: ExperimentDesign, days: int, pooling: Pooling | None = None
) -> str:
    """One plain sentence on a treatment arm over all customers; two where it is too small."""
    metric = design.campaign.primary_metric
    who = f"{found.customers:,} customers in {found.arm} and {CONTROL}"
    if found.baseline is None:
        return f"{who}: {found.reason}"
    known = f"{who}, {_describe_past(found.baseline, metric, days=days)}"
    sentences = [f"{known}: {_describe_reach(found, design=design)}"]
    if pooling is not None and is_too_small(found, design=design):
        sentences.append(_describe_pooling(pooling, design=design))
    return ". ".join(sentences)


def describe_effect(effect: float, metric: str) -> str:
    """A gain in the metric's own unit."""
    if metric in SHARES:
        return f"{100 * effect:.3g} points"
    return f"{effect:,.2f} a customer"


def _describe_past(baseline: float, metric: str, *, days: int) -> str:
    span = f"in the last {days} days"
    if metric == "conversion":
        return f"of whom {baseline:.1%} converted {span}"
    if metric == "churn":
        return f"of whom {baseline:.1%} did nothing {span}"
    what = "revenue" if metric == "revenue" else "margin"
    return f"with a {what} of {baseline:,.2f} each {span}"


def _describe_reach(found: ArmPower, *, design: ExperimentDesign) -> str:
    metric, effect = design.campaign.primary_metric, design.smallest_effect
    move = "fall" if metric == "churn" else "gain"
    if effect is None or (found.power is None and found.needed is None):
        if found.mde is None:
            return f"nothing can be shown: {found.reason}"
        reach = f"a {move} of {describe_effect(found.mde, metric)} or more"
        smallest = f"{reach} would be found with {POWER:.0%} probability"
        return smallest if effect is None else f"{smallest}; {found.reason}"
    wanted = f"a {move} of {describe_effect(effect, metric)}"
    if found.power is None:
        return f"too small for {wanted}: {found.reason}; {found.needed:,} customers are needed"
    chance = f"{wanted} would be found with {found.power:.0%} probability"
    need = f"{found.needed:,} customers are needed for {POWER:.0%}"
    return f"too small, {chance} only; {need}" if found.power < POWER else f"{chance}; {need}"


def _describe_pooling(pooling: Pooling, *, design: ExperimentDesign) -> str:
    metric = design.campaign.primary_metric
    fits = f"a quarter holds {pooling.fitting}"
    if pooling.suffices:
        return f"Pool over a quarter: {pooling.campaigns} campaigns like this one would reach {POWER:.0%}, and {fits}"
    most = (
        f"the {pooling.fitting} of a quarter together show {describe_effect(pooling.mde, metric)} or more"
        if pooling.mde is not None
        else "even those of a whole quarter together show nothing"
    )
    if pooling.campaigns is None:
        return f"Pool over a quarter: {most}"
    take = f"it would take {pooling.campaigns:,} campaigns like this one, and {fits}"
    return f"Pooling over a quarter is not enough either: {take}; {most}"
