"""CDNOW's purchases as the tests of lifetime value read them: the rollup of orders, and its published summary."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import ibis
import pandas as pd
import pytest

DATA = Path(os.environ.get("SEGMENTWERK_DATA_DIR", Path(__file__).parents[2].parent / "shared" / "data"))
CALIBRATED = date(1997, 9, 30)
END = date(1998, 6, 30)
WEEKS = 39.0
_COLUMNS = {
    "cdnow_master.txt": ["customer_id", "day", "pieces", "revenue"],
    "cdnow_sample.txt": ["master_id", "customer_id", "day", "pieces", "revenue"],
}


def read_summary() -> pd.DataFrame:
    """The sample's first 39 weeks as published: frequency, recency, age, spend."""
    rows = pd.read_csv(_find("cdnow_summary_with_spend.csv"), index_col="ID")
    return rows.rename(columns={"x": "frequency", "t_x": "recency", "T": "age", "zbar": "spend"})


def read_orders(name: str) -> ibis.Table:
    """A file of purchases as the rollup `orders` holds them."""
    skipped = 1 if name == "cdnow_master.txt" else 0
    rows = pd.read_csv(_find(name), sep=r"\s+", names=_COLUMNS[name], skiprows=skipped)
    day = pd.to_datetime(rows["day"].astype(str)).dt.date
    return ibis.memtable(rows[["customer_id", "revenue"]].assign(day=day, lines=1.0))


def _find(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not in {DATA}; set SEGMENTWERK_DATA_DIR")
    return DATA / name
