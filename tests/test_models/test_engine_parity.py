"""Rollups and all that is computed from them are the same numbers on DuckDB and on PySpark, for every oddity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest

from models.factors import compute_factors, list_factors
from models.outcomes import compute_outcomes
from models.own_factors import OwnFactor
from models.purchase_histories import build_histories, count_holdout
from models.rollups import KEYS, Rollups, combine_rollups, roll_up, select_bought
from models.simulation.shop import simulate_shop
from tasks.engines import (
    EngineError,
    EngineSettings,
    connect_analytics,
    connect_engine,
    fetch_rows,
    read_parquet,
)

pytestmark = pytest.mark.long

AS_OF = date(2026, 11, 15)
BEFORE = AS_OF - timedelta(days=90)
SINCE = date(2026, 1, 1)
BERLIN = "Europe/Berlin"
ZONES = ("America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati")
TOLERANCE = 1e-9
# Planning is all that small tables cost Spark.
TINY = {"spark.sql.shuffle.partitions": "1", "spark.sql.adaptive.enabled": "false"}
TEXTS = (
    "source", "event_id", "customer_id", "kind", "order_id", "category", "session_id", "device", "channel",
    "campaign_id",
)  # fmt: skip
NUMBERS = ("value", "margin", "quantity", "discount", "duration_s")
EVENTS = pyarrow.schema(
    [
        ("occurred_at", pyarrow.timestamp("us", "UTC")),
        *((name, pyarrow.string()) for name in TEXTS),
        *((name, pyarrow.float64()) for name in NUMBERS),
    ]
)
OUTCOMES = ("log_revenue", "converted", "log_aov", "churned", "returned", "responded")

Frames = tuple[pd.DataFrame, pd.DataFrame]
Row = dict[str, object]


def list_odd_events() -> list[Row]:
    """What a simulator does not make: borders of days and windows, nothing known, and far too much of it."""
    midnight = [
        at(AS_OF - timedelta(days=days)) for days in (-1, 0, 29, 30, 59, 60, 89, 90, 119, 120, 179, 180)
    ]
    borders = [moment - timedelta(seconds=late) for moment in midnight for late in (0, 1)]
    changes = [
        pd.Timestamp(f"{day}T{hour:02}:{minute}:00Z")
        for day in ("2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25")
        for hour in (0, 1, 14, 15, 22, 23)
        for minute in ("00", "30")
    ]
    rows: list[Row] = [
        {"customer_id": "border", "occurred_at": moment, "kind": kind, "value": 1.1, "category": "tea",
         "session_id": f"border {number}", "duration_s": float(number), "device": "mobile", "channel": "app"}
        for number, moment in enumerate([*borders, *changes])
        for kind in ("purchase", "product_view", "email_sent", "email_open")
    ]  # fmt: skip
    noon = at(AS_OF - timedelta(days=10)) + timedelta(hours=12)

    def add(customer: str, kind: str, days: int = 10, **more: object) -> None:
        moment = noon - timedelta(days=days - 10)
        rows.append({"customer_id": customer, "kind": kind, "occurred_at": moment, **more})

    add("only mailed", "email_sent")
    add("only refunded", "refund", value=12.5, order_id="gone")
    add("refund of its own", "refund", value=3.0)
    add("refunded first", "refund", 40, value=5.0, order_id="late")
    add("refunded first", "purchase", 20, value=20.0, order_id="late")
    add("refunded too much", "purchase", value=1.0, order_id="r")
    add("refunded too much", "refund", 9, value=1e6, order_id="r")
    add("nothing known", "purchase")
    add("nothing known", "refund")
    add("nothing known", "product_view", session_id="n")
    add("gift", "purchase", value=0.0, margin=-4.0, discount=30.0, quantity=0.0)
    add("unknown kind", "lesson_finished", session_id="u", category="")
    add("answers", "survey", value=10.0)
    for category in ("tea", "Tea", "tea ", "té", "茶", "🫖", "شاي", "'; drop table", ""):
        add(
            "texts", "product_view", category=category, device=category, channel=category, session_id=category
        )
    for day in (70, 40, 10):
        add(
            "like clockwork",
            "purchase",
            day,
            value=10.0,
            margin=None if day == 40 else 2.0,
            order_id=str(day),
        )
    for day in (10, 10, 300):
        add("twice a day", "purchase", day, value=0.1, discount=0.2)
    for _ in range(3):
        add("huge", "purchase", value=9e15, quantity=2.0**53, discount=1e-9, margin=-9e15, duration_s=1e9)
        add("huge", "add_to_cart", session_id="h", duration_s=0.0)
    for number in range(1, 8):
        add("cents", "purchase", number, value=0.1 * number, order_id="one", category="tea")
    add("bounced", "session", session_id="b", duration_s=0.0)
    add("bounced", "page_view", session_id="b")
    add("night owl", "page_view", 1, session_id="over midnight")
    add("night owl", "checkout", 0, session_id="over midnight", duration_s=1.0)
    return rows


def at(day: date) -> pd.Timestamp:
    """The first moment of a day in the shop."""
    return pd.Timestamp(datetime.combine(day, datetime.min.time(), ZoneInfo(BERLIN))).tz_convert("UTC")


def build_events() -> pyarrow.Table:
    shop = simulate_shop(customers=150, weeks=32, last_day=AS_OF, shift_week=28, seed=5).events
    shop = shop.assign(customer_id="p" + shop["person"].astype("string"))
    odd = pd.DataFrame(list_odd_events())
    numbers = count(10**9)
    odd = odd.assign(event_id=[str(next(numbers)) for _ in range(len(odd))], source="odd")
    events = pd.concat([shop.astype({"event_id": "string"}), odd]).reindex(columns=EVENTS.names)
    events["occurred_at"] = pd.to_datetime(events["occurred_at"], utc=True)
    for name in TEXTS:
        events[name] = events[name].astype("string")
    return pyarrow.Table.from_pandas(events, schema=EVENTS, preserve_index=False)


@dataclass(frozen=True)
class Engine:
    """An engine, and where its tables are read from."""

    backend: ibis.BaseBackend
    folder: Path

    def read(self, name: str) -> ibis.Table:
        """A table of the folder; an empty one has no file."""
        file = self.folder / f"{name}.parquet"
        schema = pyarrow.parquet.read_schema(file)
        rows = pyarrow.parquet.read_metadata(file).num_rows
        return read_parquet(self.backend, [str(file)] if rows else [], schema)

    def read_rollups(self, prefix: str = "") -> Rollups:
        return Rollups(**{name: self.read(prefix + name) for name in KEYS})


@dataclass(frozen=True)
class Engines:
    """The two, with the same tables."""

    duckdb: Engine
    spark: Engine

    def compute(self, build: Callable[[Engine], ibis.Table], *keys: str) -> Frames:
        """What an expression yields on either, with the same columns of the same types, sorted by its key."""
        duckdb, spark = (fetch_rows(build(engine)).read_all() for engine in (self.duckdb, self.spark))
        assert spark.schema.equals(duckdb.schema)
        order = [(key, "ascending") for key in keys]
        return duckdb.sort_by(order).to_pandas(), spark.sort_by(order).to_pandas()


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """Both engines on the same Parquet files: events, the rollups of them, and rollups of nothing."""
    duckdb = connect_engine()
    try:
        spark = connect_analytics(EngineSettings(name="spark", options=TINY), duckdb)
    except EngineError as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("engines")
    both = Engines(Engine(duckdb, folder), Engine(spark, folder))
    events = build_events()
    for prefix, rows in (("", events), ("no_", events.slice(0, 0))):
        pyarrow.parquet.write_table(rows, folder / f"{prefix}events.parquet")
        rolled = roll(both.duckdb, f"{prefix}events")
        for name in KEYS:
            pyarrow.parquet.write_table(
                fetch_rows(getattr(rolled, name)).read_all(), folder / f"{prefix}{name}.parquet"
            )
    ids = [*sorted(set(events["customer_id"].to_pylist())), "nobody"]
    pyarrow.parquet.write_table(describe_people(ids), folder / "people.parquet")
    return both


def describe_people(ids: list[str]) -> pyarrow.Table:
    """Master data of everybody, odd in turn."""
    days = (*(at(AS_OF + timedelta(days=days)) for days in (-400, 0, 1, 2)), None)
    attributes = (
        '{"age": 31, "band": "18-29"}',
        '{"band":"té", "age" : "44"}',
        '{"age":"nan"}',
        "{",
        "",
        None,
    )
    values = {
        "first_seen": days,
        "acquisition_channel": ("ads", "ads", "friend", None, "", "Ads", "search"),
        "acquisition_cost": (0.0, 2.5, None, 1e308),
        "country": ("DE", "DE", "AT", "DE", "", None, "CH", "AT"),
        "attributes": attributes,
    }
    types = {"first_seen": pyarrow.timestamp("us", "UTC"), "acquisition_cost": pyarrow.float64()}
    columns = {
        name: pyarrow.array([odd[i % len(odd)] for i in range(len(ids))], types.get(name, pyarrow.string()))
        for name, odd in values.items()
    }
    return pyarrow.table({"customer_id": ids, **columns})


def roll(engine: Engine, events: str = "events", *, timezone: str = BERLIN) -> Rollups:
    until = AS_OF + timedelta(days=2)
    return roll_up(engine.read(events), timezone=timezone, since=SINCE, until=until)


def assert_same(frames: Frames, *columns: str) -> None:
    """Equal to a billionth; what is unknown on one engine is unknown on the other."""
    duckdb, spark = frames
    assert len(duckdb) == len(spark)
    for column in columns:
        if duckdb[column].dtype == np.float64:
            np.testing.assert_allclose(
                spark[column], duckdb[column], rtol=TOLERANCE, atol=1e-12, equal_nan=True, err_msg=column
            )
        else:
            assert spark[column].tolist() == duckdb[column].tolist(), column


@pytest.mark.parametrize("name", KEYS)
def test_rollup(engines: Engines, name: str) -> None:
    frames = engines.compute(lambda engine: getattr(roll(engine), name), *KEYS[name])
    assert len(frames[0]) > 100
    assert_same(frames, *frames[0].columns)


@pytest.mark.parametrize("timezone", ZONES)
def test_day_in_the_shops_timezone(engines: Engines, timezone: str) -> None:
    def sum_up(engine: Engine) -> ibis.Table:
        return (
            roll(engine, timezone=timezone).categories.group_by("day").aggregate(n=ibis._.interactions.sum())
        )

    frames = engines.compute(sum_up, "day")
    assert_same(frames, "day", "n")


@pytest.mark.parametrize("name", KEYS)
def test_rollup_of_nothing(engines: Engines, name: str) -> None:
    frames = engines.compute(lambda engine: getattr(roll(engine, "no_events"), name), *KEYS[name])
    assert len(frames[0]) == len(frames[1]) == 0


@pytest.mark.parametrize("name", KEYS)
def test_rollups_combined(engines: Engines, name: str) -> None:
    def combine(engine: Engine) -> ibis.Table:
        return getattr(combine_rollups(engine.read_rollups(), engine.read_rollups("no_"), roll(engine)), name)

    frames = engines.compute(combine, *KEYS[name])
    assert_same(frames, *frames[0].columns)


@pytest.fixture(scope="session")
def factors(engines: Engines) -> Frames:
    def compute(engine: Engine) -> ibis.Table:
        rollups = select_bought(engine.read_rollups())
        return compute_factors(rollups, as_of=AS_OF, customers=engine.read("people"))

    return engines.compute(compute, "customer_id")


@pytest.fixture(scope="session")
def factors_of_nothing(engines: Engines) -> Frames:
    def compute(engine: Engine) -> ibis.Table:
        rollups = select_bought(engine.read_rollups("no_"))
        return compute_factors(rollups, as_of=AS_OF, customers=engine.read("people"))

    return engines.compute(compute, "customer_id")


@pytest.mark.parametrize("name", [factor.name for factor in list_factors()])
def test_factor(factors: Frames, name: str) -> None:
    assert_same(factors, "customer_id", name)
    assert len(set(factors[0][name].dropna())) > 1, "one value tells nothing about the engines"


@pytest.mark.parametrize("name", [factor.name for factor in list_factors()])
def test_factor_of_nothing(factors_of_nothing: Frames, name: str) -> None:
    assert_same(factors_of_nothing, "customer_id", name)


OWN = (
    ("activity", "sum(case when events > 2 then revenue else -revenue / events end)"),
    ("activity", "sum(ln(revenue)) / count(*) + sum(sqrt(revenue)) * abs(min(-carts))"),
    ("activity", "count_if(isodow(day) in (6, 7) and not (purchases = 0 or revenue is null))"),
    ("activity", "avg(coalesce(margin, discount, 0)) - max(least(events, 3)) + min(greatest(events, 2))"),
    ("orders", "sum(quantity) / nullif(sum(discount), 0)"),
    ("sessions", "sum(if(bounced, 1, 0)) + count(distinct day) + count(duration_s)"),
    ("categories", "count_if(category in ('tea', '茶') or category between 'a' and 'm')"),
    ("customers", "try_cast(attributes ->> 'age' as double)"),
    ("customers", "case attributes ->> 'band' when '18-29' then 1 when 'té' then 2 else 0 end"),
    ("customers", "acquisition_cost * 1e9"),
)


@pytest.mark.parametrize(("table", "expression"), OWN)
def test_factor_of_a_configuration(engines: Engines, table: str, expression: str) -> None:
    own = OwnFactor(name="own", table=table, expression=expression, meaning="any")

    def compute(engine: Engine) -> ibis.Table:
        family = own.build_family()
        rollups = select_bought(engine.read_rollups())
        return family.compute(engine.read("people") if family.reads == "customers" else rollups, AS_OF)

    frames = engines.compute(compute, "customer_id")
    assert_same(frames, "customer_id", "own")
    assert len(set(frames[0]["own"].dropna())) > 1


@pytest.fixture(scope="session")
def outcomes(engines: Engines) -> Frames:
    def compute(engine: Engine) -> ibis.Table:
        rollups = select_bought(engine.read_rollups())
        return compute_outcomes(rollups, after=BEFORE, until=AS_OF, customers=engine.read("people"))

    return engines.compute(compute, "customer_id")


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(outcomes: Frames, name: str) -> None:
    assert_same(outcomes, "customer_id", name)
    assert len(set(outcomes[0][name].dropna())) > 1


def test_purchase_histories(engines: Engines) -> None:
    def compute(engine: Engine) -> ibis.Table:
        return build_histories(engine.read_rollups().orders, as_of=AS_OF)

    frames = engines.compute(compute, "customer_id")
    assert frames[0]["frequency"].max() > 2
    assert_same(frames, *frames[0].columns)


def test_purchases_of_a_holdout(engines: Engines) -> None:
    def compute(engine: Engine) -> ibis.Table:
        return count_holdout(engine.read_rollups().orders, after=BEFORE, until=AS_OF)

    frames = engines.compute(compute, "customer_id")
    assert frames[0]["purchases"].max() > 2
    assert_same(frames, *frames[0].columns)
