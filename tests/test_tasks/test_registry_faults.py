"""What MLflow, its database and the network say, in one line without credentials; and what is tried again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect import flow, task

from tasks.registry import RegistryError, open_registry
from tasks.registry_faults import (
    RETRIES,
    RETRY_DELAYS,
    RegistryUnreachableError,
    explaining,
    is_worth_retrying,
    name_place,
)

REFUSING = "the model registry http://127.0.0.1:9/ml does not answer (connection refused)"


@pytest.fixture(params=[503, 401])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """A server that has one answer to everything, and its address with credentials."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield request.param, f"http://keeper:open-sesame@127.0.0.1:{server.server_port}"
    server.shutdown()


def test_an_answer_that_may_change_is_told_from_one_that_will_not(
    answering: tuple[int, str], tmp_path: Path
) -> None:
    status, address = answering
    with pytest.raises(RegistryError) as caught:
        open_registry(tmp_path, tracking_uri=address)
    assert isinstance(caught.value, RegistryUnreachableError) == (status == 503)
    assert str(status) in str(caught.value)
    assert name_place(address) in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nobody_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnreachableError) as caught:
        open_registry(tmp_path, tracking_uri="http://keeper:open-sesame@127.0.0.1:9/ml?token=1")
    assert str(caught.value).startswith(REFUSING)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:////var/shop/mlflow.db", "/var/shop/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:a%40b@ml.shop.example/api?token=secret", "https://ml.shop.example/api"),
        ("postgresql+psycopg://me:p@ss@db:5432/models", "postgresql+psycopg://db:5432/models"),
    ],
)
def test_a_place_is_named_without_credentials(address: str, shown: str) -> None:
    assert name_place(address) == shown


def test_a_failure_of_the_code_itself_is_left_alone() -> None:
    with pytest.raises(ValueError, match="a fault of ours"), explaining("http://127.0.0.1:9"):
        raise ValueError("a fault of ours")


def test_a_full_disk_is_told_with_the_file() -> None:
    with (
        pytest.raises(
            RegistryError, match=r"cannot be written: /shop/x \(No space left .*free some space, and run"
        ),
        explaining("http://h"),
    ):
        raise OSError(28, "No space left on device", "/shop/x")


def test_a_damaged_database_names_the_backup() -> None:
    with (
        pytest.raises(
            RegistryError, match=r"/shop/mlflow\.db cannot be used: .* restore it from a backup"
        ) as e,
        explaining("sqlite:////shop/mlflow.db"),
    ):
        raise OSError("reading failed") from sqlite3.DatabaseError("malformed")
    assert not isinstance(e.value, RegistryUnreachableError)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (RegistryUnreachableError("away"), 3),
        (RegistryError("broken"), 1),
        (ValueError("a fault of ours"), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(prefect_server: None, error: Exception, attempts: int) -> None:
    tried = []

    @task(retries=RETRIES, retry_delay_seconds=[0.01] * RETRIES, retry_condition_fn=is_worth_retrying)
    def ask() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise error
        return "answered"

    @flow
    def run() -> str:
        return ask()

    if attempts == 3:
        assert run() == "answered"
    else:
        with pytest.raises(type(error), match=str(error)):
            run()
    assert len(tried) == attempts


def test_trying_ends_within_a_minute() -> None:
    # Each of MLflow's attempts may wait for two answers of 15 seconds, and the last begins after the last delay.
    from tasks.registry import _ENVIRONMENT
    from tasks.registry_faults import _LAST_RETRY_S

    longest = 2 * float(_ENVIRONMENT["MLFLOW_HTTP_REQUEST_TIMEOUT"])
    assert _ENVIRONMENT["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert _LAST_RETRY_S + max(RETRY_DELAYS) + longest <= 60
