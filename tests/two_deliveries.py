"""A shop small enough to be taken in within a second or two, with most of what intake has to cope with.

Seven sources in four formats deliver twice. The second delivery repeats rows of the first, brings late events, bad
rows, changed campaigns, costs and consents, and keys that join people who were known apart.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

PEOPLE = 60
FIRST_DAY = datetime(2026, 3, 1)
CONFIG = """\
currency = "EUR"
timezone = "Europe/Berlin"
home = "var"

[[sources]]
name = "orders"
path = "inbox/orders/*.csv"
timezone = "Europe/Berlin"
max_bad_share = 0.3
[sources.keys]
email = "mail"
loyalty_card = "card"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "kind"
value = "amount"
margin = "margin"
order_id = "order_no"
quantity = "quantity"
category = "category"
campaign_id = "campaign"

[[sources]]
name = "web"
path = "inbox/web/*.jsonl.gz"
where = "status is distinct from 'test'"
max_bad_share = 0.3
[sources.keys]
cookie = "visitor"
email = "login"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "action"
session_id = "session"
duration_s = "seconds"
device = "device"
category = "category"

[[sources]]
name = "app"
path = "inbox/app/*.parquet"
[sources.keys]
device = "device_id"
crm = "crm"
[sources.columns]
occurred_at = "ts"
kind = "action"
device = "'mobile'"
channel = "'app'"

[[sources]]
name = "crm"
table = "customers"
path = "inbox/crm/*.csv"
max_bad_share = 0.3
[sources.keys]
email = "mail"
crm = "crm"
phone = "phone"
[sources.columns]
first_seen = "since"
country = "country"
acquisition_channel = "found_by"
acquisition_cost = "cost"
consent_profiling = "profiling"
consent_marketing = "marketing"

[[sources]]
name = "campaigns"
table = "campaigns"
path = "inbox/campaigns/*.csv"
[sources.columns]
campaign_id = "id"
name = "name"
channel = "channel"
starts_at = '"from"'
ends_at = '"to"'
primary_metric = "'conversion'"
control_share = "control"

[[sources]]
name = "assignments"
table = "assignments"
path = "inbox/assignments/*.csv"
max_bad_share = 0.3
[sources.keys]
email = "mail"
[sources.columns]
campaign_id = "campaign"
arm = "arm"
assigned_at = '"at"'

[[sources]]
name = "costs"
table = "costs"
path = "inbox/costs/*.csv"
[sources.columns]
campaign_id = "campaign"
arm = "arm"
day = "day"
amount = "amount"
"""


def write_first_delivery(folder: Path) -> Path:
    """Write the configuration and what the sources deliver first; return the configuration's path."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "segmentwerk.toml"
    config.write_text(CONFIG, encoding="utf-8")
    draw = random.Random(1)  # noqa: S311
    _write_csv(folder, "orders/1.csv", ORDERS, [_order(draw, n) for n in range(300)])
    _write_jsonl(folder, "web/1.jsonl.gz", [json.dumps(_view(draw, n)) for n in range(400)])
    _write_parquet(folder, "app/1.parquet", [_tap(draw, n) for n in range(150)])
    _write_csv(folder, "crm/1.csv", CUSTOMERS, [_customer(draw, n) for n in range(40)])
    _write_csv(folder, "campaigns/1.csv", CAMPAIGNS, ["c1,Spring,email,2026-03-20,2026-04-20,0.3"])
    _write_csv(folder, "assignments/1.csv", ASSIGNMENTS, [_assignment("c1", n) for n in range(0, 40, 2)])
    _write_csv(folder, "costs/1.csv", COSTS, ["c1,treatment,2026-03-20,120.5", "c1,treatment,2026-03-21,80"])
    return config


def write_second_delivery(folder: Path) -> None:
    """Write what the sources deliver next: new, doubled, late, bad and joining rows."""
    first, draw = random.Random(1), random.Random(2)  # noqa: S311
    repeated = [_order(first, n) for n in range(300)][150:]
    news = [_order(draw, n, after=45) for n in range(300, 420)]
    late = [_order(draw, n) for n in range(420, 450)]
    bad = [
        "b1,never,purchase,5,1,o,1,shoes,,p1@shop.example,",
        "b2,2026-04-01 10:00,purchase,-5,,o,-1,shoes,,p2@shop.example,",
        "b3,2026-04-01 10:00,dance,5,,o,1,,,p3@shop.example,",
        "b4,2026-04-01 10:00,purchase,5,1,o,1,shoes,,,",
    ]
    refunds = [f"r{n},2026-04-20 09:00,refund,4,,o{n},1,,,p{n % PEOPLE}@shop.example," for n in range(20)]
    _write_csv(folder, "orders/2.csv", ORDERS, [*repeated, *news, *news[:15], *late, *refunds, *bad])
    views = [json.dumps(_view(draw, n, after=45)) for n in range(400, 600)]
    # Whoever had only a cookie until now logs in: two known people turn out to be one.
    joining = [
        json.dumps(
            {"id": f"j{n}", "ts": "2026-04-22T08:00:00Z", "action": "page_view", "visitor": f"v{n}",
             "login": f"P{n + 5}@Shop.example "}
        )
        for n in range(41, 50)
    ]  # fmt: skip
    _write_jsonl(folder, "web/2.jsonl.gz", [*views, "not json", '{"id": "cut', "[]", *joining, views[0]])
    _write_parquet(folder, "app/2.parquet", [_tap(draw, n, after=45) for n in range(150, 220)])
    changed = ["p0@shop.example,k0,,2026-02-01,AT,ads,3,no,no", "p1@shop.example,k1,,,,,,yes,no"]
    linking = [f"p{n}@shop.example,k{n},+49 171 {n:07},,DE,ads,-1,perhaps,yes" for n in (40, 41, 42)]
    _write_csv(
        folder, "crm/2.csv", CUSTOMERS, [*changed, *linking, *(_customer(draw, n) for n in range(43, 60))]
    )
    campaigns = [
        "c1,Spring letter,email,2026-03-20,2026-04-22,0.3",
        "c2,May,push,2026-05-01,2026-05-20,0.5",
    ]
    _write_csv(folder, "campaigns/2.csv", CAMPAIGNS, campaigns)
    _write_csv(folder, "assignments/2.csv", ASSIGNMENTS, [_assignment("c2", n) for n in range(0, 60, 3)])
    _write_csv(folder, "costs/2.csv", COSTS, ["c1,treatment,2026-03-21,95", "c2,treatment,2026-05-01,10"])


ORDERS = "id,ts,kind,amount,margin,order_no,quantity,category,campaign,mail,card"
CUSTOMERS = "mail,crm,phone,since,country,found_by,cost,profiling,marketing"
CAMPAIGNS = "id,name,channel,from,to,control"
ASSIGNMENTS = "campaign,mail,arm,at"
COSTS = "campaign,arm,day,amount"


def _moment(draw: random.Random, *, after: int) -> datetime:
    return FIRST_DAY + timedelta(days=after + draw.randrange(45), seconds=draw.randrange(86_400))


def _order(draw: random.Random, number: int, *, after: int = 0) -> str:
    person, moment = draw.randrange(PEOPLE), _moment(draw, after=after)
    amount, pieces = draw.randrange(500, 20_000) / 100, draw.randrange(1, 4)
    category, card = draw.choice(["shoes", "hats", ""]), f"card{person}" if person % 3 == 0 else ""
    campaign = "c1" if draw.random() < 0.1 else ""
    return (
        f"{number},{moment:%Y-%m-%d %H:%M:%S},purchase,{amount},{amount / 3:.4f},o{number // 2},{pieces},"
        f"{category},{campaign},p{person}@shop.example,{card}"
    )


def _view(draw: random.Random, number: int, *, after: int = 0) -> dict[str, object]:
    person = draw.randrange(PEOPLE)
    view = {
        "id": str(number), "ts": f"{_moment(draw, after=after):%Y-%m-%dT%H:%M:%S}Z", "visitor": f"v{person}",
        "action": draw.choice(["page_view", "product_view", "search", "add_to_cart"]),
        "session": f"s{number // 5}", "seconds": draw.randrange(600), "device": draw.choice(["mobile", "desktop"]),
        "category": draw.choice(["shoes", "hats"]),
    }  # fmt: skip
    if person < 30:
        view["login"] = f"p{person}@shop.example"
    if number % 25 == 0:
        view["status"] = "test"
    return view


def _tap(draw: random.Random, number: int, *, after: int = 0) -> dict[str, object]:
    person = draw.randrange(PEOPLE)
    return {
        "ts": _moment(draw, after=after),
        "action": draw.choice(["session", "push_open", "like"]),
        "device_id": f"d{person}",
        "crm": f"k{person}" if person % 2 else None,
    }


def _customer(draw: random.Random, number: int) -> str:
    consent = draw.choice(["yes", "no", ""])
    return (
        f"p{number}@shop.example,k{number},0049 171 {number:07},2026-02-{1 + number % 28:02},"
        f"{draw.choice(['DE', 'FR'])},ads,{draw.randrange(9)},{consent},{draw.choice(['yes', 'no'])}"
    )


def _assignment(campaign: str, person: int) -> str:
    arm = "control" if person % 4 == 0 else "treatment"
    return f"{campaign},p{person}@shop.example,{arm},2026-03-19"


def _write_csv(folder: Path, name: str, header: str, rows: Iterable[str]) -> None:
    _make_room(folder, name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _write_jsonl(folder: Path, name: str, lines: Iterable[str]) -> None:
    _make_room(folder, name).write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def _write_parquet(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    pa.parquet.write_table(pa.Table.from_pylist(rows), _make_room(folder, name))


def _make_room(folder: Path, name: str) -> Path:
    path = folder / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
