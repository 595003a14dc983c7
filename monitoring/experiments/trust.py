"""May the comparison be believed? Checks on the experiment itself, before anyone looks at its result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.experiments import CONTROL
from monitoring.experiments.aggregates import CAPPED, PRIOR
from monitoring.experiments.arms import ArmData, Lift
from monitoring.experiments.comparisons import compare_means

MAX_OVERLAP_SHARE = 0.01
SMALL_ARM = 100
SILENT_DAYS = 3
CONCENTRATION = 1000.0
"""How close to the plan the sequential test expects a mismatch: the larger, the smaller the one it finds."""
PAST = ("prior_orders", "prior_revenue", "prior_visited")
MONEY_OF = {"revenue": "revenue", "margin": "margin", "ltv": "realised", "roi": "margin"}


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


def check_experiment(
    data: ArmData,
    *,
    overlaps: int | None,
    newest: Mapping[str, datetime] | None = None,
    drawn: Mapping[str, int] | None = None,
) -> tuple[Check, ...]:
    """All checks of one campaign.

    Args:
        overlaps: customers assigned to two arms, None if nobody counted.
        newest: the last event of each source that delivers every day, None if nobody looked.
        drawn: customers per arm as they were drawn, None if that is not on record.
    """
    customers = {arm: data.count(arm) for arm in data.arms}
    share, alpha = data.campaign.control_share, data.settings.srm_alpha
    test = check_sample_ratio if data.is_final("window") else watch_sample_ratio
    return (
        check_window(data),
        check_arms(customers),
        test(customers, control_share=share, alpha=alpha),
        check_overlaps(overlaps, customers=sum(customers.values())),
        check_attrition(drawn, customers=customers),
        check_balance(data, alpha=alpha),
        check_deliveries(newest, due=min(data.until, data.campaign.ends_at)),
        check_outliers(data),
        check_novelty(data),
        check_smallest_arm(customers),
    )


def check_window(data: ArmData) -> Check:
    """Does the campaign end after it starts?"""
    campaign = data.campaign
    if campaign.starts_at < campaign.ends_at:
        return Check("window", True, f"it runs from {campaign.first_day} to {campaign.last_day}")
    return Check(
        "window", False, f"it ends on {campaign.last_day}, not after its start on {campaign.first_day}"
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


def watch_sample_ratio(customers: Mapping[str, int], *, control_share: float | None, alpha: float) -> Check:
    """Sample-ratio mismatch while customers may still be added: may be looked at every day.

    The sequential multinomial test of Lindon & Malek (2022), for control against all treatments together: the p-value
    is one over the Bayes factor against the planned share, with a Dirichlet alternative around it.
    """
    total, control = sum(customers.values()), customers.get(CONTROL, 0)
    if control_share is None or not 0 < control_share < 1 or not control or control == total:
        return check_sample_ratio(customers, control_share=control_share, alpha=alpha)
    shares = (control_share, 1 - control_share)
    counts = (control, total - control)
    log_factor = math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + total)
    for share, count in zip(shares, counts, strict=True):
        prior = CONCENTRATION * share
        log_factor += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    p_value = math.exp(min(0.0, -log_factor))
    found = f"{control / total:.1%} of customers are in control where {control_share:.1%} were planned"
    if p_value < alpha:
        return Check("sample_ratio", False, f"{found}, which is not chance (p = {p_value:.2g})", p_value)
    return Check("sample_ratio", True, f"{found} (sequential test, while it runs)", p_value)


def check_overlaps(overlaps: int | None, *, customers: int) -> Check:
    """Customers assigned to two arms are left out; too many of them, and those left are no random sample."""
    if overlaps is None:
        return Check("overlaps", None, "customers in two arms were left out, not counted")
    if not overlaps:
        return Check("overlaps", True, "no customer is in two arms", 0.0)
    share = overlaps / (overlaps + customers)
    sentence = f"{overlaps} customers ({share:.1%}) were in two arms and are left out"
    return Check("overlaps", share <= MAX_OVERLAP_SHARE, sentence, share)


def check_attrition(drawn: Mapping[str, int] | None, *, customers: Mapping[str, int]) -> Check:
    """How many of those who were drawn are not there any more: erased at their wish, or found to be somebody else.

    Whether that happened to both arms alike is for the sample ratio to say, which is of those who are left.
    """
    if drawn is None:
        return Check("attrition", None, "how many were drawn is not on record", invalidates=False)
    gone = sum(max(count - customers.get(arm, 0), 0) for arm, count in drawn.items())
    total = sum(drawn.values())
    if not gone:
        return Check("attrition", True, "everybody who was drawn is still there", 0.0, invalidates=False)
    share = gone / total
    sentence = f"{gone:,} of {total:,} customers drawn ({share:.1%}) have been erased or merged since and count no more"
    return Check("attrition", share <= MAX_OVERLAP_SHARE, sentence, share, invalidates=False)


def check_balance(data: ArmData, *, alpha: float) -> Check:
    """Did the arms do the same before? The campaign cannot have made a difference there (an A/A test on the past).

    Welch's tests of orders, revenue and visits before, as far as known, corrected for their number (Bonferroni).
    """
    tests: dict[tuple[str, str], float] = {}
    for column in PAST:
        found = {arm: _compare_past(data, arm, column) for arm in data.treatments}
        tests |= {(column, arm): p for arm, p in found.items() if p is not None}
    if not tests:
        return Check("balance", None, "what the arms did before cannot be compared")
    (column, arm), smallest = min(tests.items(), key=lambda pair: pair[1])
    p_value = min(1.0, len(tests) * smallest)
    if p_value < alpha:
        what = f"the arms already differed before, in {column.removeprefix(PRIOR)} of {arm}"
        return Check("balance", False, f"{what} (p = {p_value:.2g})", p_value)
    return Check("balance", True, "the arms did alike before", p_value)


def _compare_past(data: ArmData, arm: str, column: str) -> float | None:
    """Welch's p-value; the past is over, whether or not the campaign is."""
    from scipy.stats import ttest_ind_from_stats

    arms = (data.statistics.get(CONTROL), data.statistics.get(arm))
    cases = [data.count_nonzero(one, column) for one in (CONTROL, arm)]
    if not all(arms) or min(cases) < data.settings.min_conversions:
        return None
    moments = [(one.mean(column), math.sqrt(one.var(column)), one.count()) for one in arms if one]
    if not any(deviation for _mean, deviation, _count in moments):
        return None
    return float(ttest_ind_from_stats(*moments[0], *moments[1], equal_var=False).pvalue)


def check_deliveries(newest: Mapping[str, datetime] | None, *, due: datetime) -> Check:
    """Has every source that delivers daily told of the campaign to its end, or to today?"""
    if newest is None:
        return Check("deliveries", None, "nobody looked how far the sources have delivered")
    late = {name: last for name, last in newest.items() if last < due - timedelta(days=SILENT_DAYS)}
    if not late:
        return Check("deliveries", True, "every source has delivered to the end")
    told = ", ".join(f"'{name}' since {last:%Y-%m-%d}" for name, last in sorted(late.items()))
    return Check(
        "deliveries", False, f"what happened is not all known yet: nothing from {told}", float(len(late))
    )


def check_outliers(data: ArmData) -> Check:
    """Does a money metric say the same without the largest 1 % of those who have any?

    Looked at is the metric the campaign is decided by; a result that a few customers carry is invalid.
    """
    column = MONEY_OF.get(data.campaign.primary_metric)
    if column is None:
        return Check(
            "outliers", None, "the metric counts customers, not money: no customer weighs more than another"
        )
    plain, capped = (compare_means(data, name).lift for name in (column, f"{column}{CAPPED}"))
    carried = [arm for arm in plain if _says(plain[arm]) and _says(capped[arm]) != _says(plain[arm])]
    if not any(one.low is not None for one in capped.values()):
        return Check("outliers", None, "there is no result that outliers could carry")
    if carried:
        sentence = f"the result in {', '.join(carried)} rests on the largest 1 % of purchasers"
        return Check("outliers", False, sentence, float(len(carried)))
    return Check("outliers", True, "the result is the same without the largest 1 % of purchasers", 0.0)


def _says(lift: Lift) -> int:
    """1 or −1 where the interval lies wholly above or below zero, else 0."""
    if lift.low is not None and lift.low > 0:
        return 1
    return -1 if lift.high is not None and lift.high < 0 else 0


def check_novelty(data: ArmData) -> Check:
    """Did the effect on conversions wear off? Weak evidence about next time, not a fault of the experiment.

    Each customer's conversions in the second half of the window minus those in the first, compared between the arms.
    """
    if not data.is_final("window"):
        return Check("novelty", None, "whether the effect lasts is seen at the end", invalidates=False)
    whole = compare_means(data, "converted").lift
    trend = compare_means(data, "late_conversions").lift
    fading = [arm for arm, one in trend.items() if _says(whole[arm]) and _says(one) == -_says(whole[arm])]
    if not any(one.low is not None for one in trend.values()):
        return Check(
            "novelty", None, "conversions are too few to see whether the effect lasts", invalidates=False
        )
    if fading:
        sentence = f"the effect in {', '.join(fading)} was stronger in the first half than in the second"
        return Check("novelty", False, sentence, float(len(fading)), invalidates=False)
    return Check("novelty", True, "the effect did not wear off in the window", 0.0, invalidates=False)


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
