"""What the sources have delivered, and which of it has been taken in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow
from duckdb import DuckDBPyConnection

from models.mapping import Source
from tasks.lake import Lake
from tasks.sources import (
    Delivery,
    Scan,
    SourceError,
    find_delivery_reader,
    has_changed,
    list_deliveries,
    scan_delivery,
)

_DELIVERIES = pyarrow.schema(
    [
        ("source", pyarrow.string()),
        ("path", pyarrow.string()),
        ("fingerprint", pyarrow.string()),
        ("columns", pyarrow.string()),
        ("rows", pyarrow.int64()),
        ("taken_in_at", pyarrow.timestamp("us", "UTC")),
    ]
)


@dataclass(slots=True)
class Ledger:
    """What has been taken in before, and what this run adds to it.

    Attributes:
        latest: when the last of it was taken in, as its run's clock said.
    """

    known: dict[tuple[str, str], str] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    new: list[dict[str, object]] = field(default_factory=list)
    latest: datetime | None = None

    def record(self, delivery: Delivery, *, fingerprint: str, columns: dict[str, str], rows: int) -> None:
        """Note that a delivery is taken in by this run."""
        self.new.append(
            {
                "source": delivery.source, "path": delivery.name, "fingerprint": fingerprint,
                "columns": json.dumps(columns), "rows": rows, "taken_in_at": self._date_entry(),
            }
        )  # fmt: skip
        if columns:
            self.columns[delivery.source] = columns

    def _date_entry(self) -> datetime:
        """Now, but after every earlier run's: what a database was asked for last is told by it, and clocks jump."""
        now = datetime.now(UTC).replace(microsecond=0)
        return now if self.latest is None else max(now, self.latest + timedelta(seconds=1))


def name_batch(delivery: Delivery, *, attempt: int, is_file: bool) -> str:
    """The id by which a table's transactions know a delivery that was taken in.

    A file is the same whenever it is read; what a database answers is new each time.
    """
    name = f"{delivery.source}/{delivery.name}@{delivery.fingerprint}"
    return name if is_file else f"{name}#{attempt}"


def read_ledger(lake: Lake) -> Ledger:
    """Deliveries taken in by finished runs, with the columns each source had last."""
    ledger = Ledger()
    if lake.has("deliveries"):
        for row in lake.table("deliveries").order_by("taken_in_at", "path").to_pyarrow().to_pylist():
            ledger.known[row["source"], row["path"]] = row["fingerprint"]
            ledger.latest = row["taken_in_at"]
            if row["columns"]:
                ledger.columns[row["source"]] = json.loads(row["columns"])
    return ledger


def list_waiting(source: Source, ledger: Ledger, *, base: str) -> tuple[list[Delivery], int]:
    """The deliveries of a source that are new or have changed, and how many it has in all.

    A database can always have something new; what it was asked for last is the delivery's fingerprint.
    """
    if source.query is not None:
        name = _name_query(source)
        since = ledger.known.get((source.name, name), "")
        return [Delivery(source.name, name, name, since, datetime.now(UTC).replace(microsecond=0))], 1
    found = list_deliveries(source, base=base)
    new = [d for d in found if ledger.known.get((d.source, d.name)) != d.fingerprint]
    return new, len(found)


@dataclass(slots=True)
class Reading:
    """A delivery that is being read, stretch by stretch.

    Attributes:
        scans: how to read each stretch.
        fingerprint: what the delivery is remembered by; of a database known when the last stretch is read.
        sparse: whether columns may be left out of a whole delivery.
    """

    scans: Iterator[Scan]
    fingerprint: str
    sparse: bool = False


def open_delivery(con: DuckDBPyConnection, source: Source, delivery: Delivery) -> Reading:
    """Begin to read a delivery. The scans are to be used one after the other.

    Raises:
        SourceError: it cannot be read; or, with the last scan, it was written to while it was read.
    """
    if source.query is None:
        reading = Reading(iter(()), delivery.fingerprint, sparse=find_delivery_reader(delivery).sparse)
        reading.scans = _scan_file(con, delivery)
    else:
        reading = Reading(iter(()), delivery.fingerprint)
        reading.scans = _scan_database(con, source, reading)
    return reading


def _scan_file(con: DuckDBPyConnection, delivery: Delivery) -> Iterator[Scan]:
    yield scan_delivery(con, delivery)
    if has_changed(delivery):
        raise SourceError(
            f"sources.{delivery.source}: {delivery.name} changed while it was read; run this again when it is whole"
        )


def _scan_database(con: DuckDBPyConnection, source: Source, reading: Reading) -> Iterator[Scan]:
    from tasks.sources.sql import read_query

    try:
        rows = read_query(
            connection=_connection(source), query=str(source.query), watermark=source.watermark,
            since=reading.fingerprint or None,
        )  # fmt: skip
        for chunk in rows:
            con.register("database_rows", chunk)
            yield Scan("SELECT * FROM database_rows")
            con.unregister("database_rows")
    except SourceError as error:
        raise SourceError(f"sources.{source.name}: {error}") from error
    reading.fingerprint = rows.latest_watermark or reading.fingerprint


def preview_delivery(con: DuckDBPyConnection, source: Source, *, base: str, rows: int) -> tuple[Scan, int]:
    """How to read the first rows of a source's newest delivery, and how many deliveries it has."""
    if source.query is None:
        found = list_deliveries(source, base=base)
        return scan_delivery(con, found[-1]), len(found)
    from tasks.sources.sql import read_query

    try:
        answer = read_query(connection=_connection(source), query=source.query, chunk_rows=rows)
        con.register("database_rows", next(answer).slice(0, rows))
        answer.close()
    except StopIteration:
        raise SourceError(f"sources.{source.name}: the query gives no rows") from None
    except SourceError as error:
        raise SourceError(f"sources.{source.name}: {error}") from error
    return Scan("SELECT * FROM database_rows"), 1


def _connection(source: Source) -> str:
    return source.connection.get_secret_value() if source.connection else ""


def _name_query(source: Source) -> str:
    from tasks.sources.sql import name_query

    try:
        name = name_query(_connection(source), str(source.query))
    except SourceError as error:
        raise SourceError(f"sources.{source.name}: {error}") from error
    return f"{name} by {source.watermark}" if source.watermark else name


def remember(lake: Lake, ledger: Ledger) -> None:
    """Write down what this run has taken in."""
    if ledger.new:
        lake.append("deliveries", pyarrow.Table.from_pylist(ledger.new, schema=_DELIVERIES))
