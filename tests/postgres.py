"""A PostgreSQL of the tests' own, from the machine's binaries: a fixture, for `pytest_plugins`."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD, DATABASE = "shopkeeper", "opens+sesame/42", "shop"
MISSING = "PostgreSQL is not installed (Debian: apt-get install postgresql)"


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Attributes:
        url: connection string, password included.
    """

    url: str

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run statements, and give the rows of the last one if it has any."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as client:
            cursor = client.execute(sql.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server on a free port with one database; skips where PostgreSQL is not installed."""
    if find_binaries() is None:
        pytest.skip(MISSING)
    with serve_postgres() as server:
        yield server


@contextmanager
def serve_postgres() -> Iterator[Postgres]:
    """A server on a free port with one database, for as long as the block lasts."""
    binaries = find_binaries()
    if binaries is None:
        raise FileNotFoundError(MISSING)
    # Directly under the temporary folder: another user must get there, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="segmentwerk-pg-"))
    account = choose_account()
    if account:
        shutil.chown(folder, account)
    try:
        yield from run_server(binaries, folder, account=account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: of the newest version Debian installed, or on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def choose_account() -> str | None:
    """Whom to run the server as: PostgreSQL refuses root. None is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def run_server(binaries: Path, folder: Path, *, account: str | None) -> Iterator[Postgres]:
    """Make a cluster in the folder, serve it, and stop it whatever happens."""
    data, log = folder / "data", folder / "log"
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if account:
        shutil.chown(secret, account)
    subprocess.run(
        [binaries / "initdb", "--pgdata", data, "--username", USER, "--pwfile", secret, "--auth", "scram-sha-256",
         "--encoding", "UTF8", "--locale", "C", "--no-sync"],
        user=account, cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    with log.open("w") as output:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F",
             "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=64MB"],
            user=account, cwd=folder, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            place = f"{USER}:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{port}"
            await_server(f"postgresql://{place}/postgres", server, log)
            Postgres(f"postgresql://{place}/postgres").execute(f"create database {DATABASE}")
            yield Postgres(f"postgresql://{place}/{DATABASE}")
        finally:
            # SIGINT is a fast shutdown: clients are sent away. SIGTERM would wait for them.
            server.send_signal(signal.SIGINT)
            server.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_server(url: str, server: subprocess.Popen[bytes], log: Path, *, seconds: float = 60) -> None:
    """Return once the server answers; fail with its log if it ends or takes too long."""
    import psycopg

    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{log.read_text()}") from None
            time.sleep(0.1)
