"""The benchmarks at tiny sizes: that they measure what they say, not how fast."""

from datetime import date
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest

from benchmarks import pandas_features
from benchmarks.drift_stage import measure_drift_stage
from benchmarks.events import COLUMNS, KEYS, TIMEZONE, Stream, write_canonical, write_raw
from benchmarks.faulty_feeds import FAULTS, break_feeds
from benchmarks.features import measure_features
from benchmarks.incremental import measure_increment
from benchmarks.ingestion import measure_intake
from benchmarks.lifetime_value import compare_published, find_cdnow, measure_lifetime_value
from benchmarks.reports import measure_reports
from models.factors import compute_factors, load_families
from models.rollups import roll_up, select_bought
from models.schemas import list_columns

STREAM = Stream(rows=40_000, customers=800)


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("events") / "canonical.parquet"
    write_canonical(STREAM, file)
    return file


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    file = tmp_path_factory.mktemp("events") / "raw.parquet"
    write_raw(STREAM, file)
    return pd.read_parquet(file)


def test_the_stream_has_the_mess_it_promises(raw: pd.DataFrame) -> None:
    assert len(raw) == STREAM.rows
    assert {*KEYS.values(), *COLUMNS.values()} == set(raw.columns)
    repeated = raw.duplicated("id").mean()
    bad = (raw["ts"].dt.year > 2026) | (raw["action"] == "unheard_of") | (raw["amount"] < 0)
    assert 0.003 < repeated < 0.007
    assert 0.003 < bad.mean() < 0.007
    assert 0.25 < raw["email"].isna().mean() < 0.4
    # A repeated event is the same in every column, so that it is a duplicate and no conflict.
    assert raw.drop_duplicates().duplicated("id").sum() == 0


def test_devices_are_linked_after_they_were_met(raw: pd.DataFrame) -> None:
    good = raw[raw["ts"].dt.year < 2027]
    devices = good[good["visitor"].str.endswith("b")].groupby("visitor")
    anonymous_first = devices.agg(
        first=("ts", "min"),
        login=("ts", lambda times: times[good.loc[times.index, "email"].notna()].min()),
    ).dropna()
    assert (anonymous_first["login"] > anonymous_first["first"]).sum() > 20


def test_stretches_of_the_stream_make_up_the_whole(raw: pd.DataFrame, tmp_path: Path) -> None:
    parts = []
    for number in range(4):
        file = tmp_path / f"{number}.parquet"
        write_raw(STREAM, file, first=number * 10_000, last=(number + 1) * 10_000)
        parts.append(pd.read_parquet(file))
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), raw)


def test_another_seed_is_another_year(canonical: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    write_canonical(Stream(rows=STREAM.rows, customers=STREAM.customers, seed=2), other)
    here, there = pd.read_parquet(canonical), pd.read_parquet(other)
    assert (here["kind"] != there["kind"]).mean() > 0.5


def test_canonical_events_are_as_the_lake_wants_them(canonical: Path) -> None:
    described = duckdb.sql(f"DESCRIBE FROM '{canonical}'").fetchall()
    types = {name: kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for name, kind, *_ in described}
    assert types == {column.name: column.type for column in list_columns("events")}


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("as_of", [STREAM.end_of_week(52), STREAM.end_of_week(30)])
def test_pandas_computes_the_same_factors(canonical: Path, as_of: date, tuned: bool) -> None:
    engine = ibis.duckdb.connect()
    engine.raw_sql("SET TimeZone = 'UTC'")
    events = engine.read_parquet(canonical)
    # What happened later must not matter to either; a session that runs past midnight would.
    until = ibis.timestamp(f"{as_of} 20:00:00", timezone="UTC")
    known = events.filter(events.occurred_at < until)
    rollups = select_bought(roll_up(known, timezone=TIMEZONE, since=date(2025, 1, 1), until=date(2026, 2, 1)))
    customers = rollups.activity.select("customer_id").distinct()
    ours = compute_factors(rollups, as_of=as_of, customers=customers).to_pandas().set_index("customer_id")

    read = pandas_features.read_tuned if tuned else pandas_features.read_events
    frame = read(str(canonical))
    labels = frame.attrs.pop("customers", None)
    frame = frame[frame["occurred_at"] < pd.Timestamp(f"{as_of} 20:00", tz="UTC")]
    theirs = pandas_features.compute_features(frame, as_of=as_of, timezone=TIMEZONE)
    if labels is not None:
        theirs.index = labels[theirs.index]

    names = [f.name for one in load_families().values() if one.reads == "rollups" for f in one.factors]
    assert sorted(theirs.columns) == sorted(names)
    assert ours[names].notna().any().all(), "the stream must exercise every factor"
    theirs = theirs.loc[ours.index, names]
    np.testing.assert_allclose(theirs, ours[names], atol=1e-6, rtol=0, equal_nan=True)


@pytest.mark.long
def test_intake_counts_every_row(tmp_path: Path) -> None:
    intake = measure_intake(tmp_path / "events", rows=20_000)
    counts = intake.counts
    assert counts["read"] == intake.rows == sum(counts.values()) - counts["read"]
    assert counts["duplicates"] > 0
    assert counts["quarantined"] > 0
    assert intake.ratio > 0
    assert intake.peak_bytes is None or intake.peak_bytes > 2**20


@pytest.mark.long
def test_a_week_more_is_measured_beside_all_weeks(tmp_path: Path) -> None:
    found = measure_increment(tmp_path / "weeks", events=1_000, customers=400, weeks=3)
    for cost in (found.base, found.week, found.whole):
        assert set(cost.stages) == {"ingest", "features"}
        assert cost.seconds > sum(cost.stages.values()) > 0
    assert found.share > 0


@pytest.mark.long
def test_features_are_measured_beside_pandas(tmp_path: Path) -> None:
    contest = measure_features(tmp_path / "features", rows=20_000)
    assert set(contest.ours.stages) == {"rollups", "features"}
    for pandas in (contest.plain, contest.tuned):
        assert pandas is not None
        assert set(pandas.stages) == {"read", "compute"}
        assert pandas.processor > 0


@pytest.mark.long
def test_impatience_is_told(tmp_path: Path) -> None:
    contest = measure_features(tmp_path / "features", rows=20_000, patience=0.01)
    assert contest.plain is contest.tuned is None
    assert contest.speedup(contest.plain) is None
    assert all("not done" in reason for reason in contest.reasons)
    assert len(contest.reasons) == 2


@pytest.mark.long
def test_one_fault_of_each_kind_is_told(tmp_path: Path) -> None:
    found = list(break_feeds(tmp_path / "feeds", shops=1, draws=1))
    assert {one.fault for one in found} == set(FAULTS)
    assert all(one.is_right for one in found), found


@pytest.mark.long
def test_the_drift_stage_is_measured_with_its_record(tmp_path: Path) -> None:
    cost = measure_drift_stage(tmp_path / "drift", customers=1000)
    assert set(cost.stages) == {"sources", "comparison", "record"}
    assert all(seconds > 0 for seconds in cost.stages.values())


@pytest.mark.long
def test_the_reports_are_measured_page_by_page(tmp_path: Path) -> None:
    cost = measure_reports(tmp_path / "reports", customers=2000, campaigns=2)
    assert {"index.html", "roi.html", "segments.html", "drift.html", "evidently.html"} <= set(cost.kilobytes)
    assert cost.seconds > 0 < cost.processor
    assert cost.kilobytes["roi.html"] > 50
    # One copy of Plotly alone is more than three megabytes.
    assert cost.alone_kilobytes > 3000


@pytest.mark.long
def test_lifetime_values_are_fitted_in_a_process_of_its_own() -> None:
    cost = measure_lifetime_value(customers=3000)
    assert set(cost.stages) == {"BG/NBD", "Gamma-Gamma", "prediction"}
    assert all(seconds > 0 for seconds in cost.stages.values())


@pytest.mark.skipif(
    not find_cdnow().exists(), reason=f"{find_cdnow()} is not there; set SEGMENTWERK_DATA_DIR"
)
def test_every_published_figure_of_cdnow_is_met() -> None:
    found = compare_published()
    assert len(found) == 8
    assert {one.name: one.deviation for one in found if abs(one.deviation) > 0.005} == {}
