"""Runs that have something to say tell it: real flows, real blocks, a web server and a mail server on this machine."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dying import die
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL
from sinks import WebSink, serve_http, serve_smtp
from test_flows.conftest import CONFIG, write_orders

from flows.daily_score import daily_score
from flows.failure import tell_failure
from tasks.lake import open_lake
from tasks.mail import Email

pytestmark = pytest.mark.usefixtures("prefect_server")
TESTS = Path(__file__).parents[1]
HOUSE = TESTS.parent
WEBHOOK = '\n[[notifications]]\nblock = "custom-webhook/desk"\n'


@pytest.fixture
def web() -> Iterator[WebSink]:
    """A web server that the block `custom-webhook/desk` posts to."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    with serve_http() as sink:
        template = {"title": "{{subject}}", "text": "{{body}}"}
        block = CustomWebhookNotificationBlock(name="desk", url=sink.url, json_data=template)
        block.save("desk", overwrite=True)
        yield sink


def test_a_run_that_fails_says_why(tmp_path: Path, web: WebSink) -> None:
    config = write_orders(tmp_path, config=CONFIG + WEBHOOK + '[report]\ntitle = "Adas Laden"\n')
    with pytest.raises(LookupError, match="no champion yet"):
        daily_score(config=str(config))
    (request,) = web.requests
    assert request.json["title"] == "Adas Laden: daily-score did not finish"
    assert "There is no champion yet; run `segmentwerk weekly` first." in request.json["text"]
    assert "as the last run on record left them" in request.json["text"]


@flow(name="unlucky", on_failure=[tell_failure], on_crashed=[tell_failure], persist_result=False)
def fail(config: str, error: BaseException, cause: Exception | None = None) -> None:
    raise error from cause


def test_words_of_other_errors_are_not_passed_on(tmp_path: Path, web: WebSink) -> None:
    from tasks.sources import SourceError

    config = str(write_orders(tmp_path, config=CONFIG + WEBHOOK))
    row = ValueError("cannot read Ada Lovelace")
    passed_on = SourceError(f"sources.shop: {row}")
    own = SourceError("sources.shop: s3://me:secret@bucket/a.csv by ada@example.org is no file")
    for error, cause in ((row, None), (passed_on, row), (own, None)):
        with pytest.raises(type(error)):
            fail(config, error, cause)
    assert len(web.requests) == 3
    assert not [request for request in web.requests if b"Lovelace" in request.body]
    assert "Sources.shop: <address> by <e-mail> is no file." in web.requests[2].json["text"]


def test_a_run_that_is_interrupted_is_told_too(tmp_path: Path, web: WebSink) -> None:
    config = str(write_orders(tmp_path, config=CONFIG + WEBHOOK))
    with pytest.raises(KeyboardInterrupt):
        fail(config, KeyboardInterrupt())
    assert [request.json["title"] for request in web.requests] == ["Segmentwerk: unlucky did not finish"]


@pytest.mark.long
def test_a_run_whose_process_is_killed_is_told_by_who_had_started_it(tmp_path: Path, web: WebSink) -> None:
    config = str(write_orders(tmp_path, config=CONFIG + WEBHOOK))
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            client.create_flow(die), name="doomed", path=str(TESTS), entrypoint="dying.py:die"
        )
        run = client.create_flow_run_from_deployment(deployment, parameters={"config": config})
    here = {
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PYTHONPATH": os.pathsep.join((str(HOUSE), str(TESTS))),
    }
    command = [sys.executable, "-m", "prefect", "flow-run", "execute", str(run.id)]
    subprocess.run(command, env={**os.environ, **here}, check=False, capture_output=True, timeout=300)
    (request,) = web.requests
    assert request.json["title"] == "Segmentwerk: doomed did not finish"
    assert f"the run '{run.name}' in Prefect" in request.json["text"]


def test_a_configuration_that_cannot_be_read_tells_nobody_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("prefect.flow_runs")
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    caplog.set_level(logging.WARNING, logger=logger.name)
    with pytest.raises(ValueError, match="no such file"):
        daily_score(config=str(tmp_path / "none.toml"))
    assert "nobody is told of the failure" in caplog.text


def test_sources_that_fall_silent_are_told_by_web_and_mail(shop_copy: Any, web: WebSink) -> None:
    day = shop_copy.shop.last_day + timedelta(weeks=1)  # nothing has been delivered since
    with serve_smtp() as post:
        mail = Email(
            host="localhost", port=post.port, security="none", sender="s@x.org", recipients=["l@x.org"]
        )
        mail.save("lead", overwrite=True)
        with shop_copy.config.open("a", encoding="utf-8") as file:
            file.write(WEBHOOK + '[[notifications]]\nblock = "email/lead"\non = ["data_fault"]\n')
        summary = daily_score(config=str(shop_copy.config), as_of=day)
    assert summary["drift"]["decision"] == "data_fault"
    (request,), (letter,) = web.requests, post.mails
    assert request.json["title"] == letter.message["Subject"]
    assert "- Source 'web' delivers no more: 0 rows this week against" in request.json["text"]
    customers = open_lake(str(shop_copy.home)).table("customers").customer_id.to_pandas()
    assert not [one for one in customers if one in request.json["text"]]


def test_a_message_that_cannot_be_sent_does_not_fail_the_run(shop_copy: Any, web: WebSink) -> None:
    web.status = 503
    with shop_copy.config.open("a", encoding="utf-8") as file:
        file.write(WEBHOOK)
    day = shop_copy.shop.last_day + timedelta(weeks=1)
    state = daily_score(config=str(shop_copy.config), as_of=day, return_state=True)
    assert state.is_completed()
    assert len(web.requests) == 1
