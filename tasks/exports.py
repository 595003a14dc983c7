"""Carries out exports: what of the lake their writers are given, and those each weekly run writes by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.own_factors import OwnFactor, build_families
from tasks.destinations import Export, load_destinations
from tasks.export_ledger import describe_export, record_export
from tasks.holdout import read_holdout
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.redaction import describe_error
from tasks.rollups import read_rollup_tables

if TYPE_CHECKING:
    import ibis


@task(name="write exports", cache_policy=NO_CACHE, persist_result=False)
def write_weekly_exports(
    lake: Lake, exports: Sequence[Export], *, as_of: date, consent_default: bool, own: Sequence[OwnFactor]
) -> tuple[str, ...]:
    """Write those of the exports that belong to a weekly run, which is on record by now.

    Returns:
        the names of those that could not be written; why stands in the log. The run is worth more than they are.
    """
    destinations = load_destinations()
    weekly = [export for export in exports if destinations[export.destination].weekly]
    tables: dict[str, ibis.Table] = {}
    failed = []
    for export in weekly:
        try:
            tables = tables or read_tables(lake, as_of=as_of, consent_default=consent_default, own=own)
            record_export(lake, describe_export(export, as_of))
            files = write_export(tables, export, as_of=as_of)
        except Exception as error:  # whatever a disk or a store thinks of
            said = describe_error(error)
            get_logger().warning("export '%s' could not be written: %s", export.name, said)
            failed.append(export.name)
        else:
            get_logger().info("export '%s': %d file(s), the last one %s", export.name, len(files), files[-1])
    return tuple(failed)


def write_export(tables: Mapping[str, ibis.Table], export: Export, *, as_of: date) -> list[str]:
    """Have its destination write an export; the files or URIs written."""
    return [str(place) for place in load_destinations()[export.destination].write(tables, export, as_of)]


def read_tables(
    lake: Lake, *, as_of: date, consent_default: bool, own: Sequence[OwnFactor]
) -> dict[str, ibis.Table]:
    """What destinations are given: the lake's tables by name, besides `runs`, `held_out` and `own_factors`.

    Args:
        consent_default: what is put where a customer was never asked.
        own: the shop's own factors.
    """
    import ibis

    tables = {name: lake.table(name) for name in lake.versions} | read_rollup_tables(lake)
    tables["runs"] = ibis.memtable(lake.runs())
    if lake.has("holdout"):
        # Nobody is addressed before the day after.
        tables["held_out"] = read_holdout(lake, as_of + timedelta(days=1))
    if own:
        factors = [factor for family in build_families(own) for factor in family.factors]
        told = [{"factor": one.name, "unit": one.unit, "meaning": one.describe()} for one in factors]
        tables["own_factors"] = ibis.memtable(told, columns=["factor", "unit", "meaning"])
    if "customers" in tables:
        customers = tables["customers"]
        asked = {
            name: customers[name].fill_null(consent_default)
            for name in ("consent_marketing", "consent_profiling")
        }
        tables["customers"] = customers.mutate(**asked)
    return tables
