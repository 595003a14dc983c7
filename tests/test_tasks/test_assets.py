"""The lineage as a real Prefect server has it: which assets a run made, of what, and with which counts."""

import time
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client

from models.mapping import Source
from tasks.assets import list_assets, make_key, show_lineage

INGEST = {"accepted": 90, "duplicates": 4, "quarantined": 6, "read": 100}
DAILY: dict[str, Any] = {
    "as_of": "2026-11-16", "run_id": "r1", "ingest": INGEST, "customers": 30, "segments": [{}, {}],
}  # fmt: skip
WEEKLY = DAILY | {
    "promotion": {"decision": "keep", "champion_version": "3"},
    "campaigns": [{}],
    "reports": {"index": "index.html"},
}
COLUMNS = {"occurred_at": "ts", "kind": "'purchase'"}
SOURCES = (
    Source(name="web shop", path="in/*.csv", keys={"email": "mail"}, columns=COLUMNS),
    Source(name="crm", table="customers", path="crm/*.csv", keys={"email": "mail"}, columns={}),
    Source(
        name="spend",
        table="costs",
        path="costs.csv",
        columns={"campaign_id": "c", "arm": "a", "day": "d", "amount": "x"},
    ),
)


@flow(name="lineage", persist_result=False)
def show(summary: dict[str, Any], home: str) -> int:
    return show_lineage(summary, home=home, sources=SOURCES)


def read_asset_events(home: str, *, least: int) -> list[dict[str, Any]]:
    """The events of the assets under a home, as soon as there are so many: they travel in a stream of their own."""
    wanted = {"filter": {"event": {"prefix": ["prefect.asset."]}}, "limit": 50}
    deadline = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        while True:
            page = client.request("POST", "/events/filter", json=wanted).json()
            every = list(page["events"])
            while page["next_page"]:
                page = client._client.get(page["next_page"]).json()
                every += page["events"]
            ours = [
                e for e in every if e["resource"]["prefect.resource.id"].startswith(make_key("", home=home))
            ]
            if len(ours) >= least:
                return ours
            assert time.monotonic() < deadline, f"{len(ours)} of {least} events"
            time.sleep(0.5)


def read_lineage(home: str, *, least: int) -> dict[str, tuple[set[str], dict[str, Any]]]:
    """What was made, by path: the paths of what it was made from, and what was told of it."""
    start = len(make_key("", home=home))
    return {
        event["resource"]["prefect.resource.id"][start:]: (
            {
                r["prefect.resource.id"][start:]
                for r in event["related"]
                if r["prefect.resource.role"] == "asset"
            },
            event["payload"],
        )
        for event in read_asset_events(home, least=least)
        if event["event"] == "prefect.asset.materialization.succeeded"
    }


@pytest.mark.usefixtures("prefect_server")
def test_a_weekly_run_is_shown_from_sources_to_reports(tmp_path: Path) -> None:
    home = str(tmp_path / "Ada's shop")
    assert show(WEEKLY, home) == 5
    found = read_lineage(home, least=5 + 9)  # a reference for every arrow
    assert {path: made_from for path, (made_from, _) in found.items()} == {
        "lake/events": {"sources/web_shop"},
        "lake/features": {"sources/crm", "lake/events"},
        "models/segments": {"lake/features"},
        "lake/segments": {"lake/features", "models/segments"},
        "reports": {"sources/spend", "lake/segments", "lake/events"},
    }
    about = {"as_of": "2026-11-16", "run_id": "r1"}
    assert found["lake/events"][1] == about | {"accepted": 90, "duplicates": 4, "quarantined": 6}
    assert found["models/segments"][1] == about | {"decision": "keep", "champion_version": "3"}
    assert found["lake/segments"][1] == about | {"customers": 30, "segments": 2}


@pytest.mark.usefixtures("prefect_server")
def test_a_daily_run_makes_segments_with_the_model_there_is(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert show(DAILY, home) == 3
    found = read_lineage(home, least=3 + 5)
    assert set(found) == {"lake/events", "lake/features", "lake/segments"}
    assert found["lake/segments"][0] == {"lake/features", "models/segments"}


@pytest.mark.usefixtures("prefect_server")
def test_assets_that_cannot_be_told_do_not_fail_the_run() -> None:
    assert show(DAILY, "x" * 600) == 0


def test_every_asset_is_made_of_what_came_before() -> None:
    known = {f"sources/{source.name}" for source in SOURCES}
    for asset in list_assets(WEEKLY, sources=SOURCES):
        assert set(asset.made_from) <= known
        known.add(asset.path)


@pytest.mark.parametrize(
    ("home", "key"),
    [
        ("/srv/shop/var", "file:///srv/shop/var/reports"),
        ("/srv/Ada's shop #1", "file:///srv/Ada_s_shop__1/reports"),
        ("s3://bucket/shop/", "s3://bucket/shop/reports"),
        ("s3://me:secret@bucket/shop", "s3://bucket/shop/reports"),
    ],
)
def test_a_key_is_a_uri_that_prefect_takes(home: str, key: str) -> None:
    from prefect.assets import Asset

    assert Asset(key=make_key("reports", home=home)).key == key
