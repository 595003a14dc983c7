"""Nothing that names a person is kept, and after forgetting nothing that stands for the person either."""

import base64
import gzip
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from planted import OTHERS, PERSON, disguises, find_planted, find_texts, plant

from flows.settings import load_settings
from flows.views import ingest_now
from tasks.lake import open_lake
from tasks.pseudonyms import hash_identity, read_secret

HOUSE = Path(__file__).parent.parent.parent
FORMS = disguises(PERSON)


def pack_sqlite(path: Path, content: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table notes (note text)")
        database.execute("insert into notes values (?)", (f"a {content} b",))


def pack_zip(path: Path, content: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", f"a {content} b" * 50)


def pack_zstd(path: Path, content: str) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as out:
        out.write(f"a {content} b".encode() * 50)


def pack_parquet(path: Path, content: str) -> None:
    rows = [{"n": 1, "nested": {"list": [f"a {content} b"]}, "text": "x"}] * 50
    pa.parquet.write_table(pa.Table.from_pylist(rows), path, compression="zstd", write_statistics=False)


PACKERS = {
    "text": lambda path, content: path.write_text(f"a {content} b", encoding="utf-8"),
    "json": lambda path, content: path.write_text(json.dumps({"a": [content]}), encoding="utf-8"),
    "gzip": lambda path, content: path.write_bytes(gzip.compress(f"a {content} b".encode() * 50)),
    "zstd": pack_zstd,
    "zip": pack_zip,
    "parquet": pack_parquet,
    "sqlite": pack_sqlite,
}


@pytest.mark.parametrize("packer", PACKERS)
def test_the_finder_finds_in_every_kind_of_file(tmp_path: Path, packer: str) -> None:
    values = {"name": PERSON.name, "street": PERSON.street} | PERSON.keys
    for what, value in values.items():
        PACKERS[packer](tmp_path / what, value.upper() if what == "email" else value)
    found = set(find_planted(tmp_path))
    assert {(what, what) for what in values} <= found


@pytest.mark.parametrize("form", FORMS)
def test_the_finder_sees_through_every_disguise(tmp_path: Path, form: str) -> None:
    (tmp_path / "file").write_bytes(b"before " + FORMS[form] + b" after")
    assert ("file", form) in find_planted(tmp_path)


def test_the_finder_knows_the_usual_encodings(tmp_path: Path) -> None:
    mail = PERSON.email.encode()
    seen = {
        **{f"base64-{n}": base64.b64encode(b"x" * n + mail + b"yz") for n in range(3)},
        "sha256": hashlib.sha256(mail).hexdigest().upper().encode(),
        "md5": hashlib.md5(mail, usedforsecurity=False).digest(),
        "hex": mail.hex().encode(),
        "url": b"https://x.example/?m=" + PERSON.email.replace("@", "%40").encode(),
    }
    for name, content in seen.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / f"named-{PERSON.crm}").write_bytes(b"")
    (tmp_path / "innocent").write_bytes(b"zephyr and feather, 4711")
    assert {name for name, _what in find_planted(tmp_path)} == {*seen, f"named-{PERSON.crm}"}


def read_reasons(home: Path) -> dict[str, list[list[str]]]:
    """The reasons of every refused row, by source."""
    rows = open_lake(str(home)).table("quarantine").to_pandas()
    return {
        str(source): sorted(json.loads(reasons) for reasons in group["reasons"])
        for source, group in rows.groupby("source")
    }


def test_nothing_of_a_person_is_kept(tmp_path: Path) -> None:
    done = ingest_now(load_settings(plant(tmp_path)))
    assert done["by_source"]["orders"]["accepted"] == OTHERS + 3
    assert done["read"] == sum(done[part] for part in ("accepted", "duplicates", "quarantined", "filtered"))
    assert find_planted(tmp_path / "var") == []


def test_an_identifier_in_a_mapped_column_is_refused_by_the_contract(tmp_path: Path) -> None:
    ingest_now(load_settings(plant(tmp_path)))
    reasons = read_reasons(tmp_path / "var")
    refused = {
        source: sum(any(word.startswith(("category: ", "country: ")) for word in row) for row in rows)
        for source, rows in reasons.items()
    }
    # An address and a number among the orders; an address as it is and one coded for a URL among the clicks.
    assert refused == {"orders": 2, "newsletter": 2, "web": 1, "app": 0, "crm": 1}


def test_a_bad_row_is_kept_readable_without_who_it_was(tmp_path: Path) -> None:
    ingest_now(load_settings(plant(tmp_path)))
    rows = open_lake(str(tmp_path / "var")).table("quarantine").to_pandas()
    kept = [json.loads(row) for row in rows.loc[rows["source"] == "orders", "row"]]
    assert {row.get("ts") for row in kept} >= {"never", "2026-05-03 13:00"}
    assert {row.get("amount") for row in kept} >= {"-1"}


def run_command(*arguments: str, folder: Path) -> Any:
    """`segmentwerk …` in a process of its own, which keeps all it keeps under the shop's home."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows", *arguments, "--config", str(folder / "segmentwerk.toml"), "--json"],
        cwd=HOUSE, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_pseudonyms(folder: Path) -> dict[str, bytes]:
    """What stands for the person in the lake: the hash of every key, and the customer they belong to."""
    settings = load_settings(folder / "segmentwerk.toml")
    secret = read_secret(settings.home, settings.pseudonym_key)
    hashes = {kind: hash_identity(kind, value, secret=secret) for kind, value in PERSON.keys.items()}
    known = open_lake(settings.home).table("identities").to_pandas()
    customers = set(known.loc[known["key_hash"].isin(hashes.values()), "customer_id"])
    found = {f"hash of {kind}": text.encode() for kind, text in hashes.items()}
    return found | {f"customer {n}": text.encode() for n, text in enumerate(sorted(customers))}


@pytest.mark.long
def test_a_person_forgotten_leaves_no_pseudonym_and_does_not_come_back(tmp_path: Path) -> None:
    plant(tmp_path)
    home = tmp_path / "var"
    before = run_command("ingest", folder=tmp_path)
    pseudonyms = read_pseudonyms(tmp_path)
    # The app's device is known by no other key, so it is somebody else as far as anyone can tell.
    del pseudonyms["hash of device"]
    customers = {what: text for what, text in pseudonyms.items() if what.startswith("customer")}
    assert len(customers) >= 1
    assert find_texts(home / "lake", pseudonyms) != []

    receipt = run_command("forget", "--key", f"email= {PERSON.email.upper()}", folder=tmp_path)
    run_command("forget", "--key", f"device={PERSON.device}", folder=tmp_path)
    assert sum(receipt["rows"].values()) > 0
    assert find_planted(home) == []
    assert list_left(home, pseudonyms) == []

    plant(tmp_path, delivery="2")
    again = run_command("ingest", folder=tmp_path)
    assert again["read"] == before["read"]
    assert again["accepted"] == 0
    assert find_planted(home) == []
    assert list_left(home, pseudonyms) == []
    emails = open_lake(str(home)).table("identities").to_pandas().query("key_kind == 'email'")
    assert len(emails) == OTHERS


def list_left(home: Path, pseudonyms: dict[str, bytes]) -> list[tuple[str, str]]:
    """Where something still stands for the person; `suppressions` holds the hashed keys, and only these."""
    return [
        (name, what)
        for name, what in find_texts(home, pseudonyms)
        if not (name.startswith("lake/suppressions/") and what.startswith("hash"))
    ]
