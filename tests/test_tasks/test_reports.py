"""Report folders: whole or not at all, `latest` is the newest, past weeks are linked."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import tasks.reports
from monitoring.pages import ReportData
from tasks.reports import list_weeks, prepare_reports, publish_reports, write_reports

DATA = ReportData(
    title="Shop",
    as_of=date(2026, 11, 9),
    currency="EUR",
    generated_note="First try.",
    summary={"customers": 12},
    evidently_html="<!doctype html><title>Evidently</title>",
)
FILES = {
    "index.html", "segments.html", "roi.html", "drift.html", "data_health.html", "audit.html", "evidently.html",
    "plotly.min.js", "site.css", "tables.js", "numbers.js", "site.js", "one_page.html", "one_page.css",
}  # fmt: skip


def test_a_site_is_complete_and_latest_is_the_same(tmp_path: Path) -> None:
    index = write_reports(DATA, folder=tmp_path / "reports")
    assert index == tmp_path / "reports" / "2026-11-09" / "index.html"
    folders = (index.parent, tmp_path / "reports" / "latest")
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == FILES
    for name in FILES:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert not (tmp_path / "reports" / "latest").is_symlink()
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"2026-11-09", "latest"}


def test_the_next_week_links_back_and_becomes_the_latest(tmp_path: Path) -> None:
    write_reports(DATA, folder=tmp_path)
    history = pd.DataFrame(
        {
            "as_of": [date(2026, 11, 16)],
            "customers": [12],
            "drift_decision": ["none"],
            "promotion_decision": ["keep"],
            "champion_version": ["1"],
            "segments": [3],
        }
    )
    write_reports(replace(DATA, as_of=date(2026, 11, 16), history=history), folder=tmp_path)
    latest = (tmp_path / "latest" / "index.html").read_text(encoding="utf-8")
    assert 'href="../2026-11-09/index.html"' in latest
    assert 'href="../2026-11-16/index.html"' not in latest
    assert latest == (tmp_path / "2026-11-16" / "index.html").read_text(encoding="utf-8")
    assert list_weeks(tmp_path) == ("2026-11-16", "2026-11-09")


def test_an_earlier_week_reported_again_leaves_the_latest_alone(tmp_path: Path) -> None:
    write_reports(replace(DATA, as_of=date(2026, 11, 16)), folder=tmp_path)
    write_reports(replace(DATA, generated_note="Second try."), folder=tmp_path)
    assert "16\N{NO-BREAK SPACE}November" in (tmp_path / "latest" / "index.html").read_text(encoding="utf-8")
    assert "Second try." in (tmp_path / "2026-11-09" / "index.html").read_text(encoding="utf-8")


def test_a_week_reported_again_is_replaced_whole(tmp_path: Path) -> None:
    write_reports(DATA, folder=tmp_path)
    write_reports(replace(DATA, evidently_html=None, generated_note="Second try."), folder=tmp_path)
    for name in ("2026-11-09", "latest"):
        assert {path.name for path in (tmp_path / name).iterdir()} == FILES - {"evidently.html"}
        assert "Second try." in (tmp_path / name / "index.html").read_text(encoding="utf-8")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    write_reports(DATA, folder=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    no_text = "\ud800"
    with pytest.raises(UnicodeEncodeError):
        write_reports(replace(DATA, evidently_html=no_text), folder=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_prepared_site_is_seen_only_once_published(tmp_path: Path) -> None:
    abandoned = prepare_reports(DATA, folder=tmp_path)
    prepared = prepare_reports(DATA, folder=tmp_path)
    assert list_weeks(tmp_path) == ()
    assert not prepared.index.exists()
    assert not abandoned.prepared.exists()
    assert publish_reports(prepared) == prepared.index
    assert {path.name for path in tmp_path.iterdir()} == {"2026-11-09", "latest"}


def test_only_folders_named_by_a_day_with_a_report_are_weeks(tmp_path: Path) -> None:
    write_reports(DATA, folder=tmp_path)
    (tmp_path / "2026-11-02").mkdir()
    (tmp_path / "notes").mkdir()
    assert list_weeks(tmp_path) == ("2026-11-09",)
    assert list_weeks(tmp_path / "nowhere") == ()


def test_files_are_copied_where_links_are_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_paths: Path) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(tasks.reports.os, "link", refuse)
    write_reports(DATA, folder=tmp_path)
    assert {path.name for path in (tmp_path / "latest").iterdir()} == FILES
