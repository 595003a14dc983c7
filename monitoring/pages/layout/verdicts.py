"""What the run decided, in the words of someone who has to act on it.

A tone (`good`, `bad`, `wait`, `alarm` or nothing) gives a verdict its colour; the word always stands beside
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from monitoring.pages.layout.words import Words, mark, read_part


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision as one word or two, what it means, what to do about it, and its colour."""

    word: str
    meaning: str
    action: str
    tone: str = ""


UNKNOWN_DRIFT = Verdict(mark("Not checked"), mark("Drift was not checked this week."), mark("Nothing to do."))
DRIFT: Mapping[str, Verdict] = {
    "none": Verdict(
        mark("No drift"),
        mark("Customers behave as they did when the model in use was trained."),
        mark("Nothing to do."),
        "good",
    ),
    "watch": Verdict(
        mark("Watch"),
        mark("Behaviour has begun to change."),
        mark("No action yet: see whether it lasts next week."),
        "wait",
    ),
    "retrain": Verdict(
        mark("Changed"),
        mark("Customers no longer behave as they did when the model in use was trained."),
        mark("Read what moved before planning the next campaign."),
        "bad",
    ),
    "data_fault": Verdict(
        mark("Data fault"),
        mark("What moved looks like a fault in the data rather than like customers."),
        mark("Have the sources checked before this week's segments are used."),
        "alarm",
    ),
}

UNKNOWN_PROMOTION = Verdict(
    mark("No decision"), mark("No model was put forward this week."), mark("Nothing to do.")
)
PROMOTION: Mapping[str, Verdict] = {
    "first": Verdict(
        mark("First model"),
        mark("The first model is in use."),
        mark("Read the segments and give them names you would use."),
        "good",
    ),
    "promote": Verdict(
        mark("New model"),
        mark("A new model has taken over."),
        mark("Refresh audiences that were built on the old segments."),
        "good",
    ),
    "keep": Verdict(
        mark("Kept"), mark("The model in use stays."), mark("Nothing to do: the segments keep their meaning.")
    ),
    "blocked": Verdict(
        mark("Held back"),
        mark("A new model was held back because it failed a required check."),
        mark("Nothing to do: the model in use goes on."),
        "wait",
    ),
}

CAMPAIGN: Mapping[str, Verdict] = {
    "ship": Verdict(
        mark("Repeat"),
        mark("It added more than chance would explain."),
        mark("Run it again, or for more customers."),
        "good",
    ),
    "stop": Verdict(
        mark("Stop"),
        mark("It did harm, or what it added came with harm elsewhere."),
        mark("Do not run it again as it was."),
        "bad",
    ),
    "continue": Verdict(
        mark("Wait"),
        mark("It is still running, or its window is not complete."),
        mark("Let it run; decide at its end."),
        "wait",
    ),
    "inconclusive": Verdict(
        mark("Cannot tell"),
        mark("The difference is within what chance alone would bring."),
        mark("Run it with more customers or a larger offer, or spend the money elsewhere."),
    ),
    "invalid": Verdict(
        mark("Do not trust"),
        mark("A check of the experiment failed, so its figures may mislead."),
        mark("Have the assignment and the data looked at; decide nothing on these figures."),
        "alarm",
    ),
}


def read_drift(summary: Mapping[str, Any], drift: pd.DataFrame, words: Words) -> Verdict:
    """The verdict on drift; where there was nothing to compare, none has been given.

    Args:
        drift: what was compared, a row a column.
    """
    decision = read_part(summary, "drift").get("decision")
    compared = decision != "none" or len(drift) > 0
    return read_verdict(decision if compared else None, DRIFT, unknown=UNKNOWN_DRIFT, words=words)


def read_verdict(
    decision: Any, verdicts: Mapping[str, Verdict], *, unknown: Verdict, words: Words
) -> Verdict:
    """The verdict on a decision, in the reader's language.

    One without words of its own is named as it stands, a missing one is `unknown`.
    """
    name = str(decision or "")
    bare = Verdict(name.replace("_", " ").capitalize(), "", "")
    verdict = verdicts.get(name, bare) if name else unknown
    return Verdict(
        words.gettext(verdict.word),
        words.gettext(verdict.meaning),
        words.gettext(verdict.action),
        verdict.tone,
    )
