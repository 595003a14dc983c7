"""The data audit: what a shop's data holds before anyone trains on it. What that supports is in `data_support`.

Pure: what has been taken in comes as tables and frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
from ibis import _


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
        meaning: of a factor of the shop's own, which is a family by itself: what it means.
    """

    name: str
    coverage: float
    factors: dict[str, float]
    needs: tuple[str, ...]
    meaning: str = ""


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
    meanings: Mapping[str, str] | None = None,
) -> tuple[FamilyAudit, ...]:
    """For what share of customers each family says anything.

    A factor speaks of a customer whose value is known and is not the one that stands for no such behaviour. It
    speaks of nobody where every known value is 0: then the behaviour is not delivered rather than absent.

    Args:
        factors: one row a customer.
        families: by name, their factors with the value that stands for no such behaviour (None: unknown).
        needs: by name, what a family would need to be delivered.
        meanings: by name, what a factor of the shop's own means.
    """
    told = meanings or {}
    return tuple(
        replace(_cover(factors, name, missing=missing, needs=needs.get(name, ())), meaning=told.get(name, ""))
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
