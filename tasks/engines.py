"""The engines: DuckDB in process, and PySpark for rollups and factors when one machine is not enough.

Both run the same Ibis expressions. Raw sources are always mapped, and the lake always written, with DuckDB.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ibis
import pyarrow
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

APPLICATION = "segmentwerk"
_BATCH = 200_000
_MEMORY = r"^(\d+ ?[KMGT]i?B)?$"
# What an expression means must not depend on whose session it runs in.
_MEANING = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}
_QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
# Set by spark-submit, Spark Connect and Databricks, which choose the cluster themselves.
_CLUSTER_VARIABLES = ("PYSPARK_GATEWAY_PORT", "SPARK_REMOTE", "DATABRICKS_RUNTIME_VERSION")


class EngineError(RuntimeError):
    """The engine asked for cannot be had here; the message says what is missing and how to get it."""


class EngineSettings(BaseModel):
    """`[engine]`: what rollups and factors run on, and how much of this machine an engine may take.

    Attributes:
        name: `duckdb`, in this process, or `spark`.
        memory: what an engine in this process may keep in memory before it spills, such as "1500MB" or "8GB";
            empty leaves it to the engine.
        threads: how many cores an engine in this process uses; None: all of them.
        master: the Spark cluster: `spark://…`, `yarn`, `local[4]`, or `sc://…` for Spark Connect. None: the
            session there is (a notebook's, Databricks', spark-submit's), or else this machine.
        options: further options of the Spark session, by their own names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["duckdb", "spark"] = "duckdb"
    memory: str | None = Field(default="1500MB", pattern=_MEMORY)
    threads: int | None = Field(default=None, ge=1)
    master: str | None = None
    options: dict[str, str] = {}

    @property
    def is_local_spark(self) -> bool:
        """Whether Spark runs in a process of our own on this machine."""
        if self.master is None:
            return not any(variable in os.environ for variable in _CLUSTER_VARIABLES)
        return self.master.startswith("local")


def connect_engine(
    settings: EngineSettings = EngineSettings(),  # noqa: B008 - frozen
    *,
    scratch: str | None = None,
) -> ibis.BaseBackend:
    """A DuckDB in process, in UTC, which spills to `scratch` (a folder) when memory runs short."""
    engine = ibis.duckdb.connect()
    options: dict[str, str | int | None] = {
        "TimeZone": "UTC",
        "enable_progress_bar": "false",
        "memory_limit": settings.memory,
        "threads": settings.threads,
        "temp_directory": scratch,
        # Nothing is fetched from elsewhere, whatever a statement asks for.
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
    }
    for name, value in options.items():
        if value:
            engine.raw_sql(f"SET {name} = {_quote(str(value))}")
    return engine


def connect_analytics(settings: EngineSettings, duckdb_engine: ibis.BaseBackend) -> ibis.BaseBackend:
    """What rollups and factors run on: `duckdb_engine` itself, or a Spark session in UTC.

    Raises:
        EngineError: PySpark or Java is missing, or the session cannot be opened.
    """
    if settings.name == "duckdb":
        return duckdb_engine
    return ibis.pyspark.connect(_open_session(settings))


def stop_engine(engine: ibis.BaseBackend) -> None:
    """Stop the Spark session if it is ours; one that was there before us, and DuckDB, are left alone."""
    if engine.name != "pyspark":
        return
    session: Any = engine._session
    if session.conf.get("spark.app.name", "") == APPLICATION:
        session.stop()


def read_parquet(
    engine: ibis.BaseBackend, files: Sequence[str], schema: pyarrow.Schema | None = None
) -> ibis.Table:
    """Parquet files as one table, with the same columns and types on either engine.

    Args:
        files: paths or URIs; columns are matched by name, and null in a file that lacks them.
        schema: the columns to read, in order, each cast to its type; None: all the files have. Needed where
            there are no files.

    Timestamps are moments in UTC.
    """
    wanted = None if schema is None else _plain(schema)
    if not files and wanted is None:
        raise ValueError("a table without files needs a schema")
    # One view for the same files, however often they are read.
    name = f"parquet_{hashlib.sha256(repr((list(files), wanted)).encode()).hexdigest()[:24]}"
    read = _read_with_spark if engine.name == "pyspark" else _read_with_duckdb
    table = read(engine, files, name=name, schema=wanted)
    columns = table.schema() if wanted is None else wanted
    return table.select(**{column: _typed(table, column, kind) for column, kind in columns.items()})


def fetch_rows(table: ibis.Table, *, batch: int = _BATCH) -> pyarrow.RecordBatchReader:
    """The rows of an expression as Arrow batches of at most `batch` rows, of the same types from either engine.

    DuckDB streams them; Spark hands them all over at once, so ask it for a month at a time where there are many.
    """
    engine = ibis.get_backend(table)
    schema = table.schema().to_pyarrow()
    if engine.name != "pyspark":
        return table.to_pyarrow_batches(chunk_size=batch).cast(schema)
    engine._run_pre_execute_hooks(table)
    rows = engine._session.sql(engine.compile(table)).toArrow()
    return pyarrow.RecordBatchReader.from_batches(schema, rows.cast(schema).to_batches(max_chunksize=batch))


def keep_rows(rows: ibis.Table) -> ibis.Table:
    """The rows computed once and kept in the engine, which spills them to disk where they are many."""
    engine = ibis.get_backend(rows)
    if engine.name == "pyspark":
        # Caching, unlike executing, does not tell Spark about tables in memory by itself.
        engine._run_pre_execute_hooks(rows)
    return rows.cache()


def drop_zone(moment: ibis.expr.types.TimestampValue) -> ibis.expr.types.TimestampValue:
    """A moment as a timestamp in UTC that names no zone, where that makes arithmetic with it cheaper.

    DuckDB asks its calendar library about each value that names one: a day costs eight times as much.
    """
    if ibis.get_backend(moment).name != "duckdb":
        return moment
    return make_timestamp(epoch_us(moment))


@ibis.udf.scalar.builtin(signature=(("timestamp('UTC')",), "int64"))
def epoch_us(moment: Any) -> Any:
    """DuckDB's own: microseconds since 1970."""


@ibis.udf.scalar.builtin(signature=(("int64",), "timestamp"))
def make_timestamp(microseconds: Any) -> Any:
    """DuckDB's own: the timestamp so many microseconds after 1970."""


def _open_session(settings: EngineSettings) -> SparkSession:
    if find_spec("pyspark") is None:
        raise EngineError('engine.name is "spark", but PySpark is missing: pip install "segmentwerk[spark]"')
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession() if settings.master is None else None
    if session is None:
        if settings.is_local_spark and not _has_java():
            raise EngineError(
                'engine.name is "spark", but there is no Java on this machine: install Java 17 or later and put it '
                "on the PATH or into JAVA_HOME"
            )
        builder = SparkSession.builder.appName(APPLICATION).config(map=_session_options(settings))
        if settings.master and settings.master.startswith("sc://"):
            builder = builder.remote(settings.master)
        elif settings.master or settings.is_local_spark:
            builder = builder.master(settings.master or f"local[{settings.threads or '*'}]")
        try:
            session = builder.getOrCreate()
        except (PySparkException, OSError) as error:
            where = settings.master or "this machine"
            reason = str(error).splitlines()[0]
            raise EngineError(f"no Spark session on {where}: {reason}; look at engine.master") from error
    for name, value in (_MEANING | settings.options).items():
        if session.conf.isModifiable(name):
            session.conf.set(name, value)
    return session


def _session_options(settings: EngineSettings) -> dict[str, Any]:
    options: dict[str, Any] = _MEANING | {"spark.sql.execution.arrow.pyspark.enabled": "true"}
    if settings.is_local_spark:
        threads = settings.threads or os.cpu_count() or 1
        options |= _QUIET | {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.maxResultSize": "0",
            # Spark's 200 are meant for a cluster; here each costs more than the rows in it.
            "spark.sql.shuffle.partitions": str(threads),
        }
        if settings.memory:
            options["spark.driver.memory"] = re.sub(r" ?([KMGT])i?B", r"\1", settings.memory).lower()
    return options | settings.options


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return (Path(home) / "bin" / "java").exists() if home else shutil.which("java") is not None


def _read_with_duckdb(
    engine: Any, files: Sequence[str], *, name: str, schema: ibis.Schema | None
) -> ibis.Table:
    if not files:
        return engine.create_table(name, schema=schema, temp=True, overwrite=True)
    return engine.read_parquet(list(files), table_name=name, union_by_name=True, hive_partitioning=False)


def _read_with_spark(
    engine: Any, files: Sequence[str], *, name: str, schema: ibis.Schema | None
) -> ibis.Table:
    session: SparkSession = engine._session
    if files:
        frame = session.read.option("mergeSchema", "true").parquet(*map(_escape, files))
    else:
        from ibis.backends.pyspark.datatypes import PySparkSchema

        frame = session.createDataFrame([], PySparkSchema.from_ibis(schema))
    frame.createOrReplaceTempView(name)
    return engine.table(name)


def _escape(path: str) -> str:
    """Spark takes every path for a pattern."""
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", path)


def _typed(table: ibis.Table, column: str, kind: ibis.expr.datatypes.DataType) -> ibis.Value:
    if column not in table.columns:
        return ibis.null(kind)
    # To Spark every timestamp is a moment; Ibis reads that as one without a timezone.
    moment = ibis.dtype("timestamp('UTC')", nullable=kind.nullable)
    return table[column].cast(moment if kind.is_timestamp() else kind)


def _plain(schema: pyarrow.Schema) -> ibis.Schema:
    """The schema in types both engines have; Delta may hand out views and large strings."""
    plain = {"string_view": pyarrow.string(), "large_string": pyarrow.string()}
    fields = [pyarrow.field(f.name, plain.get(str(f.type), f.type)) for f in schema]
    return ibis.Schema.from_pyarrow(pyarrow.schema(fields))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
