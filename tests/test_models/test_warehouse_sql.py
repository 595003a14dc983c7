"""Rollups and what is computed from them as SQL for the warehouses no account is at hand for, against golden files.

The files lie in `tests/golden/<dialect>/`. After a change that is meant, write them anew and read the difference:

    UPDATE_GOLDEN=1 python -m pytest tests/test_models/test_warehouse_sql.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import ibis
import pytest
import sqlglot

from models.factor_sums import SummedFamily, compute_from_sums
from models.factors import CUSTOMER_COLUMNS, load_families
from models.outcomes import compute_outcomes
from models.purchase_histories import build_histories, count_holdout
from models.rollups import Rollups, combine_rollups, roll_up, select_bought
from models.schemas import list_columns

GOLDEN = Path(__file__).parent.parent / "golden"
DIALECTS = ("bigquery", "databricks", "snowflake")
CLIENTS = ("google.cloud.bigquery", "snowflake.connector", "databricks.sql")
TYPES = {
    "VARCHAR": "string", "DOUBLE": "float64", "BIGINT": "int64", "BOOLEAN": "boolean", "DATE": "date",
    "TIMESTAMPTZ": "timestamp('UTC')",
}  # fmt: skip
NAMES = {
    "activity": "activity_daily", "orders": "orders", "sessions": "sessions", "categories": "categories_daily",
}  # fmt: skip
AS_OF = date(2026, 11, 15)


def build_expressions() -> dict[str, ibis.Table]:
    """Every expression that runs on either engine, on tables that are only names and types."""
    events = ibis.table({column.name: TYPES[column.type] for column in list_columns("events")}, name="events")
    rolled = roll_up(events, timezone="Europe/Berlin", since=date(2026, 1, 1), until=AS_OF)
    stored = name_tables(rolled, prefix="")
    combined = combine_rollups(stored, name_tables(rolled, prefix="new_"))
    customers = ibis.table({"customer_id": "string", **CUSTOMER_COLUMNS}, name="customers")
    bought = select_bought(stored)
    readable = {"rollups": bought, "customers": customers}
    families = load_families()
    return {
        **{f"rollup_{name}": getattr(rolled, name) for name in NAMES},
        **{f"combined_{name}": getattr(combined, name) for name in NAMES},
        **{f"factors_{name}": one.compute(readable[one.reads], AS_OF) for name, one in families.items()},
        **name_summed(bought),
        "outcomes": compute_outcomes(bought, after=date(2026, 8, 17), until=AS_OF, customers=customers),
        "purchase_histories": build_histories(stored.orders, as_of=AS_OF),
        "purchase_holdout": count_holdout(stored.orders, after=date(2026, 8, 17), until=AS_OF),
    }


def name_summed(rollups: Rollups) -> dict[str, ibis.Table]:
    """What the families that only add up are computed from together, as `compute_factors` does."""
    summed = [family for family in load_families().values() if isinstance(family, SummedFamily)]
    tables = compute_from_sums(summed, rollups, as_of=AS_OF)
    return {
        f"all_from_{name}": table
        for name, table in zip(("activity", "orders", "sessions"), tables, strict=True)
    }


def name_tables(rollups: Rollups, *, prefix: str) -> Rollups:
    return Rollups(
        **{name: ibis.table(getattr(rollups, name).schema(), name=prefix + NAMES[name]) for name in NAMES}
    )


EXPRESSIONS = build_expressions()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_sql_is_what_was_read_and_found_right(name: str, dialect: str) -> None:
    sql = f"{ibis.to_sql(EXPRESSIONS[name], dialect=dialect)}\n"
    golden = GOLDEN / dialect / f"{name}.sql"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(sql, encoding="utf-8")
    assert sql == golden.read_text(encoding="utf-8"), "see the head of this file for how to write it anew"
    (query,) = sqlglot.parse(sql, dialect=dialect)
    assert isinstance(query, sqlglot.exp.Select)


def test_every_golden_file_is_compared() -> None:
    expected = {f"{dialect}/{name}.sql" for dialect in DIALECTS for name in EXPRESSIONS}
    assert {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*.sql")} == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_factor_is_in_the_sql_of_its_family(dialect: str) -> None:
    for family in load_families().values():
        sql = (GOLDEN / dialect / f"factors_{family.name}.sql").read_text(encoding="utf-8")
        assert [factor.name for factor in family.factors if factor.name not in sql] == []


def test_no_client_of_a_warehouse_is_needed() -> None:
    code = (
        "import sys, ibis; table = ibis.table({'x': 'float64'}, name='t');"
        f"[ibis.to_sql(table, dialect=one) for one in {DIALECTS!r}];"
        f"print([client for client in {CLIENTS!r} if client in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
