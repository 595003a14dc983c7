"""A challenger earns its place rule by rule, and nothing unknown lets it pass."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from models.promotion import (
    GateValues,
    PromotionDecision,
    PromotionSettings,
    Standing,
    count_wins,
    decide_promotion,
)

NAN = float("nan")


@dataclass(frozen=True)
class Measured:
    """What a comparison of separations found."""

    gain: float = 0.05
    low: float = 0.02
    detectable: float = 0.015


GOOD = GateValues(
    segments=6, smallest_share=0.05, outlier_share=0.1, stability=0.9, stability_min=0.8, separation=0.4
)
SETTINGS = PromotionSettings()
STANDING = Standing(gain=Measured(), champion_age_days=30.0, share_moved=0.1, share_drifted=0.0, wins=1)


def decide(
    challenger: GateValues = GOOD,
    champion: GateValues | None = GOOD,
    *,
    data_fault: str | None = None,
    settings: PromotionSettings = SETTINGS,
    **changes: Any,
) -> PromotionDecision:
    standing = None if champion is None else replace(STANDING, **changes)
    return decide_promotion(challenger, champion, standing=standing, data_fault=data_fault, settings=settings)


def test_a_clearly_better_challenger_is_promoted_and_the_reason_has_the_numbers() -> None:
    decision = decide()
    assert (decision.decision, decision.promote) == ("promote", True)
    assert decision.reasons[0] == (
        "the challenger is better: gain in separation +0.050, lower bound +0.020, "
        "0.015 could have been noticed (at least 0.010, bound above 0)"
    )
    assert "the smallest segment holds 5.00 % (at least 1.00 %)" in decision.reasons
    assert "customers who would change segment: 10.00 % (at most 100.00 %)" in decision.reasons
    assert "a challenger was better 2 weeks running (at least 2)" in decision.reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"segments": 1}, "1 segments (at least 2)"),
        ({"smallest_share": 0.009}, "the smallest segment holds 0.90 % (at least 1.00 %)"),
        ({"outlier_share": 0.3}, "customers in no segment: 30.00 % (at most 25.00 %)"),
        ({"stability": 0.74}, "stability 0.740 (at least 0.750)"),
        ({"stability_min": 0.59}, "stability of the least stable segment 0.590 (at least 0.600)"),
        ({"admissible": False, "reason": "too many"}, "the search found the model not fit for use: too many"),
    ],
)
def test_a_challenger_worse_on_one_rule_is_kept_out_with_that_rule_first(
    changes: dict[str, Any], reason: str
) -> None:
    decision = decide(replace(GOOD, **changes))
    assert (decision.decision, decision.promote) == ("keep", False)
    assert decision.reasons[0] == reason


@pytest.mark.parametrize("gain", [Measured(low=-0.001), Measured(gain=0.009, low=0.001), Measured(low=0.0)])
def test_a_gain_too_small_or_uncertain_keeps_the_champion(gain: Measured) -> None:
    decision = decide(gain=gain)
    assert decision.decision == "keep"
    assert decision.reasons[0].startswith("the challenger is not clearly better")


def test_an_old_champion_yields_to_a_challenger_that_is_no_worse() -> None:
    no_worse = Measured(gain=0.0, low=-0.005)
    assert decide(gain=no_worse, champion_age_days=180.0).decision == "keep"
    decision = decide(gain=no_worse, champion_age_days=181.0)
    assert decision.decision == "promote"
    assert decision.reasons[0].startswith(
        "the champion is 181 days old (at most 180) and the challenger is no worse"
    )
    worse = decide(gain=Measured(gain=0.0, low=-0.02), champion_age_days=181.0)
    assert worse.decision == "keep"
    assert "the challenger may be worse" in worse.reasons[0]


def test_a_better_challenger_replaces_a_champion_that_should_go_no_later_than_an_equal_one() -> None:
    assert decide(wins=0).decision == "keep"
    assert decide(wins=0, champion_age_days=181.0).decision == "promote"
    assert decide(champion=replace(GOOD, stability=0.5), wins=0).decision == "promote"


def test_a_champion_that_fails_the_gates_itself_yields_to_one_that_is_no_worse() -> None:
    provisional = replace(GOOD, stability=0.5)
    decision = decide(champion=provisional, gain=Measured(gain=0.0, low=-0.005))
    assert decision.decision == "promote"
    assert "does not pass itself (stability 0.500 (at least 0.750))" in decision.reasons[0]
    assert decide(champion=provisional, gain=Measured(gain=-0.02, low=-0.03)).decision == "keep"


def test_what_is_unknown_of_the_champion_makes_nothing_easier() -> None:
    unknown = replace(GOOD, stability=NAN, stability_min=NAN, smallest_share=NAN, outlier_share=NAN)
    assert decide(champion=unknown, gain=Measured(gain=0.0, low=-0.005)).decision == "keep"


@pytest.mark.parametrize("field", ["smallest_share", "outlier_share", "stability", "stability_min"])
@pytest.mark.parametrize("champion", [GOOD, None])
def test_a_missing_number_of_the_challenger_does_not_pass(field: str, champion: GateValues | None) -> None:
    decision = decide(replace(GOOD, **{field: NAN}), champion)
    assert decision.decision == ("blocked" if champion is None else "keep")
    assert any("unknown" in reason for reason in decision.reasons[:2])


@pytest.mark.parametrize(
    "changes",
    [
        {"gain": None},
        {"gain": Measured(gain=NAN)},
        {"gain": Measured(low=NAN)},
        {"champion_age_days": None},
        {"champion_age_days": NAN},
        {"share_moved": None},
        {"share_moved": NAN},
        {"share_drifted": None},
        {"share_drifted": NAN},
    ],
)
def test_a_missing_number_of_the_comparison_keeps_the_champion(changes: dict[str, Any]) -> None:
    decision = decide(**changes)
    assert (decision.decision, decision.won) == ("keep", False)
    assert any(word in decision.reasons[0] for word in ("unknown", "could not be measured"))


def test_a_check_that_failed_keeps_the_champion_and_says_how() -> None:
    decision = decide(gain=None, trouble="the outcomes are gone")
    assert decision.decision == "keep"
    assert decision.reasons[0] == (
        "the gain in separation over the champion could not be measured: the outcomes are gone"
    )


def test_without_any_standing_the_champion_stays() -> None:
    decision = decide_promotion(GOOD, GOOD, standing=None, data_fault=None, settings=SETTINGS)
    assert (decision.decision, decision.won) == ("keep", False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"share_moved": 0.51, "settings": PromotionSettings(moved_max=0.5)},
            "customers who would change segment: 51.00 % (at most 50.00 %)",
        ),
        ({"wins": 0}, "a challenger was better 1 weeks running (at least 2)"),
        (
            {"decided_later": date(2026, 11, 22)},
            "the week to 2026-11-22 has been decided already: an older one changes nothing",
        ),
    ],
)
def test_a_better_challenger_may_come_too_soon_too_late_or_move_too_many(
    changes: dict[str, Any], reason: str
) -> None:
    decision = decide(**changes)
    assert (decision.decision, decision.reasons[0]) == ("keep", reason)


def test_winning_once_is_on_record_and_counts_next_week() -> None:
    first = decide(wins=0)
    assert (first.decision, first.won, first.values["won"]) == ("keep", True, True)
    assert decide(wins=1).decision == "promote"
    assert decide(wins=0, settings=PromotionSettings(wins_needed=1)).decision == "promote"
    assert not decide(gain=Measured(low=-0.1)).won


def test_wins_count_back_to_the_last_week_that_was_not_won() -> None:
    weeks = [("1", True), ("1", False), ("1", True), ("1", True)]
    decisions = [{"champion_version": version, "won": won} for version, won in weeks]
    assert count_wins(decisions, champion_version="1") == 2
    assert count_wins(decisions, champion_version="2") == 0
    assert count_wins([], champion_version="1") == 0


def test_a_challenger_in_shadow_waits_out_its_weeks() -> None:
    shadowed = PromotionSettings(shadow_weeks=3)
    early = decide(shadow_weeks=2, settings=shadowed)
    assert (early.decision, early.won) == ("keep", True)
    assert early.reasons[0] == "2 weeks in the champion's shadow (at least 3)"
    assert decide(shadow_weeks=3, settings=shadowed).decision == "promote"


def test_the_champions_own_recipe_gains_nothing_and_says_so() -> None:
    decision = decide(gain=Measured(gain=0.0, low=0.0, detectable=0.0))
    assert decision.decision == "keep"
    assert "it is the champion's own recipe, fitted anew" in decision.reasons[0]


@pytest.mark.parametrize("champion", [GOOD, None])
def test_a_data_fault_blocks_whatever_else(champion: GateValues | None) -> None:
    decision = decide(champion=champion, data_fault="source web fell silent")
    assert (decision.decision, decision.promote) == ("blocked", False)
    assert len(decision.reasons) == 1
    assert "source web fell silent" in decision.reasons[0]


def test_a_first_model_is_installed() -> None:
    decision = decide(champion=None)
    assert (decision.decision, decision.promote) == ("first", True)
    assert decision.reasons[0] == "there was no champion: the first model is installed"


@pytest.mark.parametrize("changes", [{"stability": 0.4}, {"stability_min": 0.1}, {"admissible": False}])
def test_a_weak_first_model_is_installed_and_called_provisional(changes: dict[str, Any]) -> None:
    decision = decide(replace(GOOD, **changes), None)
    assert decision.decision == "first"
    assert "provisionally" in decision.reasons[0]
    assert decision.reasons[1] != decide(GOOD, None).reasons[1]


@pytest.mark.parametrize("changes", [{"segments": 1}, {"smallest_share": 0.001}, {"outlier_share": 0.9}])
def test_a_first_model_of_no_use_is_blocked(changes: dict[str, Any]) -> None:
    decision = decide(replace(GOOD, **changes), None)
    assert (decision.decision, decision.promote) == ("blocked", False)
    assert decision.reasons[0] == "there is no champion, and the first model is not fit for use"


def test_the_values_are_json_and_unknown_ones_null() -> None:
    values = decide(replace(GOOD, stability=NAN), gain=Measured(detectable=NAN)).values
    read = json.loads(json.dumps(values, allow_nan=False))
    assert read["challenger"]["stability"] is None
    assert read["champion"]["stability"] == 0.9
    assert (read["gain"], read["detectable"], read["share_moved"]) == (0.05, None, 0.1)


def test_gate_values_survive_json() -> None:
    read = GateValues.from_dict(json.loads(json.dumps(replace(GOOD, stability=NAN).to_dict())))
    assert read.stability != read.stability
    assert replace(read, stability=0.9) == GOOD


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(ValidationError, match="min_gian"):
        PromotionSettings(min_gian=0.1)  # type: ignore[call-arg]
