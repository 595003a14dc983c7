"""Rows are held against each other: campaigns that are named must be known, and people who are forgotten stay out."""

from __future__ import annotations

import duckdb

from models.schemas import PERSON_TABLES
from tasks.identities import GOOD
from tasks.intake import Intake
from tasks.lake import Lake
from tasks.staging import Staging

_EXAMPLES = 3


def set_aside_forgotten(lake: Lake, staging: Staging, intake: Intake) -> None:
    """Rows of people who asked to be forgotten are not taken in again, not even into quarantine."""
    con = lake.engine.con
    staging.finish()
    if not lake.has("suppressions"):
        return
    con.execute(
        "CREATE OR REPLACE TEMP TABLE forgotten_here AS SELECT DISTINCT link_id FROM new_links "
        f"SEMI JOIN {lake.relation('suppressions')} USING (key_kind, key_hash)"
    )
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
