"""The report server answers this machine's own browser: not other machines, other names, other sites' frames."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.client import HTTPConnection, HTTPResponse
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from monitoring.pages import ReportData
from monitoring.pages.layout.content_policy import EVIDENTLY_POLICY, PAGE_POLICY
from tasks.report_server import HOST, listen, open_server
from tasks.reports import write_reports

DATA = ReportData(
    title="Shop",
    as_of=date(2026, 11, 9),
    currency="EUR",
    generated_note="First try.",
    summary={"customers": 12},
    evidently_html="<!doctype html><html><head><title>Evidently</title></head></html>",
)
INDEX = "/latest/index.html"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "reports"
    write_reports(DATA, folder=folder)
    (folder / ".2026-11-16.prepared").mkdir()
    (folder / ".2026-11-16.prepared" / "index.html").write_text("not yet published")
    (folder.parent / "pseudonym.key").write_text("the key")
    (folder / "latest" / "key.txt").symlink_to(folder.parent / "pseudonym.key")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(reports: Path) -> Iterator[ThreadingHTTPServer]:
    with running(open_server(reports, port=0)) as server:
        yield server


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    with server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(
    server: ThreadingHTTPServer,
    path: str = INDEX,
    *,
    method: str = "GET",
    hosts: tuple[str, ...] | None = None,
) -> tuple[HTTPResponse, bytes]:
    """The answer to a request, as whatever host it is called by; with `hosts` (), by none."""
    connection = HTTPConnection(HOST, server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for host in (f"{HOST}:{server.server_port}",) if hosts is None else hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_the_pages_are_given_to_this_machine(server: ThreadingHTTPServer, reports: Path) -> None:
    local = f"localhost:{server.server_port}"
    for hosts in (None, (local,)):
        answer, body = ask(server, hosts=hosts)
        assert (answer.status, body) == (200, (reports / "latest" / "index.html").read_bytes())
    assert ask(server, method="HEAD")[1] == b""


def test_nothing_listens_on_other_addresses(server: ThreadingHTTPServer) -> None:
    assert server.socket.family == socket.AF_INET
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match=r"."), socket.create_connection(("::1", server.server_port), timeout=5):
        pass


@pytest.mark.parametrize(
    "hosts",
    [(), ("evil.example",), ("evil.example:{port}",), ("127.0.0.1",), ("localhost:{port}", "evil.example"),
     ("127.0.0.1.evil.example:{port}",)],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused(server: ThreadingHTTPServer, hosts: tuple[str, ...]) -> None:
    answer, body = ask(server, hosts=tuple(host.format(port=server.server_port) for host in hosts))
    assert answer.status == 421
    assert b"Shop" not in body


@pytest.mark.parametrize(
    "path",
    [
        INDEX,
        "/latest/",
        "/latest/site.css",
        "/latest/nothing.html",
        "/latest/evidently.html?x#y",
        "/latest/evidently.html",
        "//[",
    ],
)
def test_every_answer_is_protected(server: ThreadingHTTPServer, path: str) -> None:
    policy = EVIDENTLY_POLICY if "evidently" in path else PAGE_POLICY
    for hosts in (None, ("evil.example",)):
        answer, _ = ask(server, path, hosts=hosts)
        assert answer.getheader("Content-Security-Policy") == f"{policy}; frame-ancestors 'none'"
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("X-Frame-Options") == "DENY"
        assert answer.getheader("Referrer-Policy") == "no-referrer"
        assert answer.getheader("Cache-Control") == "no-store"
        assert "Python" not in str(answer.getheader("Server"))


def test_the_policies_let_nothing_out() -> None:
    for policy in (PAGE_POLICY, EVIDENTLY_POLICY):
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert "connect-src" not in rules
        assert not any(word in policy for word in ("http", "*", "ws:"))
    assert "unsafe-inline" not in PAGE_POLICY.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize(
    "path",
    ["/", "/empty/", "/.2026-11-16.prepared/index.html", "/%2e2026-11-16.prepared/index.html", "/latest/key.txt",
     "/../pseudonym.key", "/%2e%2e/pseudonym.key", "/latest/..%2f..%2fpseudonym.key",
     "/latest/index.html%00"],
)  # fmt: skip
def test_only_what_is_published_is_given_out(server: ThreadingHTTPServer, path: str) -> None:
    answer, body = ask(server, path)
    assert answer.status == 404
    assert not any(word in body for word in (b"the key", b"not yet published", b"2026-11-09"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_reading_is_possible(server: ThreadingHTTPServer, method: str) -> None:
    assert ask(server, method=method)[0].status == 501


def test_a_port_that_is_taken_is_told(server: ThreadingHTTPServer, reports: Path) -> None:
    with pytest.raises(OSError, match="give another one with --port"):
        open_server(reports, port=server.server_port)


def test_nothing_to_serve_is_an_error_unless_it_is_still_to_come(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="run `segmentwerk weekly` first"):
        open_server(tmp_path, port=0)
    with running(listen(tmp_path, port=0)) as server:
        assert ask(server)[0].status == 404
