"""The rollups in the lake, kept in step with the events at the cost of what is new."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

import ibis
import pyarrow
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.rollups import KEYS, Rollups, combine_rollups, end_of_day, roll_up, select_bought
from tasks.engines import drop_zone, fetch_rows, keep_rows, read_parquet
from tasks.kept_since import read_kept_since
from tasks.lake import Lake, use_present_names
from tasks.logs import get_logger

_ROLLUPS = {
    "activity": "activity_daily",
    "orders": "orders",
    "sessions": "sessions",
    "categories": "categories_daily",
}
# Below this, two sums of the same numbers differ by the order they were added in.
_NOISE = 1e-9
_MONTH = _.day.year() * 100 + _.day.month()


class NoEventsError(ValueError):
    """There is nothing to compute factors from."""


@dataclass(frozen=True, slots=True)
class EventChanges:
    """What a run did to the events.

    Attributes:
        new_files: Parquet files of the lake that hold exactly the events it added.
        moved: names of customers whose events changed hands, on either side; a plain merge moves none.
        timezone: the one that days were told apart in until now, where there is one.
    """

    new_files: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    timezone: str | None = None


@task(name="roll up", cache_policy=NO_CACHE, persist_result=False)
def update_rollups(lake: Lake, changes: EventChanges, *, timezone: str) -> None:
    """Bring the rollup tables up to date with the events; where there are none of today's form, build them.

    New events are combined with the stored rows of the same key. Customers whose events changed hands are rolled
    up anew from all their events; rows from before the day that events are kept from stay as they are. Only months
    that hold a changed row are rewritten.

    Args:
        lake: its events hold the changes already.
        changes: what happened to the events since the rollups were last in step.
        timezone: the shop's own. Where it is another than before, all days are told apart anew.
    """
    if not lake.has("events"):
        return
    if not _are_current(lake) or changes.timezone not in (None, timezone):
        _rebuild(lake, timezone=timezone)
    elif changes.new_files or changes.moved:
        _update(lake, changes, timezone=timezone)


def read_rollups(lake: Lake) -> Rollups:
    """The rollup tables as they stand, for factors.

    Raises:
        NoEventsError: no event has been rolled up yet.
    """
    if not lake.has("activity_daily"):
        raise NoEventsError("no events have been accepted yet; look at `segmentwerk check --preview 5`")
    return select_bought(_combine_renamed(lake, _read_stored(lake)))


def read_rollup_tables(lake: Lake) -> dict[str, ibis.Table]:
    """The rollup tables there are, by their names in the lake, under their customers' present names."""
    if not lake.has("activity_daily"):
        return {}
    rollups = _combine_renamed(lake, _read_stored(lake))
    return {table: getattr(rollups, name) for name, table in _ROLLUPS.items()}


def _read_stored(lake: Lake) -> Rollups:
    return Rollups(**{name: _read_table(lake, table) for name, table in _ROLLUPS.items()})


def _combine_renamed(lake: Lake, stored: Rollups) -> Rollups:
    """The rollups with the rows of customers who were renamed added to those of whom they are now."""
    if not lake.has("renames"):
        return stored
    renames = lake.table("renames", engine=lake.analytics)
    # Few customers are renamed, and factors read a rollup more than once.
    names = keep_rows(
        ibis.union(
            renames.select(customer_id="old_customer_id"), renames.select("customer_id"), distinct=True
        )
    )
    theirs = {
        name: use_present_names(getattr(stored, name).semi_join(names, "customer_id"), renames)
        for name in _ROLLUPS
    }
    joined = combine_rollups(Rollups(**theirs))
    return Rollups(
        **{
            name: ibis.union(
                rows.anti_join(names, "customer_id"),
                keep_rows(getattr(joined, name).select(rows.columns).cast(rows.schema())),
            )
            for name in _ROLLUPS
            for rows in [getattr(stored, name)]
        }
    )


def _read_events(lake: Lake, *, months: Collection[int] | None = None) -> ibis.Table:
    """Events under their customers' present names."""
    events = _read_table(lake, "events", months=months)
    if not lake.has("renames"):
        return events
    return use_present_names(events, lake.table("renames", engine=lake.analytics))


def _read_table(lake: Lake, name: str, *, months: Collection[int] | None = None) -> ibis.Table:
    # Not `lake.table`: new files and old are to have the same types on either engine.
    return read_parquet(lake.analytics, lake.files(name, months=months), lake.schema(name))


def _are_current(lake: Lake) -> bool:
    """Whether every rollup is stored with the columns it has today."""
    if not all(lake.has(table) for table in _ROLLUPS.values()):
        return False
    today = roll_up(_read_table(lake, "events"), timezone="UTC", since=date.min, until=date.min)
    return all(
        set(lake.schema(table).names) == set(getattr(today, name).columns) for name, table in _ROLLUPS.items()
    )


def _rebuild(lake: Lake, *, timezone: str) -> None:
    """Build the rollups, but for what stands on events that are not kept any more: that stays as it is."""
    if "events" not in read_kept_since(lake) or not all(lake.has(table) for table in _ROLLUPS.values()):
        _build(lake, timezone=timezone)
        return
    stored = _keep_all(_read_before(lake, _read_stored(lake)))
    _build(lake, timezone=timezone)
    for name, table in _ROLLUPS.items():
        old = keep_rows(_read_table(lake, table).semi_join(getattr(stored, name), KEYS[name]))
        kept = _fill_columns(getattr(stored, name), old.schema())
        parts = [kept, old] if "day" in KEYS[name] else [kept]
        now = getattr(combine_rollups(*(_alone(lake, name, part) for part in parts)), name)
        _replace(lake, table, old=old, now=keep_rows(now), keys=KEYS[name])


def _read_before(lake: Lake, rollups: Rollups) -> Rollups:
    """Those of the rows that stand on events which are not kept any more; none where all events are."""
    since = read_kept_since(lake).get("events", date.min)
    return Rollups(**{name: getattr(rollups, name).filter(_.day < ibis.literal(since)) for name in _ROLLUPS})


def _alone(lake: Lake, name: str, rows: ibis.Table) -> Rollups:
    """The rows of one rollup, and none of the others."""
    others = {other: _read_table(lake, table).limit(0) for other, table in _ROLLUPS.items() if other != name}
    return Rollups(**others, **{name: rows})


def _fill_columns(rows: ibis.Table, schema: ibis.Schema) -> ibis.Table:
    """The rows with all columns of today: one they were rolled up without is 0, for nothing of it was counted."""
    missing = {
        column: ibis.literal(0.0 if kind.is_floating() else None, type=kind)
        for column, kind in schema.items()
        if column not in rows.columns
    }
    return rows.mutate(**missing).select(list(schema))


def _build(lake: Lake, *, timezone: str) -> None:
    events = _read_events(lake)
    first, last = _span(events)
    rolled = _roll_up(events, timezone=timezone, since=first, until=last)
    # Tables are opened here: while Delta writes, it lets nobody else open one.
    months = [_roll_up_month(lake, month, timezone=timezone) for month in _list_first_days(first, last)]
    for name, table in _ROLLUPS.items():
        if "day" in KEYS[name]:
            rows = _stream_months([getattr(month, name) for month in months])
        else:
            rows = fetch_rows(getattr(rolled, name))
        lake.overwrite(table, rows)
    get_logger().info("rolled up all events from %s to %s", first, last)


def _stream_months(months: list[ibis.Table]) -> pyarrow.RecordBatchReader:
    """A rollup by day, one month after the other: no group spans two, and a month is small enough to keep."""
    batches = chain.from_iterable(fetch_rows(month) for month in months)
    return pyarrow.RecordBatchReader.from_batches(months[0].schema().to_pyarrow(), batches)


def _roll_up_month(lake: Lake, month: date, *, timezone: str) -> Rollups:
    until = (month + timedelta(days=31)).replace(day=1)
    starts_at = end_of_day(month - timedelta(days=1), timezone=timezone)
    ends_at = end_of_day(until - timedelta(days=1), timezone=timezone)
    last = ends_at - timedelta(seconds=1)
    events = _read_events(lake, months={m.year * 100 + m.month for m in (starts_at, last)})
    within = events.filter(_.occurred_at >= starts_at, _.occurred_at < ends_at)
    return _roll_up(within, timezone=timezone, since=month, until=until)


def _roll_up(events: ibis.Table, *, timezone: str, since: date, until: date) -> Rollups:
    events = events.mutate(occurred_at=drop_zone(events.occurred_at))
    return roll_up(events, timezone=timezone, since=since, until=until)


def _list_first_days(first: date, last: date) -> list[date]:
    days = [first.replace(day=1)]
    while (following := (days[-1] + timedelta(days=31)).replace(day=1)) <= last:
        days.append(following)
    return days


def _update(lake: Lake, changes: EventChanges, *, timezone: str) -> None:
    moved = ibis.memtable(pyarrow.table({"customer_id": pyarrow.array(changes.moved, pyarrow.string())}))
    events = _select_events(lake, changes, moved)
    first, last = _span(events)
    fresh = _keep_all(_roll_up(events, timezone=timezone, since=first, until=last))
    old = _keep_all(_select_affected(lake, fresh, moved, everywhere=bool(changes.moved)))
    theirs = {name: getattr(old, name).anti_join(moved, "customer_id") for name in _ROLLUPS}
    now = combine_rollups(fresh, Rollups(**theirs))
    if changes.moved and "events" in read_kept_since(lake):
        new = _keep_all(_roll_up(_select_new(lake, changes), timezone=timezone, since=first, until=last))
        now = _combine_kept(fresh, Rollups(**theirs), _keep_moved(lake, old, moved), new)
    for name, table in _ROLLUPS.items():
        _replace(lake, table, old=getattr(old, name), now=keep_rows(getattr(now, name)), keys=KEYS[name])
    get_logger().info(
        "rolled up new events from %s to %s and %d customers anew", first, last, len(changes.moved)
    )


def _keep_moved(lake: Lake, old: Rollups, moved: ibis.Table) -> Rollups:
    """Stored rows of customers who moved that their events cannot give again: they stay with the name they had."""
    theirs = Rollups(**{name: getattr(old, name).semi_join(moved, "customer_id") for name in _ROLLUPS})
    return _keep_all(_read_before(lake, theirs))


def _combine_kept(fresh: Rollups, theirs: Rollups, kept: Rollups, new: Rollups) -> Rollups:
    """The rollups with the kept rows.

    An order or a visit that began before the events that are kept holds all that has come since: of the fresh rows
    only what is new is added to it.
    """
    spanning = [name for name in _ROLLUPS if "day" not in KEYS[name]]
    rebuilt = {name: getattr(fresh, name) for name in _ROLLUPS}
    added = {name: getattr(new, name).limit(0) for name in _ROLLUPS}
    for name in spanning:
        rebuilt[name] = rebuilt[name].anti_join(getattr(kept, name), KEYS[name])
        added[name] = getattr(new, name).semi_join(getattr(kept, name), KEYS[name])
    return combine_rollups(Rollups(**rebuilt), theirs, kept, Rollups(**added))


def _select_new(lake: Lake, changes: EventChanges) -> ibis.Table:
    events = _read_table(lake, "events", months=[])
    if changes.new_files:
        events = read_parquet(lake.analytics, changes.new_files, lake.schema("events"))
    return events


def _select_events(lake: Lake, changes: EventChanges, moved: ibis.Table) -> ibis.Table:
    """The new events, and all events of the customers who moved."""
    parts = []
    if changes.new_files:
        new = read_parquet(lake.analytics, changes.new_files, lake.schema("events"))
        parts.append(new.anti_join(moved, "customer_id"))
    if changes.moved:
        parts.append(_read_events(lake).semi_join(moved, "customer_id"))
    # Read once here instead of once for each rollup.
    return keep_rows(ibis.union(*parts))


def _keep_all(rollups: Rollups) -> Rollups:
    return Rollups(**{name: keep_rows(getattr(rollups, name)) for name in _ROLLUPS})


def _select_affected(lake: Lake, fresh: Rollups, moved: ibis.Table, *, everywhere: bool) -> Rollups:
    """The stored rows that share a key with a fresh one or belong to a customer who moved."""
    found = {}
    for name, table in _ROLLUPS.items():
        rows, keys = getattr(fresh, name), KEYS[name]
        if "day" in keys and not everywhere:
            months = _list_months(rows)
        else:
            # Keys first: the other columns are read of the months that hold a match.
            months = _list_months(
                _match(_read_table(lake, table).select(*dict.fromkeys((*keys, "day"))), rows, moved, keys)
            )
        found[name] = _match(_read_table(lake, table, months=months), rows, moved, keys)
    return Rollups(**found)


def _match(stored: ibis.Table, fresh: ibis.Table, moved: ibis.Table, keys: tuple[str, ...]) -> ibis.Table:
    shared = stored.anti_join(moved, "customer_id").semi_join(fresh, keys)
    return ibis.union(shared, stored.semi_join(moved, "customer_id"))


def _replace(lake: Lake, table: str, *, old: ibis.Table, now: ibis.Table, keys: tuple[str, ...]) -> None:
    """Put rows in the place of others: months that lose a row are rewritten, to others rows are added."""
    same = old.join(now, keys).filter(
        *(_is_same(old, column) for column in old.columns if column not in keys)
    )
    unchanged = keep_rows(same.select(keys))
    come = now.anti_join(unchanged, keys)
    rewritten = _list_months(old.anti_join(unchanged, keys))
    grown = _list_months(come) - rewritten
    if rewritten:
        kept = _read_table(lake, table, months=rewritten).anti_join(old, keys)
        here = now.filter(_MONTH.isin(sorted(rewritten))).select(kept.columns)
        lake.overwrite_months(table, fetch_rows(ibis.union(kept, here)), months=rewritten)
    if grown:
        lake.append(table, fetch_rows(come.filter(_MONTH.isin(sorted(grown)))))


def _is_same(table: ibis.Table, column: str) -> ibis.expr.types.BooleanValue:
    before, after = _[column], _[f"{column}_right"]
    same = before.identical_to(after)
    return same | ((before - after).abs() < _NOISE) if table[column].type().is_floating() else same


def _list_months(rows: ibis.Table) -> set[int]:
    """The months rows with a `day` lie in, numbered as the lake's partitions are."""
    return {int(month) for month in rows.select(month=_MONTH).distinct().to_pandas()["month"]}


def _span(events: ibis.Table) -> tuple[date, date]:
    """First and last day the events may lie on anywhere on earth; one day where there is no event."""
    span = events.aggregate(first=events.occurred_at.min(), last=events.occurred_at.max()).to_pandas().iloc[0]
    if span.isna().any():
        return date(1990, 1, 1), date(1990, 1, 1)
    return span["first"].date() - timedelta(days=1), span["last"].date() + timedelta(days=1)
