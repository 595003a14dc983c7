"""When a champion is due to be trained anew, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Cause = Literal["schedule", "drift", "age", "hand"]
MEANINGS: dict[Cause, str] = {
    "schedule": "the schedule said so",
    "drift": "customers behave differently from those the champion was trained on",
    "age": "the champion is over age",
    "hand": "somebody asked for it",
}


class RetrainingSettings(BaseModel):
    """How often retrains may be set off beside the scheduled ones.

    Attributes:
        every_days: at most one retrain by drift or age in so many days.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_days: int = Field(default=7, ge=1)


@dataclass(frozen=True, slots=True)
class Retraining:
    """Whether a retrain is due before the schedule asks for one.

    Attributes:
        cause: `drift` or `age`; None if it is not due.
        sentence: why, or why not.
    """

    cause: Cause | None
    sentence: str

    @property
    def due(self) -> bool:
        return self.cause is not None

    def to_dict(self) -> dict[str, Any]:
        return {"due": self.due, "cause": self.cause, "sentence": self.sentence}


def find_retraining(
    *, drift_decision: str, drift_reason: str, champion_age_days: float, max_age_days: int
) -> Retraining:
    """Drift first, then age. Data that cannot be trusted is nothing to train on, whatever the champion's age."""
    if drift_decision == "data_fault":
        return Retraining(None, f"no retrain while the data cannot be trusted: {drift_reason}")
    if drift_decision == "retrain":
        return Retraining("drift", f"{MEANINGS['drift']}: {drift_reason}")
    if champion_age_days > max_age_days:
        return Retraining("age", f"the champion is {champion_age_days:.0f} days old (at most {max_age_days})")
    return Retraining(
        None, f"the champion is {champion_age_days:.0f} days old, and drift says '{drift_decision}'"
    )


@dataclass(frozen=True, slots=True)
class RetrainingStep:
    """What a finished run says about retraining.

    Attributes:
        retrained: it was a retrain; otherwise a daily look.
        as_of: the last whole day it counted.
        cause: of a retrain, what set it off; of a daily look, why one is due, None if none is.
        trusted: whether its data could be learnt from.
    """

    retrained: bool
    as_of: date
    cause: Cause | None
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class RetrainingRequest:
    """A retrain that is due and has not been made.

    Attributes:
        cause: `drift` or `age`.
        decided_on: the day of the decision it comes from, which may be an earlier one than today's.
        as_of: the day to retrain for.
    """

    cause: Cause
    decided_on: date
    as_of: date

    def to_dict(self) -> dict[str, str]:
        return {"cause": self.cause, "decided_on": str(self.decided_on), "as_of": str(self.as_of)}


def find_request(steps: Sequence[RetrainingStep], *, every_days: int) -> RetrainingRequest | None:
    """The newest decision for a retrain that no retrain has followed, asked for again until one does.

    A request that got lost on its way is so made up for by the next day. There is none while today's data cannot be
    trusted, or within `every_days` of the last retrain that drift or age set off, whatever came of it.

    Args:
        steps: every run that bears on it, oldest first; the last one is today's.
        every_days: at most one such retrain in so many days.
    """
    today = steps[-1]
    if not today.trusted or _was_asked_lately(steps, today=today.as_of, days=every_days):
        return None
    last_retrain = max((n for n, step in enumerate(steps) if step.retrained), default=-1)
    for step in reversed(steps[last_retrain + 1 :]):
        if step.cause is not None:
            return RetrainingRequest(step.cause, step.as_of, today.as_of)
    return None


def _was_asked_lately(steps: Sequence[RetrainingStep], *, today: date, days: int) -> bool:
    asked = [step.as_of for step in steps if step.retrained and step.cause in ("drift", "age")]
    return bool(asked) and (today - asked[-1]).days < days
