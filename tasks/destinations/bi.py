"""Tidy tables for BI tools, each as Parquet and as CSV, with a data dictionary.

`path` is a folder; the tables of a week stand in `<path>/<as_of>/`, all of them or none, and `<path>/latest/` is the
newest week. `segments` and `features` hold the customers of the week itself, all others every week and run up to it.
What the shop's own factors mean is read from a table `own_factors` (factor, unit, meaning), if there is one.

Customers who have refused marketing or profiling have no row: what leaves the house may be joined with addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitoring.bi_dictionary import DICTIONARY, DICTIONARY_COLUMNS, Meaning, describe_columns
from monitoring.bi_records import (
    COLUMNS,
    list_campaigns,
    list_promotions,
    list_refused,
    list_results,
    list_runs,
    list_segment_factors,
    list_segment_results,
    list_sources,
)
from tasks.destinations import Destination, Export, require_table

if TYPE_CHECKING:
    import ibis


def write_bi(tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> tuple[Path, ...]:
    """Write the week's tables; the files written, the data dictionary last.

    Raises:
        LookupError: a table is missing, or nobody was scored on that day.
    """
    from tasks.bi_files import remove_customers, write_week

    tidy = build_tables(tables, export, as_of)
    tidy[DICTIONARY] = describe_tables(tidy, factors=_read_factors(tables))
    target = write_week(tidy, export.path, as_of=as_of)
    if (refused := find_refused(tables)) is not None:
        # Weeks from before they refused are still there.
        remove_customers(export.path, refused.to_pyarrow()["customer_id"])
    return tuple(target / f"{name}.{ending}" for name in tidy for ending in ("parquet", "csv"))


def build_tables(tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> dict[str, ibis.Table]:
    """The tables as they are written, by name."""
    from tasks.bi_files import CUSTOMER_TABLES

    weekly = {name: require_table(tables, name, export=export) for name in CUSTOMER_TABLES}
    scored = weekly["segments"]
    if not scored.filter(scored.as_of == as_of).count().execute():
        raise LookupError(f"exports.{export.name}: no segments as of {as_of}; run `segmentwerk weekly` first")
    profiles = _list_until(require_table(tables, "segment_profiles", export=export), as_of)
    runs = _list_until(require_table(tables, "runs", export=export), as_of, order="finished_at")
    records = [run | {"summary": json.loads(run["summary"] or "{}")} for run in runs]
    names = {profile["segment_id"]: profile["segment_name"] for profile in profiles}
    found: dict[str, Iterable[Mapping[str, Any]]] = {
        "segment_profiles": profiles,
        "segment_factors": list_segment_factors(profiles),
        "migration": _list_until(tables.get("migrations"), as_of),
        "drift": _list_until(tables.get("drift_scores"), as_of),
        "promotions": list_promotions(_list_until(tables.get("promotions"), as_of, order="decided_at")),
        "campaigns": list_campaigns(records),
        "campaign_results": list_results(records),
        "campaign_segments": list_segment_results(records, names=names),
        "sources": list_sources(records),
        "quarantine": list_refused(_count_quarantine(tables.get("quarantine"))),
        "runs": list_runs(records),
    }
    return {
        **{
            name: keep_exportable(table.filter(table.as_of == as_of), tables)
            for name, table in weekly.items()
        },
        **{name: _build_table(found[name], columns) for name, columns in COLUMNS.items()},
    }


def keep_exportable(rows: ibis.Table, tables: Mapping[str, ibis.Table]) -> ibis.Table:
    """The rows of customers who have refused neither marketing nor profiling, under any name they had."""
    refused = find_refused(tables)
    return rows if refused is None else rows.anti_join(refused, "customer_id")


def find_refused(tables: Mapping[str, ibis.Table]) -> ibis.Table | None:
    """customer_id of those who have refused marketing or profiling, and the names they had; None: nobody was asked."""
    if "customers" not in tables:
        return None
    told = tables["customers"]
    refused = told.filter(
        ~told.consent_marketing.fill_null(True) | ~told.consent_profiling.fill_null(True)
    ).select("customer_id")
    if "renames" not in tables:
        return refused
    former = tables["renames"].semi_join(refused, "customer_id").select(customer_id="old_customer_id")
    return refused.union(former)


def describe_tables(tables: Mapping[str, ibis.Table], *, factors: Mapping[str, Meaning]) -> ibis.Table:
    """The data dictionary: table, column, type, unit, meaning."""
    types = {
        name: {column: str(kind.copy(nullable=True)) for column, kind in table.schema().items()}
        for name, table in tables.items()
    }
    columns = dict.fromkeys(DICTIONARY_COLUMNS, "string")
    return _build_table(describe_columns(types, factors=factors), columns)


def _list_until(table: ibis.Table | None, as_of: date, *, order: str = "as_of") -> list[dict[str, Any]]:
    if table is None:
        return []
    rows: list[dict[str, Any]] = table.filter(table.as_of <= as_of).order_by(order).to_pyarrow().to_pylist()
    return rows


def _count_quarantine(quarantine: ibis.Table | None) -> list[dict[str, Any]]:
    if quarantine is None:
        return []
    counted = (
        quarantine.mutate(first_seen_on=quarantine.first_seen_at.date())
        .group_by("first_seen_on", "source", "reasons")
        .aggregate(rows=lambda refused: refused.count())
        .order_by("first_seen_on", "source", "reasons")
    )
    rows: list[dict[str, Any]] = counted.to_pyarrow().to_pylist()
    return rows


def _read_factors(tables: Mapping[str, ibis.Table]) -> dict[str, Meaning]:
    from models.factors import list_factors

    factors = {factor.name: Meaning(factor.unit, factor.describe()) for factor in list_factors()}
    if "own_factors" in tables:
        own = tables["own_factors"].to_pyarrow().to_pylist()
        factors |= {row["factor"]: Meaning(row["unit"], row["meaning"]) for row in own}
    return factors


def _build_table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> ibis.Table:
    """A table of exactly these columns and types, also where there are no rows."""
    import ibis
    import pyarrow

    schema = ibis.schema(columns)
    return ibis.memtable(pyarrow.Table.from_pylist(list(rows), schema=schema.to_pyarrow()))


DESTINATION = Destination(
    "bi", "tidy tables as Parquet and CSV, with a data dictionary", write_bi, weekly=True
)
