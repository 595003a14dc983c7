"""Events rolled up: the same numbers as counting by hand, in the shop's own days."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.factors.monetary import FAMILY as MONETARY
from models.factors.returns import FAMILY as RETURNS
from models.rollups import KEYS, Rollups, combine_rollups, end_of_day, list_offsets, roll_up, select_bought
from models.schemas import EVENT_KINDS

COLUMNS = {
    "source": "string", "event_id": "string", "customer_id": "string", "occurred_at": "timestamp('UTC')",
    "kind": "string", "value": "float64", "margin": "float64", "order_id": "string", "quantity": "float64",
    "discount": "float64", "category": "string", "session_id": "string", "duration_s": "float64",
    "device": "string", "channel": "string", "campaign_id": "string",
}  # fmt: skip


def roll(*rows: Mapping[str, object], timezone: str = "Europe/Berlin") -> Rollups:
    numbered = [
        {**dict.fromkeys(COLUMNS), "event_id": str(i), "source": "web", **row} for i, row in enumerate(rows)
    ]
    frame = pd.DataFrame(numbered, columns=list(COLUMNS))
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
        line | {"order_id": None, "value": 2.0, "category": "tea", "event_id": "7", "source": "web"},
        line | {"order_id": None, "value": 4.0, "event_id": "7", "source": "till"},
    )
    orders = select_bought(rolled).orders.order_by("order_id").to_pandas()
    assert list(orders["order_id"]) == ["o1", "till/7", "web/7"]
    assert list(orders["revenue"]) == [15.0, 4.0, 2.0]
    assert list(orders["lines"]) == [2.0, 1.0, 1.0]
    assert list(orders["refund_value"]) == [5.0, 0.0, 0.0]
    day = rolled.activity.to_pandas().iloc[0]
    assert (day["revenue"], day["refund_value"], day["purchases"], day["refunds"]) == (21.0, 8.0, 4.0, 2.0)
    categories = rolled.categories.order_by("category").to_pandas()
    assert list(categories["interactions"]) == [1.0, 2.0]


BOUGHT: dict[str, object] = {
    "customer_id": "a",
    "occurred_at": "2026-05-01T10:00:00Z",
    "kind": "purchase",
    "order_id": "o1",
}
PAID = BOUGHT | {"value": 100.0}
HALF_BACK = BOUGHT | {"kind": "refund", "value": 50.0, "occurred_at": "2026-05-10T10:00:00Z"}
REST_BACK = BOUGHT | {"kind": "refund", "value": 30.0, "occurred_at": "2026-06-02T10:00:00Z"}
NAMELESS = HALF_BACK | {"order_id": None, "value": 7.0}
MISDATED = HALF_BACK | {"value": 1.0, "occurred_at": "2026-04-02T10:00:00Z"}
AT_HOME = date(2026, 6, 30)


@pytest.mark.parametrize(
    "deliveries",
    [
        [[PAID, HALF_BACK, REST_BACK, NAMELESS, MISDATED]],
        [[PAID], [HALF_BACK], [REST_BACK], [NAMELESS], [MISDATED]],
        [[REST_BACK], [MISDATED], [HALF_BACK, NAMELESS], [], [PAID]],
    ],
    ids=["at once", "one by one", "before their order"],
)
def test_refunds_lower_their_order_whenever_they_arrive(deliveries: list[list[dict[str, object]]]) -> None:
    rolled = combine_rollups(*(roll(*delivery) for delivery in deliveries))
    order = select_bought(rolled).orders.to_pandas()
    assert order["revenue"].tolist() == [100.0]
    assert order["refund_value"].tolist() == [81.0]
    assert str(order["day"][0])[:10] == "2026-05-01"
    by_day = rolled.activity.order_by("day").to_pandas()
    assert by_day["refund_value"].tolist() == [1.0, 0.0, 57.0, 30.0]
    bought = select_bought(rolled)
    spent = MONETARY.compute(bought, AT_HOME).to_pandas()
    assert (spent["aov"].tolist(), spent["revenue_lifetime"].tolist()) == ([100.0], [100.0])
    rates = [
        RETURNS.compute(bought, day).to_pandas()["return_rate"][0] for day in (date(2026, 5, 9), AT_HOME)
    ]
    assert rates == pytest.approx([0.01, 0.88])


def test_more_than_was_paid_can_come_back() -> None:
    twice = combine_rollups(roll(PAID, HALF_BACK | {"value": 70.0}), roll(HALF_BACK | {"value": 70.0}))
    assert twice.orders.to_pandas()["refund_value"].tolist() == [140.0]


def test_a_refund_without_its_purchase_is_no_order() -> None:
    waiting = roll(HALF_BACK)
    assert waiting.orders.to_pandas()[["lines", "refund_value"]].to_numpy().tolist() == [[0.0, 50.0]]
    assert select_bought(waiting).orders.count().execute() == 0
    assert roll(NAMELESS).orders.count().execute() == 0


def test_sessions_join_what_happened_in_them() -> None:
    rows: list[dict[str, object]] = [
        {"kind": "session", "session_id": "s1", "duration_s": 120.0},
        {"kind": "product_view", "session_id": "s1"},
        {"kind": "add_to_cart", "session_id": "s1"},
        {"kind": "page_view", "session_id": "s2"},
    ]
    at: dict[str, object] = {"customer_id": "a", "occurred_at": "2026-05-01T10:00:00Z"}
    sessions = roll(*(at | row for row in rows)).sessions.order_by("session_id").to_pandas()
    assert list(sessions["duration_s"].fillna(-1)) == [120.0, -1.0]
    assert list(sessions["carts"]) == [1.0, 0.0]
    assert list(sessions["bounced"]) == [False, True]


def test_margin_is_unknown_where_nobody_gave_it() -> None:
    buy = {"customer_id": "a", "occurred_at": "2026-05-01T10:00:00Z", "kind": "purchase", "value": 10.0}
    assert roll(buy).activity.to_pandas()["margin"].isna().all()
    assert roll(buy | {"margin": 4.0}).activity.to_pandas()["margin"].tolist() == [4.0]


MOMENTS = st.integers(0, 60 * 24).map(
    lambda hours: datetime(2026, 2, 20, tzinfo=UTC) + timedelta(hours=hours)
)
MONEY = st.none() | st.floats(0, 1e4)
NAMES = st.sampled_from([None, "p", "q"])
EVENTS = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["a", "b", "c", "d"]),
        "source": st.sampled_from(["web", "till"]),
        "occurred_at": MOMENTS,
        "kind": st.sampled_from(EVENT_KINDS) | st.sampled_from(["purchase", "refund", "session"]),
        "value": MONEY,
        "margin": st.none() | st.floats(-100, 100),
        "quantity": MONEY,
        "discount": MONEY,
        "duration_s": MONEY,
        "order_id": NAMES,
        "category": NAMES,
        "session_id": NAMES,
        "device": st.sampled_from([None, "mobile", "desktop"]),
        "channel": st.sampled_from([None, "app", "store"]),
    }
)


class BothWays:
    """Events in three parts, rolled up apart and combined, and rolled up as one. Compiled once for many examples."""

    def __init__(self) -> None:
        self.engine = ibis.duckdb.connect()
        self.engine.raw_sql("SET TimeZone = 'UTC'")
        events = self.engine.create_table("events", schema=ibis.schema(COLUMNS | {"part": "int64"}))
        span: dict[str, Any] = {
            "timezone": "Europe/Berlin",
            "since": date(2026, 2, 1),
            "until": date(2026, 5, 31),
        }
        whole = roll_up(events.drop("part"), **span)
        parts = (roll_up(events.filter(events.part == n).drop("part"), **span) for n in range(3))
        combined = combine_rollups(*parts)
        self.schemas = [(getattr(combined, name).schema(), getattr(whole, name).schema()) for name in KEYS]
        self.queries = {
            name: [str(ibis.to_sql(getattr(way, name).order_by(keys))) for way in (combined, whole)]
            for name, keys in KEYS.items()
        }

    def roll(self, rows: list[dict[str, Any]]) -> dict[str, list[pd.DataFrame]]:
        con = self.engine.con
        schema = ibis.schema(COLUMNS | {"part": "int64"}).to_pyarrow()
        con.register("given", pyarrow.Table.from_pylist(rows, schema))
        con.execute("DELETE FROM events")
        con.execute("INSERT INTO events SELECT * FROM given")
        return {name: [con.execute(sql).df() for sql in both] for name, both in self.queries.items()}


@pytest.fixture(scope="module")
def both_ways() -> BothWays:
    return BothWays()


def test_combining_keeps_the_columns(both_ways: BothWays) -> None:
    assert all(dict(combined) == dict(whole) for combined, whole in both_ways.schemas)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.integers(0, 2)), max_size=40))
def test_what_was_rolled_up_apart_combines_to_the_whole(
    both_ways: BothWays, dealt: list[tuple[dict[str, Any], int]]
) -> None:
    rows = [row | {"event_id": str(i), "part": part} for i, (row, part) in enumerate(dealt)]
    for combined, whole in both_ways.roll(rows).values():
        pd.testing.assert_frame_equal(combined[whole.columns], whole, rtol=1e-9, atol=1e-9)
