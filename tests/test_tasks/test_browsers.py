"""A page printed by a real browser: one A4 page with all its text, and plain words where it cannot be had."""

import io
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader
from test_monitoring.report_sample import make_campaign, make_data

from monitoring.pages import ReportData
from monitoring.pages.layout.one_page import list_sentences
from tasks.browsers import BrowserError, find_browser, print_page
from tasks.reports import write_reports

A4_MM = (210, 297)
DECISIONS = ("ship", "stop", "continue", "inconclusive", "invalid")


@pytest.fixture(scope="module")
def browser() -> str:
    try:
        return find_browser()
    except BrowserError as error:
        pytest.skip(str(error))


def make_week(campaigns: int, *, words: int) -> ReportData:
    """A week of so many campaigns, whose names and whose model's reasons are so many words long."""
    long = " ".join(["unabridged"] * words)
    entries = [
        make_campaign(DECISIONS[place % 5], campaign_id=f"c{place}", name=f"Offer {place} {long}".strip())
        for place in range(campaigns)
    ]
    data = make_data(address="https://reports.example.org", title=f"Nordlicht {long}".strip())
    promotion = {"decision": "promote", "reasons": [f"it is better {long}"] * 2, "champion_version": "2"}
    return replace(data, summary=data.summary | {"campaigns": entries, "promotion": promotion})


def read_pdf(data: ReportData, folder: Path, *, browser: str) -> PdfReader:
    page = write_reports(data, folder=folder).with_name("one_page.html")
    return PdfReader(io.BytesIO(print_page(page, browser=browser)))


def squeeze(text: str) -> str:
    return "".join(text.split())


@pytest.mark.long
@pytest.mark.parametrize(("campaigns", "words"), [(1, 0), (20, 0), (30, 40)])
def test_it_is_exactly_one_a4_page(tmp_path: Path, browser: str, campaigns: int, words: int) -> None:
    (page,) = read_pdf(make_week(campaigns, words=words), tmp_path, browser=browser).pages
    size = tuple(round(float(side) / 72 * 25.4) for side in page.mediabox[2:])
    assert size == A4_MM
    text = squeeze(page.extract_text())
    shown = min(campaigns, 20)
    assert (
        sum(text.count(squeeze(word)) for word in ("Repeat", "Stop", "Wait", "Cannot tell", "Do not trust"))
        >= shown
    )


@pytest.mark.long
def test_the_sentences_and_the_link_are_in_it(tmp_path: Path, browser: str) -> None:
    data = make_week(3, words=1)
    (page,) = read_pdf(data, tmp_path, browser=browser).pages
    text = squeeze(page.extract_text())
    for sentence in list_sentences(data):
        assert squeeze(sentence.happened) in text
        assert squeeze(sentence.action) in text
    links = [note.get_object()["/A"]["/URI"] for note in page["/Annots"]]
    assert links == ["https://reports.example.org/2026-11-16/index.html"]
    assert str(tmp_path) not in page.extract_text()


def test_a_browser_may_be_given_and_must_be_one(tmp_path: Path) -> None:
    assert find_browser(os.fspath(write_script(tmp_path, "exit 0"))) == os.fspath(tmp_path / "browser")
    with pytest.raises(BrowserError, match=r"\[report\] browser = 'no-such-thing' is no program"):
        find_browser("no-such-thing")


def test_without_a_browser_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tasks.browsers.USUAL_PLACES", ())
    with pytest.raises(BrowserError, match=r"no browser was found .*; install Chromium, Chrome or Edge"):
        find_browser()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo starting >&2; echo no display >&2; exit 1", "printed no PDF: no display"),
        ("exit 0", "printed no PDF: it gave no reason"),
        ("sleep 60 & wait", "had not printed the PDF after 0.3 s"),
    ],
)
def test_a_browser_that_fails_or_hangs_is_told_in_one_line(tmp_path: Path, script: str, message: str) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>Hello</p>")
    browser = os.fspath(write_script(tmp_path, script))
    with pytest.raises(BrowserError, match=message):
        print_page(page, browser=browser, timeout_s=0.3 if "sleep" in script else 60)


def write_script(folder: Path, body: str) -> Path:
    script = folder / "browser"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script
