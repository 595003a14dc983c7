"""The line on standard error that shows what a run is doing, how far it has come, and when it will be done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.terminal.course import Course
from flows.terminal.screen import WIDTH, WORTH_TELLING_S, plain
from tasks.progress import Begun, News, Said, listening

BAR = 20
FRAMES_A_SECOND = 5.0


@contextmanager
def progress(*, debug: bool) -> Iterator[None]:
    """Show where the run inside the block stands, on standard error, if it takes longer than two seconds.

    On a terminal that cannot redraw a line, and between the logs of `debug`, a line is written for every stage.
    Where standard error is no terminal nothing is written at all.
    """
    err = Console(stderr=True, highlight=False)
    if not sys.stderr.isatty():
        yield
    elif debug or not err.is_interactive:
        with listening(lambda news: _write_line(news, err)):
            yield
    else:
        with _drawing(_Bar(), err):
            yield


class _Bar:
    """What is drawn: the course of a run by the clock."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._course = Course()

    def hear(self, news: News) -> None:
        # Replaced as a whole, since another thread is drawing it.
        self._course = self._course.hear(news, now=time.monotonic())

    def draw(self) -> RenderableType:
        now = time.monotonic()
        return draw_course(self._course, now=now, elapsed=now - self._started)


@contextmanager
def _drawing(bar: _Bar, err: Console) -> Iterator[None]:
    err.width = min(err.width, WIDTH)
    # What a command prints meanwhile goes above the bar, but never to another stream than it was meant for.
    live = Live(
        console=err, get_renderable=bar.draw, refresh_per_second=FRAMES_A_SECOND, transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )  # fmt: skip

    def hear(news: News) -> None:
        bar.hear(news)
        if live.is_started and isinstance(news, Begun):
            # A stage that is over before the next frame is seen all the same.
            live.refresh()

    starting = Timer(WORTH_TELLING_S, live.start)
    starting.daemon = True
    starting.start()
    try:
        with listening(hear):
            yield
    finally:
        starting.cancel()
        starting.join()
        live.stop()


def draw_course(course: Course, *, now: float, elapsed: float) -> RenderableType:
    """Stage, bar and time in a line, and what is being done within the stage in a second one.

    Args:
        now: seconds of the clock the course was told with.
        elapsed: seconds since the command was given.
    """
    share = course.share_done(now=now)
    bar = ProgressBar(total=1.0, completed=share or 0.0, pulse=share is None, width=BAR)
    line = Table.grid(padding=(0, 1))
    line.add_column(no_wrap=True, overflow="ellipsis")
    line.add_column(width=BAR)
    line.add_column(no_wrap=True)
    left = course.seconds_left(now=now)
    line.add_row(Text(plain(course.title)), bar, write_time(elapsed) if left is None else write_left(left))
    if not course.detail:
        return line
    return Group(line, Text(f"  {plain(course.detail)}", style="dim", no_wrap=True, overflow="ellipsis"))


def write_left(seconds: float) -> str:
    """About how long it will take, no more exact than anybody can know."""
    if seconds <= 0:
        return "longer than last time"
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {seconds / 3600:.1f} h left"


def write_time(seconds: float) -> str:
    """How long it has taken so far."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _write_line(news: News, err: Console) -> None:
    if isinstance(news, Begun | Said):
        told = news.stage if isinstance(news, Begun) else news.text
        err.print(f"… {plain(told)}", markup=False, soft_wrap=True)
