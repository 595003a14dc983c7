"""May the comparison be believed? Checks on the experiment itself, before anyone looks at its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.experiments import CONTROL
from monitoring.metrics import ArmData, compare_means

MAX_OVERLAP_SHARE = 0.01
SMALL_ARM = 100


@dataclass(frozen=True, slots=True)
class Check:
    """One check's outcome.

    Attributes:
        passed: None if it could not be made.
        sentence: what was found, without a full stop.
        value: the figure behind it: a p-value, a share or a count.
        invalidates: whether failing makes the whole result invalid, rather than weak.
    """

    name: str
    passed: bool | None
    sentence: str
    value: float | None = None
    invalidates: bool = True

    @property
    def is_fatal(self) -> bool:
        """Failed, and nothing the experiment says can be used."""
        return self.passed is False and self.invalidates


def check_experiment(data: ArmData, *, overlaps: int | None) -> tuple[Check, ...]:
    """All checks of one campaign.

    Args:
        overlaps: customers assigned to two arms, None if nobody counted.
    """
    customers = {arm: data.count(arm) for arm in data.arms}
    share, alpha = data.campaign.control_share, data.settings.srm_alpha
    return (
        check_window(data),
        check_arms(customers),
        check_sample_ratio(customers, control_share=share, alpha=alpha),
        check_overlaps(overlaps, customers=sum(customers.values())),
        check_balance(data, alpha=alpha),
        check_smallest_arm(customers),
    )


def check_window(data: ArmData) -> Check:
    """Does the campaign end after it starts?"""
    starts_at, ends_at = data.campaign.starts_at, data.campaign.ends_at
    if starts_at < ends_at:
        return Check("window", True, f"it runs from {starts_at:%Y-%m-%d} to {ends_at:%Y-%m-%d}")
    return Check(
        "window", False, f"it ends on {ends_at:%Y-%m-%d}, not after its start on {starts_at:%Y-%m-%d}"
    )


def check_arms(customers: Mapping[str, int]) -> Check:
    """Is there a control group, a treatment, and somebody in every arm?"""
    if not any(customers.values()):
        return Check("arms", False, "no customer was assigned to it")
    if not customers.get(CONTROL):
        return Check("arms", False, "it has no control group")
    empty = [arm for arm, count in customers.items() if not count]
    if len(customers) - len(empty) < 2:
        return Check("arms", False, "nobody but the control group was assigned to it")
    if empty:
        return Check("arms", False, f"nobody is in arm {', '.join(empty)}", invalidates=False)
    return Check("arms", True, f"{len(customers)} arms")


def check_sample_ratio(customers: Mapping[str, int], *, control_share: float | None, alpha: float) -> Check:
    """Sample-ratio mismatch: control against all treatments together, compared with the planned share.

    Pearson's χ² test with one degree of freedom; exact binomial below 1,000 customers (Fabijan et al. 2019).
    """
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import SampleRatio

    total, control = sum(customers.values()), customers.get(CONTROL, 0)
    if control_share is None or not 0 < control_share < 1:
        return Check("sample_ratio", None, "no planned control share is recorded, so sizes are not checked")
    if not control or control == total:
        return Check("sample_ratio", None, "there are no two groups whose sizes could be checked")
    test = SampleRatio((1 - control_share) / control_share, correction=False)
    counts = {CONTROL: Aggregates(control), "treatment": Aggregates(total - control)}
    p_value = test.analyze(counts, CONTROL, "treatment").pvalue
    found = f"{control / total:.1%} of customers are in control where {control_share:.1%} were planned"
    if p_value < alpha:
        return Check("sample_ratio", False, f"{found}, which is not chance (p = {p_value:.2g})", p_value)
    return Check("sample_ratio", True, found, p_value)


def check_overlaps(overlaps: int | None, *, customers: int) -> Check:
    """Customers assigned to two arms are left out; too many of them, and those left are no random sample."""
    if overlaps is None:
        return Check("overlaps", None, "customers in two arms were left out, not counted")
    if not overlaps:
        return Check("overlaps", True, "no customer is in two arms", 0.0)
    share = overlaps / (overlaps + customers)
    sentence = f"{overlaps} customers ({share:.1%}) were in two arms and are left out"
    return Check("overlaps", share <= MAX_OVERLAP_SHARE, sentence, share)


def check_balance(data: ArmData, *, alpha: float) -> Check:
    """Did the arms order equally often before? The campaign cannot have made a difference there (Welch)."""
    before = compare_means(data, "prior_orders")
    p_values = [lift.p_value for lift in before.lift.values() if lift.p_value is not None]
    if not p_values:
        return Check("balance", None, f"orders before cannot be compared: {before.reason}")
    p_value = min(1.0, len(p_values) * min(p_values))
    if p_value < alpha:
        return Check(
            "balance", False, f"the arms already ordered differently before (p = {p_value:.2g})", p_value
        )
    return Check("balance", True, "the arms ordered alike before", p_value)


def check_smallest_arm(customers: Mapping[str, int]) -> Check:
    """Is the smallest arm large enough to see anything but a huge effect?"""
    filled = {arm: count for arm, count in customers.items() if count}
    if not filled:
        return Check("smallest_arm", None, "there are no arms", invalidates=False)
    arm = min(filled, key=filled.__getitem__)
    sentence = f"the smallest arm, {arm}, has {filled[arm]} customers"
    return Check("smallest_arm", filled[arm] >= SMALL_ARM, sentence, filled[arm], invalidates=False)


def find_fatal(checks: tuple[Check, ...]) -> Check | None:
    """The first check that makes the result invalid."""
    return next((check for check in checks if check.is_fatal), None)
