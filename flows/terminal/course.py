"""Where a run stands, from what it tells: the stage it is in, how far it has come, and what is still before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tasks.progress import Begun, Ended, News, Plan, Said


@dataclass(frozen=True, slots=True)
class Level:
    """One plan, and how much of it is done.

    Attributes:
        expected: seconds by stage, in order; None where nobody knows. Empty where no plan was told.
        done: the stages that are over.
        stage: the one under way, if any.
        began: when that was, in seconds of any clock.
    """

    expected: Mapping[str, float | None] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    stage: str | None = None
    began: float = 0.0

    @property
    def title(self) -> str:
        """The stage under way, and which of how many it is."""
        if self.stage is None or self.stage not in self.expected:
            return self.stage or ""
        return f"{self.stage} ({list(self.expected).index(self.stage) + 1} of {len(self.expected)})"

    def sum_expected(self) -> float | None:
        """Seconds from the first stage to the last; None where one is not known."""
        known = [seconds for seconds in self.expected.values() if seconds is not None]
        return sum(known) if known and len(known) == len(self.expected) else None

    def sum_coming(self) -> float | None:
        """Seconds of the stages that have not begun; None where one is not known."""
        coming = [s for name, s in self.expected.items() if name not in self.done and name != self.stage]
        known = [seconds for seconds in coming if seconds is not None]
        return sum(known) if len(known) == len(coming) else None

    def sum_done(self, *, now: float) -> float:
        """Seconds of the stages that are over as they were expected, and of this one never more than that."""
        over = sum(self.expected.get(name) or 0.0 for name in self.done)
        return over + min(now - self.began, self._share) if self.stage else over

    def rest_of_stage(self, *, now: float) -> float | None:
        """Seconds expected of what is left of the stage under way; 0 where it takes longer than it should."""
        expected = self.expected.get(self.stage or "")
        return None if expected is None else max(expected - (now - self.began), 0.0)

    @property
    def _share(self) -> float:
        return self.expected.get(self.stage or "") or 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """Plans within plans, the outermost first, and what was said last."""

    levels: tuple[Level, ...] = ()
    said: str = "starting"

    def hear(self, news: News, *, now: float) -> Course:
        """The course after what was told at a moment."""
        match news:
            case Said(text):
                return replace(self, said=text)
            case Plan(stages):
                *outer, last = self._open_levels()
                done = last.done & stages.keys()
                return Course((*outer, Level(stages, done)), said="")
            case Begun(name):
                *outer, last = self._open_levels()
                return Course((*outer, replace(last, stage=name, began=now)), said="")
            case Ended(name):
                return Course(self._close(name), said="")

    def _open_levels(self) -> tuple[Level, ...]:
        """The levels, the last of which waits for a stage."""
        if self.levels and self.levels[-1].stage is None:
            return self.levels
        return (*self.levels, Level())

    def _close(self, name: str) -> tuple[Level, ...]:
        """The levels without those within the stage that is over."""
        for depth in reversed(range(len(self.levels))):
            level = self.levels[depth]
            if level.stage == name:
                return (*self.levels[:depth], replace(level, stage=None, done=level.done | {name}))
        return self.levels

    @property
    def title(self) -> str:
        """The stage under way; where there is none, what was said last."""
        stage = self.levels[0].title if self.levels else ""
        idle = "finishing" if any(level.done for level in self.levels) else "starting"
        return stage or self.said or idle

    @property
    def detail(self) -> str:
        """The stages within the stage, and what was said last."""
        within = ", ".join(level.title for level in self.levels[1:] if level.stage)
        said = self.said if self.said != self.title else ""
        return ": ".join(part for part in (within, said) if part)

    def share_done(self, *, now: float) -> float | None:
        """From 0 to 1, by what the stages took the last time; None where that is not known of all."""
        if not self.levels:
            return None
        total = self.levels[0].sum_expected()
        return self.levels[0].sum_done(now=now) / total if total else None

    def seconds_left(self, *, now: float) -> float | None:
        """By what the stages took the last time; None where that is not known, or nothing is under way or to come."""
        if not any(level.stage or level.sum_coming() for level in self.levels):
            return None
        return _sum_left(self.levels, now=now)


def _sum_left(levels: tuple[Level, ...], *, now: float) -> float | None:
    first, *inner = levels
    coming = first.sum_coming()
    if coming is None or first.stage is None:
        return coming
    rest = _sum_left(tuple(inner), now=now) if inner and inner[0].expected else None
    rest = first.rest_of_stage(now=now) if rest is None else rest
    return None if rest is None else coming + rest
