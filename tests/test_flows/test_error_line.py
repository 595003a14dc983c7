"""Why a command failed, in one line: where, of which run, what is visible of it, and what to do next."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest
from test_flows.conftest import Answer, write_orders

from flows.error_line import write_error
from tasks.lake import begin_run, write_lake
from tasks.progress import Stopwatch
from tasks.sources import SourceError

DAY = date(2026, 11, 15)


def fail(home: Path, error: Exception | None, *, commit: bool = False) -> BaseException:
    """What comes out of a run in whose stage `features` an error is raised; None is one of DuckDB's own."""
    try:
        with write_lake(str(home)) as lake:
            run = begin_run("weekly-retrain", DAY)
            if commit:
                lake.commit(run, {})
            with Stopwatch().stage("features"):
                if error is None:
                    duckdb.sql("select error('ada@example.org has no age')").fetchall()
                else:
                    raise error
    except Exception as raised:
        return raised
    raise AssertionError("it did not fail")


def test_a_word_without_end_is_told_by_its_beginning() -> None:
    line = write_error(SourceError(f"{'x' * 3000}.toml: no such file; name it with --config"))
    assert line == f"{'x' * 120}… no such file; name it with --config"


def test_an_error_of_ours_says_where_it_was_and_what_to_do(tmp_path: Path) -> None:
    line = write_error(fail(tmp_path, SourceError("sources.web: column 'ts' not found")))
    assert line.startswith("sources.web: column 'ts' not found (in features, run 2")
    assert line.endswith("; nothing of this run is visible: mend it and run the same command again)")


def test_a_remedy_is_not_said_twice(tmp_path: Path) -> None:
    line = write_error(fail(tmp_path, SourceError("the server is away: run the same command again")))
    assert line.count("run the same command again") == 1


def test_an_error_of_others_is_told_by_kind_and_stage_and_names_nobody(tmp_path: Path) -> None:
    line = write_error(fail(tmp_path, None))
    assert line.startswith("features: InvalidInputException: ")
    assert line.endswith(
        "; nothing of this run is visible; run again with --debug for the traceback, or look with `segmentwerk doctor`"
    )
    assert "ada@" not in line


def test_a_run_that_is_on_record_is_not_said_to_be_gone(tmp_path: Path) -> None:
    line = write_error(fail(tmp_path, SourceError("no room"), commit=True))
    assert "the run is on record, and what comes after it is done when you run the same command again" in line


def test_before_any_run_there_is_none_to_name() -> None:
    assert write_error(SourceError("no such file")) == "no such file"
    assert write_error(KeyboardInterrupt()) == "interrupted"
    assert write_error(OSError(28, "No space left on device")).startswith("OSError: [Errno 28] No space left")


def test_a_run_does_not_bear_the_name_of_the_one_before(tmp_path: Path) -> None:
    fail(tmp_path, SourceError("first"))
    with pytest.raises(SourceError) as second, write_lake(str(tmp_path)):
        raise SourceError("second")
    assert write_error(second.value) == "second"


def test_the_command_line_says_it_in_one_line(command: Callable[..., Answer], tmp_path: Path) -> None:
    config = write_orders(tmp_path, "1,never,purchase,1,a@b.example")
    answer = command("ingest", "--config", config)
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "(in sources, run 2" in answer.err
