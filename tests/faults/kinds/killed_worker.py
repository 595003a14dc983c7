"""A worker of a Prefect server is killed with all it runs; `doctor` gives its slot back."""

from __future__ import annotations

import random
import time
from functools import partial

from killing import Ending
from own_prefect import OwnPrefect, kill_all_of, serve_prefect, wait_for, work_for

from faults import Fault, Kind
from faults.courses import DAY, Course, Watched
from faults.lane import Lane

DEPLOYMENTS = {"weekly": "weekly-retrain/weekly", "score": "daily-score/daily"}
LONGEST_S = 8.0


def list_faults(watched: Watched, draw: random.Random) -> list[Fault]:
    if watched.course.name not in DEPLOYMENTS:
        return []
    seconds = draw.uniform(0, LONGEST_S)
    return [
        Fault(
            "killed worker", watched.course, f"{seconds:.1f} s after its run took the lock",
            partial(kill_worker, watched.course, seconds),
        )
    ]  # fmt: skip


def kill_worker(course: Course, seconds: float, lane: Lane) -> Ending | None:
    home = lane.root / f"worker-{time.monotonic_ns()}"
    home.mkdir()
    deployment = DEPLOYMENTS[course.name]
    with serve_prefect(home) as prefect:
        prefect.tell("deploy")
        with work_for(prefect, folder=lane.shop) as worker:
            run = prefect.start_run(deployment, as_of=DAY)
            wait_for(lambda: (lane.shop / "var" / "scratch").exists())
            time.sleep(seconds)
            was_running = prefect.read_run(run)["state_type"] == "RUNNING"
            kill_all_of(worker)
        if not was_running:
            return None
        release_slot(prefect, name=deployment.partition("/")[2])
    return Ending(-9, seconds, "", "", was_disturbed=True)


def release_slot(prefect: OwnPrefect, *, name: str) -> None:
    wait_for(lambda: not prefect.examine("--silence", "31")["healthy"])
    assert prefect.examine("--silence", "31", "--release")["released"] == [name]
    assert prefect.examine()["healthy"] is True


KIND = Kind("killed worker", "with its run, which leaves a slot taken", list_faults)
