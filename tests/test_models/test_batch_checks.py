"""A batch is judged by few of its rows exactly as it would be by all of them."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from models.batch_checks import check_batches, find_deciding_rows
from models.derived_schemas import CategoriesDaily
from models.schemas import Events
from tasks.lake import write_lake

TEXTS = st.sampled_from(
    [None, "", "e1", "4711", "2026-11-05 x", "one\ntwo", "ann@example.org", "a%40b.org", "+49 30 1234567",
     "030 1234 567", "(555) 123-4567", "é+", "x+y", "100 %"]
)  # fmt: skip
NUMBERS = st.sampled_from([None, 0.0, -0.0, 1.5, -1.0, float("nan"), float("inf"), float("-inf")])
EVENT = pyarrow.schema(
    [
        ("source", pyarrow.string()),
        ("event_id", pyarrow.string()),
        ("customer_id", pyarrow.string()),
        ("occurred_at", pyarrow.timestamp("us", "UTC")),
        ("kind", pyarrow.string()),
        ("value", pyarrow.float64()),
        ("margin", pyarrow.float64()),
        ("order_id", pyarrow.string()),
        ("quantity", pyarrow.float64()),
        ("discount", pyarrow.float64()),
        *((name, pyarrow.string()) for name in ("category", "session_id")),
        ("duration_s", pyarrow.float64()),
        *((name, pyarrow.string()) for name in ("device", "channel", "campaign_id")),
        ("link_id", pyarrow.int64()),
    ]
)
GOOD = {
    "source": "web",
    "event_id": "e1",
    "customer_id": "c_1",
    "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
    "kind": "purchase",
}
STRANGE = st.fixed_dictionaries(
    {},
    optional={
        "event_id": TEXTS,
        "order_id": TEXTS,
        "category": TEXTS,
        "value": NUMBERS,
        "margin": NUMBERS,
        "kind": st.sampled_from([None, "refund"]),
        "occurred_at": st.sampled_from([None, datetime(1989, 1, 1, tzinfo=UTC)]),
        "link_id": st.sampled_from([None, -7, 7]),
    },
)


def is_accepted(table: str, batch: pyarrow.RecordBatch) -> bool:
    try:
        list(check_batches(table, [batch]))
    except SchemaErrors:
        return False
    return True


def is_accepted_whole(model: type, batch: pyarrow.RecordBatch) -> bool:
    import pandas as pd

    nullable = {pyarrow.bool_(): pd.BooleanDtype(), pyarrow.int64(): pd.Int64Dtype()}
    try:
        model.validate(batch.to_pandas(types_mapper=nullable.get), lazy=True)
    except SchemaErrors:
        return False
    return True


@settings(max_examples=12, deadline=None)
@given(strange=st.lists(STRANGE, min_size=0, max_size=4), skipped=st.integers(0, 3))
def test_events_are_judged_as_if_all_were_looked_at(strange: list[dict[str, object]], skipped: int) -> None:
    rows = [GOOD, *(GOOD | values for values in strange), GOOD]
    batch = pyarrow.RecordBatch.from_pylist(rows, schema=EVENT).slice(skipped)
    assert is_accepted("events", batch) == is_accepted_whole(Events, batch)


@settings(max_examples=12, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=0, max_size=6))
def test_rollups_are_judged_as_if_all_rows_were_looked_at(numbers: list[float | None]) -> None:
    schema = pyarrow.schema(
        [
            ("customer_id", pyarrow.string()),
            ("category", pyarrow.string()),
            ("day", pyarrow.date32()),
            ("interactions", pyarrow.float64()),
            ("revenue", pyarrow.float64()),
        ]
    )
    rows = [
        {
            "customer_id": "c_1",
            "category": "a",
            "day": date(2026, 1, 1),
            "interactions": 1.0,
            "revenue": number,
        }
        for number in numbers
    ]
    batch = pyarrow.RecordBatch.from_pylist(rows, schema=schema)
    assert is_accepted("categories_daily", batch) == is_accepted_whole(CategoriesDaily, batch)


def test_few_rows_of_many_decide() -> None:
    rows = [GOOD | {"event_id": f"e{number}", "value": float(number)} for number in range(5000)]
    batch = pyarrow.RecordBatch.from_pylist(rows, schema=EVENT)
    assert len(find_deciding_rows(batch)) < 20


@pytest.mark.parametrize("place", [0, 777, 1999])
def test_a_single_identifier_is_found_wherever_it_stands(place: int) -> None:
    rows = [GOOD | {"session_id": "ann@example.org" if n == place else f"s{n}"} for n in range(2000)]
    batch = pyarrow.RecordBatch.from_pylist(rows, schema=EVENT)
    with pytest.raises(SchemaErrors, match="session_id"):
        list(check_batches("events", [batch]))


def test_a_bad_row_of_any_batch_ends_the_stream() -> None:
    good = pyarrow.RecordBatch.from_pylist([GOOD], schema=EVENT)
    bad = pyarrow.RecordBatch.from_pylist([GOOD | {"value": -1.0}], schema=EVENT)
    assert list(check_batches("events", [good, good])) == [good, good]
    for batches in ([bad, good, good], [good, bad, good], [good, good, bad]):
        with pytest.raises(SchemaErrors, match="value"):
            list(check_batches("events", batches))


def test_nothing_is_written_of_a_stream_that_ends_with_a_bad_row(tmp_path: Path) -> None:
    good = pyarrow.RecordBatch.from_pylist([GOOD], schema=EVENT)
    bad = pyarrow.RecordBatch.from_pylist([GOOD | {"value": -1.0}], schema=EVENT)
    with write_lake(str(tmp_path)) as lake:
        lake.append("events", pyarrow.Table.from_batches([good]))
        with pytest.raises(Exception, match="value"):
            lake.append("events", pyarrow.RecordBatchReader.from_batches(EVENT, [good, good, bad]))
        assert lake.table("events").count().execute() == 1
        assert DeltaTable(lake.uri("events")).version() == lake.versions["events"]
