"""Bad input is refused in one line or accounted for row by row; nothing crashes, nothing is dropped in silence."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from killing import Ending, Killer
from test_faults.bad_files import CASES, DANGEROUS, FIRST, GOOD, PACKED, Case, Refused, Taken, csv, row

from flows.settings import Settings, load_settings
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, open_lake, write_lake

COUNTS = ("read", "accepted", "duplicates", "quarantined", "filtered")


def ingest_now(settings: Settings) -> dict[str, Any]:
    """The intake alone; rollups of a handful of events would take most of the time."""
    with write_lake(settings.home) as lake:
        intake = ingest_sources.fn(lake, settings.sources, base=settings.base, rules=settings.shop_rules())
        lake.commit(begin_run("ingest", date(2026, 6, 1)), intake.to_dict())
    return intake.to_dict()


def assert_nothing_written(home: Path) -> None:
    lake = open_lake(str(home))
    assert (lake.versions, len(lake.runs())) == ({}, 0)


def assert_refused(line: str, outcome: Refused) -> None:
    assert "\n" not in line
    assert [word for word in outcome.words if word not in line] == [], line
    assert len(line) < 1500


def assert_taken(done: dict[str, Any], outcome: Taken, home: Path) -> None:
    """The counts are the expected ones, and the tables have as many rows as they say."""
    lake = open_lake(str(home))
    refused = lake.table("quarantine").to_pandas() if lake.has("quarantine") else None
    told = [] if refused is None else [json.loads(reasons) for reasons in refused["reasons"]]
    assert {name: done[name] for name in COUNTS} == {name: getattr(outcome, name) for name in COUNTS}, told
    assert outcome.read == outcome.accepted + outcome.duplicates + outcome.quarantined + outcome.filtered
    events = lake.table("events").count().execute() if lake.has("events") else 0
    assert events == outcome.accepted
    assert len(told) == outcome.quarantined
    assert all(reasons for reasons in told)
    starts = Counter(
        start for reasons in told for start in outcome.reasons if any(r.startswith(start) for r in reasons)
    )
    assert starts == Counter(outcome.reasons), told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_file_is_refused_or_accounted_for(case: Case, tmp_path: Path) -> None:
    settings = load_settings(case.write(tmp_path))
    if isinstance(case.outcome, Refused):
        with pytest.raises(ValueError, match=r"\S") as raised:
            ingest_now(settings)
        assert_refused(str(raised.value), case.outcome)
        assert_nothing_written(tmp_path / "var")
    else:
        assert_taken(ingest_now(settings), case.outcome, tmp_path / "var")


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer(patience=60) as one:
        yield one


def run_ingest(killer: Killer, config: Path) -> Ending:
    return killer.run("ingest", "--config", str(config), "--json")


@pytest.mark.long
@pytest.mark.parametrize("case", DANGEROUS, ids=lambda case: case.name)
def test_the_process_survives(case: Case, killer: Killer, tmp_path: Path) -> None:
    ending = run_ingest(killer, case.write(tmp_path))
    assert (ending.code, ending.err) == (0, "")
    assert_taken(ending.json, case.outcome, tmp_path / "var")


@pytest.mark.parametrize(
    "case", [c for c in PACKED if isinstance(c.outcome, Refused)], ids=lambda case: case.name
)
def test_the_command_says_it_in_one_line(case: Case, killer: Killer, tmp_path: Path) -> None:
    ending = run_ingest(killer, case.write(tmp_path))
    assert (ending.code, ending.out) == (1, "")
    assert ending.err.startswith("error: ")
    assert ending.err.count("\n") == 1
    assert isinstance(case.outcome, Refused)
    assert_refused(ending.err.rstrip("\n"), case.outcome)
    assert_nothing_written(tmp_path / "var")


def test_sql_in_a_mapping_is_a_wrong_configuration(killer: Killer, tmp_path: Path) -> None:
    case = Case(
        "", {"a.csv": GOOD}, Refused(("segmentwerk.toml", "value")), columns={"value": "1; drop table events"}
    )
    ending = run_ingest(killer, case.write(tmp_path))
    assert (ending.code, ending.out, ending.err.count("\n")) == (2, "", 1)
    assert_refused(ending.err.rstrip("\n"), case.outcome)  # type: ignore[arg-type]


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    case = Case("", {"a.csv": GOOD, "b.csv": csv(row(9))}, Refused(("b.csv",)))
    settings, doomed = load_settings(case.write(tmp_path)), tmp_path / "in" / "b.csv"

    def remove_once_listed(frame: Any, event: str, _argument: Any) -> None:
        if event == "return" and frame.f_code.co_name == "list_deliveries":
            doomed.unlink(missing_ok=True)

    sys.setprofile(remove_once_listed)
    try:
        with pytest.raises(ValueError, match=r"b\.csv") as raised:
            ingest_now(settings)
    finally:
        sys.setprofile(None)
    assert not doomed.exists()
    assert "\n" not in str(raised.value)
    assert_nothing_written(tmp_path / "var")


def test_a_refused_delivery_leaves_what_there_was(tmp_path: Path) -> None:
    settings = load_settings(Case("", {"a.csv": csv(FIRST)}, Taken(read=1, accepted=1)).write(tmp_path))
    ingest_now(settings)
    before = open_lake(settings.home)
    (tmp_path / "in" / "b.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"b\.csv\.gz"):
        ingest_now(settings)
    after = open_lake(settings.home)
    assert (after.versions, len(after.runs())) == (before.versions, 1)
    (tmp_path / "in" / "b.csv.gz").unlink()
    (tmp_path / "in" / "c.csv").write_bytes(GOOD)
    assert_taken_again = ingest_now(settings)
    assert {name: assert_taken_again[name] for name in COUNTS} == {
        "read": 3, "accepted": 2, "duplicates": 1, "quarantined": 0, "filtered": 0,
    }  # fmt: skip


def test_names_keep_their_letters(tmp_path: Path) -> None:
    names = [
        "🎉 Frühling",
        "\u202eמבצע אביב",
        "عرض الربيع",
        "春の\u200dセール",
        "Robert'); drop table events;--",
    ]
    rows = "".join(f"c{n},{name},2026-05-01,2026-06-01\n" for n, name in enumerate(names))
    (tmp_path / "c.csv").write_text("id,name,von,bis\n" + rows, encoding="utf-8")
    config = tmp_path / "segmentwerk.toml"
    config.write_text(
        '[[sources]]\nname = "c"\ntable = "campaigns"\npath = "c.csv"\n[sources.columns]\n'
        'campaign_id = "id"\nname = "name"\nstarts_at = "von"\nends_at = "bis"\n',
        encoding="utf-8",
    )
    settings = load_settings(config)
    assert ingest_now(settings)["accepted"] == len(names)
    kept = open_lake(settings.home).table("campaigns").order_by("campaign_id").to_pandas()
    assert list(kept["name"]) == names
