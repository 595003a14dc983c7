"""Upkeep that is killed at any of its writes has not happened: the lake reads as before, and the week can run again."""

import shutil
from pathlib import Path

from killing import Killer

from tasks.lake import open_lake

WEEKS = 8
WEEK = "upkept:run_week"


def read(home: Path) -> tuple[list[int], list[int]]:
    lake = open_lake(str(home))
    one, other = (sorted(lake.table(name).to_pandas()["n"]) for name in ("snapshots", "suppressions"))
    return one, other


def test_killed_after_each_of_its_writes(tmp_path: Path) -> None:
    home, whole = tmp_path / "var", tmp_path / "whole"
    with Killer(imports=("tasks.maintenance",)) as killer:
        for week in range(WEEKS):
            done = killer.run(WEEK, str(home), str(week))
            assert done.code == 0, done.err
        shutil.copytree(home, whole)
        moments = killer.watch(WEEK, str(whole), str(WEEKS))
        writes = [moment for moment in moments if moment.writes and moment.where.startswith("after")]
        passed = {moment.where.removeprefix("after Delta's ") for moment in writes}
        assert {"compact_optimize", "vacuum"} <= passed
        assert passed & {"create_checkpoint", "cleanup_metadata"}
        before = (list(range(WEEKS)), [WEEKS - 1])
        for number, moment in enumerate(writes[:-1]):
            copy = tmp_path / str(number)
            shutil.copytree(home, copy)
            assert killer.kill_at(moment, WEEK, str(copy), str(WEEKS)).was_killed, str(moment)
            assert read(copy) == before, str(moment)
            again = killer.run(WEEK, str(copy), str(WEEKS))
            assert again.code == 0, again.err
            assert read(copy) == (list(range(WEEKS + 1)), [WEEKS]), str(moment)
            shutil.rmtree(copy)
