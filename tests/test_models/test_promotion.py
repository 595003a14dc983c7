"""A challenger earns its place rule by rule, and nothing unknown lets it pass."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import ValidationError

from models.promotion import GateValues, PromotionDecision, PromotionSettings, decide_promotion

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


def decide(
    challenger: GateValues = GOOD, champion: GateValues | None = GOOD, **changes: Any
) -> PromotionDecision:
    given: dict[str, Any] = {"gain": Measured(), "champion_age_days": 30.0, "share_moved": 0.1}
    given |= {"data_fault": None, "settings": SETTINGS} | changes
    return decide_promotion(challenger, champion, **given)


def test_a_clearly_better_challenger_is_promoted_and_the_reason_has_the_numbers() -> None:
    decision = decide()
    assert (decision.decision, decision.promote) == ("promote", True)
    assert decision.reasons[0] == (
        "the challenger is better: gain in separation +0.050, lower bound +0.020, "
        "0.015 could have been noticed (at least 0.010, bound above 0)"
    )
    assert "the smallest segment holds 5.00 % (at least 1.00 %)" in decision.reasons
    assert "10.00 % of customers would change segment" in decision.reasons


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
    ],
)
def test_a_missing_number_of_the_comparison_keeps_the_champion(changes: dict[str, Any]) -> None:
    decision = decide(**changes)
    assert decision.decision == "keep"
    assert any(word in decision.reasons[0] for word in ("unknown", "could not be measured"))


@pytest.mark.parametrize("champion", [GOOD, None])
def test_a_data_fault_blocks_whatever_else(champion: GateValues | None) -> None:
    decision = decide(champion=champion, data_fault="source web fell silent")
    assert (decision.decision, decision.promote) == ("blocked", False)
    assert len(decision.reasons) == 1
    assert "source web fell silent" in decision.reasons[0]


def test_a_first_model_is_installed() -> None:
    decision = decide(champion=None, gain=None, champion_age_days=None, share_moved=None)
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
