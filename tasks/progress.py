"""What a run is doing right now, and how long each stage took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

Listener = Callable[[str], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(text: str) -> None:
    """Tell whoever listens what is being done now."""
    listener = _listener.get()
    if listener:
        listener(text)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear every `report` made inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage, rounded to hundredths."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        report(name)
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 2)
