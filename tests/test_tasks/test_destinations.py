"""Exports: the right customers, every table readable by DuckDB and pandas, whole files or none."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import pytest
from pydantic import ValidationError

import tasks.destinations as destinations
from monitoring.pages import ReportData
from tasks.destinations import Export, load_destinations, replace_file, replace_folder
from tasks.reports import write_reports

AS_OF = date(2026, 11, 16)
CUSTOMERS = [f"p{number:02d}" for number in range(12)]
Tables = dict[str, ibis.Table]


@pytest.fixture
def engine() -> Any:
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    return connection


@pytest.fixture
def tables(engine: Any) -> Tables:
    segments = pd.DataFrame(
        {
            "as_of": AS_OF,
            "customer_id": CUSTOMERS,
            "segment_id": [0, 1, 2] * 4,
            "segment_name": ["Loyal", 'Curious, "new"', "Fading"] * 4,
            "strength": 0.5,
            "is_outlier": False,
            "model_version": "2",
        }
    )
    earlier = segments.assign(as_of=date(2026, 11, 9), segment_name="Before")
    consent = pd.array([None, True, False] + [True] * 9, dtype="boolean")
    customers = pd.DataFrame({"customer_id": CUSTOMERS, "consent_marketing": consent})
    campaigns = pd.DataFrame(
        {
            "campaign_id": ["over", "running", "announced"],
            "name": ["Over", "Running", "Announced"],
            "starts_at": [datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11, 12)],
            "ends_at": [datetime(2026, month, 15, tzinfo=UTC) for month in (10, 12, 12)],
        }
    )
    assignments = pd.DataFrame(
        {
            "campaign_id": ["over", "running", "running", "announced", "unheard_of"],
            "customer_id": ["p03", "p04", "p05", "p06", "p07"],
            "arm": ["control", "control", "treatment", "control", "control"],
        }
    )
    profiles = pd.DataFrame(
        {
            "as_of": AS_OF,
            "segment_id": [0, 1],
            "segment_name": ["Loyal", 'Curious, "new"'],
            "size": [8, 4],
            "share": [0.67, 0.33],
            "value": [120.5, None],
            "profile": ["{}", "{}"],
            "rule": ["bought twice", None],
            "lineage": ["continues", "new"],
            "model_version": "2",
        }
    )
    features = pd.DataFrame({"as_of": AS_OF, "customer_id": CUSTOMERS, "tenure_days": range(12)})
    lift = {"absolute": 0.03, "low": 0.01, "high": None, "relative": None, "p_value": 0.01}
    campaign = {
        "campaign_id": "over",
        "name": "Over",
        "decision": "ship",
        "metrics": {
            "conversion": {
                "arms": {"control": 0.1, "treatment": 0.13},
                "lift": {"treatment": lift},
                "reason": None,
            }
        },
    }
    summary = {
        "customers": 12,
        "ingest": {"read": 100, "accepted": 90, "duplicates": 8, "quarantined": 2},
        "drift": {"decision": "none"},
        "promotion": None,
        "campaigns": [campaign],
    }
    runs = pd.DataFrame(
        {
            "run_id": ["r1", "r2", "r3"],
            "flow": ["weekly-retrain", "weekly-retrain", "daily-score"],
            "as_of": [AS_OF, date(2026, 11, 23), date(2026, 11, 10)],
            "started_at": pd.Timestamp("2026-11-17 05:00", tz="UTC"),
            "finished_at": pd.Timestamp("2026-11-17 05:01", tz="UTC"),
            "summary": [json.dumps(summary), json.dumps(summary), "{}"],
            "versions": "{}",
        }
    )
    frames = {
        "segments": pd.concat([segments, earlier]),
        "customers": customers,
        "campaigns": campaigns,
        "assignments": assignments,
        "segment_profiles": profiles,
        "features": features,
        "runs": runs,
    }
    return {name: engine.create_table(name, ibis.memtable(frame)) for name, frame in frames.items()}


def write(tables: Tables, export: Export) -> tuple[Path, ...]:
    return load_destinations()[export.destination].write(tables, export, AS_OF)


def read_customers(path: Path) -> set[str]:
    return set(pd.read_csv(path)["customer_id"])


def test_each_destination_is_found_and_says_what_it_does() -> None:
    found = load_destinations()
    assert set(found) >= {"audience", "bi", "publish"}
    assert all(destination.meaning for destination in found.values())


def test_a_destination_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nowhere.py").write_text(
        "from tasks.destinations import Destination\n"
        "DESTINATION = Destination('nowhere', 'nothing', lambda *given: (), options=('why',))\n"
    )
    monkeypatch.setattr(destinations, "__path__", [*destinations.__path__, str(tmp_path)])
    export = Export(name="a", destination="nowhere", path=tmp_path, options={"why": "a test"})
    assert write({}, export) == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"destination": "fax"}, "destination 'fax' is not known; there are: audience, bi, publish"),
        ({"options": {"speed": "9"}}, "option 'speed' is not known to 'audience'; allowed: none"),
        ({"name": "../up"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_export_is_refused(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=message):
        Export.model_validate({"name": "a", "destination": "audience", "path": tmp_path} | fields)


def test_an_audience_holds_who_may_be_addressed(tables: Tables, tmp_path: Path) -> None:
    export = Export(name="all", destination="audience", path=tmp_path / "audience.csv")
    assert write(tables, export) == (tmp_path / "audience.csv",)
    audience = pd.read_csv(tmp_path / "audience.csv")
    # p02 withdrew consent; p04, p06 and p07 are controls of campaigns that have not ended.
    assert list(audience["customer_id"]) == [c for c in CUSTOMERS if c not in {"p02", "p04", "p06", "p07"}]
    assert list(audience) == ["customer_id", "segment_id", "segment_name", "strength"]
    assert audience.set_index("customer_id").loc["p01", "segment_name"] == 'Curious, "new"'
    assert [path.name for path in tmp_path.iterdir()] == ["audience.csv"]


@pytest.mark.parametrize("wanted", [("Loyal",), ("0",)])
def test_an_audience_can_be_kept_to_segments(tables: Tables, tmp_path: Path, wanted: tuple[str, ...]) -> None:
    export = Export(name="loyal", destination="audience", path=tmp_path, segments=wanted)
    (written,) = write(tables, export)
    assert written == tmp_path / "loyal_2026-11-16.csv"
    assert read_customers(written) == {"p00", "p03", "p09"}


def test_without_campaigns_every_control_customer_is_held_back(tables: Tables, tmp_path: Path) -> None:
    export = Export(name="all", destination="audience", path=tmp_path)
    (written,) = write({name: table for name, table in tables.items() if name != "campaigns"}, export)
    assert read_customers(written).isdisjoint({"p03", "p04", "p06", "p07"})
    (written,) = write({name: tables[name] for name in ("segments", "customers")}, export)
    assert read_customers(written) == set(CUSTOMERS) - {"p02"}


def test_the_hold_out_is_held_back_too(tables: Tables, tmp_path: Path) -> None:
    held_out = ibis.memtable({"customer_id": ["p00", "p02"]})
    (written,) = write(
        tables | {"held_out": held_out}, Export(name="all", destination="audience", path=tmp_path)
    )
    assert read_customers(written) == set(CUSTOMERS) - {"p00", "p02", "p04", "p06", "p07"}


def without_segments(tables: Tables) -> Tables:
    return {name: table for name, table in tables.items() if name != "segments"}


def before_that_day(tables: Tables) -> Tables:
    return tables | {"segments": tables["segments"].filter(ibis._.as_of < AS_OF)}


@pytest.mark.parametrize(
    ("change", "segments", "message"),
    [
        (without_segments, (), "there is no table 'segments' yet"),
        (before_that_day, (), "no segments as of 2026-11-16"),
        (dict, ("Loyl",), "there is no segment 'Loyl'; there are: Curious"),
    ],
)
def test_an_audience_that_cannot_be_had_is_an_error_and_leaves_the_old_file(
    tables: Tables,
    tmp_path: Path,
    change: Callable[[Tables], Tables],
    segments: tuple[str, ...],
    message: str,
) -> None:
    target = tmp_path / "audience.csv"
    target.write_text("old")
    export = Export(name="all", destination="audience", path=target, segments=segments)
    with pytest.raises(LookupError, match=message):
        write(change(tables), export)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["audience.csv"]


def test_bi_tables_load_in_duckdb_and_pandas(tables: Tables, tmp_path: Path) -> None:
    written = write(tables, Export(name="bi", destination="bi", path=tmp_path))
    assert all(path.is_file() for path in written)
    folder = tmp_path / "2026-11-16"
    expected = {"segments": 12, "segment_profiles": 2, "features": 12, "runs": 2, "campaign_results": 1}
    for name, rows in expected.items():
        by_duckdb = duckdb.sql(f"select * from read_parquet('{folder / name}.parquet')").df()
        by_pandas = pd.read_csv(folder / f"{name}.csv")
        assert len(by_duckdb) == len(by_pandas) == rows, name
        assert list(by_duckdb) == list(by_pandas), name
    assert len(written) == 11


def test_campaign_results_and_runs_are_tidy(tables: Tables, tmp_path: Path) -> None:
    write(tables, Export(name="bi", destination="bi", path=tmp_path))
    result = pd.read_parquet(tmp_path / "2026-11-16" / "campaign_results.parquet").iloc[0]
    assert (result["campaign_id"], result["metric"], result["arm"], result["decision"]) == (
        "over", "conversion", "treatment", "ship",
    )  # fmt: skip
    assert (result["control"], result["treatment"], result["absolute"], result["low"]) == (
        0.1,
        0.13,
        0.03,
        0.01,
    )
    assert pd.isna(result["high"])
    runs = pd.read_parquet(tmp_path / "2026-11-16" / "runs.parquet").set_index("run_id")
    assert set(runs.index) == {"r1", "r3"}
    assert (runs.loc["r1", "customers"], runs.loc["r1", "rows_quarantined"]) == (12, 2)
    assert runs["customers"].isna().to_dict() == {"r1": False, "r3": True}


def test_every_column_stands_in_the_dictionary_with_its_meaning(tables: Tables, tmp_path: Path) -> None:
    written = write(tables, Export(name="bi", destination="bi", path=tmp_path))
    dictionary = pd.read_csv(written[-1])
    assert dictionary["meaning"].notna().all()
    for path in written:
        if path.suffix == ".parquet":
            listed = dictionary.loc[dictionary["table"] == path.stem, "column"]
            assert list(listed) == list(pd.read_parquet(path))
    tenure = dictionary[dictionary["column"] == "tenure_days"].iloc[0]
    assert "days" in tenure["meaning"]


def test_the_shops_own_factors_stand_in_the_dictionary(tables: Tables, tmp_path: Path) -> None:
    own = ibis.memtable({"factor": ["weekend"], "meaning": ["how often at the weekend (share): a ÷ b"]})
    wider = tables | {"features": tables["features"].mutate(weekend=0.5), "own_factors": own}
    written = write(wider, Export(name="bi", destination="bi", path=tmp_path))
    dictionary = pd.read_csv(written[-1]).set_index("column")
    assert dictionary.loc["weekend", "meaning"] == "how often at the weekend (share): a ÷ b"
    assert not [path for path in written if path.stem == "own_factors"]


def test_bi_keeps_its_columns_without_campaigns(tables: Tables, tmp_path: Path) -> None:
    quiet = tables | {"runs": tables["runs"].filter(ibis._.run_id == "r3")}
    write(quiet, Export(name="bi", destination="bi", path=tmp_path))
    results = pd.read_parquet(tmp_path / "2026-11-16" / "campaign_results.parquet")
    assert len(results) == 0
    assert {"campaign_id", "absolute", "p_value"} <= set(results)


def test_bi_replaces_its_own_week_and_touches_nothing_else(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    export = Export(name="bi", destination="bi", path=tmp_path)
    write(tables, export)
    (tmp_path / "2026-11-16" / "stale.csv").write_text("old")
    write(tables, export)
    assert not (tmp_path / "2026-11-16" / "stale.csv").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "2026-11-16"}


def test_the_site_is_published_with_its_past_weeks(tmp_path: Path) -> None:
    reports, public = tmp_path / "reports", tmp_path / "public"
    for day in (9, 16):
        write_reports(
            ReportData("Shop", date(2026, 11, day), "EUR", f"Day {day}.", summary={}), folder=reports
        )
    export = Export(name="site", destination="publish", path=public, options={"reports": str(reports)})
    assert write({}, export) == (public / "latest" / "index.html",)
    assert {path.name for path in public.iterdir()} == {"2026-11-09", "2026-11-16", "latest"}
    assert "Day 16." in (public / "latest" / "index.html").read_text(encoding="utf-8")
    inside = (reports / "2026-11-16" / "index.html").stat()
    assert (public / "2026-11-16" / "index.html").stat().st_ino != inside.st_ino
    write_reports(ReportData("Shop", AS_OF, "EUR", "Once more.", summary={}), folder=reports)
    write({}, export)
    assert "Once more." in (public / "latest" / "index.html").read_text(encoding="utf-8")


def test_publishing_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no reports in"):
        write({}, Export(name="s", destination="publish", path=tmp_path, options={"reports": str(tmp_path)}))
    with pytest.raises(ValueError, match=r"options\.reports is missing"):
        write({}, Export(name="s", destination="publish", path=tmp_path))


def test_a_failed_write_leaves_the_old_file_and_folder(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.csv", tmp_path / "site"
    file.write_text("old")
    folder.mkdir()
    (folder / "index.html").write_text("old")
    with suppress(RuntimeError), replace_file(file) as fresh:
        fresh.write_text("half")
        raise RuntimeError
    with suppress(RuntimeError), replace_folder(folder) as fresh:
        (fresh / "index.html").write_text("half")
        raise RuntimeError
    assert file.read_text() == "old"
    assert (folder / "index.html").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "site"}
