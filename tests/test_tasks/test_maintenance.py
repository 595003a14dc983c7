"""Upkeep joins files, removes those nobody reads and cuts logs; what can be read before can be read after."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow
import pytest
from deltalake import DeltaTable

from tasks import maintenance
from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.maintenance import LOG_ENTRIES, SMALL_FILES, Maintained, maintain_lake
from tasks.table_history import Log, read_log

DAY = date(2026, 11, 16)


def rows(*numbers: int) -> pyarrow.Table:
    return pyarrow.table(
        {"customer_id": [f"c{n}" for n in numbers], "n": pyarrow.array(numbers, pyarrow.int64())}
    )


def run_week(home: Path, *numbers: int, commit: bool = True) -> Maintained:
    with write_lake(str(home)) as lake:
        lake.append("snapshots", rows(*numbers))
        lake.overwrite("suppressions", rows(*numbers))
        done = maintain_lake.fn(lake)
        if commit:
            lake.commit(begin_run("weekly-retrain", DAY), {})
    return done


def read(lake: Lake, table: str = "snapshots") -> list[int]:
    return sorted(lake.table(table).to_pandas()["n"])


def count_files(home: Path, table: str) -> int:
    return len(list((home / "lake" / table).glob("*.parquet")))


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last two runs are kept, as if each had finished long ago."""
    monkeypatch.setattr(maintenance, "KEPT_FOR", timedelta(0))


def test_a_young_lake_is_left_alone(tmp_path: Path) -> None:
    for week in range(3):
        done = run_week(tmp_path, week)
    assert done == Maintained((), (), ())
    assert DeltaTable(f"{tmp_path}/lake/snapshots").version() == 2


def test_small_files_are_joined_and_no_row_is_lost(tmp_path: Path, no_time_passes: None) -> None:
    for week in range(SMALL_FILES):
        done = run_week(tmp_path, week)
    assert "snapshots" in done.compacted
    assert "suppressions" not in done.compacted, "a table that is written whole each time has one file"
    assert len(open_lake(str(tmp_path)).files("snapshots")) == 1
    assert read(open_lake(str(tmp_path))) == list(range(SMALL_FILES))


def test_a_year_of_weeks_keeps_files_and_logs_bounded(tmp_path: Path, no_time_passes: None) -> None:
    most_files, most_entries = 0, 0
    for week in range(6 * SMALL_FILES):
        run_week(tmp_path, week)
        for table in ("snapshots", "suppressions", "runs"):
            most_files = max(most_files, count_files(tmp_path, table))
            most_entries = max(most_entries, len(read_log(f"{tmp_path}/lake/{table}").entries))
    assert most_files <= 3 * SMALL_FILES
    assert most_entries <= 4 * LOG_ENTRIES
    lake = open_lake(str(tmp_path))
    assert read(lake) == list(range(6 * SMALL_FILES))
    assert read(lake, "suppressions") == [6 * SMALL_FILES - 1]
    assert len(lake.runs()) == 6 * SMALL_FILES


def test_readers_of_the_last_two_runs_keep_their_files(tmp_path: Path, no_time_passes: None) -> None:
    readers: list[Lake] = []
    for week in range(5 * SMALL_FILES):
        run_week(tmp_path, week)
        for age, reader in enumerate(reversed(readers[-1:])):
            assert read(reader) == list(range(week - age))
            assert read(reader, "suppressions") == [week - age - 1]
        readers.append(open_lake(str(tmp_path)))


def test_readers_of_a_run_of_today_keep_theirs_however_many_runs_there_were(tmp_path: Path) -> None:
    run_week(tmp_path, 0)
    reader = open_lake(str(tmp_path))
    for week in range(1, 3 * SMALL_FILES):
        run_week(tmp_path, week)
    assert read(reader) == [0]
    assert read(reader, "suppressions") == [0]


def test_a_run_that_dies_after_its_upkeep_is_undone(tmp_path: Path, no_time_passes: None) -> None:
    for week in range(SMALL_FILES - 1):
        run_week(tmp_path, week)
    for _ in range(3):
        assert "snapshots" in run_week(tmp_path, 99, commit=False).compacted
        assert read(open_lake(str(tmp_path))) == list(range(SMALL_FILES - 1))
    run_week(tmp_path, 100)
    assert read(open_lake(str(tmp_path))) == [*range(SMALL_FILES - 1), 100]


def test_what_cannot_be_put_in_order_does_not_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(uri: str, **_options: object) -> int:
        raise OSError("no space left on device")

    for week in range(SMALL_FILES - 1):
        run_week(tmp_path, week)
    monkeypatch.setattr(maintenance, "compact_files", fail)
    run_week(tmp_path, SMALL_FILES)
    assert "table snapshots was left as it is: no space left on device" in caplog.text
    assert len(read(open_lake(str(tmp_path)))) == SMALL_FILES


def test_nothing_of_a_forgotten_person_outlives_upkeep(tmp_path: Path) -> None:
    for week in range(2 * LOG_ENTRIES):
        run_week(tmp_path, 7_777_777 + week)
    with write_lake(str(tmp_path)) as lake:
        run = begin_run("forget-customer", DAY)
        lake.remove_customers("snapshots", pyarrow.table({"customer_id": ["c7777777"]}))
        lake.commit(run, {})
        lake.purge_history(run, {})
    found = [
        path
        for path in (tmp_path / "lake" / "snapshots").rglob("*")
        if path.is_file() and b"c7777777" in path.read_bytes()
    ]
    assert found == []


def test_a_log_is_cut_where_no_version_that_is_kept_needs_it() -> None:
    log = Log(entries=tuple(range(60)), checkpoints=(20, 40))
    assert log.count_since_checkpoint() == 19
    assert log.count_droppable([40, 59]) == 40
    assert log.count_droppable([39, 59]) == 0
    assert Log((0, 1), ()).count_droppable([0, 1]) == 0
    assert Log((0, 1), ()).count_since_checkpoint() == 2
