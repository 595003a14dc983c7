"""Faults of what sources deliver, found in a real lake: in weeks of very different size, and the right source named."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from models.mapping import Source
from tasks.drift import CheckedSources, check_sources
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, write_lake
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
    folder: Path, name: str, *, copies: int = 1, factor: float = 1.0, silent: bool = False
) -> None:
    """Weeks of very different size, the last one delivered so many times, in another unit, or not at all."""
    rows = ["id,ts,who,amount"]
    for week, count in enumerate(SPIKY):
        last = week == len(SPIKY) - 1
        first = LAST - timedelta(weeks=len(SPIKY) - 1 - week, days=6)
        for number in range(0 if last and silent else count):
            moment = f"{first + timedelta(days=number % 7)} {number % 24:02}:{number % 60:02}:00"
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
    ],
    ids=["sound", "twice under other ids", "cents for euros", "silent"],
)
def test_the_fault_and_its_source_are_named(
    tmp_path: Path, fault: dict[str, float], kinds: list[str]
) -> None:
    write_weeks(tmp_path, "web")
    write_weeks(tmp_path, "crm", **fault)  # type: ignore[arg-type]
    found = check(tmp_path)
    assert [(one.source, one.kind) for one in found.faults] == [("crm", kind) for kind in kinds]
    assert found.rows["web"] == SPIKY[-1]
