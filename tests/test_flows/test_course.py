"""Where a run stands, by a clock the test holds."""

import pytest

from flows.terminal.course import Course
from flows.terminal.progress_bar import write_left, write_time
from tasks.progress import Begun, Ended, News, Plan, Said, Stopwatch, listening, plan, report, stage

PLAN = Plan({"ingest": 10.0, "training": 60.0, "report": 30.0})


def hear(*told: tuple[float, News]) -> Course:
    course = Course()
    for now, news in told:
        course = course.hear(news, now=now)
    return course


def test_what_was_recorded_is_what_is_expected() -> None:
    course = hear((0, PLAN), (0, Begun("ingest")), (10, Ended("ingest")), (10, Begun("training")))
    assert course.title == "training (2 of 3)"
    assert course.share_done(now=40) == pytest.approx(0.4)
    assert course.seconds_left(now=40) == pytest.approx(60)


def test_a_stage_that_takes_longer_stays_within_its_share() -> None:
    course = hear((0, PLAN), (0, Begun("ingest")))
    assert course.share_done(now=9) == pytest.approx(0.09)
    assert course.share_done(now=500) == pytest.approx(0.1)
    assert course.seconds_left(now=500) == pytest.approx(90)
    last = hear((0, PLAN), *((0, news(name)) for name in ("ingest", "training") for news in (Begun, Ended)))
    last = last.hear(Begun("report"), now=0)
    assert last.seconds_left(now=31) == 0
    assert last.share_done(now=31) == 1


def test_a_stage_that_took_less_moves_the_bar_to_its_end() -> None:
    course = hear((0, PLAN), (0, Begun("ingest")), (1, Ended("ingest")), (1, Begun("training")))
    assert course.share_done(now=1) == pytest.approx(0.1)
    assert course.seconds_left(now=1) == pytest.approx(90)


def test_without_a_record_nothing_is_foretold() -> None:
    for stages in ({"ingest": None, "training": None}, {"ingest": 10.0, "training": None}):
        course = hear((0, Plan(stages)), (0, Begun("ingest")))
        assert course.title == "ingest (1 of 2)"
        assert course.share_done(now=1) is None
        assert course.seconds_left(now=1) is None
    unplanned = hear((0, Begun("ingest")))
    assert unplanned.title == "ingest"
    assert unplanned.share_done(now=1) is unplanned.seconds_left(now=1) is None


def test_what_is_said_stands_in_until_a_stage_begins_and_beside_it_then() -> None:
    assert Course().title == "starting"
    said = hear((0, Said("starting Prefect")))
    assert (said.title, said.detail) == ("starting Prefect", "")
    within = hear((0, Said("starting Prefect")), (1, PLAN), (1, Begun("training")), (2, Said("trial 3")))
    assert (within.title, within.detail) == ("training (2 of 3)", "trial 3")
    assert within.hear(Ended("training"), now=3).title == "finishing"
    assert within.hear(Ended("training"), now=3).hear(Begun("report"), now=3).detail == ""


def test_a_plan_within_a_stage_is_a_part_of_it() -> None:
    weeks = Plan({"first week": 100.0, "second week": 100.0})
    course = hear((0, weeks), (0, Begun("first week")), (20, PLAN), (20, Begun("ingest")))
    assert course.title == "first week (1 of 2)"
    assert course.detail == "ingest (1 of 3)"
    assert course.hear(Said("reading web"), now=21).detail == "ingest (1 of 3): reading web"
    assert course.share_done(now=25) == pytest.approx(0.125)
    assert course.seconds_left(now=25) == pytest.approx(95 + 100)
    after = course.hear(Ended("ingest"), now=30).hear(Ended("first week"), now=120)
    assert after.hear(Begun("second week"), now=120).title == "second week (2 of 2)"


def test_a_plan_within_a_stage_foretells_nothing_of_what_comes_after_it() -> None:
    course = hear((0, Plan({"a": None, "b": None})), (0, Begun("a")), (0, PLAN), (0, Begun("ingest")))
    assert course.share_done(now=1) is None
    assert course.seconds_left(now=1) is None


def test_a_plan_made_again_keeps_what_is_done() -> None:
    course = hear((0, Plan({"a": None, "b": None})), (0, Begun("a")), (40, Ended("a")))
    again = course.hear(Plan({"a": 40.0, "b": 40.0}), now=40).hear(Begun("b"), now=40)
    assert again.share_done(now=50) == pytest.approx(50 / 80)
    assert again.seconds_left(now=50) == pytest.approx(30)


def test_when_all_is_done_there_is_nothing_to_wait_for() -> None:
    course = hear((0, Plan({"a": 1.0})), (0, Begun("a")), (1, Ended("a")))
    assert course.title == "finishing"
    assert course.seconds_left(now=2) is None


def test_a_stopwatch_tells_its_stages_and_a_failure_ends_one() -> None:
    heard: list[News] = []
    clock = Stopwatch()

    def fail() -> None:
        plan(("ingest", "report"), last={"ingest": 2.5})
        with clock.stage("ingest"):
            report("reading")
            raise ValueError("no")

    with listening(heard.append), pytest.raises(ValueError, match="no"):
        fail()
    assert heard == [
        Plan({"ingest": 2.5, "report": None}), Begun("ingest"), Said("reading"), Ended("ingest"),
    ]  # fmt: skip
    assert list(clock.seconds) == ["ingest"]
    with stage("unheard"):
        report("by nobody")
    assert len(heard) == 4


def test_time_is_told_no_more_exactly_than_it_is_known() -> None:
    shown = {seconds: write_left(seconds) for seconds in (0, 4, 42, 84, 100, 500, 9000)}
    assert shown == {
        0: "longer than last time", 4: "a few seconds left", 42: "about 40 s left", 84: "about 80 s left",
        100: "about 2 min left", 500: "about 8 min left", 9000: "about 2.5 h left",
    }  # fmt: skip
    assert [write_time(seconds) for seconds in (7.9, 65)] == ["7 s", "1 min 05 s"]
