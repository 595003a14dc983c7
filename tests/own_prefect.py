"""A Prefect of a test's own: a real server on a free port of this machine, and real process workers of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS, PATIENCE_SECONDS = 120, 300
T = TypeVar("T")


@dataclass(frozen=True)
class OwnPrefect:
    """A running server.

    Attributes:
        environment: the variables that lead a process to it.
        home: its folder, with its database and logs.
    """

    environment: dict[str, str]
    home: Path

    @property
    def api(self) -> str:
        return self.environment["PREFECT_API_URL"]

    def ask(self, path: str, **wanted: Any) -> Any:
        """The answer to a POST."""
        answer = httpx.post(f"{self.api}/{path}", json=wanted, timeout=30)
        return answer.raise_for_status().json()

    def run(self, *command: str, folder: Path = PROJECT) -> str:
        """What `python -m …` prints; it has to succeed."""
        return self._run("-m", *command, folder=folder)

    def run_code(self, code: str) -> str:
        """What a line of Python prints that is run against this server."""
        return self._run("-c", code, folder=PROJECT)

    def _run(self, *arguments: str, folder: Path) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tell(self, *command: str, folder: Path = PROJECT) -> Any:
        """The one JSON object that `segmentwerk … --json` prints."""
        return json.loads(self.run("flows", *command, "--json", folder=folder))

    def examine(self, *options: str) -> Any:
        """What `segmentwerk doctor --json` finds without a configuration, whether anything is wrong or not."""
        done = subprocess.run(
            [sys.executable, "-m", "flows", "doctor", "--config", "none.toml", *options, "--json"],
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        assert done.returncode == int(not found["healthy"]), done.stderr
        return found

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a deployment (`flow/name`); the run's id."""
        flow, _, name = deployment.partition("/")
        found = httpx.get(f"{self.api}/deployments/name/{flow}/{name}", timeout=30).raise_for_status().json()
        made = self.ask(
            f"deployments/{found['id']}/create_flow_run", parameters=parameters, state={"type": "SCHEDULED"}
        )
        return str(made["id"])

    def read_run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (
            httpx.get(f"{self.api}/flow_runs/{run_id}", timeout=30).raise_for_status().json()
        )
        return found

    def list_runs(self, deployment: str, *, states: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The runs of a deployment by its name, oldest first; scheduled ahead or not."""
        wanted: dict[str, Any] = {"deployments": {"name": {"any_": [deployment]}}, "sort": "START_TIME_ASC"}
        if states:
            wanted["flow_runs"] = {"state": {"type": {"any_": list(states)}}}
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", **wanted)
        return found

    def finish(self, run_id: str) -> dict[str, Any]:
        """The run, once it is over."""
        over = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        return wait_for(lambda: run if (run := self.read_run(run_id))["state_type"] in over else None)


def wait_for(look: Callable[[], T | None], *, seconds: float = PATIENCE_SECONDS) -> T:
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.5)
    raise TimeoutError(f"not found within {seconds:g} s")


@contextmanager
def serve_prefect(home: Path, **settings: str) -> Iterator[OwnPrefect]:
    """A server on a free port, its database in `home`; it can be started there again and finds what it knew."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    own = {
        "PREFECT_HOME": str(home), "PREFECT_API_URL": api, "PREFECT_UI_ENABLED": "false",
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home}/prefect.db",
        "PREFECT_LOGGING_LEVEL": "INFO", "PYTHONPATH": str(PROJECT), **settings,
    }  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")} | own
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with _run_beside(command, environment, log=home / "server.log", folder=PROJECT) as process:
        wait_for(lambda: process.poll() is not None or _answers(api), seconds=START_SECONDS)
        assert process.poll() is None, (home / "server.log").read_text()
        yield OwnPrefect(environment, home)


@contextmanager
def work_for(
    prefect: OwnPrefect, *, folder: Path, pool: str = "segmentwerk"
) -> Iterator[subprocess.Popen[bytes]]:
    """A process worker of the pool, started anywhere, that knows the shop's folder."""
    environment = prefect.environment | {
        "SEGMENTWERK_FOLDER": str(folder),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    command = ["prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with _run_beside(command, environment, log=prefect.home / "worker.log", folder=prefect.home) as process:
        yield process


def kill_all_of(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started, at once, as a power cut would."""
    for pid in (process.pid, *_list_offspring(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(timeout=20)


def _list_offspring(pid: int) -> list[int]:
    """The processes it started, and those they did. They may lead sessions of their own."""
    told = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(int(number) for number in line.split()) for line in told.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, parent_of_child in pairs if parent_of_child == parent]
    return found[1:]


@contextmanager
def _run_beside(
    command: Sequence[str], environment: dict[str, str], *, log: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            kill_all_of(process)


def _answers(api: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{api}/health", timeout=2).status_code == 200
    return False
