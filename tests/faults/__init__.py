"""Faults injected into runs of every flow, and whether what they leave is what an undisturbed run leaves.

    make faults                                      # all of them
    PYTHONPATH=tests python -m faults --kinds sigkill,clock --flows weekly --sample 10

A fault is one thing that goes wrong at one moment of one command. Each kind is one file in `faults/kinds`, which
lists its faults for a course (a command with the moments it passes) and is found by being there. For every fault the
shop is put back to where the command begins, the fault is injected, and the command is run again to its end; then
lake, registry and reports are compared with those of a run that nothing disturbed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from killing import Ending

from faults.courses import Course, Watched
from faults.lane import Lane


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong once.

    Attributes:
        kind: the kind's name.
        course: what it befalls.
        moment: when and how, in words.
        inject: runs the command with the fault in a lane, takes away what disturbed it, and gives the command's
            ending; None if the fault did not come about.
        served: whether the registry is a server's.
    """

    kind: str
    course: Course
    moment: str
    inject: Callable[[Lane], Ending | None]
    served: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: as the table calls it.
        meaning: what happens, for people.
        list_faults: the faults for a course; none where it cannot befall that.
        find_hindrance: why it cannot be tried on this machine, if so.
    """

    name: str
    meaning: str
    list_faults: Callable[[Watched, random.Random], Sequence[Fault]]
    find_hindrance: Callable[[], str | None] = lambda: None


def load_kinds() -> dict[str, Kind]:
    """Every kind by name."""
    folder = Path(__file__).parent / "kinds"
    modules: list[Any] = [
        import_module(f"faults.kinds.{found.name}") for found in iter_modules([str(folder)])
    ]
    return {module.KIND.name: module.KIND for module in modules}


def needs_root() -> str | None:
    from faults.lane import may_mount

    return None if may_mount() else "needs root, to mount disks"
