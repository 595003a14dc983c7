"""A lake of a few thousand customers written directly: who they are, what they bought, which segment they are in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow

from models.identity import hash_key
from models.schemas import list_columns
from monitoring.experiments import Campaign
from tasks.lake import Lake, begin_run, write_lake

DAY = date(2026, 11, 15)
MOMENT = datetime(2026, 11, 16, tzinfo=UTC)
SECRET = b"secret"
NAMES = {1: "Regulars", 2: "Newcomers", 3: "Sleepers"}
BUYS = {1: 0.30, 2: 0.10, 3: 0.02}  # the share of a segment that buys within 28 days


def name_customer(number: int) -> str:
    return f"c_{number:06d}"


def write_address(number: int) -> str:
    return f"person{number}@shop.example"


def write_shop(home: Path, *, customers: int = 3000, seed: int = 0) -> None:
    """Write a shop whose customers are spread evenly over three segments and know no refusal of marketing."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(customers)
    ids = [name_customer(number) for number in numbers]
    segment_id = numbers % 3 + 1
    with write_lake(str(home)) as lake:
        write(lake, "segments", _segments(ids, segment_id))
        write(lake, "features", _features(ids, rng))
        write(lake, "customers", _customers(ids))
        write(lake, "identities", _identities(numbers))
        write(lake, "events", _events(ids, segment_id, rng))
        lake.commit(begin_run("test", DAY), {})


def write(lake: Lake, name: str, frame: pd.DataFrame) -> None:
    """Replace a table; texts, times and days as the lake types them."""
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    for place, field in enumerate(table.schema):
        if pyarrow.types.is_timestamp(field.type):
            table = table.set_column(
                place, field.name, table[field.name].cast(pyarrow.timestamp("us", "UTC"))
            )
        elif pyarrow.types.is_large_string(field.type) or pyarrow.types.is_null(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pyarrow.string()))
    lake.overwrite(name, table)


def change(home: Path, **tables: pd.DataFrame) -> None:
    """Replace tables of a shop, as a run of its own."""
    with write_lake(str(home)) as lake:
        for name, frame in tables.items():
            write(lake, name, frame)
        lake.commit(begin_run("test", DAY), {})


def make_campaign(
    name: str = "spring", *, starts: int = 10, days: int = 28, metric: str = "conversion"
) -> Campaign:
    """A campaign that starts so many days after the shop's last."""
    starts_at = MOMENT + timedelta(days=starts)
    return Campaign(
        campaign_id=name, name=name.title(), channel="email", starts_at=starts_at,
        ends_at=starts_at + timedelta(days=days), primary_metric=metric,
    )  # fmt: skip


def _segments(ids: list[str], segment_id: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "as_of": DAY,
            "customer_id": ids,
            "segment_id": pd.array(segment_id, dtype="Int64"),
            "segment_name": [NAMES[segment] for segment in segment_id],
            "strength": 0.9,
            "is_outlier": pd.array([False] * len(ids), dtype="boolean"),
            "reason_1": "aov",
            "reason_2": "aov",
            "reason_3": "aov",
            "model_version": "7",
        }
    )


def _features(ids: list[str], rng: np.random.Generator) -> pd.DataFrame:
    orders = rng.poisson(2.0, len(ids)).astype(float)
    frame = pd.DataFrame({"as_of": DAY, "customer_id": ids, "orders_90d": orders, "aov": orders * 10})
    return frame.assign(aov=frame["aov"].mask(orders == 0))


def _customers(ids: list[str]) -> pd.DataFrame:
    columns = {column.name: None for column in list_columns("customers")}
    return pd.DataFrame(
        columns
        | {
            "customer_id": ids,
            "first_seen": pd.Timestamp("2025-01-01", tz="UTC"),
            "acquisition_cost": np.nan,
            "consent_profiling": pd.array([None] * len(ids), dtype="boolean"),
            "consent_marketing": pd.array([None] * len(ids), dtype="boolean"),
        }
    )


def _identities(numbers: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key_kind": "email",
            "key_hash": [hash_key("email", write_address(number), secret=SECRET) for number in numbers],
            "customer_id": [name_customer(number) for number in numbers],
            "since": pd.array([1] * len(numbers), dtype="Int64"),
            "shared": pd.array([False] * len(numbers), dtype="boolean"),
        }
    )


def _events(ids: list[str], segment_id: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """A page view long ago of everybody, and of those who buy one purchase in the last 28 days."""
    chances = np.array([BUYS[segment] for segment in segment_id])
    buyers = np.flatnonzero(rng.random(len(ids)) < chances)
    ages = rng.integers(1, 27 * 86_400, len(buyers))
    seen = build_rows(
        [ids[i] for i in range(len(ids))], "page_view", [MOMENT - timedelta(days=200)] * len(ids)
    )
    bought = build_rows(
        [ids[i] for i in buyers], "purchase", [MOMENT - timedelta(seconds=int(age)) for age in ages]
    )
    bought["value"] = rng.gamma(4.0, 20.0, len(buyers)).round(2)
    bought["margin"] = (bought["value"] * 0.3).round(4)
    events = pd.concat([seen, bought], ignore_index=True)
    return events.assign(event_id=[f"e{number}" for number in range(len(events))])


def build_rows(customers: list[str], kind: str, moments: list[datetime]) -> pd.DataFrame:
    """Events of one kind with everything else empty; they still need an id each."""
    empty = {column.name: None for column in list_columns("events") if column.type == "VARCHAR"}
    amounts = {column.name: np.nan for column in list_columns("events") if column.type == "DOUBLE"}
    order = [column.name for column in list_columns("events")]
    rows = pd.DataFrame(
        empty
        | amounts
        | {
            "source": "shop",
            "event_id": "",
            "customer_id": customers,
            "occurred_at": pd.DatetimeIndex(moments),
            "kind": kind,
            "link_id": pd.array([None] * len(customers), dtype="Int64"),
        }
    )
    return rows[order]
