"""The engine of the configuration is all that differs: the same batches end in the same lake on DuckDB and on Spark."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from test_ingestion import write_csv
from test_renames import TABLES, row, shop_with_orders

from models.keys import IdentitySettings
from models.rollups import KEYS
from tasks.engines import EngineError, EngineSettings, connect_analytics
from tasks.features import compute_features, compute_history
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, write_lake
from tasks.rollups import read_rollup_tables, update_rollups
from tasks.staging import ShopRules

pytestmark = pytest.mark.long

AS_OF = date(2026, 5, 1)
BATCHES = (
    [row(n, "a@x.org", "") for n in range(40)] + [row(n, "", "77") for n in range(40, 80)],
    # One key joins two customers, and an event comes twice.
    [row(80, "a@x.org", "77", kind="refund"), row(81, "b@x.org", "9"), row(3, "a@x.org", "")],
    # A key is met by more people than it may join, and the last event is of a day long past.
    [row(82, "c@x.org", "9"), row(83, "d@x.org", "9", kind="page_view"), row(125, "b@x.org", "")],
)


def fill(folder: Path, engine: EngineSettings) -> tuple[dict[str, pd.DataFrame], list[int], list[int]]:
    """The lake's tables after every batch has come in, and how many customers each batch merged and split."""
    rules = ShopRules(secret=b"secret", identity=IdentitySettings(max_people_per_key=2))
    merges, splits = [], []
    for number, rows in enumerate(BATCHES):
        write_csv(folder, f"{number}.csv", *rows)
        with write_lake(str(folder / "var"), engine=engine) as lake:
            intake = ingest_sources.fn(lake, (shop_with_orders(),), base=str(folder), rules=rules)
            update_rollups.fn(lake, intake.changes, timezone="Europe/Berlin")
            lake.commit(begin_run("ingest", AS_OF), intake.to_dict())
        merges.append(intake.identity.merges)
        splits.append(intake.identity.splits)
    with write_lake(str(folder / "var"), engine=engine) as lake:
        tables = {name: table.to_pandas() for name, table in read_rollup_tables(lake).items()}
        factors = compute_features.fn(lake, as_of=AS_OF, consent_default=True)
        history = compute_history.fn(lake, as_of=AS_OF, days=30, consent_default=True)
    assert history.factors is not None
    assert history.outcomes is not None
    frames = {"factors": factors, "factors before": history.factors, "outcomes": history.outcomes}
    return tables | {name: frame.reset_index() for name, frame in frames.items()}, merges, splits


def test_the_same_batches_end_in_the_same_lake(tmp_path: Path) -> None:
    # Planning is all that small tables cost Spark.
    tiny = {"spark.sql.shuffle.partitions": "1", "spark.sql.adaptive.enabled": "false"}
    on_spark = EngineSettings(name="spark", options=tiny)
    try:
        connect_analytics(on_spark, None)
    except EngineError as missing:
        pytest.skip(str(missing))
    for name in ("duckdb", "spark"):
        (tmp_path / name).mkdir()
    expected, merges, splits = fill(tmp_path / "duckdb", EngineSettings())
    found, *changes = fill(tmp_path / "spark", on_spark)
    assert sum(merges) > 0
    assert sum(splits) > 0
    assert changes == [merges, splits]
    keys = {table: KEYS[name] for name, table in TABLES.items()}
    assert expected.keys() == found.keys()
    for name, frame in expected.items():
        order = list(keys.get(name, ("customer_id",)))
        sorted_frames = [rows.sort_values(order).reset_index(drop=True) for rows in (found[name], frame)]
        pd.testing.assert_frame_equal(*sorted_frames, check_dtype=False, rtol=1e-9, atol=1e-9, obj=name)
