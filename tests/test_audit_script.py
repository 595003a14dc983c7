"""`make audit`: a known vulnerability fails, a silent service is said to be one, and CI asks."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).parents[1]
HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", PROJECT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serve(known: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """A vulnerability service that knows something of some packages: its address, and what it was asked about."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(405)

        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            asked.append(f"{name}=={query['version']}")
            found = [{"id": known[name], "summary": "bad", "affected": []}] if name in known else []
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> str:
    file = tmp_path / "some.lock"
    file.write_text(f"jinja2==3.1.6 \\\n    {HASH}\npywin32==310 ; sys_platform == 'win32' \\\n    {HASH}\n")
    return str(file)


def test_a_known_vulnerability_fails(
    script: ModuleType, lock: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve({"jinja2": "PYSEC-2026-1"}) as (service, asked):
        assert script.audit(lock, service=service) == 1
    assert "jinja2==3.1.6" in asked
    assert "PYSEC-2026-1" in capfd.readouterr().out


def test_none_known_is_well(script: ModuleType, lock: str) -> None:
    with serve({}) as (service, asked):
        assert script.audit(lock, service=service) == 0
    assert asked


def test_a_service_that_does_not_answer_is_told(
    script: ModuleType, lock: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.audit(lock, service="http://127.0.0.1:9/v1/query") == 0
    assert "SKIPPED, the vulnerability service does not answer" in capsys.readouterr().out


def test_ci_asks_and_what_is_accepted_is_explained(script: ModuleType) -> None:
    assert "make audit\n" in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    explained = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    assert [known for known in script.ACCEPTED if known not in explained] == []
