"""Faults of what sources deliver, found in a real lake: in weeks of very different size, and the right source named."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.mapping import Source
from tasks.drift import CheckedSources, check_sources
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, write_lake
from tasks.sources import SourceError
from tasks.staging import ShopRules

LAST = date(2026, 5, 31)
RULES = ShopRules(secret=b"secret", timezone="UTC")
SPIKY = (30, 35, 300, 28, 40, 31, 36, 33)


def source(name: str) -> Source:
    return Source(
        name=name,
        path=f"in/{name}.csv",
        keys={"crm": "who"},
        columns={"event_id": "id", "occurred_at": "ts", "kind": "'purchase'", "value": "amount"},
    )


def write_weeks(
    folder: Path,
    name: str,
    *,
    copies: int = 1,
    factor: float = 1.0,
    silent: bool = False,
    skew: timedelta = timedelta(),
) -> None:
    """Weeks of very different size, the last one so many times, in another unit, by another clock, or not at all."""
    rows = ["id,ts,who,amount"]
    for week, count in enumerate(SPIKY):
        last = week == len(SPIKY) - 1
        first = LAST - timedelta(weeks=len(SPIKY) - 1 - week, days=6)
        for number in range(0 if last and silent else count):
            day = first + timedelta(days=number % 7) + (skew if last else timedelta())
            moment = f"{day} {number % 24:02}:{number % 60:02}:00"
            amount = (20 + number) * (factor if last else 1.0)
            rows += [
                f"{week}-{number}-{copy},{moment},c{number},{amount}" for copy in range(copies if last else 1)
            ]
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / f"{name}.csv").write_text("\n".join(rows) + "\n")


def check(folder: Path) -> CheckedSources:
    with write_lake(str(folder / "var")) as lake:
        sources = [source("crm"), source("web")]
        intake = ingest_sources.fn(lake, sources, base=str(folder), rules=RULES)
        found: CheckedSources = check_sources.fn(lake, intake, as_of=LAST, timezone="UTC")
        lake.commit(begin_run("weekly-retrain", LAST), intake.to_dict())
    return found


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ({}, []),
        ({"copies": 2}, ["doubled_import"]),
        ({"factor": 100.0}, ["unit_change"]),
        ({"silent": True}, ["dead_feed"]),
        ({"skew": -timedelta(days=30)}, ["dead_feed"]),
    ],
    ids=["sound", "twice under other ids", "cents for euros", "silent", "clock a month behind"],
)
def test_the_fault_and_its_source_are_named(tmp_path: Path, fault: dict[str, Any], kinds: list[str]) -> None:
    write_weeks(tmp_path, "web")
    write_weeks(tmp_path, "crm", **fault)
    found = check(tmp_path)
    assert [(one.source, one.kind) for one in found.faults] == [("crm", kind) for kind in kinds]
    assert found.rows["web"] == SPIKY[-1]


def test_a_clock_a_year_ahead_is_refused_and_called_by_its_name(tmp_path: Path) -> None:
    write_weeks(tmp_path, "web")
    write_weeks(tmp_path, "crm", skew=timedelta(days=3650))
    with pytest.raises(SourceError, match=r"sources\.crm.*lies in the future"):
        check(tmp_path)


def test_a_lost_column_is_the_one_fault_of_its_source(tmp_path: Path) -> None:
    write_weeks(tmp_path, "web")
    write_weeks(tmp_path, "crm", silent=True)
    assert [fault.kind for fault in check(tmp_path).faults] == ["dead_feed"]
    (tmp_path / "in" / "crm.csv").write_text(f"id,moment,who,amount\n1,{LAST} 10:00:00,c1,20\n")
    assert [(fault.source, fault.kind) for fault in check(tmp_path).faults] == [("crm", "schema_break")]
