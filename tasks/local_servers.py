"""Prefect's server, MLflow's pages and the report site, side by side on this machine until somebody ends them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.registry import open_registry
from tasks.registry_faults import name_place
from tasks.report_server import HOST, listen
from tasks.reports import LATEST

PREFECT_PORT, MLFLOW_PORT, REPORTS_PORT = 4200, 5000, 8765
START_SECONDS, END_SECONDS = 180, 15
LOG_SHOWN = 600


class ServerError(RuntimeError):
    """A server did not start, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports to serve on. None is the usual one, or any free one where that is taken."""

    prefect: int | None = None
    mlflow: int | None = None
    reports: int | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A page that can be looked at.

    Attributes:
        process: what serves it; None where that is this process, or a server of the user's own.
        log: what that process writes.
    """

    name: str
    address: str
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None


@contextmanager
def serve_all(
    *, home: str, reports: Path, tracking_uri: str | None, prefect_api: str | None, ports: Ports
) -> Iterator[tuple[Served, ...]]:
    """Serve all three, give their addresses once they answer, and end them with the block.

    Args:
        home: where the registry is.
        reports: the folder of the report sites; it may still be empty.
        tracking_uri: an MLflow server of the user's own, which is shown in place of one started here.
        prefect_api: likewise the API of a Prefect server of the user's own.

    Raises:
        OSError: a stated port is taken.
        ServerError: one of them did not start.
    """
    with ExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="segmentwerk-ui-")))
        served = (
            _serve_prefect(stack, prefect_api, logs=logs, port=ports.prefect),
            _serve_mlflow(stack, home, tracking_uri, logs=logs, port=ports.mlflow),
            _serve_reports(stack, reports, port=ports.reports),
        )
        for one in served:
            _await_answer(one)
        yield served


def watch(served: Sequence[Served]) -> None:
    """Wait until one of them ends by itself, which is an error, or the wait is interrupted."""
    while True:
        for one in served:
            _check_running(one)
        time.sleep(1)


def choose_port(stated: int | None, *, usual: int, option: str) -> int:
    """The stated port; without one the usual port or, where that is taken, any free one.

    Raises:
        OSError: the stated port is taken.
    """
    for port in (usual, 0) if stated is None else (stated,):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise OSError(f"port {stated} is taken; give another one with {option}, or none for a free one")


def _serve_prefect(stack: ExitStack, own_api: str | None, *, logs: Path, port: int | None) -> Served:
    if own_api:
        return Served("Prefect", name_place(own_api).removesuffix("/api"))
    port = choose_port(port, usual=PREFECT_PORT, option="--prefect-port")
    address = f"http://{HOST}:{port}"
    # The pages ask the API under the address they are told here; no page from elsewhere is to ask it.
    environment = {
        "PREFECT_UI_API_URL": f"{address}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address,
    }
    command = ["prefect", "server", "start", "--host", HOST, "--port", str(port)]
    return _start(stack, "Prefect", address, command, logs=logs, environment=environment)


def _serve_mlflow(
    stack: ExitStack, home: str, own_uri: str | None, *, logs: Path, port: int | None
) -> Served:
    if own_uri and own_uri.startswith(("http://", "https://")):
        return Served("MLflow", name_place(own_uri))
    registry = open_registry(home, tracking_uri=own_uri)
    port = choose_port(port, usual=MLFLOW_PORT, option="--mlflow-port")
    # Not on the command line, which every user of the machine can read: the address may hold a password.
    environment = {"MLFLOW_BACKEND_STORE_URI": registry.tracking_uri}
    command = ["mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    if registry.artifact_location:
        command += ["--default-artifact-root", registry.artifact_location]
    return _start(stack, "MLflow", f"http://{HOST}:{port}", command, logs=logs, environment=environment)


def _serve_reports(stack: ExitStack, folder: Path, *, port: int | None) -> Served:
    folder.mkdir(parents=True, exist_ok=True)
    port = choose_port(port, usual=REPORTS_PORT, option="--reports-port")
    server = stack.enter_context(listen(folder, port=port))
    threading.Thread(target=server.serve_forever, name="reports", daemon=True).start()
    stack.callback(server.shutdown)
    return Served("Reports", f"http://{HOST}:{port}/{LATEST}/index.html")


def _start(
    stack: ExitStack, name: str, address: str, command: Sequence[str], *, logs: Path,
    environment: dict[str, str] | None = None,
) -> Served:  # fmt: skip
    log = logs / f"{name.lower()}.log"
    output = stack.enter_context(log.open("wb"))
    # In a session of its own: Ctrl-C in the terminal reaches this process alone, which then ends the others in order.
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | (environment or {}), stdout=output, stderr=output, start_new_session=True,
    )  # fmt: skip
    stack.callback(_end, process)
    return Served(name, address, process, log)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server with all its workers: politely, then at once."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_SECONDS)


def _await_answer(served: Served) -> None:
    if served.process is None:
        return
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        _check_running(served)
        with suppress(OSError), urllib.request.urlopen(served.address, timeout=5):  # noqa: S310 - our own
            return
        time.sleep(0.5)
    raise ServerError(
        f"{served.name} does not answer at {served.address} after {START_SECONDS} s{_quote(served)}"
    )


def _check_running(served: Served) -> None:
    if served.process is not None and served.process.poll() is not None:
        raise ServerError(f"{served.name} has ended with code {served.process.returncode}{_quote(served)}")


def _quote(served: Served) -> str:
    text = served.log.read_text(encoding="utf-8", errors="replace").strip() if served.log else ""
    return f"; its last words: {text[-LOG_SHOWN:]}" if text else ""
