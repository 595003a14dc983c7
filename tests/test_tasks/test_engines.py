"""The engines are what the configuration says, read the same tables, and say what is missing."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import ibis
import pyarrow
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from flows.settings import load_settings
from tasks import engines
from tasks.engines import (
    EngineError,
    EngineSettings,
    connect_analytics,
    connect_engine,
    fetch_rows,
    read_parquet,
    stop_engine,
)

ROWS = pyarrow.table(
    {
        "at": pyarrow.array(
            [datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), None], pyarrow.timestamp("us", "UTC")
        ),
        "day": pyarrow.array([date(1969, 12, 31), None]),
        "small": pyarrow.array([2**31 - 1, None], pyarrow.int32()),
        "large": pyarrow.array([2**62 + 1, None], pyarrow.int64()),
        "share": pyarrow.array([0.1, None], pyarrow.float64()),
        "known": pyarrow.array([False, None]),
        "name": pyarrow.array(["é 🫖", None]),
    }
)
OTHER = pyarrow.table({"name": ["later"], "more": [1.5]})
CONFIG = """
[engine]
memory = "4GB"
[[sources]]
name = "web"
path = "web.csv"
keys = { email = "email" }
columns = { occurred_at = "ts", kind = "'page_view'" }
"""
SESSIONS = """
import pyspark
from pyspark.sql import SparkSession
from tasks.engines import EngineSettings, connect_analytics, stop_engine

settings = EngineSettings(name="spark", threads=1, options={"spark.sql.shuffle.partitions": "3"})
own = connect_analytics(settings, None)
print(own._session.conf.get("spark.master"), own._session.conf.get("spark.sql.shuffle.partitions"))
stop_engine(own)
print(SparkSession.getActiveSession())
notebook = SparkSession.builder.master("local[1]").appName("notebook").getOrCreate()
borrowed = connect_analytics(EngineSettings(name="spark"), None)
stop_engine(borrowed)
print(borrowed._session is notebook, notebook.range(3).count(), notebook.conf.get("spark.sql.session.timeZone"))
notebook.stop()
"""


def connect(name: str) -> ibis.BaseBackend:
    try:
        return connect_analytics(EngineSettings.model_validate({"name": name}), connect_engine())
    except EngineError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.long)])
def engine(request: pytest.FixtureRequest) -> ibis.BaseBackend:
    return connect(request.param)


def write_rows(folder: Path, *tables: pyarrow.Table) -> list[str]:
    files = [str(folder / f"part-{number}.parquet") for number in range(len(tables))]
    for file, table in zip(files, tables, strict=True):
        pyarrow.parquet.write_table(table, file)
    return files


def test_values_and_types_arrive_as_they_were_written(engine: ibis.BaseBackend, tmp_path: Path) -> None:
    table = read_parquet(engine, write_rows(tmp_path, ROWS))
    assert ibis.get_backend(table) is engine
    found = fetch_rows(table).read_all()
    assert found.schema.equals(ROWS.schema)
    assert found.sort_by("small").to_pydict() == ROWS.to_pydict()


def test_files_with_other_columns_are_matched_by_name(engine: ibis.BaseBackend, tmp_path: Path) -> None:
    files = write_rows(tmp_path, ROWS.select(["name", "small"]), OTHER)
    found = read_parquet(engine, files).order_by(ibis._.more.isnull(), "small").to_pandas()
    assert found["name"].fillna("").tolist() == ["later", "é 🫖", ""]
    assert found["more"].isna().tolist() == [False, True, True]


def test_schema_chooses_orders_and_casts_the_columns(engine: ibis.BaseBackend, tmp_path: Path) -> None:
    schema = pyarrow.schema(
        [("absent", pyarrow.float64()), ("small", pyarrow.int64()), ("name", pyarrow.string_view())]
    )
    found = fetch_rows(read_parquet(engine, write_rows(tmp_path, ROWS), schema)).read_all()
    assert [(f.name, str(f.type)) for f in found.schema] == [
        ("absent", "double"), ("small", "int64"), ("name", "string"),
    ]  # fmt: skip
    assert found["absent"].null_count == 2
    assert set(found["small"].to_pylist()) == {2**31 - 1, None}


def test_a_table_without_files_is_empty_with_its_schema(engine: ibis.BaseBackend) -> None:
    found = fetch_rows(read_parquet(engine, [], ROWS.schema)).read_all()
    assert len(found) == 0
    assert found.schema.equals(ROWS.schema)
    with pytest.raises(ValueError, match="needs a schema"):
        read_parquet(engine, [])


def test_partition_folders_add_no_column(engine: ibis.BaseBackend, tmp_path: Path) -> None:
    folder = tmp_path / "month=202611"
    folder.mkdir()
    assert read_parquet(engine, write_rows(folder, OTHER)).columns == ("name", "more")


def test_reading_the_same_files_again_leaves_no_further_view(
    engine: ibis.BaseBackend, tmp_path: Path
) -> None:
    files = write_rows(tmp_path, OTHER)
    read_parquet(engine, files)
    before = engine.list_tables()
    read_parquet(engine, files)
    assert engine.list_tables() == before


def test_rows_come_in_batches(engine: ibis.BaseBackend, tmp_path: Path) -> None:
    rows = pyarrow.table({"number": list(range(5000))})
    table = read_parquet(engine, write_rows(tmp_path, rows))
    batches = list(fetch_rows(table, batch=2048))
    assert max(len(batch) for batch in batches) <= 2048
    assert sum(pyarrow.compute.sum(batch["number"]).as_py() for batch in batches) == 5000 * 4999 // 2


def test_duckdb_keeps_to_utc_and_to_its_share_of_the_machine(tmp_path: Path) -> None:
    scratch = tmp_path / "the shop's scratch"
    engine = connect_engine(EngineSettings(memory="256 MiB", threads=1), scratch=str(scratch))
    names = ("TimeZone", "memory_limit", "threads", "temp_directory")
    query = ", ".join(f"current_setting('{name}')" for name in names)
    assert engine.raw_sql(f"select {query}").fetchone() == ("UTC", "256.0 MiB", 1, str(scratch))
    assert connect_analytics(EngineSettings(), engine) is engine
    stop_engine(engine)
    assert engine.raw_sql("select 1").fetchone() == (1,)


def test_the_environment_changes_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(CONFIG, encoding="utf-8")
    assert load_settings(config).engine == EngineSettings(memory="4GB")
    monkeypatch.setenv("SEGMENTWERK_ENGINE__NAME", "spark")
    monkeypatch.setenv("SEGMENTWERK_ENGINE__OPTIONS", '{"spark.sql.shuffle.partitions": "64"}')
    changed = EngineSettings(name="spark", memory="4GB", options={"spark.sql.shuffle.partitions": "64"})
    assert load_settings(config).engine == changed


@pytest.mark.parametrize(
    "wrong",
    [{"name": "polars"}, {"memory": "much"}, {"threads": 0}, {"cores": 2}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_refuse_what_no_engine_knows(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EngineSettings.model_validate(wrong)


def test_spark_without_java_or_pyspark_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = EngineSettings(name="spark", master="local[1]")
    monkeypatch.setattr(engines, "find_spec", lambda _name: None)
    with pytest.raises(EngineError, match=r'pip install "segmentwerk\[spark\]"$'):
        connect_analytics(settings, connect_engine())
    monkeypatch.undo()
    pytest.importorskip("pyspark")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match="install Java 17"):
        connect_analytics(settings, connect_engine())


def test_spark_is_local_unless_a_cluster_is_named_or_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PYSPARK_GATEWAY_PORT", "SPARK_REMOTE", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(variable, raising=False)
    assert EngineSettings(name="spark").is_local_spark
    assert EngineSettings(name="spark", master="local[2]").is_local_spark
    assert not EngineSettings(name="spark", master="sc://cluster:15002").is_local_spark
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert not EngineSettings(name="spark").is_local_spark


@pytest.mark.long
def test_our_session_is_stopped_and_a_notebooks_is_left() -> None:
    connect("spark")
    done = subprocess.run(
        [sys.executable, "-c", SESSIONS], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.splitlines() == ["local[1] 3", "None", "True 3 UTC"]
