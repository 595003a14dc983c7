"""Messages by real blocks of a real Prefect server, to a mail server and web servers on this machine."""

import logging
from pathlib import Path
from typing import Any

import pytest
from sinks import issue_certificate, serve_http, serve_smtp

from monitoring.notices import Notice, Notification
from tasks.notifications import send_notices

pytestmark = pytest.mark.usefixtures("prefect_server")
FAULT = Notice(
    ("data_fault", "blocked"),
    "Shop: the data look faulty",
    "- Source 'web' is silent.\n\nWhat to do: ask – now.",
)
FAILED = Notice(("failed",), "Shop: weekly-retrain did not finish", "Look at the run.")


def save_webhook(name: str, url: str, **more: Any) -> str:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    template = {"title": "{{subject}}", "text": "{{body}}"}
    CustomWebhookNotificationBlock(name=name, url=url, json_data=template, **more).save(name, overwrite=True)
    return f"custom-webhook/{name}"


def save_mail(name: str, port: int, **more: Any) -> str:
    from tasks.mail import Email

    given = {"host": "localhost", "port": port, "sender": "s@example.org", "security": "none"} | more
    Email(recipients=["lead@example.org", "boss@example.org"], **given).save(name, overwrite=True)
    return f"email/{name}"


def send(*notices: Notice, block: str, on: tuple[Any, ...] = ("data_fault", "failed")) -> int:
    return send_notices.fn(notices, to=[Notification(block=block, on=on)])


def test_a_webhook_gets_what_it_wants_to_hear_of() -> None:
    with serve_http() as web:
        block = save_webhook("listener", f"{web.url}/hook")
        assert send(FAULT, FAILED, block=block, on=("promote", "failed")) == 1
    (request,) = web.requests
    assert request.path == "/hook"
    assert request.json == {"title": FAILED.subject, "text": FAILED.body}


def test_a_message_on_two_occasions_is_sent_once() -> None:
    with serve_http() as web:
        assert send(FAULT, block=save_webhook("both", web.url), on=("data_fault", "blocked")) == 1
    assert len(web.requests) == 1


def test_a_mail_goes_to_all_its_recipients() -> None:
    with serve_smtp() as post:
        assert send(FAULT, FAILED, block=save_mail("plain", post.port)) == 2
    mail = post.mails[0]
    assert (mail.sender, mail.recipients) == ("s@example.org", ("lead@example.org", "boss@example.org"))
    assert mail.message["Subject"] == FAULT.subject
    assert mail.message.get_content().splitlines() == FAULT.body.splitlines()


def test_a_mail_is_encrypted_and_logs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, trusted = issue_certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    login = {"security": "starttls", "username": "shop", "password": "p:@/ &word"}
    with serve_smtp(tls=tls, password="p:@/ &word") as post:
        assert send(FAULT, block=save_mail("safe", post.port, **login)) == 1
    (mail,) = post.mails
    assert (mail.login, mail.encrypted) == ("shop", True)


def test_a_mail_server_that_is_not_trusted_gets_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls, _ = issue_certificate(tmp_path, "localhost")
    with serve_smtp(tls=tls) as post:
        assert send(FAULT, block=save_mail("unknown", post.port, security="starttls")) == 0
    assert post.mails == []
    assert "certificate verify failed" in caplog.text


def test_slack_gets_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.notifications import SlackWebhook

    tls, trusted = issue_certificate(tmp_path, "hooks.slack.com")
    with serve_http(tls=tls) as slack:
        monkeypatch.setenv("HTTPS_PROXY", slack.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        address = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
        SlackWebhook(url=address).save("team", overwrite=True)
        assert send(FAULT, block="slack-webhook/team") == 1
    (request,) = slack.requests
    assert request.host == "hooks.slack.com"
    assert request.path == "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
    (said,) = request.json["attachments"]
    assert said["title"] == FAULT.subject
    assert "Source 'web' is silent." in said["text"]


def test_slack_that_refuses_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.blocks.notifications import SlackWebhook

    tls, trusted = issue_certificate(tmp_path, "hooks.slack.com")
    with serve_http(tls=tls) as slack:
        slack.status = 403
        monkeypatch.setenv("HTTPS_PROXY", slack.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        address = "https://hooks.slack.com/services/T00000000/B00000000/zyxwvutsrqponmlkjihgfedc"
        SlackWebhook(url=address).save("closed", overwrite=True)
        assert send(FAULT, block="slack-webhook/closed") == 0
    (told,) = (r.getMessage() for r in caplog.records if r.name == "segmentwerk")
    assert "could not be sent through slack-webhook/closed" in told
    assert "403" in told
    assert "zyxwvutsrqponmlkjihgfedc" not in told


@pytest.mark.parametrize(("status", "reason"), [(404, "404 Not Found"), (500, "500 Internal Server Error")])
def test_what_cannot_be_sent_is_logged_without_secrets(
    status: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serve_http() as web:
        web.status = status
        block = save_webhook("broken", f"{web.url}/{{{{token}}}}", secrets={"token": "hush-hush"})
        with caplog.at_level(logging.WARNING, logger="segmentwerk"):
            assert send(FAULT, block=block) == 0
    (told,) = (r.getMessage() for r in caplog.records if r.name == "segmentwerk")
    assert reason in told
    assert "hush-hush" not in told
    assert "127.0.0.1" not in told


def test_a_block_that_is_not_there_keeps_no_other_from_being_used(caplog: pytest.LogCaptureFixture) -> None:
    from prefect.blocks.system import Secret

    Secret(value="no messenger").save("mute", overwrite=True)
    with serve_http() as web:
        blocks = "custom-webhook/nobody", "secret/mute", save_webhook("there", web.url)
        assert send_notices.fn([FAULT], to=[Notification(block=block) for block in blocks]) == 1
    assert len(web.requests) == 1
    told = [r.getMessage() for r in caplog.records if r.name == "segmentwerk"]
    assert "nobody" in told[0]
    assert "secret/mute is a Secret, which sends no messages" in told[1]
