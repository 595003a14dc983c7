"""Lakes of earlier programs are migrated by their next writer and read meanwhile; those of later ones are refused."""

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow
import pytest
from deltalake import DeltaTable, write_deltalake
from lake_contents import assert_same_contents, read_contents
from old_lakes import FIXTURES, LAST_DAY, deliver_next_week, unpack_old_lake

from flows.settings import load_settings
from tasks import lake_schema
from tasks.lake import begin_run, open_lake, write_lake
from tasks.lake_schema import MIGRATING_FLOW, SCHEMA_VERSION, LakeSchemaError, check_schema

DAY = date(2026, 11, 16)
SCHEMAS = range(1, SCHEMA_VERSION + 1)
ROWS = pyarrow.table({"n": [1, 2]})


def write_runs_of(home: Path, schema: int) -> None:
    """Make the last run of a lake one that says it was written in that schema."""
    rows = DeltaTable(f"{home}/lake/runs").to_pyarrow_table()
    place = rows.schema.get_field_index("schema_version")
    changed = rows.set_column(place, "schema_version", pyarrow.array([schema] * len(rows), pyarrow.int64()))
    write_deltalake(f"{home}/lake/runs", changed, mode="overwrite")


def test_a_fixture_of_every_schema_is_kept_and_small() -> None:
    sizes = {path.name: path.stat().st_size for path in FIXTURES.glob("lake_schema_*.tar.xz")}
    assert set(sizes) == {f"lake_schema_{schema}.tar.xz" for schema in SCHEMAS}
    assert max(sizes.values()) <= 300_000


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_lake_is_read_as_it_is(schema: int, tmp_path: Path) -> None:
    unpack_old_lake(schema, tmp_path)
    before = sorted(path.name for path in (tmp_path / "var" / "lake" / "runs").rglob("*"))
    lake = open_lake(str(tmp_path / "var"))
    assert lake.schema_version == schema
    assert lake.runs()["flow"].to_pylist() == ["weekly-retrain"]
    assert int(lake.table("segments").count().execute()) > 50
    assert sorted(path.name for path in (tmp_path / "var" / "lake" / "runs").rglob("*")) == before


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_lake_is_migrated_and_loses_nothing(schema: int, tmp_path: Path) -> None:
    unpack_old_lake(schema, tmp_path)
    home = tmp_path / "var"
    before = read_contents(home)
    with write_lake(str(home)) as lake:
        assert lake.schema_version == SCHEMA_VERSION
    after = open_lake(str(home))
    assert after.schema_version == SCHEMA_VERSION
    assert_same_contents(read_contents(home), before)
    migrated = [SCHEMA_VERSION] * 2 if schema < SCHEMA_VERSION else [schema]
    assert after.runs()["schema_version"].to_pylist()[-1] == SCHEMA_VERSION
    assert len(after.runs()) == len(migrated)
    weekly = after.runs().to_pylist()[0]
    assert json.loads(weekly["metrics"])["stages"] == json.loads(weekly["summary"])["seconds"]
    with write_lake(str(home)):
        pass
    assert len(open_lake(str(home)).runs()) == len(migrated)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_shop_goes_on_as_if_nothing_had_changed(
    schema: int, prefect_server: None, tmp_path: Path
) -> None:
    from flows.daily_score import daily_score

    config = unpack_old_lake(schema, tmp_path)
    before = read_contents(tmp_path / "var")
    deliver_next_week(tmp_path)
    summary = daily_score(config=str(config), as_of=LAST_DAY)
    after = read_contents(tmp_path / "var")
    assert summary["champion_version"] == "1"
    assert summary["customers"] == (after["segments"]["as_of"] == pd.Timestamp(LAST_DAY)).sum() > 0
    of_events = {source.name for source in load_settings(config).sources if source.table == "events"}
    by_source = summary["ingest"]["by_source"]
    added = sum(by_source[name]["accepted"] for name in of_events & set(by_source))
    assert len(after["events"]) == len(before["events"]) + added
    assert added > 0
    for name, day in (("segments", "as_of"), ("features", "as_of")):
        kept = after[name][after[name][day] < pd.Timestamp(LAST_DAY)].reset_index(drop=True)
        assert_same_contents({name: kept}, {name: before[name]})


def test_a_newer_lake_is_refused_by_readers_and_writers_and_left_alone(tmp_path: Path) -> None:
    with write_lake(str(tmp_path)) as lake:
        lake.append("snapshots", ROWS)
        lake.commit(begin_run("weekly-retrain", DAY), {})
    write_runs_of(tmp_path, SCHEMA_VERSION + 1)
    version = DeltaTable(f"{tmp_path}/lake/snapshots").version()
    told = rf"newer Segmentwerk \(schema {SCHEMA_VERSION + 1}; this one knows {SCHEMA_VERSION}\): update"
    with pytest.raises(LakeSchemaError, match=told):
        open_lake(str(tmp_path))
    with pytest.raises(LakeSchemaError, match=told), write_lake(str(tmp_path)):
        pass
    assert DeltaTable(f"{tmp_path}/lake/snapshots").version() == version


def test_readers_of_a_lake_too_old_are_told_what_migrates_it() -> None:
    with pytest.raises(
        LakeSchemaError, match="is of schema 1, which is read from schema 2 on: run `segmentwerk"
    ):
        check_schema(1, root="var/lake", known=3, oldest=2)
    check_schema(2, root="var/lake", known=3, oldest=2)


def test_every_step_has_its_migration() -> None:
    assert sorted(lake_schema.MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def test_a_migration_that_dies_has_not_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack_old_lake(1, tmp_path)
    home = tmp_path / "var"
    before = read_contents(home)

    def break_off(lake: object, rows: pyarrow.Table) -> pyarrow.Table:
        lake.overwrite("snapshots", ROWS)  # type: ignore[attr-defined]
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setitem(lake_schema.MIGRATIONS, 1, break_off)
        with pytest.raises(OSError, match="disk is full"), write_lake(str(home)):
            pass
    assert open_lake(str(home)).schema_version == 1
    assert_same_contents(read_contents(home), before)
    with write_lake(str(home)):
        pass
    assert_same_contents(read_contents(home), before)
    assert open_lake(str(home)).runs()["flow"].to_pylist()[-1] == MIGRATING_FLOW
