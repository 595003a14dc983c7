"""What a run is doing right now, and how long each stage took. Who shows it, and how, is not known here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType

from tasks.setbacks import note_stage

_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages to come, in order, and the seconds each took the last time; None where nobody knows."""

    stages: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Begun:
    """A stage begins; within another it is a part of that."""

    stage: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage is over, whether it went well or not."""

    stage: str


@dataclass(frozen=True, slots=True)
class Said:
    """What is being done now, in words."""

    text: str


News = Plan | Begun | Ended | Said
Listener = Callable[[News], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(text: str) -> None:
    """Tell whoever listens what is being done now."""
    _tell(Said(text))


def plan(stages: Iterable[str], *, last: Mapping[str, float] = _NOTHING) -> None:
    """Tell which stages are to come, and what each took the last time, in seconds.

    Made within a stage, it is the plan of that stage; made again, it replaces the one before.
    """
    _tell(Plan({name: last.get(name) for name in stages}))


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Tell that a stage begins, and when it is over; an error that ends it bears its name."""
    _tell(Begun(name))
    try:
        yield
    except BaseException as error:
        note_stage(error, name)
        raise
    finally:
        _tell(Ended(name))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear all that is told inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def _tell(news: News) -> None:
    listener = _listener.get()
    if listener:
        listener(news)


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage, rounded to hundredths."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            with stage(name):
                yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 2)
