"""What the run decided, in the words of someone who has to act on it.

A tone (`good`, `bad`, `wait`, `alarm` or nothing) gives a verdict its colour; the word always stands beside
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision as one word or two, what it means, what to do about it, and its colour."""

    word: str
    meaning: str
    action: str
    tone: str = ""


UNKNOWN_DRIFT = Verdict("Not checked", "Drift was not checked this week.", "Nothing to do.")
DRIFT: Mapping[str, Verdict] = {
    "none": Verdict(
        "No drift",
        "Customers behave as they did when the model in use was trained.",
        "Nothing to do.",
        "good",
    ),
    "watch": Verdict(
        "Watch",
        "Behaviour has begun to change.",
        "No action yet: see whether it lasts next week.",
        "wait",
    ),
    "retrain": Verdict(
        "Changed",
        "Customers no longer behave as they did when the model in use was trained.",
        "Read what moved before planning the next campaign.",
        "bad",
    ),
    "data_fault": Verdict(
        "Data fault",
        "What moved looks like a fault in the data rather than like customers.",
        "Have the sources checked before this week's segments are used.",
        "alarm",
    ),
}

UNKNOWN_PROMOTION = Verdict("No decision", "No model was put forward this week.", "Nothing to do.")
PROMOTION: Mapping[str, Verdict] = {
    "first": Verdict(
        "First model",
        "The first model is in use.",
        "Read the segments and give them names you would use.",
        "good",
    ),
    "promote": Verdict(
        "New model",
        "A new model has taken over.",
        "Refresh audiences that were built on the old segments.",
        "good",
    ),
    "keep": Verdict("Kept", "The model in use stays.", "Nothing to do: the segments keep their meaning."),
    "blocked": Verdict(
        "Held back",
        "A new model was held back because it failed a required check.",
        "Nothing to do: the model in use goes on.",
        "wait",
    ),
}

CAMPAIGN: Mapping[str, Verdict] = {
    "ship": Verdict(
        "Repeat", "It added more than chance would explain.", "Run it again, or for more customers.", "good"
    ),
    "stop": Verdict(
        "Stop", "It did harm, or cost more than it brought.", "Do not run it again as it was.", "bad"
    ),
    "continue": Verdict(
        "Wait",
        "It is still running, or its window is not complete.",
        "Let it run; decide at its end.",
        "wait",
    ),
    "inconclusive": Verdict(
        "Cannot tell",
        "The difference is within what chance alone would bring.",
        "Run it with more customers or a larger offer, or spend the money elsewhere.",
    ),
    "invalid": Verdict(
        "Do not trust",
        "A check of the experiment failed, so its figures may mislead.",
        "Have the assignment and the data looked at; decide nothing on these figures.",
        "alarm",
    ),
}


def read_verdict(decision: Any, verdicts: Mapping[str, Verdict], *, unknown: Verdict) -> Verdict:
    """The verdict on a decision; one without words of its own as it stands, a missing one as `unknown`."""
    if not decision:
        return unknown
    name = str(decision)
    return verdicts.get(name, Verdict(name.replace("_", " ").capitalize(), "", ""))
