"""Events rolled up once, so that everything after reads a few rows a customer instead of every click.

Written as Ibis expressions: the same text runs on DuckDB and compiles for the warehouses. Every column is a sum, a
minimum or a maximum, or follows from such: what was rolled up apart can be combined, so new events cost what they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import ibis
from ibis import _

from models.aggregates import count_if, sum_if

COUNTED_KINDS: dict[str, tuple[str, ...]] = {
    "page_views": ("page_view",),
    "product_views": ("product_view",),
    "searches": ("search",),
    "carts": ("add_to_cart",),
    "checkouts": ("checkout",),
    "purchases": ("purchase",),
    "refunds": ("refund",),
    "emails_sent": ("email_sent",),
    "emails_opened": ("email_open",),
    "emails_clicked": ("email_click",),
    "unsubscribes": ("email_unsubscribe",),
    "pushes_opened": ("push_open",),
    "ads_seen": ("ad_impression",),
    "ads_clicked": ("ad_click",),
    "social_actions": ("review", "like", "share", "comment"),
    "service_contacts": ("support_ticket", "complaint"),
    "store_visits": ("store_visit",),
}
MOBILE_DEVICES = ("mobile", "phone", "smartphone", "tablet")
KEYS: dict[str, tuple[str, ...]] = {
    "activity": ("customer_id", "day"),
    "orders": ("customer_id", "order_id"),
    "sessions": ("customer_id", "session_id"),
    "categories": ("customer_id", "category", "day"),
}
"""What tells the rows of each rollup apart."""


@dataclass(frozen=True, slots=True)
class Rollups:
    """The rolled-up tables that reaction factors are computed from; their keys are `KEYS`.

    Days are the shop's own: the day an order was first bought on, or a session's first. `orders` also holds orders
    of which only a refund is known yet (`lines` 0), so that the purchase finds it; `select_bought` leaves them out.
    """

    activity: ibis.Table
    orders: ibis.Table
    sessions: ibis.Table
    categories: ibis.Table


def end_of_day(day: date, *, timezone: str) -> datetime:
    """The first moment after `day` in the shop's timezone, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(timezone)).astimezone(UTC)


def list_offsets(timezone: str, *, since: date, until: date) -> tuple[tuple[datetime, int], ...]:
    """When the timezone's distance to UTC changed: (moment in UTC, seconds east of UTC), the first at `since`.

    Engines disagree about `AT TIME ZONE`; a few literal offsets mean the same on all of them.
    """
    zone = ZoneInfo(timezone)
    moment = datetime.combine(since, time(), UTC)
    end = datetime.combine(until, time(), UTC) + timedelta(days=1)
    offsets = [(moment, _offset(moment, zone))]
    while moment < end:
        after = moment + timedelta(hours=6)
        if _offset(after, zone) != offsets[-1][1]:
            change = _bisect_change(moment, after, zone)
            offsets.append((change, _offset(change, zone)))
        moment = after
    return tuple(offsets)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    distance = moment.astimezone(zone).utcoffset()
    return int(distance.total_seconds()) if distance else 0


def _bisect_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        if _offset(middle, zone) == _offset(before, zone):
            before = middle
        else:
            after = middle
    return after


def local_day(
    occurred_at: ibis.expr.types.TimestampValue, offsets: Iterable[tuple[datetime, int]]
) -> ibis.expr.types.DateValue:
    """The shop's own day of a timestamp in UTC (with or without a zone of its own), given the `list_offsets` of its
    timezone.
    """
    (_first, earliest), *changes = offsets
    day = (occurred_at + ibis.interval(seconds=earliest)).date()
    for moment, seconds in changes:
        later = occurred_at >= ibis.literal(moment).cast(occurred_at.type())
        day = later.ifelse((occurred_at + ibis.interval(seconds=seconds)).date(), day)
    return day


def roll_up(
    events: ibis.Table, *, timezone: str, since: date, until: date, mobile: Iterable[str] = MOBILE_DEVICES
) -> Rollups:
    """Roll events up to activity a day, orders, sessions and categories a day.

    Args:
        events: canonical events.
        timezone: the shop's own; a day is a day there.
        since, until: first and last day the events may lie on (only used to look up clock changes).
        mobile: device names that count as mobile.
    """
    offsets = list_offsets(timezone, since=since, until=until)
    dated = events.mutate(day=local_day(events.occurred_at, offsets))
    return Rollups(
        activity=_activity_by_day(dated, tuple(mobile)),
        orders=_orders(dated),
        sessions=_sessions(dated),
        categories=_categories_by_day(dated),
    )


def _money(column: str, kind: str) -> ibis.expr.types.FloatingValue:
    return sum_if(_.kind == kind, _[column])


def _margin() -> ibis.expr.types.FloatingValue:
    return _.margin.sum(where=_.kind == "purchase")


def _activity_by_day(events: ibis.Table, mobile: tuple[str, ...]) -> ibis.Table:
    # A kind is compared with every one that is counted: numbers are compared faster than words.
    places = [(kind, place) for place, kinds in enumerate(COUNTED_KINDS.values()) for kind in kinds]
    placed = events.mutate(place=_.kind.cases(*places, else_=len(COUNTED_KINDS)))
    return placed.group_by("customer_id", "day").aggregate(
        events=count_if(_.kind.notnull()),
        **{name: count_if(_.place == place) for place, name in enumerate(COUNTED_KINDS)},
        revenue=_money("value", "purchase"),
        margin=_margin(),
        discount=_money("discount", "purchase"),
        quantity=_money("quantity", "purchase"),
        refund_value=_money("value", "refund"),
        other=count_if((_.place == len(COUNTED_KINDS)) & _.kind.notnull()),
        device_events=count_if(_.device.notnull()),
        mobile_events=count_if(_.device.isin(mobile)),
        channel_events=count_if(_.channel.notnull()),
        app_events=count_if(_.channel == "app"),
        store_events=count_if(_.channel == "store"),
    )


def _orders(events: ibis.Table) -> ibis.Table:
    # Event ids are a source's own; order numbers are the shop's, so that a refund from elsewhere finds its order.
    own_number = _.source + ibis.literal("/") + _.event_id
    # A refund that names no order is on its day alone.
    lines = events.filter((_.kind == "purchase") | ((_.kind == "refund") & _.order_id.notnull()))
    lines = lines.mutate(order_id=_.order_id.coalesce(own_number))
    return lines.group_by("customer_id", "order_id").aggregate(
        day=_first_day(bought=_.kind == "purchase"),
        revenue=_money("value", "purchase"),
        margin=_margin(),
        discount=_money("discount", "purchase"),
        quantity=_money("quantity", "purchase"),
        lines=count_if(_.kind == "purchase"),
        refund_value=_money("value", "refund"),
    )


def _first_day(*, bought: ibis.expr.types.BooleanValue) -> ibis.expr.types.DateValue:
    # A refund must not date an order whose purchase is known.
    return bought.ifelse(_.day, ibis.null("date")).min().coalesce(_.day.min())


def _sessions(events: ibis.Table) -> ibis.Table:
    sessions = (
        events.filter(_.session_id.notnull())
        .group_by("customer_id", "session_id")
        .aggregate(
            day=_.day.min(),
            duration_s=_.duration_s.max(),
            events=count_if(_.kind != "session"),
            page_views=count_if(_.kind == "page_view"),
            product_views=count_if(_.kind == "product_view"),
            carts=count_if(_.kind == "add_to_cart"),
            checkouts=count_if(_.kind == "checkout"),
            purchases=count_if(_.kind == "purchase"),
        )
    )
    return sessions.mutate(bounced=sessions.events == 1.0)


def _categories_by_day(events: ibis.Table) -> ibis.Table:
    return (
        events.filter(_.category.notnull())
        .group_by("customer_id", "category", "day")
        .aggregate(interactions=count_if(_.kind.notnull()), revenue=_money("value", "purchase"))
    )


def combine_rollups(*parts: Rollups) -> Rollups:
    """The rollups of all events of which each part holds some: what `roll_up` makes of them together.

    No event may be in two parts; a part may be empty.
    """
    orders = _sum_up("orders", parts, day=_first_day(bought=_.lines > 0))
    sessions = _sum_up("sessions", parts, day=_.day.min(), duration_s=_.duration_s.max())
    return Rollups(
        activity=_sum_up("activity", parts),
        orders=orders,
        sessions=sessions.mutate(bounced=sessions.events == 1.0),
        categories=_sum_up("categories", parts),
    )


def _sum_up(name: str, parts: Iterable[Rollups], **other: ibis.expr.types.Value) -> ibis.Table:
    """One row a key; columns without an aggregate in `other` are added up, truth values left to the caller."""
    tables = [getattr(part, name) for part in parts]
    # Columns are matched by place, so they are put in the same.
    rows = ibis.union(*(table.select(tables[0].columns) for table in tables))
    schema = rows.schema()
    columns = [c for c in rows.columns if c not in KEYS[name] and not schema[c].is_boolean()]
    return rows.group_by(*KEYS[name]).aggregate(**{c: other.get(c, _[c].sum()) for c in columns})


def select_bought(rollups: Rollups) -> Rollups:
    """The rollups as factors read them: without refunds of orders whose purchase is not known."""
    return replace(rollups, orders=rollups.orders.filter(rollups.orders.lines > 0))
