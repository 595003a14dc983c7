"""What is older than its limit goes, with its history; what stands on it stays right; what comes late stays out."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError
from test_ingestion import RULES, A, count, lake, shop, take_in, write_csv

from models.retention import KEPT, RetentionLimits
from tasks.bi_files import list_written
from tasks.destinations import Export
from tasks.export_ledger import describe_export, list_exported, record_export
from tasks.lake import begin_run, write_lake
from tasks.places import Places
from tasks.reports import list_weeks
from tasks.retention import apply_retention, purge_deleted
from tasks.rollups import EventChanges, update_rollups

TODAY = date(2026, 5, 31)
OLD = "5,2026-03-01 10:00,purchase,77.123456,old@x.org,"
OLDER = "6,2026-02-01 10:00,page_view,,old@x.org,"
ROLLUPS = ("activity_daily", "orders", "sessions", "categories_daily")
NO_PLACES = Places(reports=Path("nowhere"), language="en", exports=(), tracking_uri=None, rules=RULES)


def keep_to(folder: Path, *, places: Places = NO_PLACES, **limits: int) -> dict[str, int]:
    with write_lake(str(folder / "var")) as target:
        run = begin_run("weekly-retrain", TODAY)
        told = apply_retention.fn(
            target, RetentionLimits(limits), as_of=TODAY, timezone="Europe/Berlin", places=places
        )
        target.commit(run, {"retention": told})
        purge_deleted(target, run, {"retention": told})
    return told


def roll_up(folder: Path, changes: EventChanges, *, timezone: str = "Europe/Berlin") -> None:
    with write_lake(str(folder / "var")) as target:
        update_rollups.fn(target, changes, timezone=timezone)
        target.commit(begin_run("ingest", TODAY), {})


def read_rollups(folder: Path) -> dict[str, pd.DataFrame]:
    found = {}
    for name in ROLLUPS:
        frame = lake(folder).table(name).to_pandas()
        found[name] = frame.sort_values(list(frame.columns)).reset_index(drop=True)
    return found


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(found[name], frame[list(found[name].columns)], obj=name)


def test_limits_are_refused_that_no_table_has() -> None:
    with pytest.raises(ValidationError, match="'evnts' has no limit; there are: events, activity_daily"):
        RetentionLimits({"evnts": 100})
    with pytest.raises(ValidationError, match="greater than or equal to 30"):
        RetentionLimits({"events": 3})
    assert {"events", "quarantine", "reports", "exports"} <= set(KEPT)
    assert "suppressions" not in KEPT
    assert RetentionLimits({"events": 31}).find_cutoffs(TODAY) == {"events": date(2026, 5, 1)}


def test_old_events_go_with_their_bytes_and_the_rollups_stay(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, OLD)
    roll_up(tmp_path, take_in(tmp_path).changes)
    before = read_rollups(tmp_path)
    assert keep_to(tmp_path, events=31) == {"events": 1}
    assert list(lake(tmp_path).table("events").to_pandas()["event_id"]) == ["1"]
    assert_same(read_rollups(tmp_path), before)
    values = [
        value
        for file in (tmp_path / "var" / "lake" / "events").rglob("*.parquet") if "_delta_log" not in str(file)
        for value in pd.read_parquet(file)["value"].dropna()
    ]  # fmt: skip
    assert values == [10.0]
    assert keep_to(tmp_path, events=31) == {}


def test_nothing_goes_from_a_table_that_is_not_named(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, OLD)
    take_in(tmp_path)
    assert keep_to(tmp_path, features=31, quarantine=31) == {}
    assert len(lake(tmp_path).table("events").to_pandas()) == 2


def test_what_comes_late_does_not_bring_back_what_was_deleted(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, OLD)
    roll_up(tmp_path, take_in(tmp_path).changes)
    keep_to(tmp_path, events=31)
    before = read_rollups(tmp_path)
    write_csv(tmp_path, "2.csv", OLD, OLDER, "7,2026-05-01 10:00,page_view,,old@x.org,")
    intake = take_in(tmp_path)
    assert count(intake) == (3, 1, 0, 0, 2)
    assert any("2 row(s) are from before 2026-05-01" in warning for warning in intake.warnings)
    roll_up(tmp_path, intake.changes)
    assert sorted(lake(tmp_path).table("events").to_pandas()["event_id"]) == ["1", "7"]
    days = read_rollups(tmp_path)["activity_daily"]
    assert len(days) == len(before["activity_daily"]) + 1
    # Without the limit they would be counted twice: the rollups have them already.
    write_csv(tmp_path, "3.csv", OLD)
    assert count(take_in(tmp_path)) == (1, 0, 0, 0, 1)


def test_customers_who_move_keep_the_days_whose_events_are_gone(tmp_path: Path) -> None:
    late = "8,2026-05-20 10:00,refund,7,old@x.org,"
    write_csv(tmp_path, "1.csv", A, OLD, late)
    roll_up(tmp_path, take_in(tmp_path).changes)
    before = read_rollups(tmp_path)
    moved = tuple(before["activity_daily"]["customer_id"].unique())
    keep_to(tmp_path, events=31)
    roll_up(tmp_path, EventChanges(moved=moved))
    assert_same(read_rollups(tmp_path), before)


def test_an_order_that_began_before_the_events_that_are_kept_is_not_counted_twice(tmp_path: Path) -> None:
    source = shop(columns={"event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount",
                           "order_id": "'o-' || split_part(mail, '@', 1)"})  # fmt: skip
    write_csv(tmp_path, "1.csv", A, OLD, "8,2026-05-20 10:00,refund,7,old@x.org,")
    roll_up(tmp_path, take_in(tmp_path, source).changes)
    before = read_rollups(tmp_path)
    keep_to(tmp_path, events=31)
    moved = tuple(before["activity_daily"]["customer_id"].unique())
    roll_up(tmp_path, EventChanges(moved=moved))
    assert_same(read_rollups(tmp_path), before)
    write_csv(tmp_path, "2.csv", "9,2026-05-21 10:00,refund,3,old@x.org,")
    intake = take_in(tmp_path, source)
    roll_up(tmp_path, EventChanges(intake.new_files, moved))
    orders = read_rollups(tmp_path)["orders"].set_index("order_id")
    assert orders.loc["o-old", ["revenue", "refund_value", "lines"]].tolist() == [77.123456, 10.0, 1.0]


def test_rollups_that_are_built_anew_keep_what_has_no_events_any_more(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, OLD)
    roll_up(tmp_path, take_in(tmp_path).changes)
    before = read_rollups(tmp_path)
    keep_to(tmp_path, events=31)
    # Another timezone: all days are told apart anew, those of events that are gone cannot be.
    roll_up(tmp_path, EventChanges(timezone="Europe/Berlin"), timezone="UTC")
    assert_same(read_rollups(tmp_path), before)


def test_refused_rows_go_by_when_they_were_first_seen(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, "5,never,purchase,7,b@x.org,")
    take_in(tmp_path, shop(max_bad_share=0.9))
    rows = lake(tmp_path).table("quarantine").to_pandas()
    age = (datetime.now(UTC) - timedelta(days=40)).replace(microsecond=0)
    with write_lake(str(tmp_path / "var")) as target:
        import pyarrow

        frame = rows.assign(first_seen_at=pd.Timestamp(age))
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        target.overwrite("quarantine", table.cast(target.schema("quarantine")))
        target.commit(begin_run("by hand", TODAY), {})
    told = {}
    with write_lake(str(tmp_path / "var")) as target:
        today = datetime.now(UTC).date()
        told = apply_retention.fn(
            target, RetentionLimits({"quarantine": 30}), as_of=today, timezone="UTC", places=NO_PLACES
        )
        target.commit(begin_run("by hand", TODAY), {})
    assert told == {"quarantine": 1}
    assert lake(tmp_path).table("quarantine").to_pandas().empty


def test_past_reports_and_exports_go_but_the_newest(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    reports, bi = tmp_path / "var" / "reports", tmp_path / "bi"
    for week in ("2026-01-04", "2026-05-24", "2026-05-31"):
        for file in (reports / week / "index.html", bi / week / "data_dictionary.csv"):
            file.parent.mkdir(parents=True)
            file.write_text("x", encoding="utf-8")
    audience = Export(name="all", destination="audience", path=tmp_path / "all.csv")
    audience.path.write_text("customer_id\n", encoding="utf-8")
    with write_lake(str(tmp_path / "var")) as target:
        record_export(target, describe_export(audience, date(2026, 1, 4)))
    exports = (Export(name="bi", destination="bi", path=bi), audience)
    places = Places(reports=reports, language="en", exports=exports, tracking_uri=None, rules=RULES)
    assert keep_to(tmp_path, places=places, reports=60, exports=60) == {"reports": 1, "exports": 2}
    assert list_weeks(reports) == list_written(bi) == ("2026-05-31", "2026-05-24")
    assert not audience.path.exists()
    assert list_exported(lake(tmp_path)) == []
