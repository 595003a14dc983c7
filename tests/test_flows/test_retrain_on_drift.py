"""Drift leads to a retrain: data, daily run, event, automation, weekly run, decision on record; no storm of them.

All of it is real: a Prefect server, a process worker that is started elsewhere, a simulated shop that changes.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from own_prefect import OwnPrefect, serve_prefect, wait_for, work_for
from promoting import EAGER

from models.simulation.shop import simulate_shop
from tasks.decisions import list_promotions
from tasks.lake import open_lake
from tasks.retraining import RETRAIN_DUE
from tasks.simulated_shop import write_config, write_delivery

LAST_DAY = date(2026, 11, 15)
BEFORE = LAST_DAY - timedelta(weeks=5)
SHARES = """
[drift]
share_watch = 0.1
share_retrain = 0.1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop whose customers change after `BEFORE`; what was delivered until then lies in the folder."""
    folder = tmp_path / "shop"
    shop = simulate_shop(customers=300, weeks=30, last_day=LAST_DAY, shift_week=25, seed=1)
    with write_config(folder).open("a", encoding="utf-8") as file:
        file.write(EAGER + SHARES)
    write_delivery(shop, folder=folder, start=None, end=BEFORE)
    write_delivery(shop, folder=folder / "later", start=BEFORE, end=LAST_DAY)
    return folder


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[OwnPrefect]:
    home = tmp_path / "prefect"
    home.mkdir()
    with serve_prefect(home) as server:
        yield server


def deliver(shop: Path) -> None:
    for file in (shop / "later" / "inbox").rglob("*.*"):
        file.rename(shop / file.relative_to(shop / "later"))


def list_summaries(shop: Path, flow: str) -> list[dict[str, Any]]:
    runs = open_lake(str(shop / "var")).runs().to_pylist()
    return [json.loads(run["summary"]) for run in runs if run["flow"] == flow]


def send_event(prefect: OwnPrefect, *, lake: str, config: Path) -> None:
    payload = {"cause": "drift", "as_of": str(LAST_DAY), "config": str(config)}
    code = (
        "from prefect.events import emit_event; "
        f"emit_event({RETRAIN_DUE!r}, resource={{'prefect.resource.id': {'segmentwerk.lake.' + lake!r}}}, "
        f"payload={payload!r})"
    )
    prefect.run_code(code)


@pytest.mark.long
def test_drift_in_the_data_sets_off_one_retrain(prefect: OwnPrefect, shop: Path) -> None:
    config = shop / "segmentwerk.toml"
    prefect.run("flows", "weekly", "--config", str(config), "--as-of", str(BEFORE), "--json")
    prefect.tell("deploy")
    deliver(shop)
    with work_for(prefect, folder=shop):
        daily = prefect.finish(prefect.start_run("daily-score/daily", as_of=str(LAST_DAY)))
        assert daily["state_type"] == "COMPLETED"
        (looked,) = list_summaries(shop, "daily-score")
        assert looked["drift"]["decision"] == "retrain"
        assert looked["retraining"]["request"] == {
            "cause": "drift", "decided_on": str(LAST_DAY), "as_of": str(LAST_DAY),
        }  # fmt: skip

        (started,) = wait_for(
            lambda: [run for run in prefect.list_runs("weekly") if not run["auto_scheduled"]]
        )
        assert started["parameters"] == {
            "config": str(config), "as_of": str(LAST_DAY), "cause": "drift",
        }  # fmt: skip
        assert started["created_by"]["type"] == "AUTOMATION"
        assert prefect.finish(started["id"])["state_type"] == "COMPLETED"
        retrained = list_summaries(shop, "weekly-retrain")[-1]
        assert retrained["retraining"]["cause"] == "drift"
        assert retrained["promotion"]["decision"] in ("promote", "keep")
        assert (
            list_promotions(open_lake(str(shop / "var")))["decision"].iloc[-1]
            == (retrained["promotion"]["decision"])
        )

        # No storm: within the period, events for the same lake start nothing more.
        for _ in range(3):
            send_event(prefect, lake=str(shop / "var"), config=config)
        # Events are handled in their order: once another shop's has started its run, those before are through.
        send_event(prefect, lake="/another/shop", config=shop / "none.toml")
        wait_for(lambda: [r for r in prefect.list_runs("weekly") if "none.toml" in r["parameters"]["config"]])
        by_event = [run for run in prefect.list_runs("weekly") if not run["auto_scheduled"]]
        assert len(by_event) == 2
