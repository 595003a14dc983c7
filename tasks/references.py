"""Rows are held against each other: campaigns that are named must be known, and people who are forgotten stay out."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from models.schemas import PERSON_TABLES
from tasks.identities import GOOD
from tasks.intake import Intake
from tasks.lake import Lake
from tasks.staging import Staging

_EXAMPLES = 3


def set_aside_forgotten(lake: Lake, staging: Staging, intake: Intake) -> None:
    """Rows of people who asked to be forgotten are not taken in again, not even into quarantine.

    Leaves `forgotten_keys` (key_kind, key_hash) in the engine: keys that came to light as theirs.
    """
    con = lake.engine.con
    staging.finish()
    con.execute("CREATE OR REPLACE TEMP TABLE forgotten_keys (key_kind VARCHAR, key_hash VARCHAR)")
    if not lake.has("suppressions"):
        return
    _find_forgotten(lake)
    for table in PERSON_TABLES:
        theirs = con.execute(
            "SELECT _source, count(*), count(*) FILTER (_bad) FROM "
            f"staged_{table} WHERE NOT _filtered AND _link IN (FROM forgotten_here) GROUP BY _source"
        ).fetchall()
        for source, rows, bad in theirs:
            intake.by_source[source].filtered += rows
            intake.by_source[source].quarantined -= bad
    con.execute("INSERT INTO forgotten_links FROM forgotten_here")
    staging.finish()


def _find_forgotten(lake: Lake) -> None:
    """`forgotten_here`, the links of somebody forgotten.

    A key that stands beside one of theirs and otherwise alone is theirs too, and joins `forgotten_keys`. One that
    stands beside a stranger's, or that somebody known has, is not: it may be a tablet in the shop.
    """
    con = lake.engine.con
    suppressed = f"SELECT key_kind, key_hash FROM {lake.relation('suppressions')}"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE forgotten_here AS "
        f"SELECT DISTINCT link_id FROM new_links SEMI JOIN ({suppressed}) USING (key_kind, key_hash)"
    )
    known = suppressed
    if lake.has("identities"):
        known += f" UNION ALL SELECT key_kind, key_hash FROM {lake.relation('identities')}"
    con.execute(
        "INSERT INTO forgotten_keys SELECT DISTINCT key_kind, key_hash FROM new_links "
        f"SEMI JOIN forgotten_here USING (link_id) ANTI JOIN ({known}) USING (key_kind, key_hash)"
    )
    theirs = f"{suppressed} UNION ALL FROM forgotten_keys"
    strangers = f"SELECT link_id FROM new_links ANTI JOIN ({theirs}) USING (key_kind, key_hash)"
    stray = f"SELECT (key_kind, key_hash) FROM new_links WHERE link_id IN ({strangers})"
    while True:
        row = con.execute(f"DELETE FROM forgotten_keys WHERE (key_kind, key_hash) IN ({stray})").fetchone()
        if not row or not row[0]:
            break
    con.execute(
        "INSERT INTO forgotten_here SELECT DISTINCT link_id FROM new_links "
        "SEMI JOIN forgotten_keys USING (key_kind, key_hash) ANTI JOIN forgotten_here USING (link_id)"
    )


def remember_forgotten(lake: Lake) -> None:
    """Put the keys that came to light among those that are not let in."""
    rows = lake.engine.con.execute(
        "SELECT key_kind, key_hash, $now::TIMESTAMPTZ AS erased_at FROM forgotten_keys ORDER BY ALL",
        {"now": datetime.now(UTC).replace(microsecond=0)},
    ).to_arrow_table()
    if len(rows):
        lake.append("suppressions", rows)


def check_references(lake: Lake, intake: Intake) -> None:
    """Assignments and costs of campaigns that nobody declared are bad rows, and so are costs of an unknown arm.

    An event of an unknown campaign stays an event; the run says so.
    """
    con = lake.engine.con
    _create_known(lake, "campaigns", "campaign_id")
    _create_known(lake, "assignments", "campaign_id, arm")
    for table in ("assignments", "costs"):
        _mark(
            con, intake, table, "campaign_id NOT IN (FROM known_campaigns)", "campaign_id: unknown campaign"
        )
    _mark(
        con, intake, "costs",
        "campaign_id IN (SELECT campaign_id FROM known_assignments) AND "
        "(campaign_id, arm) NOT IN (SELECT (campaign_id, arm) FROM known_assignments)",
        "arm: unknown in this campaign",
    )  # fmt: skip
    _warn_of_unknown_campaigns(con, intake)


def _create_known(lake: Lake, table: str, columns: str) -> None:
    known = f"SELECT {columns} FROM staged_{table} WHERE {GOOD}"
    if lake.has(table):
        known += f" UNION SELECT {columns} FROM {lake.relation(table)}"
    lake.engine.con.execute(
        f"CREATE OR REPLACE TEMP TABLE known_{table} AS SELECT DISTINCT {columns} FROM ({known})"
    )


def _mark(con: duckdb.DuckDBPyConnection, intake: Intake, table: str, broken: str, reason: str) -> None:
    """Give the good rows for which `broken` is true the reason."""
    found = con.execute(
        f"SELECT _source, count(*) FROM staged_{table} WHERE {GOOD} AND {broken} GROUP BY _source"
    ).fetchall()
    for source, rows in found:
        intake.by_source[source].quarantined += rows
    if found:
        con.execute(
            f"UPDATE staged_{table} SET _reasons = list_append(_reasons, '{reason}'), _bad = true "
            f"WHERE {GOOD} AND {broken}"
        )


def _warn_of_unknown_campaigns(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    unknown = (
        f"SELECT _source, campaign_id, count(*) AS rows FROM staged_events WHERE {GOOD} AND campaign_id IS NOT NULL "
        "AND campaign_id NOT IN (FROM known_campaigns) AND (SELECT count(*) FROM known_campaigns) > 0 GROUP BY ALL"
    )
    for source, rows, names in con.execute(
        f"SELECT _source, sum(rows)::BIGINT, list(campaign_id ORDER BY rows DESC, campaign_id) FROM ({unknown}) "
        "GROUP BY _source ORDER BY _source"
    ).fetchall():
        more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
        intake.warnings.append(
            f"sources.{source}: {rows:,} event(s) name campaigns the shop does not know: "
            f"{', '.join(names[:_EXAMPLES])}{more}"
        )
