"""Logs for machines: one object a line, with the run it is of, and nothing that names a person."""

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tasks import json_logs
from tasks.json_logs import LOGGERS, JsonLines, forget_run
from tasks.lake import begin_run, write_lake
from tasks.logs import get_logger

DAY = date(2026, 11, 15)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that logs are written to; the loggers are as they were afterwards."""
    file = tmp_path / "logs" / "segmentwerk.jsonl"
    monkeypatch.setenv("SEGMENTWERK_LOG", str(file))
    before = [(logger := logging.getLogger(name), logger.level, logger.propagate) for name in LOGGERS]
    yield file
    for logger, level, propagate in before:
        logger.setLevel(level)
        logger.propagate = propagate
        for handler in [one for one in logger.handlers if isinstance(one.formatter, JsonLines)]:
            logger.removeHandler(handler)
            handler.close()
    json_logs._open_log.cache_clear()
    forget_run()


def read(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_run_is_told_in_lines_that_name_it(log: Path, tmp_path: Path) -> None:
    with write_lake(str(tmp_path / "var")) as lake:
        run = begin_run("weekly-retrain", DAY)
        lake.commit(
            run, {"ingest": {"by_source": {}, "read": 12, "accepted": 10}, "seconds": {"ingest": 0.5}}
        )
    begun, done = read(log)
    assert (begun["run_id"], begun["flow"], begun["level"]) == (run.run_id, "weekly-retrain", "info")
    assert done["message"] == f"run {run.run_id} is on record"
    counts = done["counts"]
    assert isinstance(counts, dict)
    assert counts["rows"] == {"read": 12, "accepted": 10}
    assert counts["stages"] == {"ingest": 0.5}
    assert counts["lake_files"] == 0
    assert set(begun) == {"time", "level", "run_id", "flow", "task", "message"}


def test_nothing_names_a_person_and_an_error_is_told_by_its_kind(log: Path) -> None:
    try:
        raise ValueError("ada@example.org was born in London")
    except ValueError:
        get_logger().exception("no mail to %s at %s", "ada@example.org", "https://user:sesame@shop.example")
    (line,) = read(log)
    assert line["error"] == "ValueError"
    assert line["run_id"] is None
    text = log.read_text(encoding="utf-8")
    assert not [word for word in ("ada@", "London", "sesame") if word in text]


def test_a_full_file_is_begun_anew(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_logs, "FILE_BYTES", 2000)
    for number in range(200):
        get_logger().info("line %d", number)
    files = sorted(log.parent.iterdir())
    assert len(files) == json_logs.FILES
    assert max(file.stat().st_size for file in files) <= 2000
    assert read(log)[-1]["message"] == "line 199"


def test_without_the_variable_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SEGMENTWERK_LOG", raising=False)
    with caplog.at_level(logging.INFO):
        get_logger().info("as always")
    assert "as always" in caplog.text
