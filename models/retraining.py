"""When a champion is due to be trained anew, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Cause = Literal["schedule", "drift", "age", "hand"]
MEANINGS: dict[Cause, str] = {
    "schedule": "the schedule said so",
    "drift": "customers behave differently from those the champion was trained on",
    "age": "the champion is over age",
    "hand": "somebody asked for it",
}


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
