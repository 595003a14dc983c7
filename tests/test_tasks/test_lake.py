"""A failed run is never seen, and what it left behind is undone by the next writer."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow
import pytest

from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.lake_lock import LakeBusyError

DAY = date(2026, 11, 16)


def rows(*numbers: int) -> pyarrow.Table:
    moment = datetime(2026, 11, 16, 12, tzinfo=UTC)
    return pyarrow.table(
        {
            "customer_id": pyarrow.array([f"c{n}" for n in numbers], pyarrow.string()),
            "n": pyarrow.array(numbers, pyarrow.int64()),
            "occurred_at": pyarrow.array([moment] * len(numbers), pyarrow.timestamp("us", "UTC")),
            "as_of": pyarrow.array([DAY] * len(numbers), pyarrow.date32()),
        }
    )


def numbers(lake: Lake, table: str = "snapshots") -> list[int]:
    return sorted(lake.table(table).to_pandas()["n"])


def write(home: Path, *values: int, commit: bool = True, table: str = "snapshots") -> None:
    with write_lake(str(home)) as lake:
        lake.append(table, rows(*values))
        if commit:
            lake.commit(begin_run("weekly-retrain", DAY), {"note": "x"})


def test_what_a_finished_run_wrote_is_read_back(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    lake = open_lake(str(tmp_path))
    assert numbers(lake) == [1, 2]
    assert str(lake.table("snapshots").schema()["occurred_at"]) == "timestamp('UTC', 6)"
    assert lake.runs()["flow"].to_pylist() == ["weekly-retrain"]


def test_a_run_that_died_is_not_seen_and_is_undone(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, commit=False)
    write(tmp_path, 7, commit=False, table="suppressions")
    reader = open_lake(str(tmp_path))
    assert numbers(reader) == [1]
    assert not reader.has("suppressions")
    write(tmp_path, 3)
    write(tmp_path, 8, table="suppressions")
    assert numbers(open_lake(str(tmp_path))) == [1, 3]
    assert numbers(open_lake(str(tmp_path)), "suppressions") == [8]


def test_a_reader_keeps_its_view_while_others_write(tmp_path: Path) -> None:
    write(tmp_path, 1)
    reader = open_lake(str(tmp_path))
    write(tmp_path, 2)
    assert numbers(reader) == [1]


def test_a_run_that_dies_at_a_checkpoint_is_undone(tmp_path: Path) -> None:
    for n in range(98):
        write(tmp_path, n)
    for n in (98, 99, 100):
        write(tmp_path, n, commit=False)
        assert numbers(open_lake(str(tmp_path))) == list(range(98))
    write(tmp_path, 1000)
    assert numbers(open_lake(str(tmp_path))) == [*range(98), 1000]


def test_a_table_without_rows_has_a_name_in_sql(tmp_path: Path) -> None:
    write(tmp_path)
    lake = open_lake(str(tmp_path))
    assert lake.engine.con.execute(f"SELECT count(*) FROM {lake.relation('snapshots')}").fetchone() == (0,)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with write_lake(str(tmp_path)), pytest.raises(LakeBusyError, match="another run is writing"):
        write(tmp_path, 1)
    write(tmp_path, 1)


def test_overwriting_a_part_leaves_the_rest(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    with write_lake(str(tmp_path)) as lake:
        lake.overwrite("snapshots", rows(9), where="n >= 2")
        assert numbers(lake) == [1, 9]
        lake.overwrite("snapshots", rows())
        assert numbers(lake) == []
        assert lake.table("snapshots").schema().names == tuple(rows().schema.names)


def test_removed_customers_leave_the_others(tmp_path: Path) -> None:
    with write_lake(str(tmp_path)) as lake:
        lake.append("snapshots", rows(1, 2, 3))
        assert lake.remove_customers("snapshots", pyarrow.table({"customer_id": ["c3", "c9"]})) == 1
        assert numbers(lake) == [1, 2]


def test_a_missing_table_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no table 'snapshots' yet; run `segmentwerk ingest` first"):
        open_lake(str(tmp_path)).table("snapshots")
