"""What a campaign will be able to show: every treatment arm against control, over all customers and in each segment.

Each comparison is planned at `alpha` divided by the number of treatment arms. That is the strictest step of the
correction they are decided by (Holm 1979), so the power promised is the least there will be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitoring.experiments import CONTROL, Campaign, MeasurementSettings
from monitoring.experiments.history import AMOUNTS, SHARES, History
from monitoring.experiments.power import (
    Design,
    Mean,
    Outcome,
    Proportion,
    find_mde,
    find_power,
    find_sample_size,
)

POWER = 0.8
QUARTER_DAYS = 91
TREATMENT = "treatment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentDesign:
    """A campaign that is to be drawn.

    Attributes:
        campaign: its terms, as it will be measured.
        shares: share of each arm, control among them.
        segments: names or ids of the segments it is for; none means all.
        rule: a SQL condition over the newest reaction factors that its customers meet.
        smallest_effect: the smallest gain worth finding, absolute and positive: of a share (0.01 is one point) or
            in money a customer; None if nobody has said.
    """

    campaign: Campaign
    shares: Mapping[str, float]
    segments: tuple[str, ...] = ()
    rule: str | None = None
    smallest_effect: float | None = None

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms beside control, in order of their names."""
        return tuple(sorted(arm for arm in self.shares if arm != CONTROL))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPower:
    """What one treatment arm can show against control in one group of customers.

    Attributes:
        arm: the treatment.
        control, treated: customers in the two arms.
        baseline: the metric's mean in the past, over all customers of the group.
        deviation: its standard deviation over them.
        needed: customers both arms together need to show the smallest effect with 80 % power, split as planned.
        power: probability that these customers show it.
        mde: smallest effect these customers show with 80 % power.
        reason: why a figure is None.
    """

    arm: str
    control: int
    treated: int
    baseline: float | None = None
    deviation: float | None = None
    needed: int | None = None
    power: float | None = None
    mde: float | None = None
    reason: str | None = None

    @property
    def customers(self) -> int:
        """In both arms together."""
        return self.control + self.treated


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """A campaign repeated, and its customers added up, until the smallest effect shows with 80 % power.

    Attributes:
        campaigns: how many of this size that takes; None where no number would.
        fitting: how many of this length a quarter holds.
        mde: smallest effect that those show together; None where not even the largest possible shows.
    """

    campaigns: int | None
    fitting: int
    mde: float | None

    @property
    def suffices(self) -> bool:
        """Whether a quarter is enough."""
        return self.campaigns is not None and self.campaigns <= self.fitting


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlan:
    """The power of every treatment arm within one segment."""

    segment_id: int
    segment_name: str
    arms: tuple[ArmPower, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlan:
    """What a campaign will be able to show.

    Attributes:
        design: the campaign.
        counts: customers in each arm.
        days: days the primary metric was counted over.
        known_days: those of them since the shop's first event.
        arms: every treatment over all customers, in order of their names.
        segments: the same within each segment.
        poolings: for every treatment, what a quarter of such campaigns would show.
    """

    design: ExperimentDesign
    counts: Mapping[str, int]
    days: int
    known_days: int
    arms: tuple[ArmPower, ...]
    segments: tuple[SegmentPlan, ...]
    poolings: tuple[Pooling | None, ...]


def plan_arm(
    history: History,
    *,
    arm: str,
    counts: Mapping[str, int],
    design: ExperimentDesign,
    settings: MeasurementSettings,
) -> ArmPower:
    """The power of one treatment arm against control.

    Args:
        history: the primary metric of these customers in the past.
        arm: the treatment.
        counts: these customers in each arm.
        design: the campaign.
        settings: `alpha`, and the conversions an arm needs to be measured at all.
    """
    found = ArmPower(arm=arm, control=counts.get(CONTROL, 0), treated=counts.get(arm, 0))
    reason = _explain_nothing(found, history, design=design)
    if reason is not None:
        return replace(found, reason=reason)
    found = replace(found, baseline=history.mean, deviation=history.deviation)
    metric = design.campaign.primary_metric
    if history.variance <= 0:
        return replace(found, reason=_explain_no_spread(history, metric))
    outcome = make_outcome(history, metric)
    split = _split(found, design=design, settings=settings)
    effect, needed, power, reason = design.smallest_effect, None, None, None
    if effect is not None and effect >= outcome.largest_effect():
        effect, reason = None, f"a gain of {effect:g} is more than there is room for"
    rare = _expect_rarer(found, history, metric)
    if effect is not None:
        least = math.ceil(found.customers * settings.min_conversions / rare)
        needed = max(find_sample_size(outcome, effect=effect, design=split).total, least)
        power = find_power(outcome, effect=effect, customers=found.customers, design=split)
    mde = find_mde(outcome, customers=found.customers, design=split)
    if rare < settings.min_conversions:
        # So few get no interval when the campaign is measured: whatever the formula says, nothing would be found.
        power, mde = None, None
        reason = (
            f"about {rare:.1f} customers of the smaller arm would count, and fewer than {settings.min_conversions} "
            "cannot be compared"
        )
    elif mde is None:
        reason = "too few customers to show even the largest possible gain"
    return replace(found, needed=needed, power=power, mde=mde, reason=reason)


def make_outcome(history: History, metric: str) -> Outcome:
    """What is measured of a customer, turned so that a gain is positive: of churn, who stays."""
    if metric == "churn":
        return Proportion(1 - history.mean)
    return Proportion(history.mean) if metric in SHARES else Mean(history.deviation)


def is_too_small(found: ArmPower, *, design: ExperimentDesign) -> bool:
    """Whether the comparison is unlikely to show the smallest effect, or any at all where none is named."""
    if found.baseline is None:
        return False
    if design.smallest_effect is None:
        return found.mde is None
    return found.power is None or found.power < POWER


def pool_quarter(
    found: ArmPower, history: History, *, design: ExperimentDesign, settings: MeasurementSettings
) -> Pooling | None:
    """How many campaigns like this one, each drawn anew, are large enough together.

    None where there is nothing to go by: no spread in the past, or an arm that nobody is in.
    """
    if found.baseline is None or history.variance <= 0:
        return None
    metric = design.campaign.primary_metric
    days = max((design.campaign.ends_at - design.campaign.starts_at).days, 1)
    fitting = max(QUARTER_DAYS // days, 1)
    enough = max(math.ceil(settings.min_conversions / _expect_rarer(found, history, metric)), 1)
    mde = None
    if enough <= fitting:
        split = _split(found, design=design, settings=settings)
        mde = find_mde(make_outcome(history, metric), customers=found.customers * fitting, design=split)
    campaigns = None
    if found.needed is not None:
        campaigns = math.ceil(found.needed / found.customers)
    return Pooling(campaigns=campaigns, fitting=fitting, mde=mde)


def _explain_nothing(found: ArmPower, history: History, *, design: ExperimentDesign) -> str | None:
    metric = design.campaign.primary_metric
    if metric not in (*SHARES, *AMOUNTS):
        return f"power cannot be planned for '{metric}'; it can for {', '.join((*SHARES, *AMOUNTS))}"
    if not found.control or not found.treated:
        return f"nobody is in {CONTROL if not found.control else found.arm}"
    if history.unknown:
        return f"the margin of {history.unknown:,} purchases or refunds is not known; set measurement.margin_rate"
    return None


def _explain_no_spread(history: History, metric: str) -> str:
    if metric == "conversion":
        return "nobody converted in the past" if history.mean == 0 else "everybody converted in the past"
    if metric == "churn":
        return "everybody was active in the past" if history.mean == 0 else "nobody was active in the past"
    return f"all customers had the same {metric} in the past"


def _expect_rarer(found: ArmPower, history: History, metric: str) -> float:
    """Customers of the smaller arm on the rarer side of a yes/no outcome; of an amount every customer has one."""
    if metric not in SHARES:
        return math.inf
    return min(history.mean, 1 - history.mean) * min(found.control, found.treated)


def _split(found: ArmPower, *, design: ExperimentDesign, settings: MeasurementSettings) -> Design:
    share = found.control / found.customers
    return Design(control_share=share, alpha=settings.alpha / len(design.treatments), power=POWER)
