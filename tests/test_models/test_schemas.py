"""One contract: what the engine's row rules let through, pandera accepts."""

import pyarrow
import pytest
from pandera.errors import SchemaErrors

from models.batch_checks import check_batches
from models.schemas import EVENT_KINDS, SCHEMAS, list_columns, row_rules

ARROW = {
    "VARCHAR": pyarrow.string(),
    "DOUBLE": pyarrow.float64(),
    "BIGINT": pyarrow.int64(),
    "BOOLEAN": pyarrow.bool_(),
    "DATE": pyarrow.date32(),
    "TIMESTAMPTZ": pyarrow.timestamp("us", "UTC"),
}


def batch(table: str, **values: object) -> pyarrow.RecordBatch:
    import datetime as dt

    example = {
        "VARCHAR": "x",
        "DOUBLE": 1.0,
        "BIGINT": 1,
        "BOOLEAN": True,
        "DATE": dt.date(2026, 1, 1),
        "TIMESTAMPTZ": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }
    columns = list_columns(table)
    row = {c.name: values.get(c.name, example[c.type]) for c in columns}
    if "purpose" in row:
        row["purpose"] = "profiling"
    schema = pyarrow.schema([(c.name, ARROW[c.type]) for c in columns])
    return pyarrow.RecordBatch.from_pylist([row], schema=schema)


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_a_typical_row_of_every_table_is_accepted(table: str) -> None:
    assert len(list(check_batches(table, [batch(table)]))) == 1


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_every_nullable_column_may_be_empty(table: str) -> None:
    empty = {c.name: None for c in list_columns(table) if c.nullable}
    assert len(list(check_batches(table, [batch(table, **empty)]))) == 1


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("events", {"value": -1.0}),
        ("events", {"customer_id": None}),
        ("events", {"quantity": -2.0}),
        ("campaigns", {"control_share": 1.5}),
        ("costs", {"amount": -5.0}),
    ],
)
def test_a_broken_row_is_refused(table: str, values: dict[str, object]) -> None:
    with pytest.raises(SchemaErrors):
        list(check_batches(table, [batch(table, **values)]))


def test_every_pandera_check_has_an_engine_rule() -> None:
    for table, model in SCHEMAS.items():
        rules = row_rules(table)
        for name, column in model.to_schema().columns.items():
            found = [rule for rule in rules if rule.column == name]
            assert len(found) >= len(column.checks)


def test_a_config_may_add_kinds() -> None:
    rule = next(
        r for r in row_rules("events", kinds=(*EVENT_KINDS, "lesson_finished")) if r.reason == "kind: unknown"
    )
    assert "'lesson_finished'" in rule.broken
