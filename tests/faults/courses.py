"""The commands that faults befall: what each begins from, and where its steps lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from killing import Moment

DAY = "2026-11-15"
WEEK_DELIVERED, PROMOTED = "week delivered", "promoted"
DELIVERED_TWICE, SOLD, REFUSED = "delivered twice", "sold", "refused"
# A campaign to plan; one that has been delivered, and somebody to forget, as the simulator makes them.
PLANNED, CAMPAIGN, PERSON = "winter", "B", "C100007"


@dataclass(frozen=True, slots=True)
class Course:
    """One command.

    Attributes:
        name: as the table calls it.
        state: the state of a shop it begins from.
        words: the command, without `--config` and `--json`.
        main: the function whose steps are the course's.
        done_already: what it may say, and nothing more, where the disturbed run had put all on record.
        dated: whether it is told the day by `--as-of`.
        answers: whether what it prints is all it leaves.
    """

    name: str
    state: str
    words: tuple[str, ...]
    main: str
    done_already: str | None = None
    dated: bool = True
    answers: bool = False

    def command(self, folder: Path) -> tuple[str, ...]:
        day = ("--as-of", DAY) if self.dated else ()
        return (*self.words, "--config", str(folder / "segmentwerk.toml"), "--json", *day)


# Every flow, and the ways to ingest.
COURSES = (
    Course("ingest", DELIVERED_TWICE, ("ingest",), "flows.views.ingest_now", dated=False),
    Course("ingest sql", SOLD, ("ingest",), "flows.views.ingest_now", dated=False),
    Course("retry", REFUSED, ("ingest", "--retry-quarantine"), "flows.views.ingest_now", dated=False),
    Course("score", WEEK_DELIVERED, ("score",), "flows.daily_score.daily_score"),
    Course("weekly", WEEK_DELIVERED, ("weekly",), "flows.weekly_retrain.weekly_retrain"),
    Course(
        "measure", PROMOTED, ("measure", CAMPAIGN), "flows.measure_campaign.measure_campaign", answers=True
    ),
    Course("plan", PROMOTED, ("plan", PLANNED), "flows.plan_campaign.plan_campaign"),
    Course(
        "forget", PROMOTED, ("forget", "--key", f"crm={PERSON}"), "flows.forget_customer.forget_customer",
        dated=False,
    ),
    Course(
        "rollback", PROMOTED, ("rollback",), "flows.rollback_champion.rollback_champion",
        done_already="there is no previous champion to go back to", dated=False,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watched:
    """A course that has run undisturbed once.

    Attributes:
        moments: all it passed.
        boundaries: those before and after each of its steps.
        seconds: how long it took.
        answer: what it printed.
    """

    course: Course
    moments: tuple[Moment, ...]
    boundaries: tuple[Moment, ...]
    seconds: float
    answer: str

    @property
    def between(self) -> tuple[Moment, ...]:
        """Before the first step and after each: before the next nothing is other than after the last."""
        return (*self.boundaries[:1], *(m for m in self.boundaries if m.where.startswith("after")))

    @property
    def starts(self) -> tuple[Moment, ...]:
        """Before each step."""
        return tuple(moment for moment in self.boundaries if moment.where.startswith("before"))


def find_boundaries(moments: Sequence[Moment], *, main: str) -> tuple[Moment, ...]:
    """Before and after whatever `main` itself calls that is a task of Prefect's, or in which something is written."""
    found: list[Moment] = []
    open_calls: list[tuple[Moment, bool]] = []
    for moment in moments:
        when, _, name = moment.where.partition(" ")
        if when == "before":
            open_calls.append((moment, moment.writes))
            continue
        if not open_calls:
            continue
        began, writes = open_calls.pop()
        caller = open_calls[-1][0].where.removeprefix("before ") if open_calls else ""
        if caller == main and (writes or is_task(name)):
            found += [began, moment]
        if writes and open_calls:
            open_calls[-1] = (open_calls[-1][0], True)
    return tuple(found)


def is_task(name: str) -> bool:
    """Whether a function of the product, by its full name, is a task of Prefect's."""
    from prefect import Task

    module, _, function = name.rpartition(".")
    if not module.startswith("tasks."):
        return False
    try:
        found: object = getattr(import_module(module), function, None)
    except ImportError:
        return False
    return isinstance(found, Task)
