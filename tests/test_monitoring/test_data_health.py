"""Feeds with a known fault, and feeds without one."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from monitoring.data_health import check_feeds

AS_OF = date(2026, 6, 28)


def build_weekly(*feeds: tuple[str, list[int]], last: date = AS_OF) -> pd.DataFrame:
    """Rows a week of each feed, oldest first; the last one is the week up to `last`."""
    return pd.DataFrame(
        [
            {"source": source, "week": last - timedelta(weeks=len(rows) - 1 - i), "rows": count}
            for source, rows in feeds
            for i, count in enumerate(rows)
        ]
    )


def list_kinds(weekly: pd.DataFrame) -> list[tuple[str, str]]:
    return [(finding.source, finding.kind) for finding in check_feeds(weekly, as_of=AS_OF)]


STEADY = [1000, 1100, 950, 1020, 980, 1060, 1010, 990]


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([*STEADY, 1005], []),
        ([*STEADY, 0], ["dead_feed"]),
        ([*STEADY, 45], ["dead_feed"]),
        ([*STEADY, 300], []),
        ([*STEADY, 2010], ["doubled_import"]),
        ([*STEADY[:4], 2100, *STEADY[5:], 2010], []),
        ([1000, 1200, 1440, 1728, 2074, 2488, 2986, 3583, 4300], []),
        ([*STEADY[:5], 0, 0, 0, 0], ["dead_feed"]),
        ([*STEADY[:3], 0, 0, 0, 0, 0, 0], []),
        ([0, 0, 0, 0, 0, 0, 0, 5000, 0], []),
        ([900, 0, 900, 0, 900, 0, 900, 0, 0], []),
        ([1000, 1000, 1000, 2500], []),
        ([4000], []),
        ([3, 2, 4, 3, 2, 3, 3, 2, 0], []),
    ],
    ids=[
        "steady", "silent", "nearly silent", "a weak week", "twice", "twice is known", "growing",
        "silent for a month", "silence became the habit", "one delivery only", "every other week",
        "too little history", "new", "hardly any rows",
    ],
)  # fmt: skip
def test_feed_is_judged_by_its_own_past(rows: list[int], kinds: list[str]) -> None:
    assert list_kinds(build_weekly(("shop", rows))) == [("shop", kind) for kind in kinds]


def test_only_the_faulty_source_is_named_with_its_numbers() -> None:
    weekly = build_weekly(("web", [*STEADY, 1000]), ("crm", [*STEADY, 0]), ("app", [*STEADY, 2200]))
    app, crm = check_feeds(weekly, as_of=AS_OF)
    assert (app.source, app.kind) == ("app", "doubled_import")
    assert (crm.source, crm.kind) == ("crm", "dead_feed")
    assert crm.sentence == ("source 'crm' delivers no more: 0 rows this week against 1,005 in a usual week")


def test_week_that_is_not_there_had_no_rows() -> None:
    weekly = build_weekly(("web", [*STEADY, 1000]))
    assert list_kinds(weekly[weekly["week"] < AS_OF]) == [("web", "dead_feed")]


def test_any_day_of_a_week_stands_for_it_and_later_weeks_do_not_count() -> None:
    mondays = build_weekly(("web", [*STEADY, 1000]), last=AS_OF - timedelta(days=6))
    assert list_kinds(mondays) == []
    later = build_weekly(("web", [*STEADY, 1000, 9000]), last=AS_OF + timedelta(weeks=1))
    assert list_kinds(later) == []


@pytest.mark.parametrize(("now", "found"), [(3100.0, True), (0.31, True), (70.0, False), (np.nan, False)])
def test_cents_for_euros_are_a_change_of_unit(now: float, found: bool) -> None:
    weekly = build_weekly(("web", [*STEADY, 1000])).assign(mean_value=[31.0, 29, 33, 30, 31, 28, 35, 31, now])
    assert list_kinds(weekly) == ([("web", "unit_change")] if found else [])


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [(0.02, 0.5, True), (0.45, 0.5, False), (0.02, 0.3, False), (np.nan, 0.5, False)],
)
def test_rows_that_repeat_each_other_are_a_doubled_import_in_a_week_of_any_size(
    before: float, now: float, found: bool
) -> None:
    spiky = [100, 110, 90, 4000, 105, 95, 120, 100, 210]
    weekly = build_weekly(("crm", spiky)).assign(repeated=[np.nan] * 7 + [before, now])
    assert list_kinds(weekly) == ([("crm", "doubled_import")] if found else [])


def test_no_weeks_no_finding() -> None:
    assert check_feeds(pd.DataFrame({"source": [], "week": [], "rows": []}), as_of=AS_OF) == ()


def test_random_weeks_seldom_look_faulty() -> None:
    rng = np.random.default_rng(3)
    draws = rng.poisson(rng.lognormal(np.log(500), 0.15, size=(200, 9)))
    feeds = [(f"feed{i}", list(rows)) for i, rows in enumerate(draws)]
    assert len(check_feeds(build_weekly(*feeds), as_of=AS_OF)) <= 2
