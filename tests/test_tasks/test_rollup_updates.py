"""Rollups brought up to date with what is new are those of all events rolled up at once."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest

from models.own_factors import OwnFactor
from models.rollups import KEYS, roll_up
from models.schemas import EVENT_KINDS, list_columns
from tasks.features import compute_features
from tasks.lake import Lake, begin_run, write_lake
from tasks.rollups import EventChanges, NoEventsError, read_rollups, update_rollups

TABLES = {
    "activity": "activity_daily",
    "orders": "orders",
    "sessions": "sessions",
    "categories": "categories_daily",
}
BERLIN = "Europe/Berlin"
WEEK_1, WEEK_2, WEEK_3 = (datetime(2026, 3, day, 12, tzinfo=UTC) for day in (24, 31, 7))
ARROW = {"VARCHAR": pyarrow.string(), "DOUBLE": pyarrow.float64(), "BIGINT": pyarrow.int64()}
SCHEMA = pyarrow.schema(
    [(c.name, ARROW.get(c.type, pyarrow.timestamp("us", "UTC"))) for c in list_columns("events")]
)
Event = dict[str, object]


def event(number: int, kind: str, at: datetime, customer: str = "anna", **others: object) -> Event:
    known = {
        "source": "web",
        "event_id": str(number),
        "customer_id": customer,
        "occurred_at": at,
        "kind": kind,
    }
    return known | others


def deliver(
    lake: Lake, events: Iterable[Event], *, merges: Mapping[str, str] | None = None, moved: Iterable[str] = ()
) -> EventChanges:
    """Add events to the lake, after some customers' events have become another's, and say what changed."""
    if merges:
        stored = lake.table("events").to_pandas()
        stored["customer_id"] = stored["customer_id"].replace(dict(merges))
        lake.overwrite("events", pyarrow.Table.from_pandas(stored, SCHEMA, preserve_index=False))
    before = set(lake.files("events")) if lake.has("events") else set()
    rows = [{name: row.get(name) for name in SCHEMA.names} for row in events]
    lake.append("events", pyarrow.Table.from_pylist(rows, SCHEMA))
    return EventChanges(tuple(set(lake.files("events")) - before), tuple(moved))


def update(lake: Lake, changes: EventChanges) -> None:
    update_rollups.fn(lake, changes, timezone=BERLIN)


def read(lake: Lake) -> dict[str, pd.DataFrame]:
    return {name: arrange(lake.table(table).to_pandas(), KEYS[name]) for name, table in TABLES.items()}


def arrange(frame: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    return frame[sorted(frame.columns)].sort_values(list(keys)).reset_index(drop=True)


def assert_in_step(lake: Lake) -> None:
    """The stored rollups are what `roll_up` makes of all events in one go."""
    whole = roll_up(lake.table("events"), timezone=BERLIN, since=date(2025, 1, 1), until=date(2026, 12, 31))
    found = read(lake)
    for name, keys in KEYS.items():
        expected = arrange(getattr(whole, name).to_pandas(), keys)
        pd.testing.assert_frame_equal(found[name], expected, rtol=1e-9, atol=1e-9, obj=name)


@pytest.fixture
def lake(tmp_path: Path) -> Iterable[Lake]:
    with write_lake(str(tmp_path / "var")) as opened:
        yield opened


def random_events(rng: np.random.Generator, numbers: Iterable[int]) -> list[Event]:
    kinds = ["purchase", "refund", "page_view", "session", "email_sent", "add_to_cart"]

    def pick(*choices: str | None) -> str | None:
        return choices[rng.integers(len(choices))]

    return [
        event(
            number,
            kinds[rng.integers(len(kinds))],
            datetime(2026, 2, 20, tzinfo=UTC) + timedelta(minutes=int(rng.integers(60 * 24 * 60))),
            str(pick("anna", "bert", "cleo", "dora")),
            value=float(rng.uniform(0, 100)),
            margin=pick(None, "known") and float(rng.uniform(-5, 5)),
            order_id=pick(None, "o1", "o2", "o3", "o4"),
            session_id=pick(None, "s1", "s2", "s3"),
            duration_s=pick(None, "known") and float(rng.integers(600)),
            category=pick(None, "tea", "mugs"),
        )
        for number in numbers
    ]


@pytest.mark.parametrize("seed", range(2))
def test_any_batches_and_merges_end_with_the_rollups_of_everything(lake: Lake, seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = random_events(rng, range(120))
    update(lake, deliver(lake, events[:60]))
    update(lake, deliver(lake, events[60:80]))
    assert_in_step(lake)
    renamed = [row | {"customer_id": "anna"} if row["customer_id"] == "bert" else row for row in events]
    update(lake, deliver(lake, renamed[80:100], merges={"bert": "anna"}, moved=["anna", "bert"]))
    assert_in_step(lake)
    assert "bert" not in set(lake.table("activity_daily").to_pandas()["customer_id"])
    update(lake, deliver(lake, renamed[100:]))
    assert_in_step(lake)


def test_a_split_gives_each_their_own(lake: Lake) -> None:
    both = [event(1, "purchase", WEEK_1, value=5.0), event(2, "purchase", WEEK_2, value=7.0, order_id="o")]
    update(lake, deliver(lake, both))
    stored = lake.table("events").to_pandas()
    stored.loc[stored["event_id"] == "2", "customer_id"] = "bert"
    lake.overwrite("events", pyarrow.Table.from_pandas(stored, SCHEMA, preserve_index=False))
    update(lake, EventChanges(moved=("anna", "bert")))
    assert_in_step(lake)
    assert lake.table("orders").to_pandas().set_index("customer_id")["revenue"].to_dict() == {
        "anna": 5.0,
        "bert": 7.0,
    }


def test_a_late_event_changes_its_day_and_the_factors(lake: Lake) -> None:
    for number, moment in enumerate((WEEK_1, WEEK_2, WEEK_3 + timedelta(days=31))):
        update(lake, deliver(lake, [event(number, "purchase", moment, value=10.0)]))
    as_of = date(2026, 4, 10)
    before = compute_features.fn(lake, as_of=as_of, consent_default=True).loc["anna"]
    april = set(lake.files("activity_daily", months=[202604]))
    update(
        lake, deliver(lake, [event(7, "purchase", WEEK_1 - timedelta(hours=1), value=90.0, order_id="late")])
    )
    assert_in_step(lake)
    days = lake.table("activity_daily").order_by("day").to_pandas()
    assert days["revenue"].tolist() == [100.0, 10.0, 10.0]
    assert set(lake.files("activity_daily", months=[202604])) == april
    after = compute_features.fn(lake, as_of=as_of, consent_default=True).loc["anna"]
    assert (before["revenue_lifetime"], after["revenue_lifetime"]) == (30.0, 120.0)
    assert after["orders_lifetime"] == before["orders_lifetime"] + 1.0


def test_events_after_as_of_move_no_factor(lake: Lake) -> None:
    as_of = WEEK_2.date()
    own = [OwnFactor(name="tea", table="categories", expression="sum(interactions)", meaning="events")]

    def deliver_all(first: int, moment: datetime, *customers: str) -> None:
        rows = [
            event(
                first + number, kind, moment, who, value=5.0, order_id=f"{who} {first}", category=f"c{first}",
                session_id=f"{who} {first}", device="mobile", channel="app", discount=1.0, duration_s=9.0,
            )
            for number, (kind, who) in enumerate((kind, who) for kind in EVENT_KINDS for who in customers)
        ]  # fmt: skip
        update(lake, deliver(lake, rows))

    deliver_all(0, WEEK_3, "anna", "bert")
    deliver_all(1000, WEEK_1, "anna")
    before = compute_features.fn(lake, as_of=as_of, consent_default=True, own=own)
    refund = event(1, "refund", WEEK_2 + timedelta(days=1), value=5.0, order_id="anna 0", source="till")
    update(lake, deliver(lake, [refund]))
    deliver_all(2000, WEEK_2 + timedelta(days=1), "anna", "cleo")
    after = compute_features.fn(lake, as_of=as_of, consent_default=True, own=own)
    pd.testing.assert_frame_equal(after, before)
    assert before["tea"].notna().all()


def test_a_refund_finds_a_purchase_that_arrives_after_it(lake: Lake) -> None:
    update(lake, deliver(lake, [event(1, "refund", WEEK_2 + timedelta(days=3), value=4.0, order_id="o")]))
    assert read_rollups(lake).orders.count().execute() == 0
    update(lake, deliver(lake, [event(2, "purchase", WEEK_1, value=10.0, order_id="o")]))
    assert_in_step(lake)
    (order,) = read_rollups(lake).orders.to_pandas().to_dict("records")
    assert (order["revenue"], order["refund_value"], str(order["day"])[:10]) == (10.0, 4.0, "2026-03-24")
    assert lake.table("orders", months=[202604]).count().execute() == 0


def test_without_changes_nothing_is_written(lake: Lake) -> None:
    changes = deliver(lake, [event(1, "purchase", WEEK_1, value=1.0), event(2, "page_view", WEEK_2)])
    update(lake, changes)
    versions = dict(lake.versions)
    update(lake, EventChanges())
    update(lake, EventChanges(moved=("anna", "nobody")))
    assert lake.versions == versions


def test_new_days_are_added_without_rewriting_old_ones(lake: Lake) -> None:
    update(lake, deliver(lake, [event(1, "page_view", WEEK_1, session_id="a", category="tea")]))
    files = {table: set(lake.files(table)) for table in TABLES.values()}
    new = [event(2, "page_view", WEEK_1 + timedelta(days=2), session_id="b", category="tea")]
    update(lake, deliver(lake, new))
    assert all(kept <= set(lake.files(table)) for table, kept in files.items())
    assert_in_step(lake)


def test_rollups_of_another_form_are_built_anew(lake: Lake) -> None:
    update(lake, deliver(lake, [event(1, "page_view", WEEK_1, session_id="a")]))
    lake.overwrite("activity_daily", lake.table("activity_daily").drop("searches").to_pyarrow())
    update(lake, deliver(lake, [event(2, "search", WEEK_2)]))
    assert_in_step(lake)


def test_an_empty_shop_has_no_rollups_and_says_so(lake: Lake) -> None:
    update(lake, EventChanges())
    assert not lake.has("activity_daily")
    with pytest.raises(NoEventsError, match="no events have been accepted yet"):
        read_rollups(lake)


def test_a_shop_that_forgot_everyone_has_empty_rollups(lake: Lake) -> None:
    deliver(lake, [event(1, "page_view", WEEK_1)])
    lake.overwrite("events", SCHEMA.empty_table())
    update_rollups.fn(lake, EventChanges(timezone="UTC"), timezone=BERLIN)
    assert [lake.table(table).count().execute() for table in TABLES.values()] == [0, 0, 0, 0]


def test_an_update_that_died_is_undone(tmp_path: Path) -> None:
    home = str(tmp_path / "var")
    with write_lake(home) as lake:
        update(lake, deliver(lake, [event(1, "page_view", WEEK_1)]))
        lake.commit(begin_run("weekly-retrain", date(2026, 4, 1)), {})
    with write_lake(home) as lake:
        update(lake, deliver(lake, [event(2, "page_view", WEEK_1)]))
    with write_lake(home) as lake:
        assert lake.table("activity_daily").to_pandas()["page_views"].tolist() == [1.0]
        assert_in_step(lake)
