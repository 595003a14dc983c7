"""The week's report by mail, to a real mail server on this machine, through real blocks of Prefect."""

import io
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sinks import serve_http, serve_smtp
from test_monitoring.report_sample import make_data
from test_tasks.test_notifications import save_mail, save_webhook

from monitoring.notices import Notification
from monitoring.pages.layout.one_page import list_sentences
from tasks.browsers import BrowserError, find_browser
from tasks.letters import send_report
from tasks.reports import PreparedReports, prepare_reports, publish_reports

pytestmark = pytest.mark.usefixtures("prefect_server")
LINK = "https://reports.example.org/shop/2026-11-16/index.html"
DATA = make_data(title="Nordlicht", address="https://reports.example.org/shop")


@pytest.fixture
def report(tmp_path: Path) -> PreparedReports:
    prepared = prepare_reports(DATA, folder=tmp_path / "reports")
    publish_reports(prepared)
    return prepared


@pytest.fixture
def printer(tmp_path: Path) -> str:
    """A program that leaves what it was asked to print, with a PDF's first letters, where it was told to."""
    script = tmp_path / "printer"
    script.write_text(
        '#!/bin/sh\nfor one; do case "$one" in\n--print-to-pdf=*) target="${one#*=}";;\nfile://*) page="${one#file://}";;\n'
        'esac; done\n{ printf "%%PDF "; cat "$page"; } > "$target"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def send(report: PreparedReports, *blocks: str, browser: str | None) -> tuple[str, ...]:
    return send_report.fn(
        report, to=[Notification(block=one, on=("report",)) for one in blocks], browser=browser
    )


def read_part(message: Any, kind: str) -> str:
    return " ".join(message.get_body((kind,)).get_content().split())


def list_files(message: Any) -> dict[str, tuple[str, bytes]]:
    return {
        one.get_filename(): (one.get_content_type(), one.get_content()) for one in message.iter_attachments()
    }


def list_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "segmentwerk"]


def test_a_mail_holds_the_sentences_twice_the_link_and_the_page(
    report: PreparedReports, printer: str
) -> None:
    with serve_smtp() as post:
        assert send(report, save_mail("readers", post.port), browser=printer) == ()
    (mail,) = post.mails
    assert mail.recipients == ("lead@example.org", "boss@example.org")
    assert mail.message["Subject"] == "Nordlicht: the week to 16 November 2026"
    assert mail.message.get_content_type() == "multipart/mixed"
    text, html = read_part(mail.message, "plain"), read_part(mail.message, "html")
    for sentence in list_sentences(DATA):
        assert " ".join(f"{sentence.happened} {sentence.action}".split()) in text
    assert text.endswith(f"The full report: {LINK}")
    assert f'<a href="{LINK}">' in html
    ((name, (kind, content)),) = list_files(mail.message).items()
    assert (name, kind) == ("2026-11-16.pdf", "application/pdf")
    assert content == b"%PDF " + report.one_page.read_bytes()


@pytest.mark.long
def test_the_page_is_printed_by_a_browser_of_the_machine(report: PreparedReports) -> None:
    try:
        find_browser()
    except BrowserError as error:
        pytest.skip(str(error))
    with serve_smtp() as post:
        assert send(report, save_mail("printed", post.port), browser=None) == ()
    ((_, content),) = list_files(post.mails[0].message).values()
    assert len(PdfReader(io.BytesIO(content)).pages) == 1


def test_without_a_browser_the_mail_goes_out_and_says_so_once(
    report: PreparedReports, caplog: pytest.LogCaptureFixture
) -> None:
    with serve_smtp() as post:
        blocks = save_mail("one", post.port), save_mail("two", post.port)
        assert send(report, *blocks, browser="no-such-thing") == ()
    assert len(post.mails) == 2
    for mail in post.mails:
        assert list_files(mail.message) == {}
        assert "The week on one page is not attached this time" in read_part(mail.message, "plain")
        assert "The week on one page is not attached this time" in read_part(mail.message, "html")
    (told,) = list_warnings(caplog)
    assert told.startswith("the report goes out without its PDF: [report] browser = 'no-such-thing'")


def test_without_an_address_there_is_no_link_and_a_warning(
    tmp_path: Path, printer: str, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = prepare_reports(replace(DATA, address=""), folder=tmp_path / "unknown")
    publish_reports(prepared)
    with serve_smtp() as post:
        send(prepared, save_mail("nolink", post.port), browser=printer)
    assert "http" not in read_part(post.mails[0].message, "plain")
    assert str(tmp_path) not in post.mails[0].message.as_string()
    assert "say in [report] address where the published site is reached" in list_warnings(caplog)[0]


def test_a_webhook_gets_the_sentences_and_nothing_is_printed(
    report: PreparedReports, caplog: pytest.LogCaptureFixture
) -> None:
    with serve_http() as web:
        assert send(report, save_webhook("weekly", web.url), browser="no-such-thing") == ()
    (request,) = web.requests
    assert request.json == {"title": report.letter.subject, "text": report.letter.text}
    assert list_warnings(caplog) == []


def test_a_mail_that_cannot_be_sent_is_told_and_keeps_no_other_back(
    report: PreparedReports, printer: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serve_smtp() as gone:
        pass
    with serve_smtp() as post:
        blocks = save_mail("gone", gone.port), "email/nobody", save_mail("there", post.port)
        assert send(report, *blocks, browser=printer) == ("email/gone", "email/nobody")
    assert len(post.mails) == 1
    assert ["email/gone" in list_warnings(caplog)[0], "email/nobody" in list_warnings(caplog)[1]] == [
        True,
        True,
    ]


def test_who_asks_for_no_report_gets_none(report: PreparedReports) -> None:
    with serve_smtp() as post:
        to = [Notification(block=save_mail("quiet", post.port))]
        assert send_report.fn(report, to=to, browser="no-such-thing") == ()
    assert post.mails == []
