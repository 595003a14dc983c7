"""Who holds a slot, and who only seems to: judged from what the server says, without one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import yaml

from tasks.slots import HEARTBEAT_SECONDS, HeldRun, SlotUse, diagnose

NOW = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)
PROJECT = Path(__file__).resolve().parents[2]


def run(state: str, *, silent: timedelta) -> HeldRun:
    return HeldRun(uuid4(), f"{state.lower()}-run", state, NOW - silent)


def use(*runs: HeldRun, taken: int) -> SlotUse:
    return SlotUse("weekly", "deployment:1", 1, taken, runs)


def test_a_run_that_is_heard_of_is_alive() -> None:
    found = diagnose(use(run("RUNNING", silent=timedelta(seconds=100)), taken=1), now=NOW)
    assert found.healthy
    assert found.sentences == ()
    assert [one.name for one in found.alive] == ["running-run"]


def test_a_silent_run_is_dead_and_named() -> None:
    found = diagnose(use(run("RUNNING", silent=timedelta(hours=3)), taken=1), now=NOW)
    assert not found.healthy
    assert found.orphaned == 0
    (sentence,) = found.sentences
    assert sentence == (
        "weekly: run 'running-run' is RUNNING but has been silent since 2026-11-16 02:00:00 UTC; "
        "its process is gone"
    )


def test_a_run_that_waits_for_its_image_is_given_time() -> None:
    waiting = use(run("PENDING", silent=timedelta(minutes=9)), taken=1)
    assert diagnose(waiting, now=NOW).healthy
    assert not diagnose(use(run("PENDING", silent=timedelta(minutes=11)), taken=1), now=NOW).healthy


def test_a_slot_without_a_run_is_counted() -> None:
    found = diagnose(use(taken=1), now=NOW)
    assert found.orphaned == 1
    assert found.sentences == ("weekly: 1 of 1 slots taken by no run that is at work",)


def test_a_run_that_began_between_two_looks_is_no_fault() -> None:
    assert diagnose(use(run("RUNNING", silent=timedelta(0)), taken=0), now=NOW).healthy


def test_every_deployment_sends_the_heartbeats_that_are_listened_for() -> None:
    deployments = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    for deployment in deployments:
        environment = deployment["work_pool"]["job_variables"]["env"]
        assert environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(HEARTBEAT_SECONDS)
        assert deployment["concurrency_limit"]["limit"] == 1
        assert "segmentwerk" in deployment["tags"]
