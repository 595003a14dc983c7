"""The data audit: what a shop's data can support before anyone trains on it, and what it cannot, with the remedy.

Pure: what has been taken in comes as tables and frames, what is asked of it as `Needs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
from ibis import _

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


@dataclass(frozen=True, slots=True)
class History:
    """How far the events reach back.

    Attributes:
        first, last: days of the first and the last event that count.
        days, weeks: whole ones from the first event on.
        events: how many.
        events_per_week: median over the weeks.
        weekly: first day of each week back from the last day, and its events, oldest first.
        gaps: by source, first days of the weeks without events since its first.
    """

    first: date
    last: date
    days: int
    weeks: int
    events: int
    events_per_week: float
    weekly: dict[str, int]
    gaps: dict[str, tuple[date, ...]]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were refused: how many, and one of them with everything that names a person masked."""

    reason: str
    rows: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAudit:
    """What became of a source's rows.

    Attributes:
        bad_share: refused ones among all but those set aside by `where`.
        stops_run: that is more than the `max_bad_share` of its section.
        identified: share of its events that carry an identity key; None where it is not of events.
        keys: by kind, share of its accepted events that carry such a key.
        reasons: the commonest first.
        columns: its own, with their types.
    """

    name: str
    table: str
    read: int
    accepted: int
    duplicates: int
    quarantined: int
    filtered: int
    max_bad_share: float
    identified: float | None = None
    keys: Mapping[str, float]
    reasons: tuple[Reason, ...]
    columns: Mapping[str, str]

    @property
    def bad_share(self) -> float:
        considered = self.read - self.filtered
        return self.quarantined / considered if considered else 0.0

    @property
    def stops_run(self) -> bool:
        return self.bad_share > self.max_bad_share

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"bad_share": self.bad_share, "stops_run": self.stops_run}


@dataclass(frozen=True, slots=True)
class KeyOverlap:
    """Keys of a kind that two sources both have; `share` is of the one that has fewer."""

    sources: tuple[str, str]
    key_kind: str
    both: int
    share: float


@dataclass(frozen=True, slots=True)
class KeyAudit:
    """How sources hang together: by which keys, and in how many of them customers are seen.

    Attributes:
        overlaps: every pair of sources that have keys of a kind, the strongest first.
        customers_by_sources: number of customers whose events come from "1", "2" and "3+" sources.
        shared: by kind, keys that join too many people and are not followed.
    """

    overlaps: tuple[KeyOverlap, ...]
    customers_by_sources: dict[str, int]
    shared: dict[str, int]


@dataclass(frozen=True, slots=True)
class FamilyAudit:
    """For what share of customers a family of factors says anything.

    Attributes:
        coverage: share of customers with at least one factor that speaks.
        factors: the same for each factor.
        needs: what would have to be delivered, where the family says nothing.
    """

    name: str
    coverage: float
    factors: dict[str, float]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Support:
    """Something a shop may want of its data: whether the data can support it, in a sentence with its numbers."""

    name: str
    ok: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class DataAudit:
    """What the data holds and supports as of a day; without any event there is no `history`."""

    as_of: date
    customers: int
    history: History | None
    sources: tuple[SourceAudit, ...]
    keys: KeyAudit
    families: tuple[FamilyAudit, ...]
    support: tuple[Support, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"sources": [source.to_dict() for source in self.sources]}


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


def describe_history(daily: pd.DataFrame, *, as_of: date) -> History | None:
    """How far events reach back, and the weeks in which a source was silent.

    Args:
        daily: a row a source and day: `source`, `day`, `events` (at least 1).
        as_of: later days are not looked at; weeks are the seven days up to it and back from there.

    Returns:
        None where there is no event.
    """
    known = daily[pd.to_datetime(daily["day"]) <= pd.Timestamp(as_of)]
    if known.empty:
        return None
    age = (pd.Timestamp(as_of) - pd.to_datetime(known["day"])).dt.days
    days = int(age.max()) + 1
    by_week = known["events"].groupby(age // 7).sum().reindex(range(-(-days // 7)), fill_value=0)
    whole = by_week.loc[: max(days // 7 - 1, 0)]
    gaps = {str(name): _list_gaps(own // 7, as_of=as_of) for name, own in age.groupby(known["source"])}
    return History(
        first=as_of - timedelta(days=days - 1),
        last=as_of - timedelta(days=int(age.min())),
        days=days,
        weeks=days // 7,
        events=int(known["events"].sum()),
        events_per_week=float(whole.median()),
        weekly={str(_start(week, as_of)): int(count) for week, count in by_week.iloc[::-1].items()},
        gaps={name: weeks for name, weeks in sorted(gaps.items()) if weeks},
    )


def _list_gaps(weeks: pd.Series, *, as_of: date) -> tuple[date, ...]:
    silent = set(range(int(weeks.max()))) - set(weeks)
    return tuple(_start(week, as_of) for week in sorted(silent, reverse=True))


def _start(week: Any, as_of: date) -> date:
    return as_of - timedelta(days=7 * int(week) + 6)


def compare_keys(links: ibis.Table) -> tuple[KeyOverlap, ...]:
    """How many keys of each kind every two sources both have.

    Args:
        links: `source`, `key_kind`, `key_hash`.

    Returns:
        A pair of sources for each kind of key that both have any of, those that share most first.
    """
    keys = links.select("source", "key_kind", "key_hash").distinct()
    own = keys.group_by("source", "key_kind").aggregate(keys=_.count()).to_pandas()
    other = keys.view()
    joined = keys.join(other, ["key_kind", "key_hash"]).filter(_.source < _.source_right)
    both = joined.group_by("source", "source_right", "key_kind").aggregate(both=_.count()).to_pandas()
    pairs = own.merge(own, on="key_kind", suffixes=("", "_right"))
    pairs = pairs[pairs["source"] < pairs["source_right"]]
    pairs = pairs.merge(both, on=["source", "source_right", "key_kind"], how="left").fillna({"both": 0})
    overlaps = [
        KeyOverlap((str(a), str(b)), str(kind), int(n), float(n / min(keys, keys_right)))
        for a, b, kind, n, keys, keys_right in pairs[
            ["source", "source_right", "key_kind", "both", "keys", "keys_right"]
        ].itertuples(index=False)
    ]
    return tuple(sorted(overlaps, key=lambda o: (-o.share, o.sources, o.key_kind)))


def count_customers_by_sources(events: ibis.Table) -> dict[str, int]:
    """How many customers have events (`customer_id`, `source`) from one, from two and from more sources."""
    seen = events.group_by("customer_id").aggregate(sources=_.source.nunique())
    counts = seen.group_by("sources").aggregate(customers=_.count()).to_pandas()
    sizes = counts.set_index("sources")["customers"]
    return {
        "1": int(sizes.get(1, 0)),
        "2": int(sizes.get(2, 0)),
        "3+": int(sizes[sizes.index >= 3].sum()),
    }


def measure_coverage(
    factors: pd.DataFrame,
    families: Mapping[str, Mapping[str, float | None]],
    *,
    needs: Mapping[str, tuple[str, ...]],
) -> tuple[FamilyAudit, ...]:
    """For what share of customers each family says anything.

    A factor speaks of a customer whose value is known and is not the one that stands for no such behaviour. It
    speaks of nobody where every known value is 0: then the behaviour is not delivered rather than absent.

    Args:
        factors: one row a customer.
        families: by name, their factors with the value that stands for no such behaviour (None: unknown).
        needs: by name, what a family would need to be delivered.
    """
    return tuple(
        _cover(factors, name, missing=missing, needs=needs.get(name, ()))
        for name, missing in families.items()
    )


def _cover(
    factors: pd.DataFrame, name: str, *, missing: Mapping[str, float | None], needs: tuple[str, ...]
) -> FamilyAudit:
    values = factors[list(missing)]
    speaks = values.notna() & (values.fillna(0.0) != 0).any()
    for factor, default in missing.items():
        if default is not None:
            speaks[factor] &= values[factor] != default
    coverage = float(speaks.any(axis=1).mean()) if len(factors) else 0.0
    shares = {factor: float(speaks[factor].mean()) if len(factors) else 0.0 for factor in missing}
    return FamilyAudit(name, coverage, shares, () if coverage else needs)


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
