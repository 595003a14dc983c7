"""Bad input by the thousand: how a generated case is run, what every ending must keep to, and the count of them all.

A case is a command line that runs in this process, on a real folder with a real lake. Whatever it is given,

- it ends by itself, with 0, 1 or 2, and without a traceback;
- where it fails it says so in one line of its own words that names the thing and what to do about it;
- where it succeeds every row read is accounted for;
- a run that failed has left the lake as it was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, settings
from lake_contents import read_contents
from typer.testing import CliRunner

# `make fuzz` runs every case there is; otherwise it is a sample, the same every time.
WHOLE = os.environ.get("FUZZ") == "whole"
# Far beyond what any case takes: what is not done by then will not be.
PATIENCE_S = 60
COUNTS = ("accepted", "duplicates", "quarantined", "filtered")
# Words of libraries, of the engine and of SQL that is ours, none of which tell a shop what to do.
FOREIGN = re.compile(
    r"Traceback|\bArrow[A-Z]\w*|\b[A-Z]\w+(Error|Exception)\b|\b[A-Z][a-z]+( [A-Z][a-z]+)* Error:|Errno|LINE \d+:|"
    r"0x[0-9a-f]{6}|<class|<function| object at |pydantic|errors\.pydantic|"
    r"\b(raw|filled|numbered|linked)_rows\b|\bsource_links\b|struct_pack|json_transform|\bread_csv\(.*columns ="
)
# What a person can do: an imperative, what is allowed, or what there is instead.
REMEDY = re.compile(
    r"\b(must|should|may|needs?|use|run|give|name|write|save|deliver|choose|change|look|leave|make|see|cast|set|remove|"
    r"rename|raise|check|add|spell|allowed|there (is|are)|(it|the source|the file) has|stand in|belongs?|looked in)\b",
    re.IGNORECASE,
)
# What is said of an error that nobody foresaw: its kind, and where to look. Bad input is to be foreseen.
UNFORESEEN = re.compile(r"\b[A-Z]\w*(Error|Exception|Invalid|Panic)\b.*--debug for the traceback")
# Said of every run that failed, so no word of what this one is about.
OF_THE_RUN = re.compile(r" \((in [^()]*, )?run \d{8}T\S+; .*\)$")


class Hang(BaseException):
    """A case that did not end; no handler of the product's catches it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of reason."""
        return self.err.strip().removeprefix("error: ")


class Tally:
    """What became of the cases of a part."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def add(self, part: str, ending: str) -> None:
        self.counts.setdefault(part, Counter())[ending] += 1

    def describe(self) -> str:
        """A table, one row a part."""
        columns = ("cases", "accepted", "refused", "tracebacks", "hangs", "half-written tables")
        rows = [["part", *(name.replace("refused", "rejected with a reason") for name in columns)]]
        total: Counter[str] = Counter()
        for part, counts in [*sorted(self.counts.items()), ("together", total)]:
            rows.append([part, *(f"{counts[name]:,}" for name in columns)])
            total.update(counts)
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )


TALLY = Tally()


def cases(sample: int, *, whole: int) -> settings:
    """How many cases of a test there are; the sample is the same every time, the whole another every time."""
    return settings(
        max_examples=whole if WHOLE else sample,
        derandomize=not WHOLE,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def watchdog(part: str, what: Sequence[str]) -> Iterator[None]:
    """Fail the case that does not end. The engine does not hear the first bell; the second ends the process."""

    def bell(_number: int, _frame: FrameType | None) -> None:
        TALLY.add(part, "hangs")
        raise Hang(f"{' '.join(what)} did not end within {PATIENCE_S} s")

    before = signal.signal(signal.SIGALRM, bell)
    signal.alarm(PATIENCE_S)
    faulthandler.dump_traceback_later(3 * PATIENCE_S, exit=True)
    try:
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def run(part: str, *command: str, variables: Mapping[str, str] | None = None) -> Ending:
    """Run a command in this process, and hold its ending against the rules every ending keeps to."""
    from flows.cli import app

    TALLY.add(part, "cases")
    with watchdog(part, command):
        result = CliRunner().invoke(app, list(command), env=dict(variables or {}))
    ending = Ending(result.exit_code, result.stdout, result.stderr)
    crashed = result.exception is not None and not isinstance(result.exception, SystemExit)
    if crashed or "Traceback" in ending.out + ending.err or UNFORESEEN.search(ending.err):
        TALLY.add(part, "tracebacks")
        raise AssertionError(f"{command}: {result.exception!r}, {ending.err}") from result.exception
    assert ending.code in (0, 1, 2), ending
    TALLY.add(part, "refused" if ending.code else "accepted")
    return ending


def assert_reason(ending: Ending, *, names: Collection[str]) -> None:
    """One line of reason that names one of the things this case is about, and what to do."""
    assert ending.out == "", ending
    assert ending.err.startswith("error: "), ending
    assert ending.err.endswith("\n"), ending
    assert ending.err.count("\n") == 1, ending
    line = ending.line
    assert any(name in line for name in names), f"none of {sorted(names)} in: {line}"
    foreign = FOREIGN.search(line)
    assert foreign is None, f"'{foreign and foreign[0]}' in: {line}"
    assert REMEDY.search(OF_THE_RUN.sub("", line)), f"no word of what to do: {line}"
    assert len(line) < 2_500, line
    assert line.isprintable(), line


def assert_usage(ending: Ending) -> None:
    """The command line itself was wrong: how it is used, and what of it is the matter."""
    assert (ending.code, ending.out) == (2, ""), ending
    assert re.search(r"^Error: \S.{5,}", ending.err, re.MULTILINE), ending


def assert_balance(ending: Ending) -> dict[str, Any]:
    """Every row read is accounted for, source by source."""
    told = json.loads(ending.out)
    for one in (told, *told["by_source"].values()):
        assert one["read"] == sum(one[name] for name in COUNTS), told
    return dict(told)


@dataclass(frozen=True, slots=True)
class KnownLake:
    """A shop that has been taken in once, to copy for each case, and what is in its lake."""

    folder: Path
    contents: dict[str, pd.DataFrame]

    def copy(self, folder: Path) -> Path:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return folder

    def assert_untouched(self, part: str, home: Path) -> None:
        """A reader of the copy sees the same tables with the same rows."""
        found = read_contents(home)
        same = sorted(found) == sorted(self.contents) and all(
            found[name].equals(frame) for name, frame in self.contents.items()
        )
        if not same:
            TALLY.add(part, "half-written tables")
        assert same, sorted(found)
