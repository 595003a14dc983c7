"""Events rolled up once, so that everything after reads a few rows a customer instead of every click.

Written as Ibis expressions: the same text runs on DuckDB and compiles for the warehouses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import ibis
from ibis import _

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


@dataclass(frozen=True, slots=True)
class Rollups:
    """The rolled-up tables that reaction factors are computed from.

    Keys: `activity` customer_id, day; `orders` customer_id, order_id; `sessions` customer_id, session_id;
    `categories` customer_id, category, day. Days are the shop's own.
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
    """The shop's own day of a UTC timestamp, given the `list_offsets` of its timezone."""
    (_first, earliest), *changes = offsets
    naive = occurred_at.cast("timestamp")
    day = (naive + ibis.interval(seconds=earliest)).date()
    for moment, seconds in changes:
        later = naive >= ibis.literal(moment.replace(tzinfo=None))
        day = later.ifelse((naive + ibis.interval(seconds=seconds)).date(), day)
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


def _count(condition: ibis.expr.types.BooleanValue) -> ibis.expr.types.FloatingValue:
    # Whole numbers first: a literal 1.0 is a decimal to DuckDB, and so would be its sum.
    return condition.ifelse(1, 0).sum().cast("float64")


def _money(column: str, kind: str) -> ibis.expr.types.FloatingValue:
    return (_.kind == kind).ifelse(_[column], ibis.null("float64")).sum().coalesce(0.0).cast("float64")


def _activity_by_day(events: ibis.Table, mobile: tuple[str, ...]) -> ibis.Table:
    counted = {name: _count(_.kind.isin(kinds)) for name, kinds in COUNTED_KINDS.items()}
    known = tuple(kind for kinds in COUNTED_KINDS.values() for kind in kinds)
    return events.group_by("customer_id", "day").aggregate(
        events=_count(_.kind.notnull()),
        **counted,
        revenue=_money("value", "purchase"),
        margin=(_.kind == "purchase").ifelse(_.margin, ibis.null("float64")).sum(),
        discount=_money("discount", "purchase"),
        quantity=_money("quantity", "purchase"),
        refund_value=_money("value", "refund"),
        other=_count(_.kind.notin(known)),
        device_events=_count(_.device.notnull()),
        mobile_events=_count(_.device.isin(mobile)),
        channel_events=_count(_.channel.notnull()),
        app_events=_count(_.channel == "app"),
        store_events=_count(_.channel == "store"),
    )


def _orders(events: ibis.Table) -> ibis.Table:
    lines = events.filter(_.kind.isin(("purchase", "refund"))).mutate(
        order_id=_.order_id.coalesce(_.event_id)
    )
    orders = lines.group_by("customer_id", "order_id").aggregate(
        day=_.day.min(),
        revenue=_money("value", "purchase"),
        margin=(_.kind == "purchase").ifelse(_.margin, ibis.null("float64")).sum(),
        discount=_money("discount", "purchase"),
        quantity=_money("quantity", "purchase"),
        lines=_count(_.kind == "purchase"),
        refund_value=_money("value", "refund"),
    )
    # A refund booked under a number of its own is no order; the day it fell on has it.
    return orders.filter(orders.lines > 0)


def _sessions(events: ibis.Table) -> ibis.Table:
    sessions = (
        events.filter(_.session_id.notnull())
        .group_by("customer_id", "session_id")
        .aggregate(
            day=_.day.min(),
            duration_s=_.duration_s.max(),
            events=_count(_.kind != "session"),
            page_views=_count(_.kind == "page_view"),
            product_views=_count(_.kind == "product_view"),
            carts=_count(_.kind == "add_to_cart"),
            checkouts=_count(_.kind == "checkout"),
            purchases=_count(_.kind == "purchase"),
        )
    )
    return sessions.mutate(bounced=sessions.events == 1.0)


def _categories_by_day(events: ibis.Table) -> ibis.Table:
    return (
        events.filter(_.category.notnull())
        .group_by("customer_id", "category", "day")
        .aggregate(interactions=_count(_.kind.notnull()), revenue=_money("value", "purchase"))
    )
