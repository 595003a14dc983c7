"""Secrets are planted wherever one may be given, and looked for in everything that is written, in every form."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus
from uuid import uuid4

import pytest
from own_prefect import PROJECT, OwnPrefect, serve_prefect
from planted import find_texts
from postgres import PASSWORD, Postgres, free_port

from models.simulation.shop import Shop
from tasks.simulated_shop import write_config, write_delivery

SECRETS = {
    "pseudonym key": "pseudonym-key-3f1c77aa52",
    "database password": PASSWORD,
    "registry password": "registry-pw-77e1",
    "mail password": "smtp-pw-91ab20",
    "webhook": "T00PLANTED/B00PLANTED/hook9912planted",
    "S3 key": "s3-secret-2244planted",
    "S3 session": "s3-session-5511planted",
    "own password": "some-tool-pw-4141planted",
}
EXTRA = """
[training]
segments_min = 4
segments_max = 5
bootstraps = 2
finalists = 2
algorithms = ["kmeans"]
[[sources]]
name = "till"
connection = "${SHOP_DB}"
query = "select * from till"
[sources.keys]
loyalty_card = "card"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "'purchase'"
value = "amount"
[[exports]]
name = "bucket"
destination = "publish"
path = "s3://planted/shop"
options = { endpoint_url = "http://127.0.0.1:9" }
[[notifications]]
block = "email/planted"
on = ["failed", "report", "undelivered", "promote"]
[[notifications]]
block = "slack-webhook/planted"
on = ["failed", "report", "undelivered", "promote"]
"""
SAVE_BLOCKS = """
import os
from prefect.blocks.notifications import SlackWebhook
from tasks.mail import Email
Email(host="127.0.0.1", port=9, security="none", sender="s@x.org", recipients=["r@x.org"], username="me",
      password=os.environ["PLANTED_SMTP"]).save("planted")
SlackWebhook(url=os.environ["PLANTED_URL"]).save("planted")
"""


def spell(secrets: Mapping[str, str]) -> dict[str, bytes]:
    """Every secret as it is, and as it stands in an address."""
    return {
        f"{what} ({how.__name__})": how(text).encode()
        for what, text in secrets.items()
        for how in (str, quote, quote_plus)
    }


@dataclass(frozen=True)
class PlantedShop:
    """A shop whose every secret is planted, with a Prefect of its own; all that is written lies in one folder."""

    folder: Path
    prefect: OwnPrefect
    environment: dict[str, str]

    def run(self, *command: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """`segmentwerk …`, whose output is kept among the rest."""
        done = subprocess.run(
            [sys.executable, "-m", "flows", *command],
            cwd=self.folder, env=self.environment | changed, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        (self.folder / f"output-{uuid4().hex}").write_text(done.stdout + done.stderr, encoding="utf-8")
        return done

    def find_leaks(self) -> list[tuple[str, str]]:
        return find_texts(self.folder, spell(SECRETS))


@pytest.fixture
def registry(postgres: Postgres) -> Iterator[str]:
    """The address of a database for MLflow, whose user has a password."""
    name = f"planted_{uuid4().hex[:8]}"
    postgres.execute(f"create role {name} login password '{SECRETS['registry password']}'")
    postgres.execute(f"create database {name} owner {name}")
    place = postgres.url.rpartition("@")[2].rpartition("/")[0]
    yield f"postgresql+psycopg://{name}:{quote(SECRETS['registry password'])}@{place}/{name}"
    postgres.execute(f"drop database {name} with (force)")
    postgres.execute(f"drop role {name}")


@contextmanager
def open_shop(folder: Path, *, registry: str, database: str, shop: Shop) -> Iterator[PlantedShop]:
    config = write_config(folder)
    with config.open("a", encoding="utf-8") as file:
        file.write(EXTRA)
    write_delivery(shop, folder=folder, start=None, end=shop.last_day)
    home = folder / "prefect"
    home.mkdir()
    with serve_prefect(home) as prefect:
        environment = prefect.environment | {
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "SEGMENTWERK_PSEUDONYM_KEY": SECRETS["pseudonym key"],
            "SEGMENTWERK_MLFLOW_TRACKING_URI": registry,
            "SHOP_DB": database,
            "PLANTED_SMTP": SECRETS["mail password"],
            "PLANTED_URL": f"http://127.0.0.1:9/services/{SECRETS['webhook']}",
            "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
            "AWS_SECRET_ACCESS_KEY": SECRETS["S3 key"],
            "AWS_SESSION_TOKEN": SECRETS["S3 session"],
            "SOME_TOOL_PASSWORD": SECRETS["own password"],
        }
        planted = PlantedShop(folder, prefect, environment)
        saved = subprocess.run(
            [sys.executable, "-c", SAVE_BLOCKS], cwd=PROJECT, env=environment, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip
        assert saved.returncode == 0, saved.stderr
        yield planted


def read_tables(database: Postgres) -> bytes:
    """Everything a database holds, as text."""
    names = database.execute("select tablename from pg_tables where schemaname = 'public'")
    assert len(names) > 10
    return repr([database.execute(f'select * from "{name}"') for (name,) in names]).encode()


@pytest.mark.long
def test_no_secret_is_in_anything_a_shop_leaves(
    postgres: Postgres, registry: str, simulated_shop: Shop, tmp_path: Path
) -> None:
    postgres.execute(
        "create table if not exists till (id text, ts timestamptz, card text, amount float);"
        "insert into till values ('1', '2026-11-01 10:00+00', 'card-1', 9.5)"
    )
    with open_shop(tmp_path / "shop", registry=registry, database=postgres.url, shop=simulated_shop) as shop:
        told = shop.run("weekly", "--as-of", "2026-11-15", "--debug", "--json")
        assert told.returncode == 0, told.stderr
        assert "could not be sent through" in told.stderr
        assert "could not be written" in told.stderr
        assert shop.run("deploy", "--file", str(PROJECT / "prefect.yaml")).returncode == 0
        assert shop.run("models", "--debug").returncode == 0

        dead = postgres.url.replace(
            f":{postgres.url.rpartition(':')[2].partition('/')[0]}/", f":{free_port()}/"
        )
        wrong = postgres.url.replace("/shop", "/nothing-there")
        failing = {
            ("weekly", "--as-of", "2026-11-15", "--debug"): dead,
            ("ingest",): dead,
            ("ingest", "--debug"): wrong,
            ("check",): wrong,
        }
        for command, address in failing.items():
            failed = shop.run(*command, SHOP_DB=address)
            assert failed.returncode == 1, failed.stderr
            assert "cannot connect" in failed.stdout + failed.stderr
        away = registry.rpartition("/")[0] + "/nothing-there"
        for debug in ((), ("--debug",)):
            failed = shop.run("models", *debug, SEGMENTWERK_MLFLOW_TRACKING_URI=away)
            assert failed.returncode == 1
            assert "the model registry" in failed.stderr
        for key in ("connection = 5", 'connection = "postgresql://me:some-tool-pw-4141planted@h/#x"'):
            (shop.folder / "bad.toml").write_text(f'[[sources]]\nname = "a"\n{key}\nquery = 1\n')
            assert shop.run("check", "--config", "bad.toml").returncode == 2
        (shop.folder / "bad.toml").unlink()

        kept = {path.relative_to(shop.folder).parts[0] for path in shop.folder.rglob("*")}
        assert {"prefect", "var"} <= kept
        assert (shop.folder / "var" / "reports" / "latest" / "index.html").is_file()
        assert (shop.folder / "prefect" / "prefect.db").stat().st_size > 100_000
        assert shop.find_leaks() == []
    held = read_tables(Postgres(registry.replace("postgresql+psycopg://", "postgresql://")))
    assert b"segments" in held
    assert [what for what, text in spell(SECRETS).items() if text in held] == []


def test_a_secret_that_is_written_is_found(tmp_path: Path) -> None:
    for number, text in enumerate(spell(SECRETS).values()):
        (tmp_path / f"{number}").write_bytes(b"before " + text + b" after")
    assert {what for _, what in find_texts(tmp_path, spell(SECRETS))} == set(spell(SECRETS))
    assert os.environ.get("SEGMENTWERK_PSEUDONYM_KEY") != SECRETS["pseudonym key"]
