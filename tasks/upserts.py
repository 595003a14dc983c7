"""Staged rows of the small tables into the lake: a new row takes the place of the one with its key."""

from __future__ import annotations

import duckdb

from models.schemas import KEYS, PERSON_TABLES, list_columns
from tasks.identities import GOOD
from tasks.intake import Intake
from tasks.lake import BATCH_ROWS, Lake

PURPOSES = ("marketing", "profiling")
UPSERTED = ("rates", "campaigns", "costs", "assignments", "consents")


def upsert(lake: Lake, table: str, intake: Intake) -> None:
    """Take in the staged rows of a table that has a key, and count those that changed something."""
    con = lake.engine.con
    names = [column.name for column in list_columns(table)]
    columns, key = ", ".join(f'"{name}"' for name in names), ", ".join(KEYS[table])
    fresh = _select_good(table)
    offered = _count_by_source(con, f"SELECT _source FROM ({fresh}) WHERE _row IS NOT NULL")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE fresh_rows AS SELECT {columns}, _source, _row FROM ({fresh}) "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _file DESC, _row DESC NULLS LAST) = 1"
    )
    row = con.execute("SELECT count(*) FROM fresh_rows").fetchone()
    if not row or not row[0]:
        return
    old = lake.relation(table) if lake.has(table) else "(SELECT * FROM fresh_rows WHERE false)"
    same = " AND ".join(f'f."{name}" IS NOT DISTINCT FROM o."{name}"' for name in names)
    changed = (
        "SELECT f._source FROM fresh_rows f WHERE _row IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 FROM {old} o WHERE {same})"
    )
    intake.count_new(offered, _count_by_source(con, changed))
    kept = f"SELECT {columns} FROM {old} o ANTI JOIN fresh_rows USING ({key})"
    rows = con.execute(f"SELECT {columns} FROM fresh_rows UNION ALL {kept} ORDER BY {key}")
    lake.overwrite(table, rows.to_arrow_reader(BATCH_ROWS))


def stage_consents_of_customers(lake: Lake) -> None:
    """What rows about customers say of consent is evidence too; said again without a time, it is no news."""
    con = lake.engine.con
    latest = (
        "SELECT NULL::VARCHAR AS customer_id, NULL::VARCHAR AS purpose, NULL::BOOLEAN AS granted WHERE false"
    )
    if lake.has("consents"):
        latest = select_latest_consents(lake.relation("consents"))
    for purpose in PURPOSES:
        said = (
            f"SELECT s._source, s._file, s._link, s._filtered, s._bad, s._reasons, '{purpose}' AS purpose, "
            f"s.consent_{purpose} AS granted, coalesce(s.consented_at, s._told_at) AS told_at FROM staged_customers s "
            f"JOIN link_customers c ON c.link_id = s._link LEFT JOIN ({latest}) l ON l.customer_id = c.customer_id "
            f"AND l.purpose = '{purpose}' WHERE {GOOD} AND s.consent_{purpose} IS NOT NULL "
            f"AND (s.consented_at IS NOT NULL OR l.granted IS DISTINCT FROM s.consent_{purpose})"
        )
        con.execute(f"INSERT INTO staged_consents BY NAME {said}")


def select_latest_consents(consents: str) -> str:
    """SQL of the latest word of each customer on each purpose; of two at the same time, the refusal."""
    return (
        "SELECT customer_id, purpose, arg_max(granted, (told_at, NOT granted)) AS granted "
        f"FROM {consents} GROUP BY customer_id, purpose"
    )


def update_customers(lake: Lake, intake: Intake) -> None:
    """One row a customer: first seen at the first event, attributes as last told, consent by its latest word."""
    con = lake.engine.con
    told = ["acquisition_channel", "acquisition_cost", "country", "attributes"]
    fresh = _select_good("customers")
    _count_customers(lake, intake, fresh=fresh, told=[*told, "consent_profiling", "consent_marketing"])
    columns = ", ".join(told)
    words = [f"SELECT customer_id, first_seen, {columns}, 1 AS age, _file, _row FROM ({fresh})"]
    if lake.has("customers"):
        # Whose history was split was first seen when what is left of it began.
        words.append(
            "SELECT coalesce(m.customer_id, o.customer_id) AS customer_id, CASE WHEN s.old_customer_id IS NULL "
            f"THEN o.first_seen END AS first_seen, {columns}, 0 AS age, '' AS _file, 0 AS _row "
            f"FROM {lake.relation('customers')} o "
            "LEFT JOIN identity_merges m ON m.old_customer_id = o.customer_id LEFT JOIN "
            "(SELECT DISTINCT old_customer_id FROM customer_changes WHERE change = 'split') s "
            "ON s.old_customer_id = o.customer_id"
        )
    empty = ", ".join(f"NULL AS {name}" for name in told)
    words.append(
        f"SELECT customer_id, first_seen, {empty}, 0 AS age, '' AS _file, 0 AS _row FROM first_events"
    )
    latest = ", ".join(f"arg_max({name}, (age, _file, _row, {name})) AS {name}" for name in told)
    consent = (
        "SELECT NULL::VARCHAR AS customer_id, NULL::VARCHAR AS purpose, NULL::BOOLEAN AS granted WHERE false"
    )
    if lake.has("consents"):
        consent = select_latest_consents(lake.relation("consents"))
    _create_first_events(lake, intake)
    spoken = ", ".join(f"any_value(granted) FILTER (purpose = '{p}') AS consent_{p}" for p in PURPOSES)
    names = ", ".join(f'"{column.name}"' for column in list_columns("customers"))
    rows = con.execute(
        f"SELECT {names} FROM (SELECT customer_id, min(first_seen) AS first_seen, {latest} FROM "
        f"({' UNION ALL BY NAME '.join(words)}) GROUP BY customer_id) LEFT JOIN "
        f"(SELECT customer_id, {spoken} FROM ({consent}) GROUP BY customer_id) USING (customer_id) ORDER BY customer_id"
    )
    lake.overwrite("customers", rows.to_arrow_reader(BATCH_ROWS))


def _create_first_events(lake: Lake, intake: Intake) -> None:
    """`first_events`: when the customers of new or moved events first did something, as far as these tell."""
    con = lake.engine.con
    parts = ["SELECT NULL::VARCHAR AS customer_id, NULL::TIMESTAMPTZ AS occurred_at WHERE false"]
    if intake.new_files:
        files = lake.engine.read_parquet(list(intake.new_files), hive_partitioning=False).get_name()
        parts.append(f'SELECT customer_id, occurred_at FROM "{files}"')
    if intake.identity.moved and lake.has("events"):
        moved = "SELECT old_customer_id AS customer_id FROM moves UNION SELECT customer_id FROM moves"
        parts.append(
            f"SELECT customer_id, occurred_at FROM {lake.relation('events')} SEMI JOIN ({moved}) USING (customer_id)"
        )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE first_events AS SELECT customer_id, min(occurred_at) AS first_seen "
        f"FROM ({' UNION ALL '.join(parts)}) GROUP BY customer_id"
    )


def _count_customers(lake: Lake, intake: Intake, *, fresh: str, told: list[str]) -> None:
    con = lake.engine.con
    offered = _count_by_source(con, f"SELECT _source FROM ({fresh})")
    new = offered
    if lake.has("customers"):
        old = lake.relation("customers")
        same = " AND ".join(f"(f.{name} IS NULL OR f.{name} IS NOT DISTINCT FROM o.{name})" for name in told)
        new = _count_by_source(
            con,
            f"SELECT f._source FROM ({fresh}) f WHERE NOT EXISTS (SELECT 1 FROM {old} o WHERE "
            f"o.customer_id = f.customer_id AND {same} AND (f.first_seen IS NULL OR f.first_seen >= o.first_seen))",
        )
    intake.count_new(offered, new)


def _select_good(table: str) -> str:
    """SQL of a table's good staged rows, those of a person with the customer their link belongs to."""
    columns = [c.name for c in list_columns(table) if c.name not in ("source", "customer_id", "link_id")]
    names = ", ".join(f's."{name}"' for name in columns)
    marks = "s._source, s._file, s._row"
    if table not in PERSON_TABLES:
        return f"SELECT {names}, {marks} FROM staged_{table} s WHERE {GOOD}"
    return (
        f"SELECT {names}, s._source AS source, c.customer_id, s._link AS link_id, {marks} FROM staged_{table} s "
        f"JOIN link_customers c ON c.link_id = s._link WHERE {GOOD}"
    )


def _count_by_source(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return dict(con.execute(f"SELECT _source, count(*) FROM ({query}) GROUP BY _source").fetchall())
