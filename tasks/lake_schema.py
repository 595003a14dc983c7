"""The version of the lake's layout: an older lake is migrated by its next writer, a newer one is refused.

`runs` says in `schema_version` by which layout a run left the lake; lakes from before that column are of schema 1. A
step is one function of `MIGRATIONS`: it changes what it has to of the tables and returns the rows of `runs` as they
shall be. These rows and the row of the migration itself are one commit of `runs`, so that a migration that dies on its
way has not happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pyarrow

if TYPE_CHECKING:
    from tasks.lake import Lake

SCHEMA_VERSION = 2
# Readers take older lakes as they are from here on: what is missing there, `runs` alone is read without.
OLDEST_READABLE = 1
MIGRATING_FLOW = "migrate-lake"
MIGRATE = "segmentwerk ingest"

Migration: TypeAlias = Callable[["Lake", pyarrow.Table], pyarrow.Table]


class LakeSchemaError(RuntimeError):
    """The lake's layout is not the one this program works with."""


def check_schema(
    found: int, *, root: str, known: int = SCHEMA_VERSION, oldest: int = OLDEST_READABLE
) -> None:
    """Make sure that a lake can be read.

    Args:
        found: the lake's schema version.
        root: where it is, for the message.
        known: the newest version this program knows.
        oldest: the oldest one it reads without migrating.

    Raises:
        LakeSchemaError: it is newer, or too old.
    """
    if found > known:
        raise LakeSchemaError(
            f"the lake at {root} was written by a newer Segmentwerk (schema {found}; this one knows {known}): "
            "update Segmentwerk"
        )
    if found < oldest:
        raise LakeSchemaError(
            f"the lake at {root} is of schema {found}, which is read from schema {oldest} on: run `{MIGRATE}`, which "
            "migrates it"
        )


def migrate_rows(lake: Lake, rows: pyarrow.Table, *, since: int) -> pyarrow.Table:
    """Take the lake through every step from its own schema to today's; the rows of `runs` after the last of them."""
    for version in range(since, SCHEMA_VERSION):
        rows = MIGRATIONS[version](lake, rows)
    return rows


def add_metrics(_lake: Lake, rows: pyarrow.Table) -> pyarrow.Table:
    """Schema 2: `runs` has `metrics`. Of a former run they are what its summary says: the seconds of its stages."""
    told = [json.loads(summary).get("seconds") for summary in rows["summary"].to_pylist()]
    metrics = [json.dumps({"stages": seconds}) if seconds else None for seconds in told]
    place = rows.schema.get_field_index("metrics")
    return rows.set_column(place, "metrics", pyarrow.array(metrics, pyarrow.string()))


MIGRATIONS: dict[int, Migration] = {1: add_metrics}
"""By the schema it starts from."""
