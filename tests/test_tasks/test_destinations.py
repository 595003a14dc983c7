"""Exports: the right customers, the site where others see it, whole files or none."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from exportable import AS_OF, CUSTOMERS, Tables, make_tables
from pydantic import ValidationError

import tasks.destinations as destinations
from monitoring.pages import ReportData
from tasks.destinations import Export, load_destinations, replace_file, replace_folder
from tasks.reports import write_reports


@pytest.fixture
def tables() -> Tables:
    return make_tables()


def write(tables: Tables, export: Export) -> tuple[Any, ...]:
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


def test_nobody_is_addressed_under_a_name_of_before(tables: Tables, tmp_path: Path) -> None:
    renames = ibis.memtable({"old_customer_id": ["p01"], "customer_id": ["p02"]})
    export = Export(name="all", destination="audience", path=tmp_path / "audience.csv")
    write(tables | {"renames": renames}, export)
    assert read_customers(tmp_path / "audience.csv") == set(CUSTOMERS) - {"p01", "p02", "p04", "p06", "p07"}


def test_a_password_in_a_uri_is_refused() -> None:
    with pytest.raises(ValidationError, match="must hold no password"):
        Export.model_validate({"name": "a", "destination": "publish", "path": "sftp://web:secret@host/www"})


def test_a_week_made_anew_is_published_again(tmp_path: Path) -> None:
    reports, target = tmp_path / "reports", tmp_path / "site"
    weeks = [ReportData("Shop", date(2026, 11, day), "EUR", "", summary={}) for day in (9, 16)]
    for week in weeks:
        write_reports(week, folder=reports)
    export = Export(name="site", destination="publish", path=target, options={"reports": str(reports)})
    publish = load_destinations()["publish"].write
    publish({}, export, AS_OF)
    write_reports(ReportData("Shop again", date(2026, 11, 9), "EUR", "", summary={}), folder=reports)
    publish({}, export, AS_OF)
    page = target / "2026-11-09" / "index.html"
    assert "Shop again" not in page.read_text(encoding="utf-8")
    publish({}, export, date(2026, 11, 9))
    assert "Shop again" in page.read_text(encoding="utf-8")
