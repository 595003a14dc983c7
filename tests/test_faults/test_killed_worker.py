"""A worker that is killed in the middle of a run leaves a slot taken: `doctor` finds it and gives it back.

Real server, real worker, SIGKILL. The server is restarted, too: it keeps its leases in memory, and without them the
slot would stay taken for ever.
"""

from pathlib import Path
from typing import Any

import pytest
from own_prefect import OwnPrefect, kill_all_of, serve_prefect, wait_for, work_for
from promoting import LAST_DAY, write_eager_shop


def wait_until_running(prefect: OwnPrefect, run_id: str) -> None:
    wait_for(lambda: prefect.read_run(run_id)["state_type"] == "RUNNING")


def start_weekly(prefect: OwnPrefect) -> str:
    return prefect.start_run("weekly-retrain/weekly", as_of=str(LAST_DAY))


def count_taken(prefect: OwnPrefect) -> int:
    (weekly,) = prefect.ask("deployments/filter", deployments={"name": {"any_": ["weekly"]}})
    return int(weekly["global_concurrency_limit"]["active_slots"])


def find_trouble(prefect: OwnPrefect) -> dict[str, Any] | None:
    told: dict[str, Any] = prefect.examine("--silence", "31")
    return None if told["healthy"] else told


@pytest.mark.long
def test_a_slot_left_by_a_killed_worker_is_found_and_given_back(tmp_path: Path) -> None:
    shop, home = tmp_path / "shop", tmp_path / "prefect"
    home.mkdir()
    write_eager_shop(shop)
    with serve_prefect(home) as prefect:
        assert prefect.tell("deploy")["pool_made"] is True
        assert prefect.examine()["healthy"] is True
        with work_for(prefect, folder=shop) as worker:
            killed = start_weekly(prefect)
            wait_until_running(prefect, killed)
            kill_all_of(worker)
    with serve_prefect(home) as prefect:
        assert prefect.read_run(killed)["state_type"] == "RUNNING"
        assert count_taken(prefect) == 1
        with work_for(prefect, folder=shop):
            assert prefect.finish(start_weekly(prefect))["state_type"] == "CANCELLED"

        trouble = wait_for(lambda: find_trouble(prefect))
        name = prefect.read_run(killed)["name"]
        (wrong,) = (one for one in trouble["findings"] if one["status"] == "wrong")
        assert wrong["sentence"].startswith(f"weekly: run '{name}' is ")
        assert wrong["remedy"] == "segmentwerk doctor --release"
        assert count_taken(prefect) == 1

        assert prefect.examine("--silence", "31", "--release")["released"] == ["weekly"]
        assert prefect.read_run(killed)["state_type"] == "CRASHED"
        assert count_taken(prefect) == 0
        assert prefect.examine()["healthy"] is True

        # Three runs are late when a worker is there again: they do not pile up, one does the work of all.
        late = [start_weekly(prefect) for _ in range(3)]
        with work_for(prefect, folder=shop):
            wait_for(
                lambda: sorted(prefect.read_run(one)["state_type"] for one in late)[:2] == ["CANCELLED"] * 2
            )
            (works,) = (one for one in late if prefect.read_run(one)["state_type"] != "CANCELLED")
            wait_until_running(prefect, works)
            assert count_taken(prefect) == 1


def take_up(prefect: OwnPrefect, run_id: str) -> None:
    """What a worker and then its run tell the server; here nobody is behind it."""
    for state in ("PENDING", "RUNNING"):
        answer = prefect.ask(f"flow_runs/{run_id}/set_state", state={"type": state})
        assert answer["status"] == "ACCEPT", answer


@pytest.mark.long
def test_the_slot_of_a_living_run_is_left_to_it(tmp_path: Path) -> None:
    """A dead run's lease may have run out and its slot be another's by then. Prefect gives that back with the dead
    run's; `doctor` sees to it that as many slots are taken as there are runs."""
    with serve_prefect(tmp_path) as prefect:
        prefect.tell("deploy")
        dead = start_weekly(prefect)
        take_up(prefect, dead)
        wait_for(lambda: find_trouble(prefect))
        (weekly,) = prefect.ask("deployments/filter", deployments={"name": {"any_": ["weekly"]}})
        # As the server does it when a lease has run out.
        prefect.ask(
            "v2/concurrency_limits/decrement", names=[weekly["global_concurrency_limit"]["name"]], slots=1
        )
        alive = start_weekly(prefect)
        take_up(prefect, alive)
        assert count_taken(prefect) == 1
        assert prefect.examine("--silence", "31", "--release")["released"] == ["weekly"]
        assert prefect.read_run(dead)["state_type"] == "CRASHED"
        assert prefect.read_run(alive)["state_type"] == "RUNNING"
        assert count_taken(prefect) == 1
