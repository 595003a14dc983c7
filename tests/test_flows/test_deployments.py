"""What `prefect.yaml` deploys, on a real server: every deployment is made, and a scheduled run appears."""

import os
import re
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from own_prefect import PROJECT, serve_prefect, wait_for

from tasks.deployments import DeployError, enter_folder, read_deployments
from tasks.retraining import RETRAIN_DUE

DEPLOYMENTS = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
SCHEDULED = {"weekly", "daily"}


@pytest.mark.long
def test_everything_deploys_and_scheduled_runs_appear(tmp_path: Path) -> None:
    with serve_prefect(tmp_path) as prefect:
        told = prefect.tell("deploy")
        assert told["pool_made"] is True
        # A second time everything is there, and stays once.
        assert prefect.tell("deploy") == told | {"pool_made": False}
        deployed = {one["name"]: one for one in prefect.ask("deployments/filter")}
        assert set(deployed) == {one["name"] for one in DEPLOYMENTS} == set(told["deployments"])
        assert len(deployed) == 6
        assert deployed["weekly"]["entrypoint"] == "flows.weekly_retrain.weekly_retrain"
        assert {name for name, one in deployed.items() if one["schedules"]} == SCHEDULED
        for one in deployed.values():
            assert one["work_pool_name"] == told["pool"] == "segmentwerk"
            assert one["global_concurrency_limit"]["limit"] == 1
            assert one["pull_steps"] == [{"tasks.deployments.enter_folder": {}}]
            assert {schedule["schedule"]["timezone"] for schedule in one["schedules"]} <= {"Europe/Berlin"}
        runs = wait_for(lambda: prefect.list_runs("weekly", states=["SCHEDULED"]))
        assert runs[0]["auto_scheduled"] is True
        assert runs[0]["parameters"] == {"config": "segmentwerk.toml", "cause": "schedule"}
        (automation,) = prefect.ask("automations/filter")
        assert automation["trigger"]["expect"] == [RETRAIN_DUE]
        assert automation["actions"][0]["deployment_id"] == deployed["weekly"]["id"]
        pool = httpx.get(f"{prefect.api}/work_pools/segmentwerk", timeout=30).json()
        assert pool["type"] == "process"


def test_only_the_weekly_deployment_is_set_off_by_events() -> None:
    triggered = {one["name"]: one["triggers"] for one in DEPLOYMENTS if one.get("triggers")}
    assert set(triggered) == {"weekly"}
    (trigger,) = triggered["weekly"]
    assert trigger["expect"] == [RETRAIN_DUE]
    assert trigger["threshold"] == 1
    assert trigger["within"] > 0


def test_no_deployment_names_a_machine() -> None:
    text = (PROJECT / "prefect.yaml").read_text(encoding="utf-8")
    assert re.findall(r"(?:^|[\s\"'=:])(?:/[a-z]+/|[A-Z]:\\\\|~/)", text) == []


def test_a_run_begins_where_its_worker_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("SEGMENTWERK_FOLDER", str(tmp_path))
    assert enter_folder() == {"directory": os.path.realpath(tmp_path)}
    assert os.path.realpath(os.getcwd()) == os.path.realpath(tmp_path)
    monkeypatch.setenv("SEGMENTWERK_FOLDER", str(tmp_path / "none"))
    with pytest.raises(NotADirectoryError, match="none', which is no folder on the worker's machine"):
        enter_folder()
    monkeypatch.delenv("SEGMENTWERK_FOLDER")
    with pytest.raises(LookupError, match="SEGMENTWERK_FOLDER is not set for this worker; start it with"):
        enter_folder()


def test_deployments_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"prefect\.yaml is not there; give the project's own with --file"):
        read_deployments(tmp_path / "prefect.yaml")
    two = [{"name": pool, "work_pool": {"name": pool}} for pool in ("a", "b")]
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump({"deployments": two}))
    with pytest.raises(DeployError, match="names more than one work pool: a, b"):
        read_deployments(tmp_path / "prefect.yaml")


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_a_deployment_fits_its_flow(deployment: dict[str, Any]) -> None:
    module, _, name = deployment["entrypoint"].rpartition(".")
    assert re.fullmatch(r"flows\.\w+", module)
    flow = getattr(import_module(module), name)
    parameters = signature(flow.fn).parameters
    assert set(deployment["parameters"]) <= set(parameters)
    needed = {n for n, p in parameters.items() if p.default is p.empty} - set(deployment["parameters"])
    assert not (needed and deployment.get("schedules")), "a scheduled run could not start"
    flow.validate_parameters(deployment["parameters"] | dict.fromkeys(needed, "x"))
