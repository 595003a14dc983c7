"""A retrain is due by drift or by age, never on data that cannot be trusted."""

import pytest

from models.retraining import Cause, find_retraining


@pytest.mark.parametrize(
    ("decision", "age", "cause", "words"),
    [
        ("none", 30, None, "the champion is 30 days old, and drift says 'none'"),
        ("watch", 180, None, "drift says 'watch'"),
        ("watch", 181, "age", "the champion is 181 days old (at most 180)"),
        (
            "retrain",
            30,
            "drift",
            "customers behave differently from those the champion was trained on: 30 % moved",
        ),
        ("retrain", 400, "drift", "30 % moved"),
        ("data_fault", 400, None, "no retrain while the data cannot be trusted: 30 % moved"),
    ],
)
def test_what_makes_a_retrain_due(decision: str, age: float, cause: Cause | None, words: str) -> None:
    found = find_retraining(
        drift_decision=decision, drift_reason="30 % moved", champion_age_days=age, max_age_days=180
    )
    assert (found.cause, found.due) == (cause, cause is not None)
    assert words in found.sentence
    assert found.to_dict()["due"] == found.due
