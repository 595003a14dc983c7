"""A weekly run hands on what it found: tables for BI, the published site, the mail. None of that can fail it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sinks import serve_smtp
from test_flows.conftest import Answer

from flows.settings import ConfigError, load_settings
from flows.weekly_retrain import weekly_retrain
from tasks.lake import open_lake
from tasks.mail import Email
from tasks.pseudonyms import read_secret
from tasks.simulated_shop import read_truth

SOURCE = (
    '[[sources]]\nname = "s"\npath = "*.csv"\n[sources.keys]\nemail = "m"\n[sources.columns]\noccurred_at = "t"\n'
    "kind = \"'purchase'\"\n"
)
HANDED_ON = """
[[exports]]
name = "site"
destination = "publish"
path = "memory://handing-on/shop"
[[exports]]
name = "broken"
destination = "publish"
path = "floppy://a/shop"
[[exports]]
name = "regulars"
destination = "audience"
path = "out/regulars.csv"
[[notifications]]
block = "email/readers"
on = ["report"]
[[notifications]]
block = "email/nobody"
on = ["report"]
[[notifications]]
block = "email/operations"
on = ["undelivered"]
"""


@pytest.mark.long
def test_a_week_is_written_published_and_mailed(shop_copy: Any) -> None:
    import fsspec

    last = shop_copy.shop.last_day
    text = shop_copy.config.read_text(encoding="utf-8")
    report = '[report]\naddress = "https://reports.example.org/"\nbrowser = "no-such-thing"\n'
    shop_copy.config.write_text(text + report + HANDED_ON, encoding="utf-8")
    with serve_smtp() as post:
        for name in ("readers", "operations"):
            block = {"host": "localhost", "port": post.port, "security": "none", "sender": "s@x.org"}
            Email(recipients=[f"{name}@x.org"], **block).save(name, overwrite=True)
        summary = weekly_retrain(config=str(shop_copy.config), as_of=last)
    lake = open_lake(str(shop_copy.home))
    assert lake.runs()["run_id"].to_pylist()[-1] == summary["run_id"]

    assert summary["undelivered"] == ["broken", "email/nobody"]
    tables = shop_copy.home / "exports" / "bi" / last.isoformat()
    profiles = pd.read_parquet(tables / "segment_profiles.parquet")
    sizes = profiles[profiles["as_of"].astype(str) == str(last)].set_index("segment_id")["size"].to_dict()
    assert sizes == {one["segment_id"]: one["size"] for one in summary["segments"]}
    drift = pd.read_parquet(tables / "drift.parquet")
    drifted = drift[(drift["as_of"].astype(str) == str(last)) & drift["drifted"]]["factor"]
    assert set(summary["drift"]["drifted"]) <= set(drifted)
    campaigns = pd.read_csv(tables / "campaigns.csv").set_index("campaign_id")["decision"].to_dict()
    assert campaigns == {one["campaign_id"]: one["decision"] for one in summary["campaigns"]}
    customers = lake.table("customers").to_pandas()
    refused = customers[(customers[["consent_marketing", "consent_profiling"]] == False).any(axis=1)]  # noqa: E712
    written = set(pd.read_csv(tables / "segments.csv")["customer_id"])
    assert written
    assert written.isdisjoint(refused["customer_id"])

    page = fsspec.filesystem("memory").cat_file("/handing-on/shop/latest/index.html")
    assert page == Path(summary["reports"]["index"]).read_bytes()
    assert not (shop_copy.folder / "out").exists()

    letters = {mail.recipients[0]: mail.message for mail in post.mails}
    assert set(letters) == {"readers@x.org", "operations@x.org"}
    body = letters["readers@x.org"].get_body(("plain",)).get_content()
    link = f"https://reports.example.org/{last}/index.html"
    assert f"The full report: {link}" in body
    told = letters["operations@x.org"].get_content()
    assert "could be handed on: broken and email/nobody." in " ".join(told.split())
    assert f"The report: {link}" in told
    everything = body + letters["readers@x.org"].get_body(("html",)).get_content() + told
    assert not [one for one in customers["customer_id"] if one in everything]


def test_without_a_section_there_are_tables_for_bi_beside_the_reports(tmp_path: Path) -> None:
    config = tmp_path / "segmentwerk.toml"
    config.write_text(SOURCE, encoding="utf-8")
    (export,) = load_settings(config).list_exports()
    assert (export.destination, export.path) == ("bi", tmp_path / "var" / "exports" / "bi")
    config.write_text(
        SOURCE + '[[exports]]\nname = "w"\ndestination = "bi"\npath = "out"\n', encoding="utf-8"
    )
    (export,) = load_settings(config).list_exports()
    assert (export.name, export.path) == ("w", tmp_path / "out")


def test_a_site_is_published_from_the_reports_folder_to_a_folder_or_a_uri(tmp_path: Path) -> None:
    config = tmp_path / "segmentwerk.toml"
    config.write_text(
        SOURCE
        + '[[exports]]\nname = "a"\ndestination = "publish"\npath = "../www"\n'
        + '[[exports]]\nname = "b"\ndestination = "publish"\npath = "s3://bucket/shop/"\n',
        encoding="utf-8",
    )
    _, folder, store = load_settings(config).list_exports()
    assert folder.path == tmp_path / "../www"
    assert (folder.uri, store.uri) == (None, "s3://bucket/shop")
    assert folder.options == store.options == {"reports": str(tmp_path / "var" / "reports")}


@pytest.mark.parametrize(
    "address",
    [
        "reports.example.org", "ftp://example.org/x", "https://", "https://me:pass@example.org",
        "javascript:alert(1)", "https://example.org/?a=1",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    config = tmp_path / "segmentwerk.toml"
    config.write_text(SOURCE + f'[report]\naddress = "{address}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"report\.address = .*must"):
        load_settings(config)


def test_an_address_loses_its_last_slash(tmp_path: Path) -> None:
    config = tmp_path / "segmentwerk.toml"
    config.write_text(SOURCE + '[report]\naddress = "https://example.org/shop/"\n', encoding="utf-8")
    assert load_settings(config).report.address == "https://example.org/shop"


def test_a_forgotten_person_leaves_the_tables_for_bi(command: Callable[..., Answer], shop_copy: Any) -> None:
    from models.identity import hash_key

    export = command("export", "bi", "--config", shop_copy.config, "--json").json["exports"]["bi"]
    folder = shop_copy.home / "exports" / "bi"
    assert all(Path(file).is_file() for file in export)
    written = pd.read_csv(folder / "latest" / "segments.csv")["customer_id"]
    settings = load_settings(shop_copy.config)
    secret = read_secret(settings.home, settings.pseudonym_key)
    keys = read_truth(shop_copy.folder / "truth.json").keys
    crm = keys[keys["key_kind"] == "crm"].assign(
        key_hash=lambda k: [hash_key("crm", v, secret=secret) for v in k["key_value"]]
    )
    known = open_lake(settings.home).table("identities").to_pandas().merge(crm, on="key_hash")
    person = known[known["customer_id"].isin(written)].iloc[0]
    held = [pd.read_parquet(file) for file in folder.rglob("*.parquet")]
    named = [frame["customer_id"] for frame in held if "customer_id" in frame]
    rows = sum(int((names == person["customer_id"]).sum()) for names in named)
    assert rows >= 4
    answer = command(
        "forget", "--key", f"crm={person['key_value']}", "--config", shop_copy.config, "--json"
    ).json
    assert answer["rows"]["exports"] == rows
    left = [file for file in folder.rglob("*.*") if person["customer_id"].encode() in file.read_bytes()]
    assert left == []
