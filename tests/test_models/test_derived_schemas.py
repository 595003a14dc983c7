"""What is computed has a contract too, and every writer goes through it."""

from datetime import date
from pathlib import Path

import pyarrow
import pytest
from pandera.errors import SchemaErrors

from models.batch_checks import check_batches
from tasks.lake import write_lake

DAY = pyarrow.array([date(2026, 5, 1)], pyarrow.date32())


def features(value: float | None) -> pyarrow.RecordBatch:
    return pyarrow.RecordBatch.from_pydict(
        {
            "as_of": DAY,
            "customer_id": pyarrow.array(["c_1"]),
            "aov": pyarrow.array([value], pyarrow.float64()),
            "orders_30d": pyarrow.array([1.0]),
        }
    )


def segment(strength: float) -> pyarrow.Table:
    return pyarrow.table(
        {
            "as_of": DAY,
            "customer_id": pyarrow.array(["c_1"]),
            "segment_id": pyarrow.array([1], pyarrow.int64()),
            "segment_name": pyarrow.array(["Regulars"]),
            "strength": pyarrow.array([strength]),
            "is_outlier": pyarrow.array([False]),
            "reason_1": pyarrow.array(["aov"]),
            "reason_2": pyarrow.array([None], pyarrow.string()),
            "reason_3": pyarrow.array([None], pyarrow.string()),
            "model_version": pyarrow.array(["1"]),
        }
    )


@pytest.mark.parametrize("value", [3.5, None])
def test_factors_are_numbers_or_unknown(value: float | None) -> None:
    assert len(list(check_batches("features", [features(value)]))) == 1


def test_an_infinite_factor_is_refused() -> None:
    with pytest.raises(SchemaErrors):
        list(check_batches("features", [features(float("inf"))]))


def test_the_lake_refuses_what_breaks_the_contract(tmp_path: Path) -> None:
    with write_lake(str(tmp_path)) as lake:
        with pytest.raises(Exception, match="strength"):
            lake.append("segments", segment(1.7).to_reader())
        lake.append("segments", segment(0.7).to_reader())
        assert lake.table("segments").to_pandas()["strength"].tolist() == [0.7]
