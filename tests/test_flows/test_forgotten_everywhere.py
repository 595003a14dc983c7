"""A person with values nobody else has, in everything two weeks leave behind: forgotten, they are nowhere."""

import base64
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lake_contents import assert_same_contents, read_contents
from planted import find_texts
from pydantic import SecretStr

from flows.settings import load_settings
from flows.views import describe_subject, ingest_now, write_exports
from models.simulation.shop import Shop, simulate_shop
from tasks.export_ledger import list_exported
from tasks.lake import open_lake
from tasks.pseudonyms import hash_identity, read_secret
from tasks.registry import LoadedModel, load_version, open_registry
from tasks.simulated_shop import write_config, write_delivery

LAST_DAY = date(2026, 11, 15)
WEEKS = (LAST_DAY - timedelta(weeks=1), LAST_DAY)
TRAINING = """
[training]
segments_min = 4
segments_max = 7
bootstraps = 4
finalists = 3
algorithms = ["ward", "hdbscan"]
"""
EMAIL, CARD = "zephyrine@planted.example", "6299009988776655"
VALUES = {
    "amount": "7391.83", "second amount": "6418.27", "revenue": "13810.1", "refused amount": "5823.91",
    "category": "planted-zither", "order": "ord-7q-planted", "session": "sess-7q-planted", "day": "2026-01-08",
    "country": "planted-land",
}  # fmt: skip
HEADER = "id,ts,kind,amount,category,order,session,mail,card"
BY_CARD = [
    "pl1,2026-01-08 03:33:33,purchase,7391.83,planted-zither,ord-7q-planted,sess-7q-planted,,6299009988776655",
    "pl2,2026-10-20 03:33:34,page_view,,planted-zither,,sess-7q-planted,,6299009988776655",
    "pl3,never,purchase,5823.91,planted-zither,,,,6299009988776655",
]
BY_MAIL = [
    "pl4,2026-10-29 03:33:35,purchase,6418.27,planted-zither,,sess-8q-planted,zephyrine@planted.example,"
]
BY_BOTH = ["pl5,2026-11-11 03:33:36,page_view,,planted-zither,,,Zephyrine@Planted.example,6299009988776655"]
CONFIG = """
[[sources]]
name = "till"
path = "inbox/till/*.csv"
max_bad_share = 0.9
[sources.keys]
email = "mail"
loyalty_card = "card"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "kind"
value = "amount"
category = "category"
order_id = "\\"order\\""
session_id = "session"

[[sources]]
name = "people"
table = "customers"
path = "inbox/people/*.csv"
[sources.keys]
email = "mail"
[sources.columns]
country = "country"
first_seen = "since"
consent_marketing = "true"

[[campaigns]]
campaign_id = "winter"
name = "Winter letter"
starts_at = 2026-11-20
ends_at = 2026-12-10
control_share = 0.05

[holdout]
share = 0.01

[[exports]]
name = "bi"
destination = "bi"
path = "out/bi"

[[exports]]
name = "everybody"
destination = "audience"
path = "out/audiences"

[[exports]]
name = "site"
destination = "publish"
path = "out/site"

[[exports]]
name = "letters"
destination = "audience"
path = "out/letters.csv"
campaign = "winter"
join = "crm.csv"
key = "email"
column = "mail"
"""


@dataclass(frozen=True)
class Planted:
    """A shop on disk with the person in it, and what stands for them there."""

    folder: Path
    names: tuple[str, ...]
    hashes: dict[str, str]

    @property
    def config(self) -> Path:
        return self.folder / "segmentwerk.toml"

    @property
    def home(self) -> Path:
        return self.folder / "var"

    @property
    def texts(self) -> dict[str, bytes]:
        named = {f"customer {n}": name for n, name in enumerate(self.names)}
        keys = {f"hash of {kind}": value for kind, value in self.hashes.items()}
        plain = {"e-mail": EMAIL, "card": CARD}
        return {what: text.encode() for what, text in (VALUES | named | keys | plain).items()}

    def find(self, folder: Path) -> list[tuple[str, str]]:
        """Where something of the person is; `suppressions` holds the hashed keys, and only these."""
        return [
            (name, what)
            for name, what in find_texts(folder, self.texts)
            if not ("lake/suppressions/" in f"{folder.name}/{name}" and what.startswith("hash"))
        ]


def deliver(folder: Path, name: str, rows: list[str], *, source: str = "till", header: str = HEADER) -> None:
    file = folder / "inbox" / source / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def deliver_people(folder: Path, name: str) -> None:
    rows = [f"{EMAIL},planted-land,2026-01-08"]
    deliver(folder, name, rows, source="people", header="mail,country,since")


@pytest.fixture(scope="module")
def planted(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Two weekly cycles with the person, a campaign drawn, and everything exported. The last test forgets them."""
    from flows.plan_campaign import plan_campaign
    from flows.weekly_retrain import weekly_retrain

    shop: Shop = simulate_shop(customers=320, weeks=26, last_day=LAST_DAY, seed=3)
    folder = tmp_path_factory.mktemp("planted") / "shop"
    config = write_config(folder)
    with config.open("a", encoding="utf-8") as file:
        file.write(CONFIG + TRAINING)
    for week, (start, end) in enumerate(zip((None, *WEEKS), WEEKS, strict=False)):
        write_delivery(shop, folder=folder, start=start, end=end)
        deliver(folder, f"{end}.csv", BY_BOTH if week else BY_CARD + BY_MAIL)
        deliver_people(folder, f"{end}.csv")
        weekly_retrain(config=str(config), as_of=end)
    addresses = shop.truth.keys.query("key_kind == 'email'")["key_value"].head(40)
    pd.Series([*addresses, EMAIL]).to_csv(folder / "crm.csv", index=False, header=["mail"])
    plan_campaign("winter", config=str(config), as_of=LAST_DAY)
    write_exports(load_settings(config), as_of=LAST_DAY, only=None)
    secret = read_secret(str(folder / "var"), None)
    hashes = {kind: hash_identity(kind, value, secret=secret) for kind, value in
              (("email", EMAIL), ("loyalty_card", CARD))}  # fmt: skip
    names = tuple(sorted("c_" + value[:24] for value in hashes.values()))
    yield Planted(folder, names, hashes)
    shutil.rmtree(folder.parent)


def test_the_finder_reads_numbers_however_they_are_packed(tmp_path: Path) -> None:
    number = 7391.83
    with closing(sqlite3.connect(tmp_path / "database")) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("create table amounts (amount real)")
        database.execute("insert into amounts values (?)", (number,))
        database.commit()
        database.execute("pragma wal_checkpoint(truncate)")
    np.savez_compressed(tmp_path / "arrays.npz", amounts=np.array([[1.0, number]]))
    packed = base64.b64encode(np.array([number]).tobytes()).decode()
    (tmp_path / "page.html").write_text(f'<html>{{"dtype":"f8","bdata":"{packed}"}}', encoding="utf-8")
    pd.DataFrame({"amount": [number] * 9}).to_parquet(tmp_path / "table.parquet", compression="zstd")
    found = find_texts(tmp_path, {"amount": b"7391.83"})
    assert [name for name, _what in found] == ["arrays.npz", "database", "page.html", "table.parquet"]


def ask(planted: Planted, out: Path | None = None) -> dict[str, Any]:
    key = SecretStr(planted.hashes["email"])
    return describe_subject(load_settings(planted.config), key_kind="email", key_hash=key, out=out)


@pytest.mark.long
def test_a_person_is_told_all_that_is_held_about_them_and_nothing_else(
    planted: Planted, tmp_path: Path
) -> None:
    runs = len(open_lake(str(planted.home)).runs())
    answer = ask(planted)
    tables = answer["tables"]
    assert set(answer["names"]) == set(planted.names)
    assert {"events", "customers", "consents", "identities", "links", "features", "segments", "snapshots",
            "quarantine", "orders", "activity_daily", "sessions", "categories_daily"} <= set(tables)  # fmt: skip
    assert {row["event_id"] for row in tables["events"]["rows"]} == {"pl1", "pl2", "pl4", "pl5"}
    assert len(tables["quarantine"]["rows"]) == 1
    assert "5823.91" in tables["quarantine"]["rows"][0]["row"]
    assert {key["kind"] for key in answer["keys"]} == {"email", "loyalty_card"}
    for name, table in tables.items():
        assert table["purpose"], name
        for row in table["rows"]:
            assert row.get("customer_id", planted.names[0]) in planted.names, name
            assert row.get("old_customer_id", planted.names[0]) in planted.names, name
    exports = {(one["name"], one["kind"]) for one in answer["exports"]}
    assert ("bi", "bi") in exports
    assert answer["models"] == ["1", "2"]
    told = ask(planted, out=tmp_path / "answer.json")
    assert told["rows"]["events"] == 4
    assert (tmp_path / "answer.json").stat().st_mode & 0o077 == 0
    assert len(open_lake(str(planted.home)).runs()) == runs


@pytest.mark.long
def test_after_forgetting_the_person_is_nowhere_and_all_others_are_as_they_were(planted: Planted) -> None:
    from flows.forget_customer import forget_customer

    settings = load_settings(planted.config)
    places = {name.partition("/")[0] for name, _what in planted.find(planted.folder)}
    assert {"var", "out"} <= places
    before = read_contents(planted.home)
    models = {version: read_model(planted, version) for version in ("1", "2")}
    factors = read_factors(planted)
    placed = {version: model.segmenter.assign(factors) for version, model in models.items()}
    exported = {file: file.read_bytes() for file in (planted.folder / "out").rglob("*") if file.is_file()}

    receipt = forget_customer("email", SecretStr(planted.hashes["email"]), config=str(planted.config))

    assert planted.find(planted.home) == []
    assert planted.find(planted.folder / "out") == []
    assert all(hasattr(model.segmenter.clusterer, "points_") for model in models.values())
    assert receipt["rows"]["models"] == 2
    told = {(one["name"], one["kind"]) for one in receipt["exports"]}
    assert {("bi", "bi"), ("everybody", "audience"), ("site", "publish"), ("letters", "contacts")} <= told
    assert all(one["last_written"] for one in receipt["exports"])
    assert {one.name for one in list_exported(open_lake(settings.home))} == {
        "bi",
        "everybody",
        "site",
        "letters",
    }

    after = read_contents(planted.home)
    for gone in ("suppressions",):
        after.pop(gone)
    expected = {name: leave_out(frame, planted) for name, frame in before.items()}
    assert_same_contents(after, expected)
    for version, segments in placed.items():
        fresh = read_model(planted, version).segmenter.assign(factors)
        np.testing.assert_array_equal(fresh["segment_id"], segments["segment_id"])
    lines = [
        line for file, content in exported.items() if file.suffix == ".csv" for line in content.splitlines()
    ]
    kept = {line for file in exported if file.suffix == ".csv" for line in file.read_bytes().splitlines()}
    assert {
        line for line in lines if not any(t.lower() in line.lower() for t in planted.texts.values())
    } <= kept
    for week in WEEKS:
        page = (planted.home / "reports" / str(week) / "segments.html").read_text(encoding="utf-8")
        assert "has asked to be forgotten" in page
        assert page == (planted.folder / "out" / "site" / str(week) / "segments.html").read_text(
            encoding="utf-8"
        )

    prefect = find_prefect_database()
    assert find_texts(prefect.parent, planted.texts) == []

    for source in ("till", "people"):
        for file in sorted((planted.folder / "inbox" / source).glob("*.csv")):
            shutil.copy(file, file.with_name(f"again-{file.name}"))
    intake = ingest_now(settings)
    assert intake["by_source"]["till"]["accepted"] == intake["by_source"]["people"]["accepted"] == 0
    assert intake["by_source"]["till"]["filtered"] == intake["by_source"]["till"]["read"]
    assert planted.find(planted.home) == []
    again = forget_customer("email", SecretStr(planted.hashes["email"]), config=str(planted.config))
    assert again["rows"] == {}
    with pytest.raises(LookupError, match="nobody known"):
        describe_subject(settings, key_kind="email", key_hash=SecretStr("0" * 64), out=None)


def read_model(planted: Planted, version: str) -> LoadedModel:
    return load_version(open_registry(planted.home), version)


def read_factors(planted: Planted) -> pd.DataFrame:
    """The newest factors of everybody else."""
    features = open_lake(str(planted.home)).table("features")
    rows = features.filter(features.as_of == LAST_DAY).drop("as_of").to_pandas().set_index("customer_id")
    return rows[~rows.index.isin(planted.names)]


def leave_out(frame: pd.DataFrame, planted: Planted) -> pd.DataFrame:
    """The rows that are not the person's."""
    marks = (*planted.names, *planted.hashes.values())
    theirs = pd.Series(False, index=frame.index)
    for column in frame.select_dtypes(["object", "string"]):
        told = frame[column].map(str)
        theirs |= told.map(lambda text: any(mark in text for mark in marks)).astype(bool)
    return frame[~theirs].reset_index(drop=True)


def find_prefect_database() -> Path:
    """The database of the tests' own Prefect server."""
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    assert url is not None
    text = url.get_secret_value() if hasattr(url, "get_secret_value") else str(url)
    return Path(text.partition(":///")[2])
