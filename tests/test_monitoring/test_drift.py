"""Drift of known size leads to the decision it should lead to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from monitoring.comparison import DriftMeasurement, measure_drift, measure_mix
from monitoring.drift import decide_drift
from monitoring.drift_settings import DriftSettings

SETTINGS = DriftSettings()
FACTORS = [f"factor_{i:02}" for i in range(20)]


def draw_factors(customers: int, seed: int, *, columns: list[str] = FACTORS) -> pd.DataFrame:
    """Skewed factors as shops have them."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"customer-{i}" for i in range(customers)], name="customer_id")
    return pd.DataFrame(rng.gamma(2.0, size=(customers, len(columns))), index=ids, columns=columns)


def find_row(measurement: DriftMeasurement, column: str) -> dict[str, object]:
    (row,) = measurement.columns[measurement.columns["column"] == column].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_stationary_factors_have_not_drifted() -> None:
    measured = measure_drift(draw_factors(3000, 1), draw_factors(3000, 2), settings=SETTINGS, seed=0)
    decision = decide_drift(measured, data_faults=(), settings=SETTINGS)
    assert decision.decision == "none"
    assert decision.drifted == ()
    assert decision.reasons == ("0 of 20 factors drifted (0%), fewer than 10%",)
    assert set(measured.columns["method"]) == {"wasserstein"}


def test_score_is_the_shift_in_standard_deviations() -> None:
    before = draw_factors(20_000, 1, columns=FACTORS[:2])
    after = before + 0.3 * before.std() * [1.0, 0.0]
    everyone = DriftSettings(sample=20_000)
    measured = measure_drift(before, after, settings=everyone, seed=0)
    moved = find_row(measured, "factor_00")
    assert moved["score"] == pytest.approx(0.3, abs=0.02)
    assert moved["current_mean"] == pytest.approx(after["factor_00"].mean())
    assert find_row(measured, "factor_01")["score"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("moved", "expected"), [(0, "none"), (1, "none"), (2, "watch"), (4, "watch"), (5, "retrain")]
)
def test_share_of_shifted_factors_decides(moved: int, expected: str) -> None:
    before, after = draw_factors(3000, 1), draw_factors(3000, 2)
    after[FACTORS[:moved]] += 0.5
    measured = measure_drift(before, after, settings=SETTINGS, seed=0)
    decision = decide_drift(measured, data_faults=(), settings=SETTINGS)
    assert decision.decision == expected
    assert set(decision.drifted) == set(FACTORS[:moved])
    assert decision.reasons[0].startswith(f"{moved} of 20 factors drifted")


def test_most_drifted_comes_first_and_is_explained_with_its_means() -> None:
    before, after = draw_factors(3000, 1), draw_factors(3000, 2)
    after["factor_03"] += 1.0
    after["factor_07"] += 2.0
    measured = measure_drift(before, after, settings=SETTINGS, seed=0)
    decision = decide_drift(measured, data_faults=(), settings=SETTINGS)
    assert decision.drifted == ("factor_07", "factor_03")
    assert list(measured.columns["column"][:2]) == ["factor_07", "factor_03"]
    means = f"mean {before['factor_07'].mean():.3g} → {after['factor_07'].mean():.3g}"
    assert decision.reasons[1].startswith(f"factor_07: {means}; normed Wasserstein distance")


def test_fault_in_the_data_comes_before_drift_and_names_the_source() -> None:
    measured = measure_drift(draw_factors(3000, 1), draw_factors(3000, 2) + 1, settings=SETTINGS, seed=0)
    fault = "source 'crm' delivers no more: 0 rows this week against 1,000 in a usual week"
    decision = decide_drift(measured, data_faults=[fault], settings=SETTINGS)
    assert decision.decision == "data_fault"
    assert decision.reasons == (fault,)
    assert len(decision.drifted) == 20
    assert decide_drift(None, data_faults=[fault], settings=SETTINGS).decision == "data_fault"


def test_without_a_reference_there_is_no_drift_and_it_says_so() -> None:
    decision = decide_drift(None, data_faults=(), settings=SETTINGS)
    assert (decision.decision, decision.drifted) == ("none", ())
    assert "no reference yet" in decision.reasons[0]


def test_35_customers_are_tested_not_measured() -> None:
    before, after = draw_factors(35, 1), draw_factors(35, 2)
    calm = measure_drift(before, after, settings=SETTINGS, seed=0)
    assert set(calm.columns["method"]) == {"ks"}
    assert decide_drift(calm, data_faults=(), settings=SETTINGS).decision == "none"
    shifted = measure_drift(before, after * 4, settings=SETTINGS, seed=0)
    assert decide_drift(shifted, data_faults=(), settings=SETTINGS).decision == "retrain"


def test_a_handful_of_customers_is_too_few_to_tell() -> None:
    measured = measure_drift(draw_factors(5, 1), draw_factors(5, 2) + 9, settings=SETTINGS, seed=0)
    assert set(measured.columns["method"]) == {"too_few"}
    assert measured.html is None
    decision = decide_drift(measured, data_faults=(), settings=SETTINGS)
    assert decision.decision == "none"
    assert decision.reasons == ("fewer than 20 customers with values to compare: drift cannot be measured",)


def test_columns_without_a_distribution_are_findings() -> None:
    before, after = draw_factors(3000, 1), draw_factors(3000, 2)
    before["always_unknown"] = after["always_unknown"] = np.nan
    before["became_unknown"] = after["factor_00"]
    after["became_unknown"] = np.nan
    before["always_zero"] = after["always_zero"] = 0.0
    before["rarely_used"] = 0.0
    after["rarely_used"] = np.where(np.arange(3000) < 20, 1.0, 0.0)
    before["often_used"] = 0.0
    after["often_used"] = np.where(np.arange(3000) < 750, 1.0, 0.0)
    before["other_constant"], after["other_constant"] = 1.0, 2.0
    before["infinite"], after["infinite"] = before["factor_01"], np.inf
    before["gone"] = after["came"] = 1.0
    measured = measure_drift(before, after, settings=SETTINGS, seed=0)
    found = measured.columns[~measured.columns["column"].isin(FACTORS)].set_index("column")
    assert found["method"].to_dict() == {
        "gone": "absent",
        "became_unknown": "missing_share",
        "infinite": "missing_share",
        "other_constant": "left_constant",
        "often_used": "left_constant",
        "rarely_used": "left_constant",
        "always_unknown": "missing_share",
        "always_zero": "left_constant",
        "came": "new",
    }
    drifted = {"gone", "became_unknown", "infinite", "other_constant", "often_used"}
    assert set(found.index[found["drifted"]]) == drifted
    assert found.loc["often_used", "score"] == pytest.approx(0.25)
    decision = decide_drift(measured, data_faults=(), settings=SETTINGS)
    assert set(decision.drifted) == drifted
    assert "came: not in the reference, so not compared" in decision.reasons
    assert "gone: in the reference, but no longer computed" in decision.reasons


def test_no_column_in_common_is_no_crash() -> None:
    before = draw_factors(100, 1, columns=["old"])
    after = draw_factors(100, 2, columns=["young"])
    measured = measure_drift(before, after, settings=SETTINGS, seed=0)
    assert dict(zip(measured.columns["column"], measured.columns["method"], strict=True)) == {
        "old": "absent",
        "young": "new",
    }
    empty = measure_drift(before[[]], after[[]], settings=SETTINGS, seed=0)
    assert decide_drift(empty, data_faults=(), settings=SETTINGS).decision == "none"


def test_values_more_of_which_are_unknown_are_drift_even_where_the_rest_looks_the_same() -> None:
    before, after = draw_factors(3000, 1, columns=["aov"]), draw_factors(3000, 2, columns=["aov"])
    after.iloc[:900] = np.nan
    row = find_row(measure_drift(before, after, settings=SETTINGS, seed=0), "aov")
    assert (row["method"], row["drifted"]) == ("missing_share", True)
    assert row["score"] == pytest.approx(0.3)


def test_a_few_whales_more_are_no_drift() -> None:
    before, after = draw_factors(3000, 1, columns=["revenue"]), draw_factors(3000, 2, columns=["revenue"])
    after.iloc[:5] = 10_000.0
    row = find_row(measure_drift(before, after, settings=SETTINGS, seed=0), "revenue")
    assert not row["drifted"]
    assert row["current_mean"] == pytest.approx(after["revenue"].mean())
    in_full = measure_drift(before, after, settings=DriftSettings(tail=0.0), seed=0)
    assert find_row(in_full, "revenue")["drifted"]


def test_factors_that_grow_with_the_calendar_are_not_compared() -> None:
    before = draw_factors(100, 1, columns=["tenure_days", "aov"])
    measured = measure_drift(before, before + 28, settings=SETTINGS, seed=0)
    assert list(measured.columns["column"]) == ["aov"]


def test_same_rows_in_any_order_give_the_same_numbers_and_another_seed_another_sample() -> None:
    before, after = (draw_factors(600, seed, columns=FACTORS[:2]) for seed in (1, 2))
    some = DriftSettings(sample=200)
    measured = measure_drift(before, after, settings=some, seed=5).columns
    shuffled = measure_drift(before.sample(frac=1, random_state=9), after, settings=some, seed=5).columns
    pd.testing.assert_frame_equal(measured, shuffled)
    other = measure_drift(before, after, settings=some, seed=6).columns
    assert not measured["score"].equals(other["score"])


def test_evidently_report_shows_the_factors_but_no_customer() -> None:
    measured = measure_drift(
        draw_factors(300, 1, columns=["aov"]),
        draw_factors(300, 2, columns=["aov"]),
        settings=SETTINGS,
        seed=0,
    )
    assert measured.html is not None
    assert "aov" in measured.html
    assert "customer-" not in measured.html


def test_growing_segment_moves_the_mix_and_leads_to_watch() -> None:
    then = pd.Series({"loyal": 500, "new": 2500, "bargain": 2000})
    now = pd.Series({"loyal": 1250, "new": 2083, "bargain": 1667})
    frame = draw_factors(300, 1, columns=FACTORS[:3])
    measured = measure_drift(frame, frame, settings=SETTINGS, seed=0, reference_mix=then, current_mix=now)
    row = find_row(measured, "segment_mix")
    # Σ (now − then)·ln(now ÷ then) with the shares .1, .5, .4 and .25, .4166, .3334
    index = 0.15 * np.log(2.5) + 0.0834 * np.log(0.5 / 0.4166) + 0.0666 * np.log(0.4 / 0.3334)
    assert row["score"] == pytest.approx(index, rel=0.01)
    decision = decide_drift(measured, data_faults=(), settings=SETTINGS)
    assert decision.decision == "watch"
    assert decision.drifted == ("segment_mix",)
    assert "population stability index" in decision.reasons[1]


def test_few_customers_in_other_segments_are_chance() -> None:
    rng = np.random.default_rng(0)
    shares = [0.4, 0.3, 0.2, 0.1]
    alarms = sum(
        measure_mix(
            pd.Series(rng.multinomial(40, shares)),
            pd.Series(rng.multinomial(40, shares)),
            settings=SETTINGS,
        ).drifted
        for _draw in range(200)
    )
    assert alarms <= 0.08 * 200


def test_a_segment_that_came_or_went_has_an_index() -> None:
    then, now = pd.Series({"a": 900, "b": 100}), pd.Series({"a": 900, "c": 100})
    row = measure_mix(then, now, settings=SETTINGS)
    assert row.drifted
    assert np.isfinite(row.score)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share_watch": 0.5}, r"share_watch is 0.5, allowed is at most share_retrain \(0.25\)"),
        ({"treshold": 0.2}, "treshold"),
        ({"threshold": 0}, "threshold"),
    ],
)
def test_settings_refuse_what_makes_no_sense(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DriftSettings.model_validate(values)
