"""Texts that begin like a formula are made texts in CSV, everywhere the same; numbers and plain words stay."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from tasks.bi_files import write_rows
from tasks.destinations import Export
from tasks.destinations.audience import write_audience
from tasks.spreadsheets import guard_text, guard_texts

GUARDED = ["=1+1", "+49 30 1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "=cmd|' /C calc'!A0", "--1", "+5"]
LEFT = ["-1.5", "-7", "-1e-05", "1", "a=b", "Loyal buyers", "'=1", " =1", "", None]


def test_what_begins_like_a_formula_gets_a_quote() -> None:
    told = guard_texts(pa.array([*GUARDED, *LEFT])).to_pylist()
    assert told == [*(f"'{text}" for text in GUARDED), *LEFT]


def test_the_engine_does_the_same() -> None:
    table = ibis.memtable(pd.DataFrame({"place": range(20), "text": [*GUARDED, *LEFT]}))
    told = table.mutate(text=guard_text(table.text)).order_by("place").to_pyarrow()["text"].to_pylist()
    assert told == [*(f"'{text}" for text in GUARDED), *LEFT]


@pytest.mark.parametrize("values", [pa.array([-1.5, None]), pa.array([date(2026, 1, 1)]), pa.array([-3])])
def test_what_is_no_text_is_left_alone(values: pa.Array) -> None:
    assert guard_texts(values) is values


def test_tables_for_bi_are_guarded_in_csv_and_exact_in_parquet(tmp_path: Path) -> None:
    rows = pa.table({"name": ["=1+1", "plain"], "figure": [-1.5, 2.0], "digits": ["-1.5", "-7"]})
    write_rows(rows.to_reader(), tmp_path / "t.parquet", tmp_path / "t.csv")
    assert pa.parquet.read_table(tmp_path / "t.parquet")["name"].to_pylist() == ["=1+1", "plain"]
    with (tmp_path / "t.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [["'=1+1", "-1.5", "-1.5"], ["plain", "2", "-7"]]


def test_an_audience_is_guarded(tmp_path: Path) -> None:
    day = date(2026, 11, 15)
    segments = pd.DataFrame(
        {
            "as_of": [day],
            "customer_id": ["c1"],
            "segment_id": [1],
            "segment_name": ["=HYPERLINK(1)"],
            "strength": [0.5],
        }
    )
    customers = pd.DataFrame({"customer_id": ["c1"], "consent_marketing": [True]})
    tables = {"segments": ibis.memtable(segments), "customers": ibis.memtable(customers)}
    (file,) = write_audience(tables, Export(name="a", destination="audience", path=tmp_path), day)
    assert "'=HYPERLINK(1)" in file.read_text()
