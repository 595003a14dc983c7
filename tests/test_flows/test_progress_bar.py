"""The line on standard error as a terminal sees it, and its absence where there is none."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_flows.conftest import write_orders

HOUSE = Path(__file__).parents[2]
RUN = """
import sys, time
from flows.terminal import progress
from tasks.progress import plan, report, stage
print("before", flush=True)
with progress(debug={debug}):
    plan(("ingest", "training", "report"), last={{"ingest": 0.1, "training": 4.0, "report": 600.0}})
    with stage("ingest"):
        pass
    with stage("training"):
        report("trying kmeans, trial 12 of 40")
        time.sleep({seconds})
print("after", flush=True)
"""


def run_in_terminal(command: Sequence[str], **environment: str) -> str:
    """All that a command writes to a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - the process becomes the command
        os.chdir(HOUSE)
        settings = {"TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": str(HOUSE)}
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        os.execve(command[0], list(command), kept | settings | environment)  # noqa: S606 - no shell is wanted
    written = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # what Linux says at the end
            break
        if not part:
            break
        written += part
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, written.decode()
    return written.decode()


def script(*, seconds: float, debug: bool = False) -> list[str]:
    return [sys.executable, "-c", RUN.format(seconds=seconds, debug=debug)]


def without_controls(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def see_screen(text: str) -> list[str]:
    """What stands on the screen in the end: the few controls a line that is redrawn needs."""
    lines, row, column = [""], 0, 0
    for control, character in re.findall(r"\x1b\[([0-9;?]*[A-Za-z])|(.)", text, flags=re.DOTALL):
        if control == "2K":
            lines[row] = ""
        elif control == "1A":
            row -= 1
        elif control:
            assert control[-1] in "mhl", control
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        else:
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines if line.strip()]


def test_a_terminal_sees_stage_bar_and_time_left_and_nothing_of_it_afterwards() -> None:
    written = run_in_terminal(script(seconds=3.0))
    shown = without_controls(written)
    assert re.search(r"training \(2 of 3\) [━╸╺]{20} about 10 min left", shown)
    assert "  trying kmeans, trial 12 of 40" in shown
    assert see_screen(written) == ["before", "after"]


def test_what_is_done_at_once_draws_nothing() -> None:
    assert run_in_terminal(script(seconds=0.0)) == "before\r\nafter\r\n"


def test_no_color_is_no_color() -> None:
    written = run_in_terminal(script(seconds=2.5), NO_COLOR="1")
    assert "about 10 min left" in written
    colours = [code for code in re.findall(r"\x1b\[([0-9;]*)m", written) if set(code.split(";")) - {"0", "2"}]
    assert colours == []


@pytest.mark.parametrize(("term", "debug"), [("dumb", False), ("xterm", True)])
def test_where_no_line_can_be_redrawn_every_stage_has_one(term: str, debug: bool) -> None:
    written = run_in_terminal(script(seconds=0.0, debug=debug), TERM=term)
    assert written.split("\r\n") == [
        "before", "… ingest", "… training", "… trying kmeans, trial 12 of 40", "after", "",
    ]  # fmt: skip


def test_without_a_terminal_nothing_is_written_whatever_colours_are_asked_for() -> None:
    done = subprocess.run(
        script(seconds=2.2), cwd=HOUSE, capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(HOUSE), "FORCE_COLOR": "1"},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("before\nafter\n", "")


@pytest.mark.long
def test_a_command_says_how_long_it_will_take_once_it_has_done_it_before(tmp_path: Path) -> None:
    config = write_orders(tmp_path, *(f"{n},2026-01-02 10:00,purchase,5,a{n}@x.org" for n in range(30)))
    # At once, so that what is seen does not hang on how fast the machine is.
    at_once = "import flows.terminal.progress_bar as bar; bar.WORTH_TELLING_S = 0.0; from flows.cli import app; app()"
    command = [sys.executable, "-c", at_once, "ingest", "--config", str(config)]
    times = r"(?:about .* left|a few seconds left|longer than last time)"
    for line in (
        r"(?:sources|rollups) \(\d of 2\) [━╸╺ ]{20} \d+ s",
        rf"(?:sources|rollups) \(\d of 2\) [━╸╺]{{20}} {times}",
    ):
        written = run_in_terminal(command)
        assert re.search(line, without_controls(written))
        screen = see_screen(written)
        assert screen[0].split() == [
            "source",
            "read",
            "accepted",
            "duplicates",
            "quarantined",
            "filtered",
            "late",
        ]
        assert not [shown for shown in screen if "━" in shown]
