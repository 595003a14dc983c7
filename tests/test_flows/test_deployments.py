"""What `prefect.yaml` deploys, on a real server: every deployment is made, and a scheduled run appears."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
START_SECONDS, SCHEDULE_SECONDS = 120, 90


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prefect server on a free port of this machine; the environment that leads to it."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    own = {
        "PREFECT_HOME": str(home), "PREFECT_API_URL": api, "PREFECT_UI_ENABLED": "false",
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home}/prefect.db",
    }  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")} | own
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for_server(api, process)
            yield environment
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_server(api: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{api}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise RuntimeError("the Prefect server did not start")


def run_prefect(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find_runs(environment: dict[str, str], deployment: str) -> list[dict[str, Any]]:
    """Scheduled runs of a deployment, looked for until there is one or the time is over."""
    until = time.monotonic() + SCHEDULE_SECONDS
    asked = {
        "deployments": {"name": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < until:
        answer = httpx.post(f"{environment['PREFECT_API_URL']}/flow_runs/filter", json=asked, timeout=30)
        found = answer.raise_for_status().json()
        time.sleep(0 if found else 1)
    return found


@pytest.mark.long
def test_everything_deploys_and_the_weekly_run_is_scheduled(server: dict[str, str]) -> None:
    run_prefect(server, "work-pool", "create", "segmentwerk", "--type", "process")
    run_prefect(server, "deploy", "--all")
    answer = httpx.post(f"{server['PREFECT_API_URL']}/deployments/filter", json={}, timeout=30)
    deployed = {d["name"]: d for d in answer.raise_for_status().json()}
    assert set(deployed) == {d["name"] for d in DEPLOYMENTS}
    assert len(deployed) == 6
    assert deployed["weekly"]["entrypoint"] == "flows.weekly_retrain.weekly_retrain"
    (run, *_) = find_runs(server, "weekly")
    assert run["auto_scheduled"] is True
    assert run["parameters"]["config"] == "segmentwerk.toml"


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
