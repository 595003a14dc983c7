"""A real `mlflow server` on a port of its own; it can be taken away and brought back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from postgres import free_port

START_S = 120


@dataclass
class MlflowServer:
    """A server and where it keeps things.

    Attributes:
        database: the address of what it stores, as SQLAlchemy writes it.
        files: the folder of its artifacts and its log.
    """

    database: str
    files: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.files.mkdir(parents=True, exist_ok=True)
        with (self.files / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
                 "--backend-store-uri", self.database, "--artifacts-destination", str(self.files / "artifacts"),
                 "--workers", "1"],
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )  # fmt: skip
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise RuntimeError(f"the MLflow server did not start:\n{(self.files / 'server.log').read_text()}")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Gone: its port refuses connections."""
        self.send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(30)
