"""The shops that faults befall, made by the product's own commands."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

from killing import Killer
from postgres import Postgres
from promoting import FIRST_DAY, LAST_DAY, write_eager_shop
from two_deliveries import ORDERS, write_first_delivery, write_second_delivery

from faults.courses import DELIVERED_TWICE, PERSON, PLANNED, PROMOTED, REFUSED, SOLD, WEEK_DELIVERED
from tasks.simulated_shop import write_delivery

PLAN = f"""
[report]
maps = []
[[campaigns]]
campaign_id = "{PLANNED}"
name = "Winter letter"
channel = "email"
starts_at = 2030-12-01
ends_at = 2030-12-14
control_share = 0.3
"""
# Where the address of the database is told; it leads through a relay.
DATABASE = "SEGMENTWERK_FAULTS_DB"
SALES = f"""
[[sources]]
name = "till"
connection = "${{{DATABASE}}}"
query = "select id, sold_at, mail, amount, note from sales order by id"
watermark = "sold_at"
[sources.keys]
email = "mail"
[sources.columns]
event_id = "id::varchar"
occurred_at = "sold_at"
kind = "'purchase'"
value = "amount"
category = "note"
"""
SOLD_BEFORE = """
create table sales as select g as id, timestamptz '2026-03-01 08:00+00' + g * interval '1 minute' as sold_at,
    'p' || g % 60 || '@shop.example' as mail, 5 + g % 90 as amount, repeat('x', g % 40) as note
from generate_series(1, 2000) g"""
SOLD_SINCE = """
insert into sales select g, timestamptz '2026-03-01 08:00+00' + g * interval '1 minute',
    'p' || g % 60 || '@shop.example', 5 + g % 90, repeat('x', g % 40)
from generate_series(2001, 52000) g"""
NEW_KIND = 'extra_kinds = ["dance"]\n'


def prepare_weeks(killer: Killer, *, shop: Path, states: Path) -> None:
    """Two weeks of a shop with campaigns, made in the folder `shop`; copies by the states' names go to `states`."""
    simulated = write_eager_shop(shop, until=FIRST_DAY)
    assert PERSON in set(simulated.truth.keys["key_value"])
    with (shop / "segmentwerk.toml").open("a", encoding="utf-8") as file:
        file.write(PLAN)
    _run(killer, shop, "weekly", "--as-of", str(FIRST_DAY))
    write_delivery(simulated, folder=shop, start=FIRST_DAY, end=LAST_DAY)
    shutil.copytree(shop, states / WEEK_DELIVERED)
    _run(killer, shop, "weekly", "--as-of", str(LAST_DAY))
    shutil.move(shop, states / PROMOTED)


def prepare_files(killer: Killer, database: Postgres, *, shop: Path, states: Path) -> None:
    """Likewise the states of a shop whose files and database are hard to take in."""
    write_first_delivery(shop)
    _run(killer, shop, "ingest")
    write_second_delivery(shop)
    shutil.copytree(shop, states / DELIVERED_TWICE)
    write_refused(shop / "inbox" / "orders" / "3.csv")
    _run(killer, shop, "ingest")
    config = shop / "segmentwerk.toml"
    config.write_text(NEW_KIND + config.read_text(encoding="utf-8"), encoding="utf-8")
    shutil.move(shop, states / REFUSED)

    with write_first_delivery(shop).open("a", encoding="utf-8") as file:
        file.write(SALES)
    database.execute(SOLD_BEFORE)
    _run(killer, shop, "ingest")
    database.execute(SOLD_SINCE)
    shutil.move(shop, states / SOLD)


def _run(killer: Killer, shop: Path, *words: str) -> None:
    ended = killer.run(*words, "--config", str(shop / "segmentwerk.toml"), "--json")
    assert ended.code == 0, ended.err


def write_refused(path: Path) -> None:
    """Orders of which a fifth are of a kind nobody has heard of yet."""
    draw = random.Random(3)  # noqa: S311
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ORDERS.split(","))
        for number in range(300):
            kind = "dance" if number % 5 == 0 else "purchase"
            writer.writerow(
                [f"d{number}", f"2026-05-{1 + number % 28:02} 10:00:00", kind, draw.randrange(500, 9000) / 100,
                 1, f"q{number}", 1, "hats", "", f"p{draw.randrange(60)}@shop.example", ""]
            )  # fmt: skip
