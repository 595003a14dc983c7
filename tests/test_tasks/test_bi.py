"""Tables for BI: tidy, equal in both formats, complete in the dictionary, and without those who refused."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from exportable import AS_OF, BEFORE, CUSTOMERS, NAMES, REFUSED, Tables, make_tables

from monitoring.bi_dictionary import describe_columns
from tasks.bi_files import list_written, remove_customers
from tasks.destinations import Export
from tasks.destinations.bi import DESTINATION, write_bi

ROWS = {
    "segments": 10, "features": 10, "segment_profiles": 3, "segment_factors": 2, "migration": 2, "drift": 2,
    "promotions": 2, "campaigns": 1, "campaign_results": 4, "campaign_segments": 2, "sources": 2, "quarantine": 2,
    "runs": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> Tables:
    return make_tables()


@pytest.fixture(scope="module")
def written(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the week. Read-only."""
    folder = tmp_path_factory.mktemp("bi")
    write(tables, folder)
    return folder / "2026-11-16"


def write(tables: Tables, folder: Path, *, as_of: date = AS_OF) -> tuple[Path | str, ...]:
    return write_bi(tables, Export(name="bi", destination="bi", path=folder), as_of)


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / f"{name}.parquet").to_pylist()
    return rows


def read_csv(file: Path, kinds: pd.Series) -> pd.DataFrame:
    """A CSV with the types of the same Parquet file, every figure as exact as it was written."""
    moments = [name for name, kind in kinds.items() if "datetime64" in str(kind)]
    types = {
        name: "Int64"
        if "int" in str(kind)
        else "string"
        if str(kind) in ("object", "str", "string")
        else str(kind)
        for name, kind in kinds.items()
        if name not in moments
    }
    rows = pd.read_csv(file, dtype=types, float_precision="round_trip")
    for name in moments:
        rows[name] = pd.to_datetime(rows[name], utc=True, format="ISO8601")
    return rows


def spell(rows: pd.DataFrame) -> list[list[str]]:
    """Every value as text, so that frames of different makers can be compared to the last digit."""
    shown = rows.astype(object).where(rows.notna(), None)
    return [
        [
            value.isoformat()
            if isinstance(value, pd.Timestamp)
            else repr(float(value))
            if isinstance(value, int | float) and not isinstance(value, bool)
            else str(value)
            for value in row
        ]
        for row in shown.to_numpy().tolist()
    ]


def test_every_table_is_there_with_its_rows(written: Path) -> None:
    assert {name: len(read(written, name)) for name in ROWS} == ROWS
    names = [*ROWS, "data_dictionary"]
    assert {path.name for path in written.iterdir()} == {
        f"{name}.{ending}" for name in names for ending in ("csv", "parquet")
    }


@pytest.mark.parametrize("name", [*ROWS, "data_dictionary"])
def test_csv_and_parquet_are_equal_in_pandas_and_in_duckdb(written: Path, name: str) -> None:
    parquet = pd.read_parquet(written / f"{name}.parquet")
    csv = read_csv(written / f"{name}.csv", parquet.dtypes)
    assert list(csv) == list(parquet)
    assert spell(csv) == spell(parquet)
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        differ = "SELECT count(*) FROM (SELECT * FROM {a} EXCEPT ALL SELECT * FROM {b})"
        file = written / name
        as_parquet = f"read_parquet('{file}.parquet')"
        types = {row[0]: row[1] for row in engine.execute(f"DESCRIBE SELECT * FROM {as_parquet}").fetchall()}
        as_csv = f"read_csv('{file}.csv', header = true, columns = {json.dumps(types)})"
        counts = [engine.execute(f"SELECT count(*) FROM {one}").fetchone() for one in (as_parquet, as_csv)]
        assert counts[0] == counts[1] == (len(parquet),)
        for a, b in ((as_parquet, as_csv), (as_csv, as_parquet)):
            assert engine.execute(differ.format(a=a, b=b)).fetchone() == (0,)


def test_the_dictionary_names_exactly_the_columns_there_are(written: Path) -> None:
    dictionary = pd.read_csv(written / "data_dictionary.csv")
    assert list(dictionary) == ["table", "column", "type", "unit", "meaning"]
    assert dictionary.notna().all(axis=None)
    assert (dictionary.map(str.strip) != "").all(axis=None)
    for path in written.glob("*.parquet"):
        listed = dictionary[dictionary["table"] == path.stem]
        schema = ibis.memtable(pyarrow.parquet.read_table(path)).schema()
        expected = {name: str(kind.copy(nullable=True)) for name, kind in schema.items()}
        told = dict(zip(listed["column"], listed["type"], strict=True))
        assert told == expected, path.stem
    assert set(dictionary["table"]) == {path.stem for path in written.glob("*.parquet")}
    tenure = dictionary[dictionary["column"] == "tenure_days"].iloc[0]
    assert tenure["unit"] == "days"


def test_a_column_without_a_meaning_is_an_error() -> None:
    with pytest.raises(KeyError, match="colour"):
        list(describe_columns({"runs": {"colour": "string"}}, factors={}))


def test_columns_are_plain_names_and_days_are_iso(written: Path) -> None:
    dictionary = pd.read_csv(written / "data_dictionary.csv")
    assert dictionary["column"].str.fullmatch(r"[a-z][a-z0-9_]*").all()
    campaign = pd.read_csv(written / "campaigns.csv", dtype="string").iloc[0]
    assert (campaign["as_of"], campaign["starts_at"]) == ("2026-11-16", "2026-09-30T22:00:00.000000Z")
    assert set(pd.read_csv(written / "drift.csv")["as_of"]) == {"2026-11-09", "2026-11-16"}


def test_who_refused_marketing_or_profiling_has_no_row(written: Path, tables: Tables, tmp_path: Path) -> None:
    for name in ("segments", "features"):
        assert {row["customer_id"] for row in read(written, name)} == set(CUSTOMERS) - REFUSED
        assert not any(customer in (written / f"{name}.csv").read_text() for customer in REFUSED)
    renames = ibis.memtable({"old_customer_id": ["p03"], "customer_id": ["p02"]})
    write(tables | {"renames": renames}, tmp_path)
    assert {row["customer_id"] for row in read(tmp_path / "latest", "segments")} == set(
        CUSTOMERS
    ) - REFUSED - {"p03"}


def test_a_campaign_is_one_row_as_it_was_measured_last(written: Path) -> None:
    (campaign,) = read(written, "campaigns")
    shown = ("decision", "run_id", "metric", "unit", "arm", "customers", "customers_control", "cost")
    assert tuple(campaign[name] for name in shown) == (
        "ship", "r1", "conversion", "share", "treatment", 12, 5, 12.5,
    )  # fmt: skip
    assert [campaign[name] for name in ("absolute", "low", "high")] == [0.03, 0.01, None]
    assert [campaign[name] for name in ("roi", "roi_low", "roi_high")] == [0.5, -0.2, 1.2]


def test_campaign_results_are_one_row_a_run_metric_and_arm(written: Path) -> None:
    results = read(written, "campaign_results")
    assert [(row["run_id"], row["decision"], row["metric"], row["unit"]) for row in results] == [
        ("r0", "continue", "conversion", "share"), ("r0", "continue", "roi", "ratio"),
        ("r1", "ship", "conversion", "share"), ("r1", "ship", "roi", "ratio"),
    ]  # fmt: skip
    assert [results[2][name] for name in ("control", "treatment", "absolute", "high")] == [
        0.1,
        0.13,
        0.03,
        None,
    ]
    segment = read(written, "campaign_segments")[-1]
    assert [segment[name] for name in ("segment_name", "customers_control", "customers_treatment", "absolute")] == [
        NAMES[1], 2, 3, 0.03,
    ]  # fmt: skip


def test_weeks_sources_decisions_and_refused_rows_are_tidy(written: Path) -> None:
    assert {row["run_id"]: row["customers"] for row in read(written, "runs")} == {
        "r0": 12,
        "r3": None,
        "r1": 12,
    }
    assert [(row["run_id"], row["source"], row["late"]) for row in read(written, "sources")] == [
        ("r0", "web", 1), ("r1", "web", 1),
    ]  # fmt: skip
    assert [row["reasons"] for row in read(written, "promotions")] == [
        "it is the first", "it is better; it is stable",
    ]  # fmt: skip
    assert [tuple(row.values()) for row in read(written, "quarantine")] == [
        (date(2026, 11, 16), "web", "value: below 0; kind: unknown", 2), (date(2026, 11, 17), "crm", "no key", 1),
    ]  # fmt: skip
    assert "Elm 3" not in (written / "quarantine.csv").read_text()
    tenure, aov = read(written, "segment_factors")
    assert (tenure["factor"], tenure["median"], tenure["effect"], tenure["others_median"]) == (
        "tenure_days", 3.25, -1.5, 7.0,
    )  # fmt: skip
    assert (aov["median"], aov["effect"]) == (None, None)


def test_the_shops_own_factors_stand_in_the_dictionary(tables: Tables, tmp_path: Path) -> None:
    own = ibis.memtable({"factor": ["share"], "unit": ["weekends"], "meaning": ["how often: a ÷ b"]})
    wider = tables | {"features": tables["features"].mutate(share=0.5), "own_factors": own}
    write(wider, tmp_path)
    dictionary = pd.read_csv(tmp_path / "latest" / "data_dictionary.csv").set_index(["table", "column"])
    assert tuple(dictionary.loc[("features", "share"), ["unit", "meaning"]]) == (
        "weekends",
        "how often: a ÷ b",
    )
    assert dictionary.loc[("segment_profiles", "share"), "unit"] == "share, 0 to 1"


def test_tables_keep_their_columns_where_nothing_is_on_record(
    tables: Tables, written: Path, tmp_path: Path
) -> None:
    full = {path.stem: list(pd.read_parquet(path)) for path in written.glob("*.parquet")}
    needed = ("segments", "features", "segment_profiles", "runs")
    quiet = {name: tables[name] for name in needed} | {"runs": tables["runs"].filter(ibis._.run_id == "r3")}
    write(quiet, tmp_path)
    for name in ("migration", "drift", "promotions", "campaigns", "campaign_segments", "quarantine"):
        empty = pd.read_parquet(tmp_path / "latest" / f"{name}.parquet")
        assert (len(empty), list(empty)) == (0, full[name])


def test_a_week_is_replaced_and_latest_is_the_newest(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    write(tables, tmp_path)
    (tmp_path / "2026-11-16" / "stale.csv").write_text("old")
    write(tables, tmp_path)
    write(tables, tmp_path, as_of=BEFORE)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "2026-11-09", "2026-11-16", "latest"}
    assert list_written(tmp_path) == ("2026-11-16", "2026-11-09")
    for path in (tmp_path / "2026-11-16").iterdir():
        assert path.read_bytes() == (tmp_path / "latest" / path.name).read_bytes()
    assert not (tmp_path / "latest" / "stale.csv").exists()
    assert len(read(tmp_path / "2026-11-09", "runs")) == 1


def test_a_customer_is_taken_out_of_every_week(tables: Tables, tmp_path: Path) -> None:
    write(tables, tmp_path)
    shutil.copytree(tmp_path / "2026-11-16", tmp_path / "2026-11-02")
    before = pd.read_csv(tmp_path / "latest" / "segments.csv")
    assert remove_customers(tmp_path, pyarrow.chunked_array([["p05", "nobody"]])) == 6
    for file in tmp_path.rglob("*.*"):
        assert b"p05" not in file.read_bytes(), file
    after = pd.read_csv(tmp_path / "latest" / "segments.csv")
    assert after.equals(before[before["customer_id"] != "p05"].reset_index(drop=True))
    assert (
        remove_customers(tmp_path, pyarrow.chunked_array([["p05"]]))
        == remove_customers(tmp_path / "none", pyarrow.chunked_array([["p01"]]))
        == 0
    )


def test_it_belongs_to_every_weekly_run() -> None:
    assert DESTINATION.weekly


def test_who_refuses_later_leaves_the_weeks_already_written(tables: Tables, tmp_path: Path) -> None:
    asked = tables["customers"].mutate(consent_marketing=True, consent_profiling=True)
    write(tables | {"customers": asked}, tmp_path, as_of=BEFORE)
    before = tmp_path / BEFORE.isoformat()
    held = {row["customer_id"] for row in read(before, "segments")}
    assert held & set(REFUSED)
    write(tables, tmp_path)
    assert {row["customer_id"] for row in read(before, "segments")} == held - set(REFUSED)
    assert not set(pd.read_csv(before / "segments.csv")["customer_id"]) & set(REFUSED)


def test_what_a_killed_writer_left_behind_is_taken_away(tables: Tables, tmp_path: Path) -> None:
    write(tables, tmp_path)
    week = tmp_path / "2026-11-16"
    torn = tmp_path / f".2026-11-16.{'a' * 32}"
    torn.mkdir()
    (torn / "features.parquet").write_bytes(b"PAR1 and no more")
    stray = week / f".segments.{'b' * 32}.parquet"
    shutil.copy(week / "segments.parquet", stray)
    assert remove_customers(tmp_path, pyarrow.chunked_array([["p01"]])) == 4
    assert not torn.exists()
    assert not stray.exists()


def test_a_day_nobody_was_scored_on_is_refused(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no segments as of 2027-11-16"):
        write(tables, tmp_path, as_of=date(2027, 11, 16))
    assert list(tmp_path.iterdir()) == []
