"""Says what became of all generated cases, where all of them were run."""

from typing import Any

from test_faults.fuzzing import TALLY, WHOLE


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if WHOLE and TALLY.counts:
        terminalreporter.section("bad input")
        terminalreporter.write_line(TALLY.describe())
