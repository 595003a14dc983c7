"""A merge moves a history without rewriting it; whatever comes in whatever order, readers see who is who now."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from test_ingestion import shop, write_csv

from models.keys import IdentitySettings
from models.mapping import Source
from models.rollups import KEYS, roll_up
from tasks.ingestion import ingest_sources
from tasks.intake import Intake
from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.rollups import read_rollup_tables, update_rollups
from tasks.staging import ShopRules

KINDS = ("purchase", "page_view", "email_open", "refund")
TABLES = {
    "activity": "activity_daily",
    "orders": "orders",
    "sessions": "sessions",
    "categories": "categories_daily",
}


def shop_with_orders() -> Source:
    """A source whose events have order numbers."""
    return shop(columns={"event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount",
                         "order_id": "'o' || (id::bigint % 7)"})  # fmt: skip


def take_in(folder: Path, *, max_people: int = 20) -> Intake:
    """Ingest and roll up, as a run does."""
    rules = ShopRules(secret=b"secret", identity=IdentitySettings(max_people_per_key=max_people))
    with write_lake(str(folder / "var")) as lake:
        intake = ingest_sources.fn(lake, (shop_with_orders(),), base=str(folder), rules=rules)
        update_rollups.fn(lake, intake.changes, timezone="UTC")
        lake.commit(begin_run("ingest", date(2026, 6, 1)), intake.to_dict())
    return intake


def row(number: int, mail: str, card: str, *, kind: str = "purchase") -> str:
    moment = datetime(2026, 1, 1, 10, tzinfo=UTC) + timedelta(days=number % 120)
    return f"{number},{moment:%Y-%m-%d %H:%M},{kind},{number},{mail},{card}"


def assert_in_step(lake: Lake) -> None:
    """Every event is its link's customer's, and the rollups are those of all events in one go."""
    owners = lake.table("links").select("link_id", "customer_id").distinct().to_pandas()
    events = lake.table("events").to_pandas().merge(owners, on="link_id", suffixes=("", "_now"))
    assert (events["customer_id"] == events["customer_id_now"]).all()
    in_sql = lake.engine.con.execute(f"SELECT event_id, customer_id FROM {lake.relation('events')}").df()
    assert in_sql.sort_values("event_id")["customer_id"].tolist() == (
        events.sort_values("event_id")["customer_id"].tolist()
    )
    whole = roll_up(lake.table("events"), timezone="UTC", since=date(2025, 12, 1), until=date(2026, 7, 1))
    found = read_rollup_tables(lake)
    for name, table in TABLES.items():
        keys = list(KEYS[name])
        expected = getattr(whole, name).to_pandas().sort_values(keys).reset_index(drop=True)
        seen = found[table].to_pandas().sort_values(keys).reset_index(drop=True)
        pd.testing.assert_frame_equal(seen[expected.columns], expected, rtol=1e-9, atol=1e-9, obj=name)


def test_a_merge_rewrites_no_event(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", *(row(n, "a@x.org", "") for n in range(60)),
              *(row(n, "", "77") for n in range(60, 120)))  # fmt: skip
    take_in(tmp_path)
    before = set(open_lake(str(tmp_path / "var")).files("events"))
    rolled = set(open_lake(str(tmp_path / "var")).files("orders"))
    write_csv(tmp_path, "2.csv", row(120, "a@x.org", "77"))
    intake = take_in(tmp_path)
    lake = open_lake(str(tmp_path / "var"))
    assert (intake.identity.merges, intake.identity.splits, intake.identity.moved) == (1, 0, ())
    assert before < set(lake.files("events"))
    assert len(rolled - set(lake.files("orders"))) <= 1, "only the month of the new event"
    assert lake.table("events").customer_id.nunique().execute() == 1
    assert_in_step(lake)


@pytest.mark.parametrize("seed", [1, 2])
def test_any_batches_with_merges_and_splits_end_in_step(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    mails, cards = [f"m{n}@x.org" for n in range(5)], [f"card{n}" for n in range(12)]
    merges = splits = 0
    for batch in range(4):
        rows = [
            row(
                batch * 100 + n,
                draw.choice(mails) if (lone := draw.random()) < 0.6 else "",
                draw.choice(cards) if lone > 0.45 else "",
                kind=draw.choice(KINDS),
            )
            for n in range(6 + 3 * batch)
        ]
        write_csv(tmp_path, f"{batch}.csv", *rows)
        intake = take_in(tmp_path, max_people=2)
        merges, splits = merges + intake.identity.merges, splits + intake.identity.splits
        assert_in_step(open_lake(str(tmp_path / "var")))
    assert merges > 0
    assert splits > 0
