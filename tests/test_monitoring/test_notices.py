"""What people are told of a run: in plain sentences, with what to do, and only where there is something to say."""

from typing import Any

import pytest

from monitoring.notices import Notice, describe_failure, list_notices

CALM = {
    "as_of": "2026-11-15",
    "drift": {"decision": "watch", "drifted": ["recency"], "reasons": ["6 of 43 factors drifted (14%)"]},
    "promotion": {"decision": "keep", "reasons": ["not clearly better"], "champion_version": "1"},
    "migration": {
        "previous_as_of": "2026-11-08",
        "common": 4901,
        "moved": 0.0132,
        "sentences": [f"{n} customers went from A to B." for n in range(9)],
    },
    "reports": {"index": "reports/2026-11-15/index.html"},
}


def tell(**parts: Any) -> tuple[Notice, ...]:
    return list_notices(CALM | parts, title="Ada's shop")


@pytest.mark.parametrize("promotion", ["keep", "first"])
def test_a_calm_week_says_nothing(promotion: str) -> None:
    assert tell(promotion={"decision": promotion, "reasons": [], "champion_version": "1"}) == ()


def test_a_fault_names_its_source_and_what_to_do() -> None:
    reasons = [
        "source 'web' delivers no more: 0 rows this week against 1,200 in a usual week",
        "source 'shop' is odd",
    ]
    (notice,) = tell(drift={"decision": "data_fault", "drifted": [], "reasons": reasons})
    assert notice.occasions == ("data_fault",)
    assert notice.subject == "Ada's shop: the data to 15 November 2026 look faulty"
    assert notice.body == (
        "What moved looks like a fault in the data rather than like customers.\n\n"
        "- Source 'web' delivers no more: 0 rows this week against 1,200 in a usual week.\n"
        "- Source 'shop' is odd.\n\n"
        "What to do: have the sources checked before this week's segments are used. "
        "Once the deliveries are repaired, run it again. Until then no new model replaces the one in use.\n\n"
        "The report: reports/2026-11-15/index.html"
    )


def test_changed_customers_are_told_with_the_model_that_is_in_use() -> None:
    drift = {"decision": "retrain", "drifted": [], "reasons": [f"factor {n} moved" for n in range(8)]}
    (weekly,) = tell(drift=drift)
    assert weekly.occasions == ("retrain",)
    assert weekly.subject == "Ada's shop: customers have changed, as of 15 November 2026"
    assert "- Factor 4 moved.\n- … and 3 more.\n" in weekly.body
    assert "A new model was trained in this run; version 1 is in use now." in weekly.body
    (daily,) = list_notices({"as_of": "2026-11-16", "drift": drift}, title="Shop")
    assert "The weekly run trains a new model; `segmentwerk weekly` does so at once." in daily.body
    assert "The report" not in daily.body


def test_a_new_champion_is_told_with_who_moved() -> None:
    (notice,) = tell(
        promotion={"decision": "promote", "reasons": ["gain in separation 0.05"], "champion_version": "7"}
    )
    assert notice.subject == "Ada's shop: new segments from 15 November 2026 on"
    assert notice.body.startswith(
        "A new model has taken over. Version 7 is in use.\n\n- Gain in separation 0.05."
    )
    assert "1.32 % of 4,901 customers changed segment since 8 November 2026." in notice.body
    assert "- 0 customers went from A to B.\n" in notice.body
    assert "- … and 4 more." in notice.body
    assert "What to do: refresh audiences that were built on the old segments." in notice.body


def test_a_first_comparison_that_cannot_be_made_is_left_out() -> None:
    promotion = {"decision": "promote", "reasons": ["better"], "champion_version": "7"}
    (notice,) = tell(promotion=promotion, migration=None)
    assert "changed segment" not in notice.body
    (quiet,) = tell(promotion=promotion, migration=CALM["migration"] | {"sentences": []})
    assert "since 8 November 2026.\n\nWhat to do" in quiet.body


BLOCKED = {"decision": "blocked", "reasons": ["stability 0.51 (at least 0.75)"], "champion_version": "1"}


def test_a_model_held_back_by_a_fault_is_one_message() -> None:
    (notice,) = tell(
        drift={"decision": "data_fault", "drifted": [], "reasons": ["silent"]}, promotion=BLOCKED
    )
    assert notice.occasions == ("data_fault", "blocked")
    assert "The week's new model was held back: version 1 is in use.\n\n- Silent." in notice.body


def test_a_model_held_back_by_itself_is_told_with_its_reasons() -> None:
    (notice,) = tell(promotion=BLOCKED)
    assert notice.occasions == ("blocked",)
    assert notice.subject == "Ada's shop: the new model of 15 November 2026 was held back"
    assert "- Stability 0.51 (at least 0.75)." in notice.body
    assert "changed segment" not in notice.body


def test_changed_customers_and_a_new_model_are_two_messages() -> None:
    promotion = {"decision": "promote", "reasons": ["better"], "champion_version": "7"}
    told = tell(drift={"decision": "retrain", "drifted": [], "reasons": []}, promotion=promotion)
    assert [notice.occasions for notice in told] == [("retrain",), ("promote",)]


def test_a_failed_run_is_named_with_its_reason_where_there_is_one() -> None:
    given = {"flow": "weekly-retrain", "run": "wise-owl", "title": "Shop"}
    notice = describe_failure(**given, as_of="2026-11-15", reason="only 3 customers")
    assert notice.subject == "Shop: weekly-retrain for 15 November 2026 did not finish"
    assert notice.body.startswith(
        "The run weekly-retrain for 15 November 2026 did not finish.\n\nOnly 3 customers."
    )
    assert "'wise-owl' in Prefect" in notice.body
    silent = describe_failure(**given, as_of=None, reason="")
    assert silent.body.startswith("The run weekly-retrain did not finish.\n\nSegments, reports and")
