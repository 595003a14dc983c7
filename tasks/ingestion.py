"""Sources into the lake: read, map, check, join to customers, and add what is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.identity import resolve_identities
from models.mapping import Source
from models.rollups import end_of_day
from models.schemas import EVENT_KINDS, PERSON_TABLES, UPSERT_KEYS, list_columns
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.progress import report
from tasks.sources import Delivery, SourceError, list_deliveries
from tasks.staging import Staged, create_staging, stage_source

CLOCK_TOLERANCE = timedelta(days=1)
_BATCH = 200_000
# Other runs, such as a bare ingestion or a rollback, close no day.
REPORTING_FLOWS = ("weekly-retrain", "daily-score")
_CUSTOMER_TABLES = ("events", "assignments", "segments", "features", "snapshots")


@dataclass(slots=True)
class SourceCount:
    """Rows of one source: read = accepted + duplicates + quarantined + filtered."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    filtered: int = 0
    late: int = 0


@dataclass(slots=True)
class Intake:
    """What one ingestion did, by source, and what a person should know about it."""

    by_source: dict[str, SourceCount] = field(default_factory=dict)
    merges: int = 0
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        total = {
            name: sum(getattr(c, name) for c in self.by_source.values()) for name in SourceCount.__slots__
        }
        return {
            **total,
            "by_source": {name: asdict(count) for name, count in sorted(self.by_source.items())},
            "merges": self.merges,
            "warnings": self.warnings,
        }


@task(name="ingest", cache_policy=NO_CACHE, persist_result=False)
def ingest_sources(
    lake: Lake,
    sources: Sequence[Source],
    *,
    base: str,
    secret: bytes,
    timezone: str,
    extra_kinds: Iterable[str] = (),
) -> Intake:
    """Take in every file that has not been taken in before, and say what became of its rows.

    Raises:
        SourceError: a source cannot be read, or more of its rows are bad than its `max_bad_share` allows;
            nothing has been written then.
    """
    con = lake.engine.con
    intake = Intake(by_source={source.name: SourceCount() for source in sources})
    waiting = _list_new_deliveries(lake, sources, base=base, intake=intake)
    kinds = (*EVENT_KINDS, *extra_kinds)
    latest = datetime.now(UTC) + CLOCK_TOLERANCE
    for table in UPSERT_KEYS:
        create_staging(con, table)
    for source in sources:
        files = waiting[source.name]
        if not files:
            continue
        report(f"reading {source.name}")
        staged = stage_source(con, source, files, secret=secret, latest=latest, kinds=kinds)
        _refuse_bad_source(source, staged)
        count = intake.by_source[source.name]
        count.read, count.quarantined = staged.read, staged.bad
        count.filtered = staged.filtered + _set_aside_forgotten(lake, source)
        if staged.read == 0:
            intake.warnings.append(f"sources.{source.name}: {len(files)} new file(s) hold no rows")
    if any(waiting.values()):
        _join_customers(lake, intake)
        _add_events(lake, intake, closed=_closed_until(lake, timezone=timezone))
        for table in ("campaigns", "costs", "assignments"):
            _upsert(lake, table, intake)
        _update_customers(lake, intake)
        _quarantine(lake)
        _remember_deliveries(lake, waiting)
    _check_balance(intake)
    _drop_staging(con)
    total = intake.to_dict()
    get_logger().info(
        "ingested: %(read)d read, %(accepted)d accepted, %(duplicates)d duplicates, %(quarantined)d quarantined",
        total,
    )
    return intake


def _list_new_deliveries(
    lake: Lake, sources: Sequence[Source], *, base: str, intake: Intake
) -> dict[str, list[Delivery]]:
    known: set[tuple[str, str, str]] = set()
    if lake.has("deliveries"):
        rows = lake.table("deliveries").select("source", "path", "fingerprint").to_pyarrow().to_pydict()
        known = set(zip(rows["source"], rows["path"], rows["fingerprint"], strict=True))
    waiting: dict[str, list[Delivery]] = {}
    for source in sources:
        found = list_deliveries(source, base=base)
        new = [d for d in found if (d.source, d.path, d.fingerprint) not in known]
        waiting[source.name] = new
        if not new:
            intake.warnings.append(f"sources.{source.name}: nothing new in {len(found)} file(s)")
    return waiting


def _refuse_bad_source(source: Source, staged: Staged) -> None:
    considered = staged.read - staged.filtered
    if considered and staged.bad / considered > source.max_bad_share:
        commonest = "; ".join(f"{rows:,} × {reason}" for reason, rows, _example in staged.reasons)
        example = staged.reasons[0][2]
        raise SourceError(
            f"sources.{source.name}: {staged.bad:,} of {considered:,} rows are bad "
            f"({staged.bad / considered:.1%}, allowed max_bad_share = {source.max_bad_share:g}): {commonest}. "
            f"First example: {str(example)[:300]}"
        )


def _set_aside_forgotten(lake: Lake, source: Source) -> int:
    """Rows of people who asked to be forgotten are not taken in again."""
    if not lake.has("suppressions") or source.table not in PERSON_TABLES:
        return 0
    forgotten = f"SELECT list(key_kind || ':' || key_hash) FROM \"{lake.table('suppressions').get_name()}\""
    done = lake.engine.con.execute(
        f"DELETE FROM staged_{source.table} WHERE _source = $name AND len(_reasons) = 0 AND "
        f"list_has_any(list_transform(_keys, lambda k: k.kind || ':' || k.hash), ({forgotten}))",
        {"name": source.name},
    ).fetchone()
    return int(done[0]) if done else 0


def _join_customers(lake: Lake, intake: Intake) -> None:
    """Resolve identity over the new rows' keys and what is known, and move merged histories."""
    con = lake.engine.con
    people = " UNION ALL ".join(
        f"SELECT _keys FROM staged_{table} WHERE len(_reasons) = 0 AND len(_keys) > 0"
        for table in PERSON_TABLES
    )
    links = con.execute(
        "SELECT record, key.kind AS key_kind, key.hash AS key_hash FROM (SELECT record, unnest(_keys) AS key FROM "
        f"(SELECT row_number() OVER () AS record, _keys FROM (SELECT DISTINCT _keys FROM ({people}))))"
    ).df()
    known = lake.table("identities").to_pandas() if lake.has("identities") else _no_identities()
    resolved = resolve_identities(links, known)
    intake.merges = len(resolved.merges)
    keys = pyarrow.Table.from_pandas(resolved.keys, preserve_index=False)
    lake.overwrite("identities", keys)
    con.register("identity_keys", keys)
    if intake.merges:
        merges = pyarrow.Table.from_pandas(resolved.merges, preserve_index=False)
        for table in _CUSTOMER_TABLES:
            if lake.has(table):
                lake.rename_customers(table, merges)
    con.register("identity_merges", pyarrow.Table.from_pandas(resolved.merges, preserve_index=False))


def _no_identities() -> Any:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype="str") for name in ("key_kind", "key_hash", "customer_id")})


def _with_customer(table: str) -> str:
    """SQL of a table's good staged rows with the customer their first key belongs to."""
    names = ", ".join(f's."{c.name}"' for c in list_columns(table) if c.name != "customer_id")
    return (
        f"SELECT {names}, k.customer_id, s._source, s._file, s._row FROM staged_{table} s JOIN identity_keys k "
        "ON k.key_kind = s._keys[1].kind AND k.key_hash = s._keys[1].hash WHERE len(s._reasons) = 0"
    )


def _closed_until(lake: Lake, *, timezone: str) -> datetime | None:
    """The end of the last day that a finished run has reported on; what happened before it comes late."""
    runs = lake.runs().to_pylist()
    reported = [run["as_of"] for run in runs if run["flow"] in REPORTING_FLOWS]
    return end_of_day(max(reported), timezone=timezone) if reported else None


def _add_events(lake: Lake, intake: Intake, *, closed: datetime | None) -> None:
    """Append events not seen before: once each within the delivery, and none the lake has."""
    con = lake.engine.con
    known = ""
    if lake.has("events"):
        seen = lake.table("events").get_name()
        known = f'WHERE NOT EXISTS (SELECT 1 FROM "{seen}" k WHERE k.source = e.source AND k.event_id = e.event_id)'
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE new_events AS SELECT * FROM ({_with_customer('events')}) e {known} "
        "QUALIFY row_number() OVER (PARTITION BY source, event_id ORDER BY _file, _row) = 1"
    )
    staged = _count_by_source(con, "SELECT _source FROM staged_events WHERE len(_reasons) = 0")
    new = _count_by_source(con, "SELECT _source FROM new_events")
    late = (
        _count_by_source(con, "SELECT _source FROM new_events WHERE occurred_at < $closed", closed=closed)
        if closed
        else {}
    )
    for source, rows in staged.items():
        count = intake.by_source[source]
        count.accepted += new.get(source, 0)
        count.duplicates += rows - new.get(source, 0)
        count.late += late.get(source, 0)
    columns = ", ".join(f'"{c.name}"' for c in list_columns("events"))
    if new:
        lake.append("events", con.execute(f"SELECT {columns} FROM new_events").to_arrow_reader(_BATCH))


def _count_by_source(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> dict[str, int]:
    return dict(
        con.execute(
            f"SELECT _source, count(*) FROM ({query}) GROUP BY _source", parameters or None
        ).fetchall()
    )


def _upsert(lake: Lake, table: str, intake: Intake) -> None:
    """Rows of a small table: a new row replaces the one with its key."""
    con = lake.engine.con
    names = [c.name for c in list_columns(table)]
    key = ", ".join(UPSERT_KEYS[table])
    columns = ", ".join(f'"{name}"' for name in names)
    fresh = (
        _with_customer(table)
        if table in PERSON_TABLES
        else f"SELECT * FROM staged_{table} WHERE len(_reasons) = 0"
    )
    staged = _count_by_source(con, fresh)
    if not staged:
        return
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE fresh_rows AS SELECT {columns}, _source FROM ({fresh}) "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _file DESC, _row DESC) = 1"
    )
    if lake.has(table):
        con.register("old_rows", lake.table(table).to_pyarrow())
        old = f"SELECT {columns} FROM old_rows"
    else:
        old = f"SELECT {columns} FROM fresh_rows WHERE false"
    same = " AND ".join(f'f."{name}" IS NOT DISTINCT FROM o."{name}"' for name in names)
    changed = f"SELECT f._source FROM fresh_rows f WHERE NOT EXISTS (SELECT 1 FROM ({old}) o WHERE {same})"
    new = _count_by_source(con, changed)
    for source, rows in staged.items():
        count = intake.by_source[source]
        count.accepted += new.get(source, 0)
        count.duplicates += rows - new.get(source, 0)
    kept = f"SELECT {columns} FROM ({old}) o ANTI JOIN fresh_rows USING ({key})"
    merged = f"SELECT {columns} FROM fresh_rows UNION ALL {kept}"
    lake.overwrite(table, con.execute(f"SELECT * FROM ({merged}) ORDER BY {key}").to_arrow_reader(_BATCH))


def _update_customers(lake: Lake, intake: Intake) -> None:
    """One row a customer: first seen at the first event, every attribute as last told."""
    con = lake.engine.con
    told = [c.name for c in list_columns("customers") if c.name not in ("customer_id", "first_seen")]
    fresh = _with_customer("customers")
    staged = _count_by_source(con, fresh)
    if lake.has("customers"):
        con.register("old_customers", lake.table("customers").to_pyarrow())
        same = " AND ".join(f"(f.{name} IS NULL OR f.{name} IS NOT DISTINCT FROM o.{name})" for name in told)
        fresh_news = (
            f"SELECT f._source FROM ({fresh}) f WHERE NOT EXISTS (SELECT 1 FROM old_customers o WHERE "
            f"o.customer_id = f.customer_id AND {same} AND (f.first_seen IS NULL OR f.first_seen >= o.first_seen))"
        )
        news = _count_by_source(con, fresh_news)
    else:
        news = staged
    for source, rows in staged.items():
        intake.by_source[source].accepted += news.get(source, 0)
        intake.by_source[source].duplicates += rows - news.get(source, 0)
    words = [f"SELECT customer_id, first_seen, {', '.join(told)}, 1 AS age, _file, _row FROM ({fresh})"]
    if lake.has("customers"):
        words.append(
            "SELECT coalesce(m.customer_id, o.customer_id) AS customer_id, first_seen, "
            f"{', '.join(told)}, 0 AS age, "
            "'' AS _file, 0 AS _row FROM old_customers o "
            "LEFT JOIN identity_merges m ON m.old_customer_id = o.customer_id"
        )
    if lake.has("events"):
        con.execute(
            "CREATE OR REPLACE TEMP TABLE first_events AS SELECT customer_id, min(occurred_at) AS first_seen "
            "FROM new_events GROUP BY customer_id"
        )
        empty = ", ".join(f"NULL AS {name}" for name in told)
        words.append(
            f"SELECT customer_id, first_seen, {empty}, 0 AS age, '' AS _file, 0 AS _row FROM first_events"
        )
    latest = ", ".join(f"arg_max({name}, (age, _file, _row)) AS {name}" for name in told)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE all_customers AS SELECT customer_id, min(first_seen) AS first_seen, {latest} "
        f"FROM ({' UNION ALL BY NAME '.join(words)}) GROUP BY customer_id"
    )
    columns = ", ".join(f'"{c.name}"' for c in list_columns("customers"))
    lake.overwrite(
        "customers",
        con.execute(f"SELECT {columns} FROM all_customers ORDER BY customer_id").to_arrow_reader(_BATCH),
    )


def _quarantine(lake: Lake) -> None:
    """Bad rows, once each, with every reason."""
    con = lake.engine.con
    bad = " UNION ALL ".join(
        f"SELECT _source, _raw, _reasons, _file, _row FROM staged_{table} WHERE len(_reasons) > 0"
        for table in UPSERT_KEYS
    )
    rows = (
        "SELECT _source AS source, sha256(_raw || '#' || row_number() OVER (PARTITION BY _source, _file, _raw "
        f'ORDER BY _row)) AS row_hash, to_json(_reasons)::VARCHAR AS reasons, _raw AS "row" FROM ({bad})'
    )
    known = ""
    if lake.has("quarantine"):
        con.register("known_bad", lake.table("quarantine").select("source", "row_hash").to_pyarrow())
        known = "ANTI JOIN known_bad k USING (source, row_hash)"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE new_bad AS SELECT DISTINCT ON (source, row_hash) *, "
        "$now::TIMESTAMPTZ AS first_seen_at "
        f"FROM ({rows}) {known}",
        {"now": datetime.now(UTC).replace(microsecond=0)},
    )
    if con.execute("SELECT count(*) FROM new_bad").fetchone()[0]:
        lake.append("quarantine", con.execute("SELECT * FROM new_bad").to_arrow_reader(_BATCH))


def _remember_deliveries(lake: Lake, waiting: dict[str, list[Delivery]]) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [
        {"source": d.source, "path": d.path, "fingerprint": d.fingerprint, "taken_in_at": now}
        for files in waiting.values() for d in files
    ]  # fmt: skip
    lake.append("deliveries", pyarrow.Table.from_pylist(rows))


def _check_balance(intake: Intake) -> None:
    """Nothing is lost silently: every row read must be accounted for."""
    for name, count in intake.by_source.items():
        known = count.accepted + count.duplicates + count.quarantined + count.filtered
        if known != count.read:
            raise AssertionError(
                f"sources.{name}: {count.read} rows read but {known} accounted for; please report this as a bug"
            )


def _drop_staging(con: duckdb.DuckDBPyConnection) -> None:
    for table in (*(f"staged_{name}" for name in UPSERT_KEYS), "raw_rows", "new_events", "new_bad"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
