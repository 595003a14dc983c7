"""A retrain that is due is asked for until one has been made, and not twice in a period."""

from datetime import date, timedelta

import pytest

from models.retraining import Cause, RetrainingStep, find_request

MONDAY = date(2026, 11, 2)


def looked(day: int, cause: Cause | None = None, *, trusted: bool = True) -> RetrainingStep:
    return RetrainingStep(False, MONDAY + timedelta(day), cause, trusted=trusted)


def retrained(day: int, cause: Cause) -> RetrainingStep:
    return RetrainingStep(True, MONDAY + timedelta(day), cause)


def ask(*steps: RetrainingStep, every_days: int = 7) -> tuple[str, int] | None:
    request = find_request(steps, every_days=every_days)
    if request is None:
        return None
    assert request.as_of == steps[-1].as_of
    return request.cause, (request.decided_on - MONDAY).days


def test_a_decision_of_today_is_asked_for() -> None:
    assert ask(retrained(0, "schedule"), looked(1, "drift")) == ("drift", 1)
    assert ask(looked(1, "age")) == ("age", 1)
    assert ask(retrained(0, "schedule"), looked(1)) is None


def test_a_request_that_was_lost_is_made_again_until_a_retrain_is_on_record() -> None:
    lost = (retrained(0, "schedule"), looked(1, "drift"))
    assert ask(*lost, looked(2)) == ("drift", 1)
    assert ask(*lost, looked(2), looked(3)) == ("drift", 1)
    assert ask(*lost, looked(2), retrained(2, "schedule"), looked(3)) is None


def test_the_newest_decision_counts() -> None:
    assert ask(looked(1, "drift"), looked(2, "age")) == ("age", 2)


def test_nothing_is_asked_for_while_the_data_cannot_be_trusted() -> None:
    assert ask(looked(1, "drift"), looked(2, trusted=False)) is None
    assert ask(looked(1, "drift"), looked(2, trusted=False), looked(3)) == ("drift", 1)


@pytest.mark.parametrize("cause", ["drift", "age"])
def test_drift_that_stays_sets_off_one_retrain_a_period(cause: Cause) -> None:
    """A champion that is kept leaves the drift as it was: every day finds it again."""
    steps: list[RetrainingStep] = []
    asked = []
    for day in range(21):
        steps.append(looked(day, "drift"))
        if ask(*steps):
            asked.append(day)
            steps.append(retrained(day, cause))
    assert asked == [0, 7, 14]


def test_a_scheduled_retrain_does_not_use_up_the_period() -> None:
    assert ask(retrained(0, "schedule"), retrained(0, "hand"), looked(1, "drift")) == ("drift", 1)
    assert ask(retrained(0, "drift"), retrained(5, "schedule"), looked(6, "drift")) is None
    assert ask(retrained(0, "drift"), retrained(5, "schedule"), looked(6, "drift"), every_days=6) == (
        "drift",
        6,
    )


def test_a_request_says_what_it_is() -> None:
    request = find_request([looked(1, "drift")], every_days=7)
    assert request is not None
    assert request.to_dict() == {"cause": "drift", "decided_on": "2026-11-03", "as_of": "2026-11-03"}
