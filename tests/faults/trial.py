"""One fault from the restored shop to the verdict."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

from killing import Ending

from faults import Fault
from faults.comparison import find_change
from faults.courses import Course
from faults.lane import Lane

# What a message has to name besides the thing: something to do.
REMEDY = re.compile(r"\b(again|run|give|wait|free|restore|bring|check|start|see|set|make|lower|let)\b")
# What Delta's engine says on its own when the disk breaks under it; nobody can keep it from that.
OF_THE_ENGINE = re.compile(r"\n*thread '.*?' \(?.*?panicked at .*\n.*\n(stack backtrace:\n)?(note: .*\n)*")
OF_THE_ANSWER = ("run_id", "receipt_id", "erased_at", "seconds")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault.

    Attributes:
        tried: whether the fault came about.
        ended: how the disturbed run ended: killed, failed or succeeded.
        message: the line it failed with.
        trouble: everything that is not as it should be afterwards; the fault is survived if there is none.
        lost, doubled: rows of the lake.
    """

    kind: str
    course: str
    moment: str
    tried: bool
    ended: str = ""
    message: str = ""
    trouble: tuple[str, ...] = ()
    lost: int = 0
    doubled: int = 0
    seconds: float = 0.0

    @property
    def survived(self) -> bool:
        return self.tried and not self.trouble


def try_fault(fault: Fault, lane: Lane) -> Verdict:
    """Restore, disturb, run again, compare. Whatever goes wrong on the way is trouble."""
    started = time.monotonic()
    about = (fault.kind, fault.course.name, fault.moment)
    ended = message = ""
    try:
        lane.restore(fault.course, served=fault.served)
        ending = fault.inject(lane)
        if ending is None:
            return Verdict(*about, tried=False, seconds=time.monotonic() - started)
        ended = "killed" if ending.code < 0 else "failed" if ending.code else "succeeded"
        message = read_message(ending)
        trouble = find_faulty_ending(ending)
        again = lane.run(fault.course)
        trouble += find_refusal(again, fault.course)
        told = compare(fault, lane)
        if fault.course.answers and again.code == 0:
            trouble += compare_answers(again.out, lane.watch(fault.course).answer)
        trouble += told["differences"]
    except Exception as error:
        # Also of the trial's own: nobody knows then what became of the shop.
        words = " ".join(str(error).split())[:600]
        trouble, told = [f"{type(error).__name__}: {words}"], {"lost": 0, "doubled": 0}
    return Verdict(
        *about, tried=True, ended=ended, message=message, trouble=tuple(trouble), lost=told["lost"],
        doubled=told["doubled"], seconds=time.monotonic() - started,
    )  # fmt: skip


def compare(fault: Fault, lane: Lane) -> dict[str, object]:
    expected = [str(file) for file in lane.expected(fault.course)]
    told = lane.killer.run("faults.comparison:compare", str(lane.shop), *expected)
    assert told.code == 0, f"the shop cannot be read: {told.err}"
    found: dict[str, object] = told.json
    return found


def compare_answers(found: str, expected: str) -> list[str]:
    ours, theirs = (
        json.dumps({k: v for k, v in read_answer(one).items() if k not in OF_THE_ANSWER})
        for one in (found, expected)
    )
    return [] if ours == theirs else [f"it answers {find_change(ours, theirs)}"]


def read_answer(text: str) -> dict[str, object]:
    """What a command printed, numbers to nine digits: the last ones depend on which core added up first."""
    answer: dict[str, object] = json.loads(text, parse_float=lambda number: float(f"{float(number):.9g}"))
    return answer


def find_faulty_ending(ending: Ending) -> list[str]:
    """What is wrong with how a disturbed command ended: it may be killed or succeed, or fail in one line."""
    if ending.code <= 0:
        return []
    if ending.code not in (1, 2):
        return [f"it ended with code {ending.code}: {ending.err[-600:]}"]
    lines = OF_THE_ENGINE.sub("", ending.err).strip().splitlines()
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return [f"it failed with {len(lines)} lines: {ending.err[-600:]}"]
    if ending.out:
        return [f"it failed, and printed {ending.out[:100]}"]
    return [] if REMEDY.search(lines[0]) else [f"it failed without a remedy: {lines[0]}"]


def find_refusal(again: Ending, course: Course) -> list[str]:
    if again.code == 0 or (course.done_already and course.done_already in again.err):
        return []
    return [f"run again it ended with {again.code}: {again.err[-600:]}"]


def read_message(ending: Ending) -> str:
    return next((line for line in ending.err.splitlines() if line.startswith("error: ")), "")
