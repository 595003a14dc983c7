"""Events rolled up: the same numbers as counting by hand, in the shop's own days."""

from datetime import UTC, date, datetime

import ibis
import pandas as pd
import pytest

from models.rollups import Rollups, end_of_day, list_offsets, roll_up

COLUMNS = {
    "source": "string", "event_id": "string", "customer_id": "string", "occurred_at": "timestamp('UTC')",
    "kind": "string", "value": "float64", "margin": "float64", "order_id": "string", "quantity": "float64",
    "discount": "float64", "category": "string", "session_id": "string", "duration_s": "float64",
    "device": "string", "channel": "string", "campaign_id": "string",
}  # fmt: skip


def roll(*rows: dict[str, object], timezone: str = "Europe/Berlin") -> Rollups:
    frame = pd.DataFrame([dict.fromkeys(COLUMNS) | row for row in rows])
    frame["event_id"] = [str(i) for i in range(len(frame))]
    frame["source"] = "web"
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True)
    events = ibis.memtable(frame, schema=ibis.schema(COLUMNS))
    return roll_up(events, timezone=timezone, since=date(2025, 12, 1), until=date(2026, 12, 31))


@pytest.fixture(autouse=True)
def utc_engine() -> None:
    ibis.get_backend().raw_sql("SET TimeZone = 'UTC'")


def test_a_day_is_the_shops_day_on_both_sides_of_a_clock_change() -> None:
    moments = ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"]
    days = roll(*({"customer_id": "a", "occurred_at": m, "kind": "page_view"} for m in moments)).activity
    found = days.order_by("day").select("day", "page_views").to_pandas()
    assert [str(d)[:10] for d in found["day"]] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert list(found["page_views"]) == [1.0, 2.0, 1.0]


def test_offsets_name_the_moments_of_clock_changes() -> None:
    offsets = list_offsets("Europe/Berlin", since=date(2026, 1, 1), until=date(2026, 12, 31))
    assert [(moment.isoformat(), seconds) for moment, seconds in offsets] == [
        ("2026-01-01T00:00:00+00:00", 3600),
        ("2026-03-29T01:00:00+00:00", 7200),
        ("2026-10-25T01:00:00+00:00", 3600),
    ]
    assert len(list_offsets("Asia/Tokyo", since=date(2020, 1, 1), until=date(2026, 1, 1))) == 1


def test_end_of_day_is_local_midnight_in_utc() -> None:
    assert end_of_day(date(2026, 7, 1), timezone="Europe/Berlin") == datetime(2026, 7, 1, 22, tzinfo=UTC)


def test_order_lines_become_one_order() -> None:
    line = {"customer_id": "a", "occurred_at": "2026-05-01T10:00:00Z", "kind": "purchase", "order_id": "o1"}
    rolled = roll(
        line | {"value": 10.0, "quantity": 2.0, "discount": 1.0, "category": "tea"},
        line | {"value": 5.0, "quantity": 1.0, "category": "cups"},
        line | {"kind": "refund", "value": 5.0},
        line | {"kind": "refund", "order_id": "r1", "value": 3.0},
        line | {"order_id": None, "value": 2.0, "category": "tea"},
    )
    orders = rolled.orders.order_by("order_id").to_pandas()
    assert list(orders["revenue"]) == [2.0, 15.0]
    assert list(orders["lines"]) == [1.0, 2.0]
    assert list(orders["refund_value"]) == [0.0, 5.0]
    day = rolled.activity.to_pandas().iloc[0]
    assert (day["revenue"], day["refund_value"], day["purchases"], day["refunds"]) == (17.0, 8.0, 3.0, 2.0)
    categories = rolled.categories.order_by("category").to_pandas()
    assert list(categories["interactions"]) == [1.0, 2.0]


def test_sessions_join_what_happened_in_them() -> None:
    rows = [
        {"kind": "session", "session_id": "s1", "duration_s": 120.0},
        {"kind": "product_view", "session_id": "s1"},
        {"kind": "add_to_cart", "session_id": "s1"},
        {"kind": "page_view", "session_id": "s2"},
    ]
    at = {"customer_id": "a", "occurred_at": "2026-05-01T10:00:00Z"}
    sessions = roll(*(at | row for row in rows)).sessions.order_by("session_id").to_pandas()
    assert list(sessions["duration_s"].fillna(-1)) == [120.0, -1.0]
    assert list(sessions["carts"]) == [1.0, 0.0]
    assert list(sessions["bounced"]) == [False, True]


def test_margin_is_unknown_where_nobody_gave_it() -> None:
    buy = {"customer_id": "a", "occurred_at": "2026-05-01T10:00:00Z", "kind": "purchase", "value": 10.0}
    assert roll(buy).activity.to_pandas()["margin"].isna().all()
    assert roll(buy | {"margin": 4.0}).activity.to_pandas()["margin"].tolist() == [4.0]
