"""The soak at a small size: that it measures what it says, and that weeks in one process leave a lake in order."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.soak import SoakWeek, compare_weeks, draw_soak, show_soak, soak_shop

WEEKS = 4


def make_week(number: int, *, seconds: float) -> SoakWeek:
    return SoakWeek(
        as_of=f"2026-{number:02d}", seconds=seconds, rss_mib=900.0, peak_mib=1000.0, server_mib=200.0, files=40,
        threads=20,
        engines=1, lake_files=100, lake_mib=9.5, log_entries=30, home_mib=70.0, stages={"ingest": 1.0},
    )  # fmt: skip


def test_the_last_weeks_are_compared_with_the_early_ones_by_their_medians() -> None:
    weeks = [make_week(number, seconds=float(number)) for number in range(1, 53)]
    assert compare_weeks(weeks, "seconds") == 51 / 10
    assert compare_weeks(weeks, "files") == 1
    assert compare_weeks(weeks[:4], "seconds") == 3 / 2


def test_the_table_and_the_chart_show_every_measure() -> None:
    weeks = [make_week(number, seconds=10.0) for number in range(1, 53)]
    out = Console(file=StringIO(), width=140)
    show_soak(weeks, out)
    shown = out.file.getvalue()  # type: ignore[attr-defined]
    assert "seconds: the last weeks are × 1.00 of week 10 (aim: at most 1.5)" in shown
    assert [row.split()[0] for row in shown.splitlines()[2:6]] == ["1", "2", "4", "8"]
    drawn = {trace.name for trace in draw_soak(weeks).data}
    assert {"seconds", "rss mib", "files", "lake files"} <= drawn


@pytest.mark.long
def test_weeks_in_one_process_are_measured_one_by_one(tmp_path: Path) -> None:
    weeks = list(soak_shop(tmp_path, weeks=WEEKS, customers=300))
    assert len({week.as_of for week in weeks}) == WEEKS
    for week in weeks:
        assert min(week.seconds, week.rss_mib, week.server_mib, week.files, week.threads, week.lake_files) > 0
        assert week.peak_mib >= week.rss_mib * 0.9
        assert "maintenance" in week.stages
    assert weeks[-1].files <= weeks[1].files + 8
    assert weeks[-1].lake_files < 2 * weeks[0].lake_files + 60 * WEEKS
