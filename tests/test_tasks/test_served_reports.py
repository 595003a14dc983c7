"""The reports over HTTP: the folder of the reports and nothing beside it, whatever dots, links or bytes lead there."""

import http.client
import threading
from collections.abc import Iterator

import pytest

from tasks.report_server import open_server


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of a folder with one week, beside which lies what is nobody's business."""
    home = tmp_path_factory.mktemp("home")
    week = home / "reports" / "2026-11-15"
    week.mkdir(parents=True)
    (week / "index.html").write_text("the week", encoding="utf-8")
    (home / "pseudonym.key").write_text("secret", encoding="utf-8")
    (home / "lake").mkdir()
    (home / "lake" / "customers").write_text("secret", encoding="utf-8")
    (home / "reports" / "link.key").symlink_to(home / "pseudonym.key")
    (home / "reports" / "lake").symlink_to(home / "lake")
    (home / "reports" / "loop").symlink_to("loop")
    (home / "reports" / "latest").symlink_to("2026-11-15")
    with open_server(home / "reports", port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str) -> tuple[int, bytes]:
    """The raw path, as no browser would send it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", ["/2026-11-15/index.html", "/latest/index.html", "/2026-11-15/", "/latest/../latest/index.html"]
)
def test_the_reports_are_there(port: int, path: str) -> None:
    assert ask(port, path) == (200, b"the week")


@pytest.mark.parametrize(
    "path",
    [
        "/../pseudonym.key", "/..%2fpseudonym.key", "/%2e%2e/pseudonym.key",
        "/2026-11-15/../../pseudonym.key", "//../pseudonym.key", "/....//pseudonym.key",
        "/..\\pseudonym.key", "/..%5cpseudonym.key", "/%252e%252e/pseudonym.key", "/link.key", "/lake",
        "/lake/", "/lake/customers", "/2026-11-15/../lake/customers", "/loop", "/%00",
        "/2026-11-15/index.html%00.png", "/" + "x" * 5_000, "/etc/passwd", "//etc/passwd", "/%ff%fe",
        "/../../../../../../../../etc/passwd",
    ],
)  # fmt: skip
def test_nothing_beside_them_is(port: int, path: str) -> None:
    status, content = ask(port, path)
    assert status in (301, 404)
    assert b"secret" not in content
    assert b"root:" not in content


def test_it_goes_on_serving_after_all_that(port: int) -> None:
    assert ask(port, "/latest/index.html")[0] == 200
