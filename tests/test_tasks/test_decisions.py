"""Decisions on record: who was champion before a week, who is after it, and whose wins count."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from tasks.decisions import (
    ROLLBACK,
    find_champion_after,
    find_champion_before,
    find_decision,
    find_last_winner,
    find_later_week,
    list_promotions,
    list_wins,
    record_promotion,
)
from tasks.lake import begin_run, open_lake, write_lake

FIRST = date(2026, 11, 1)


def week(number: int) -> date:
    return FIRST + timedelta(weeks=number)


def decide(home: Path, *rows: dict[str, Any]) -> pd.DataFrame:
    """Put decisions on record, each in a run of its own, and read them."""
    for row in rows:
        with write_lake(str(home)) as lake:
            run = begin_run("weekly-retrain", row["as_of"])
            given = {
                "decision": "keep", "reasons": ("because",), "challenger_version": None,
                "champion_version": None, "previous_version": None, "snapshot_id": None, "gates": {},
            }  # fmt: skip
            record_promotion(lake, **(given | row))
            lake.commit(run, {})
    return list_promotions(open_lake(str(home)))


def first(version: str = "1", **more: Any) -> dict[str, Any]:
    return {"as_of": week(0), "decision": "first", "champion_version": version, "snapshot_id": "s0"} | more


def test_nobody_has_decided_anything_yet(tmp_path: Path) -> None:
    decisions = list_promotions(open_lake(str(tmp_path)))
    assert decisions.empty
    assert find_champion_before(decisions, as_of=week(0)) is None
    assert find_decision(decisions, snapshot_id="s0") is None
    assert list_wins(decisions, as_of=week(1)) == []
    assert find_later_week(decisions, as_of=week(0)) is None


def test_a_week_that_is_run_again_finds_the_champion_it_found_first(tmp_path: Path) -> None:
    promoted = {"as_of": week(1), "decision": "promote", "champion_version": "2", "previous_version": "1"}
    decisions = decide(tmp_path, first(), promoted)
    assert find_champion_before(decisions, as_of=week(0)) is None
    assert find_champion_before(decisions, as_of=week(1)) == "1"
    assert find_champion_before(decisions, as_of=week(2)) == "2"
    assert find_later_week(decisions, as_of=week(0)) == week(1)
    assert find_later_week(decisions, as_of=week(1)) is None


def test_a_rollback_on_the_same_day_is_no_weeks_decision(tmp_path: Path) -> None:
    promoted = {"as_of": week(1), "decision": "promote", "champion_version": "2", "previous_version": "1"}
    undone = {"as_of": week(2), "decision": ROLLBACK, "champion_version": "1", "previous_version": "2"}
    decisions = decide(tmp_path, first(), promoted | {"snapshot_id": "s1"}, undone)
    assert find_champion_before(decisions, as_of=week(2)) == "1"
    found = find_decision(decisions, snapshot_id="s1")
    assert found is not None
    assert (found["decision"], find_champion_after(decisions, found)) == ("promote", "1")


def test_a_later_promotion_does_not_change_what_an_earlier_week_decided(tmp_path: Path) -> None:
    later = {"as_of": week(1), "decision": "promote", "champion_version": "2", "previous_version": "1"}
    decisions = decide(tmp_path, first(), later)
    found = find_decision(decisions, snapshot_id="s0")
    assert found is not None
    assert find_champion_after(decisions, found) == "1"


def test_a_blocked_week_is_decided_anew(tmp_path: Path) -> None:
    decisions = decide(tmp_path, first(decision="blocked", champion_version=None))
    assert find_decision(decisions, snapshot_id="s0") is None


@pytest.mark.parametrize(
    ("rows", "wins", "winner"),
    [
        ([], [False], None),
        ([{"as_of": week(1), "challenger_version": "2", "gates": {"won": True}}], [False, True], "2"),
        (
            [
                {"as_of": week(1), "challenger_version": "2", "gates": {"won": True}},
                {"as_of": week(1), "challenger_version": "3", "gates": {"won": False}},
            ],
            [False, False],
            None,
        ),
        (
            [
                {"as_of": week(1), "challenger_version": "2", "gates": {"won": True}},
                {"as_of": week(1), "decision": ROLLBACK},
            ],
            [],
            None,
        ),
    ],
    ids=["nobody won", "one won", "decided again and lost", "forgotten by a rollback"],
)
def test_wins_are_those_of_weeks_as_they_were_decided_last(
    tmp_path: Path, rows: list[dict[str, Any]], wins: list[bool], winner: str | None
) -> None:
    decisions = decide(tmp_path, first(), *({"champion_version": "1"} | row for row in rows))
    found = list_wins(decisions, as_of=week(2))
    assert [one["won"] for one in found] == wins
    assert all(one["champion_version"] == "1" for one in found)
    assert find_last_winner(decisions, as_of=week(2), champion_version="1") == winner
    assert find_last_winner(decisions, as_of=week(2), champion_version="9") is None


def test_decisions_keep_their_order_when_the_clock_has_been_ahead(tmp_path: Path) -> None:
    decide(tmp_path, first())
    with write_lake(str(tmp_path)) as lake:
        ahead = lake.table("promotions").mutate(
            decided_at=ibis.timestamp("2999-01-01 00:00:00", timezone="UTC")
        )
        lake.overwrite("promotions", ahead.to_pyarrow().cast(lake.schema("promotions")))
        lake.commit(begin_run("test", week(0)), {})
    promoted = {"as_of": week(1), "decision": "promote", "champion_version": "2", "previous_version": "1"}
    assert list(decide(tmp_path, promoted)["champion_version"]) == ["1", "2"]
