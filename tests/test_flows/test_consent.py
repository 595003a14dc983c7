"""Consent that is withdrawn counts from the next run on, also for what is learnt from the past."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from flows.settings import load_settings
from flows.views import write_exports
from tasks.features import compute_history
from tasks.lake import open_lake
from tasks.pseudonyms import hash_identity, read_secret

LAST = date(2026, 11, 15)
REFUSALS = """
[[sources]]
name = "refusals"
table = "consents"
path = "refusals.csv"
[sources.keys]
email = "mail"
[sources.columns]
purpose = "purpose"
granted = "false"
told_at = "told_at"

[[exports]]
name = "everybody"
destination = "audience"
path = "out/everybody.csv"
"""


def refuse(shop: Any) -> dict[str, str]:
    """Let two customers withdraw a consent each; who they are, by purpose."""
    lake = open_lake(str(shop.home))
    secret = read_secret(str(shop.home), None)
    addresses = shop.shop.truth.keys.query("key_kind == 'email'")["key_value"]
    owners = lake.table("identities").to_pandas().set_index("key_hash")["customer_id"]
    scored = lake.table("segments").filter(ibis._.as_of == ibis.literal(LAST)).to_pandas()
    allowed = lake.table("customers").filter(ibis._.consent_marketing.fill_null(True)).to_pandas()
    held = set(lake.table("assignments").filter(ibis._.arm == "control").to_pandas()["customer_id"])
    chosen = set(scored["customer_id"]) & set(allowed["customer_id"]) - held
    known = {owners.get(hash_identity("email", a, secret=secret)): a for a in addresses.head(60)}
    people = [customer for customer in known if customer in chosen][:2]
    told = dict(zip(("profiling", "marketing"), people, strict=True))
    # Later than what the shop had said of them, which counts from when its files were written.
    now = datetime.now(UTC).isoformat()
    rows = pd.DataFrame([{"mail": known[who], "purpose": what, "told_at": now} for what, who in told.items()])
    rows.to_csv(shop.folder / "refusals.csv", index=False)
    with Path(shop.config).open("a", encoding="utf-8") as file:
        file.write(REFUSALS)
    return told


def list_customers(shop: Any, table: str) -> set[str]:
    rows = open_lake(str(shop.home)).table(table)
    return set(rows.filter(rows.as_of == ibis.literal(LAST)).to_pandas()["customer_id"])


def test_the_next_daily_run_neither_profiles_nor_addresses_who_refused(shop_copy: Any) -> None:
    from flows.daily_score import daily_score

    told = refuse(shop_copy)
    assert {*told.values()} <= list_customers(shop_copy, "features")
    daily_score(config=str(shop_copy.config), as_of=LAST)
    for table in ("features", "segments"):
        assert told["profiling"] not in list_customers(shop_copy, table)
        assert told["marketing"] in list_customers(shop_copy, table)
    settings = load_settings(shop_copy.config)
    write_exports(settings, as_of=LAST, only="everybody")
    addressed = set(pd.read_csv(shop_copy.folder / "out" / "everybody.csv")["customer_id"])
    assert addressed
    assert not addressed & {*told.values()}


@pytest.mark.long
def test_the_next_weekly_run_does_not_learn_from_who_refused_profiling(shop_copy: Any) -> None:
    from flows.weekly_retrain import weekly_retrain

    told = refuse(shop_copy)
    summary = weekly_retrain(config=str(shop_copy.config), as_of=LAST)
    lake = open_lake(str(shop_copy.home))
    versions = int(summary["training"]["version"])
    snapshots = lake.table("snapshots").to_pandas()
    newest = snapshots.groupby("snapshot_id", sort=False)["customer_id"].agg(set)
    without = [names for names in newest if told["profiling"] not in names]
    assert versions == 3
    assert len(without) == 1
    assert told["marketing"] in without[0]
    assert told["profiling"] not in list_customers(shop_copy, "segments")
    history = compute_history.fn(lake, as_of=LAST, days=90, consent_default=True)
    assert history.factors is not None
    assert told["profiling"] not in history.factors.index
    assert told["marketing"] in history.factors.index
    bi = pd.read_parquet(shop_copy.home / "exports" / "bi" / str(LAST) / "features.parquet")
    assert not set(bi["customer_id"]) & {*told.values()}
    past = pd.read_parquet(next((shop_copy.home / "exports" / "bi").glob("2026-11-08/features.parquet")))
    assert not set(past["customer_id"]) & {*told.values()}
