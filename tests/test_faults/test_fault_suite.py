"""A sample of `make faults` on the cheap commands, and that its parts see what they are to see."""

import random
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from faults import load_kinds
from faults.__main__ import list_faults, share_out
from faults.comparison import State, compare_contents, count_rows
from faults.courses import COURSES, Watched, find_boundaries
from faults.lane import Lane
from faults.table import write_table
from faults.trial import Verdict, find_faulty_ending
from killing import Ending, Moment
from own_prefect import OwnPrefect

INGESTING = ("ingest", "ingest sql")
SAMPLE = 10


def moment(where: str, *, writes: bool = False) -> Moment:
    return Moment(where, 1, writes)


def test_boundaries_are_those_of_what_the_flow_itself_calls() -> None:
    flow, task, plain = (
        "flows.daily_score.daily_score",
        "tasks.ingestion.ingest_sources",
        "tasks.lake.Lake.commit",
    )
    passed = [
        moment(f"before {flow}"),
        moment("before tasks.durations.start_clock"), moment("after tasks.durations.start_clock"),
        moment(f"before {task}"), moment(f"before {plain}"), moment(f"after {plain}"), moment(f"after {task}"),
        moment(f"before {plain}"), moment("before Delta's write", writes=True),
        moment("after Delta's write", writes=True), moment(f"after {plain}"),
        moment(f"after {flow}"),
    ]  # fmt: skip
    assert find_boundaries(passed, main=flow) == (passed[3], passed[6], passed[7], passed[10])


def test_lost_and_doubled_rows_are_counted() -> None:
    rows = pd.DataFrame({"id": ["a", "b", "c"], "value": [1.0, 2.0, None]})
    found = pd.concat([rows.iloc[:2], rows.iloc[1:2]], ignore_index=True)
    assert count_rows({"events": found}, {"events": rows}) == (1, 1)
    assert count_rows({}, {"events": rows}) == (3, 0)
    assert count_rows({"events": rows}, {"events": rows}) == (0, 0)
    states = [State({"events": frame}, {}, {}, 1) for frame in (found, rows)]
    assert compare_contents(*states)
    assert not compare_contents(states[1], states[1])


@pytest.mark.parametrize(
    ("code", "err", "right"),
    [
        (-9, "", True),
        (0, "", True),
        (1, "error: the disk is full; free some space and run the same command again\n", True),
        (1, "error: something happened\n", False),
        (1, "Traceback …\nerror: run it again\n", False),
        (70, "Traceback …", False),
        (1, "", False),
    ],
)
def test_a_command_fails_in_one_line_with_a_remedy(code: int, err: str, right: bool) -> None:
    assert (find_faulty_ending(Ending(code, 0.1, "", err)) == []) is right


def test_the_table_counts_what_came_about() -> None:
    verdicts = [
        Verdict("sigkill", "ingest", "a", tried=True),
        Verdict("sigkill", "score", "b", tried=True, trouble=("events differ",), lost=2, doubled=1),
        Verdict("sigkill", "score", "c", tried=False),
    ]
    table = write_table(verdicts, hindered={"clock": "it is broken"})
    assert "| sigkill | 1 | 1 | 2 | 1 | 2 | 1 |" in table
    assert "| **all** | 1 | 1 | 2 | 1 | 2 | 1 |" in table
    assert "clock: not tried, it is broken." in table


def test_every_kind_has_faults_and_the_same_seed_gives_the_same() -> None:
    passed = tuple(moment(f"{when} tasks.a.{name}") for name in "bcdef" for when in ("before", "after"))
    watched = [Watched(course, passed, passed, 2.0, "{}") for course in COURSES]
    kinds = list(load_kinds().values())
    faults = list_faults(kinds, watched)
    assert {fault.kind for fault in faults} == {kind.name for kind in kinds}
    assert {fault.course for fault in faults} == set(COURSES)
    names = [(fault.kind, fault.course.name, fault.moment) for fault in faults]
    assert names == [(f.kind, f.course.name, f.moment) for f in list_faults(kinds, watched)]
    assert names != [(f.kind, f.course.name, f.moment) for f in list_faults(kinds, watched, seed=1)]
    assert len(list_faults(kinds, watched, most=10)) == 10
    of_sigkill = load_kinds()["sigkill"].list_faults(watched[0], random.Random(0))  # noqa: S311
    assert {str(one) for one in (passed[0], *passed[1::2])} <= {fault.moment for fault in of_sigkill}


@pytest.fixture(scope="module")
def lane(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    from prefect.settings import PREFECT_API_URL

    server = OwnPrefect({"PREFECT_API_URL": PREFECT_API_URL.value() or ""}, Path())
    with Lane(tmp_path_factory.mktemp("faults") / "lane", server) as one:
        yield one


@pytest.mark.long
def test_a_sample_of_faults_is_survived(lane: Lane) -> None:
    kinds = [kind for kind in load_kinds().values() if kind.find_hindrance() is None]
    watched = [lane.watch(course) for course in COURSES if course.name in INGESTING]
    verdicts = share_out(list_faults(kinds, watched, most=SAMPLE), [lane])
    assert sum(one.tried for one in verdicts) >= SAMPLE / 2
    assert [one for one in verdicts if one.tried and not one.survived] == []
    assert sum(one.lost + one.doubled for one in verdicts) == 0
