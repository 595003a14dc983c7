"""What a shop's data can support and what it cannot, with its number and the remedy.

Pure: what the data holds comes as the parts of a `DataAudit`, what is asked of it as `Needs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from monitoring.data_audit import FamilyAudit, History, KeyAudit, SourceAudit, Support
from monitoring.experiments.power import Design, Proportion, find_mde, find_sample_size

LOOK_BACK_DAYS = 30
"""How much history factors need before the days in which outcomes are counted."""
SEASON_WEEKS = 53
"""A year and the week of it that is compared."""
CAMPAIGN_DAYS = 28
"""Four whole weeks: what a campaign is taken to last."""
WANTED_LIFT = 0.10
"""The relative gain in conversion an experiment should be able to find."""
CUSTOMERS_PER_FACTOR = 70
"""Dolnicar, Grün, Leisch & Schmidt 2014, "Required sample sizes for data-driven market segmentation analyses in
tourism", Journal of Travel Research 53(3): below, segments found twice differ by chance."""
CURRENT_DAYS = 7
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the configuration asks of the data.

    Attributes:
        outcome_days: how far ahead segments are judged.
        longest_window: days that the factors with the longest memory look back.
        churn_days: days without activity after which a customer has churned.
        customers_min: fewer customers than this, and training refuses.
        alpha: two-sided error probability of experiments.
        margin_rate: margin as a share of revenue where events carry none; None if nobody said.
        consent_default: what holds for profiling where nobody was asked.
    """

    outcome_days: int
    longest_window: int
    churn_days: int
    customers_min: int
    alpha: float
    margin_rate: float | None
    consent_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Counts that the verdicts rest on.

    Attributes:
        customers: those who may be profiled.
        contactable: those of them who have not refused marketing.
        converted: those of them who bought in the last `CAMPAIGN_DAYS`.
        margin_share: share of revenue whose margin is known; None without revenue.
        campaigns: declared ones; `randomised` have a control arm and another, `costed` have costs.
        consent_profiling, consent_marketing: share of customers whose word is recorded.
    """

    customers: int
    contactable: int
    converted: int
    margin_share: float | None
    campaigns: int
    randomised: int
    costed: int
    consent_profiling: float
    consent_marketing: float


def judge_support(
    history: History,
    sources: tuple[SourceAudit, ...],
    keys: KeyAudit,
    families: tuple[FamilyAudit, ...],
    facts: Facts,
    *,
    needs: Needs,
    until: date,
) -> tuple[Support, ...]:
    """What the data can and cannot support, each with its number and, where it falls short, the remedy.

    Args:
        history, sources, keys, families, facts: what there is.
        needs: what is asked of it.
        until: the last whole day, from which on a run would look back.
    """
    of_events = tuple(source.name for source in sources if source.table == "events")
    return (
        _judge_refusals(sources),
        _judge_currency(history, until=until),
        *_judge_age(history, needs=needs),
        *_judge_size(facts, families, needs=needs),
        _judge_experiment(facts, alpha=needs.alpha),
        *([_judge_identity(of_events, keys)] if len(of_events) > 1 else []),
        _judge_campaigns(facts),
        _judge_margin(facts, margin_rate=needs.margin_rate),
        _judge_consent(facts, default=needs.consent_default),
    )


def _judge_refusals(sources: tuple[SourceAudit, ...]) -> Support:
    over = [source for source in sources if source.stops_run]
    refused, read = sum(s.quarantined for s in sources), sum(s.read for s in sources)
    if not over:
        return Support(
            "clean", True, f"{refused:,} of {read:,} rows are refused, in no source more than it may"
        )
    named = "; ".join(f"{s.name} {s.bad_share:.1%} (max_bad_share {s.max_bad_share:.1%})" for s in over)
    return Support(
        "clean", False,
        f"a run would stop, too many rows are refused in {named}: mend the reasons named above, or allow more",
    )  # fmt: skip


def _judge_currency(history: History, *, until: date) -> Support:
    age = (until - history.last).days
    if age <= CURRENT_DAYS:
        return Support("current", True, f"the last event is of {history.last}")
    return Support(
        "current", False,
        f"the last event is of {history.last}, {age:,} days before yesterday: deliver the days since, or run with "
        f"--as-of {history.last}",
    )  # fmt: skip


def _judge_age(history: History, *, needs: Needs) -> tuple[Support, ...]:
    outcome, churn = needs.outcome_days, needs.churn_days
    wanted = (
        ("outcomes", LOOK_BACK_DAYS + outcome + 1,
         f"judging segments by what customers did in the {outcome} days after",
         "until then segments are judged by their shape alone, or lower outcome_days in [features]"),
        ("longest_window", needs.longest_window, f"factors that look back {needs.longest_window} days",
         "until then they see the days there are; an older delivery helps at once"),
        ("season", 7 * SEASON_WEEKS, "comparing with the same season a year ago",
         "until then a season looks like a trend; an older delivery helps at once"),
        ("churn", CAMPAIGN_DAYS + churn,
         f"churn: a campaign of {CAMPAIGN_DAYS} days, and {churn} days of silence after it",
         "until then churn is unknown, or lower churn_days in [measurement]"),
    )  # fmt: skip
    return tuple(_judge_days(history, *want) for want in wanted)


def _judge_days(history: History, name: str, days: int, what: str, remedy: str) -> Support:
    if history.days >= days:
        return Support(name, True, f"{what}: needs {days} days of history, there are {history.days}")
    ready = history.first + timedelta(days=days - 1)
    return Support(
        name,
        False,
        f"{what}: too young, needs {days} days of history and has {history.days}; ready on {ready}, {remedy}",
    )


def _judge_size(facts: Facts, families: tuple[FamilyAudit, ...], *, needs: Needs) -> tuple[Support, Support]:
    least, customers = needs.customers_min, facts.customers
    speaking = sum(share > 0 for family in families for share in family.factors.values())
    advised = CUSTOMERS_PER_FACTOR * speaking
    enough = customers >= max(advised, least)
    return (
        Support("segments", True, f"segments: {customers:,} customers, at least {least:,} are needed")
        if customers >= least
        else Support(
            "segments", False,
            f"segments: {customers:,} customers are too few, at least {least:,} are needed; take in older data or "
            "lower segments_min in [training]",
        ),
        Support(
            "stable_segments", enough,
            f"segments that stay the same when found again: {customers:,} customers for {speaking} factors that say "
            f"anything, {advised:,} are advised ({CUSTOMERS_PER_FACTOR} a factor)"
            + ("" if enough else "; look at the stability of what is found, or ask for fewer segments"),
        ),
    )  # fmt: skip


def _judge_experiment(facts: Facts, *, alpha: float) -> Support:
    people = facts.contactable
    if not 0 < facts.converted < people:
        return Support(
            "experiment", False,
            f"an experiment: {facts.converted:,} of {people:,} customers bought in the last {CAMPAIGN_DAYS} days, from "
            "which nothing can be planned; give the campaign another conversion_kind",
        )  # fmt: skip
    rate, design = facts.converted / people, Design(control_share=0.5, alpha=alpha)
    mde = find_mde(Proportion(rate), customers=people, design=design)
    known = (
        f"an experiment on all {people:,} customers who may be contacted, {rate:.1%} of whom bought in the last "
        f"{CAMPAIGN_DAYS} days"
    )
    found = f"finds gains of {mde / rate:.0%} and more" if mde else "finds not even the largest possible gain"
    ok = mde is not None and mde <= WANTED_LIFT * rate
    if ok:
        return Support("experiment", True, f"{known}, {found} (half of them control, 80% power)")
    wanted = find_sample_size(Proportion(rate), effect=WANTED_LIFT * rate, design=design).total
    return Support(
        "experiment", False,
        f"{known}, {found} (half of them control, 80% power): too small, a gain of {WANTED_LIFT:.0%} needs {wanted:,} "
        "customers; pool campaigns, run them longer, or measure something commoner than a purchase",
    )  # fmt: skip


def _judge_identity(of_events: tuple[str, ...], keys: KeyAudit) -> Support:
    tied = {name for overlap in keys.overlaps if overlap.both for name in overlap.sources}
    alone = [name for name in of_events if name not in tied]
    if not alone:
        return Support("identity", True, "one customer across sources: every source shares keys with another")
    return Support(
        "identity", False,
        f"one customer across sources: {', '.join(alone)} shares no key with any other, so its customers stay "
        "strangers; map a key both have, such as an e-mail address, under the same name",
    )  # fmt: skip


def _judge_campaigns(facts: Facts) -> Support:
    told = (
        f"measuring past campaigns: {facts.campaigns:,} known, {facts.randomised:,} with a control group, "
        f"{facts.costed:,} with costs"
    )
    if facts.randomised and facts.costed:
        return Support("campaigns", True, told)
    remedy = (
        "draw one with `segmentwerk plan`, or deliver campaigns and assignments"
        if not facts.randomised
        else "deliver costs, without them there is no cost of a customer won and no return"
    )
    return Support("campaigns", False, f"{told}; {remedy}")


def _judge_margin(facts: Facts, *, margin_rate: float | None) -> Support:
    if facts.margin_share is None:
        return Support(
            "margin", False, "profit: no purchase has a value; map `value` of events of kind purchase"
        )
    told = f"profit: margin is known for {facts.margin_share:.0%} of revenue"
    if margin_rate is not None:
        return Support("margin", True, f"{told}, elsewhere margin_rate = {margin_rate:g} holds")
    if facts.margin_share > 1 - _NOISE:
        return Support("margin", True, told)
    return Support(
        "margin",
        False,
        f"{told}; map `margin`, or set margin_rate in [measurement], else there is no return on cost",
    )


def _judge_consent(facts: Facts, *, default: bool) -> Support:
    told = (
        f"consent: recorded for {facts.consent_profiling:.0%} of customers for profiling and "
        f"{facts.consent_marketing:.0%} for marketing"
    )
    holds = f"consent_default = {str(default).lower()} holds for the others"
    if facts.consent_profiling and facts.consent_marketing:
        return Support("consent", True, f"{told}; for profiling {holds}")
    return Support(
        "consent",
        False,
        f"{told}; for profiling {holds}: map consent_profiling and consent_marketing, or a source of consents",
    )
