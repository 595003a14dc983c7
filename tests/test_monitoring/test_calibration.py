"""A week is unusual by what this shop's own weeks have been like."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from monitoring.calibration import Limits, Surprise, choose_weekly, measure_surprise
from monitoring.comparison import DriftMeasurement
from monitoring.drift import decide_drift
from monitoring.drift_settings import DriftSettings
from monitoring.week_profiles import WeekProfile, profile_week
from tests.test_monitoring.drifting import day_of, draw_week, profile_of

SETTINGS = DriftSettings()
COMPARED = DriftMeasurement(pd.DataFrame(), None)
LEARNT = 30


@cache
def quiet_weeks(count: int) -> tuple[WeekProfile, ...]:
    return tuple(profile_of(week) for week in range(count))


def surprise_of(
    now: WeekProfile,
    *,
    past: tuple[WeekProfile, ...] | None = None,
    reference: WeekProfile | None = None,
    broken: Collection[date] = (),
) -> Surprise:
    weeks = quiet_weeks(LEARNT) if past is None else past
    found = measure_surprise(
        now, weeks, reference=reference or weeks[-1], broken=broken, watch_at=SETTINGS.watch_at,
        retrain_at=SETTINGS.retrain_at, weeks_min=SETTINGS.weeks_min,
    )  # fmt: skip
    assert found is not None
    return found


def decision_of(surprise: Surprise) -> str:
    return decide_drift(COMPARED, data_faults=(), settings=SETTINGS, surprise=surprise).decision


def test_quiet_weeks_call_for_nothing() -> None:
    weeks = quiet_weeks(LEARNT + 12)
    decisions = [
        decision_of(surprise_of(weeks[now], past=weeks[:now], reference=weeks[LEARNT - 1]))
        for now in range(LEARNT, LEARNT + 12)
    ]
    assert "retrain" not in decisions
    assert decisions.count("watch") <= 2


@pytest.mark.parametrize(
    ("watch", "retrain", "expected"),
    [(1.01, 1.02, "none"), (1.0, 1.01, "watch"), (0.5, 1.01, "watch"), (0.5, 1.0, "retrain")],
)
def test_the_largest_change_is_held_against_both_limits(watch: float, retrain: float, expected: str) -> None:
    surprise = surprise_of(profile_of(LEARNT))
    limits = Limits(watch * surprise.score, retrain * surprise.score, LEARNT)
    assert decision_of(replace(surprise, limits=limits)) == expected


@pytest.mark.parametrize("name", ["visits_7d", "aov", "app_share"])
def test_a_shift_of_one_factor_calls_for_a_retrain_and_is_named(name: str) -> None:
    surprise = surprise_of(profile_of(LEARNT, shifts={name: 0.3}))
    decision = decide_drift(COMPARED, data_faults=(), settings=SETTINGS, surprise=surprise)
    assert decision.decision == "retrain"
    assert name in decision.drifted[:2]
    (told,) = [reason for reason in decision.reasons if reason.startswith(f"{name}: mean")]
    assert f"since {day_of(LEARNT - 1)}" in told


def test_factors_that_no_longer_go_together_are_seen_though_each_looks_as_ever() -> None:
    decision = decide_drift(
        COMPARED,
        data_faults=(),
        settings=SETTINGS,
        surprise=surprise_of(profile_of(LEARNT, together=False)),
    )
    assert decision.decision == "retrain"
    assert set(decision.drifted) <= {"correlation", "joint_structure"}
    assert "no longer go together" in " ".join(decision.reasons)


def test_the_mix_of_segments_is_watched_only_within_one_model() -> None:
    now = profile_of(LEARNT)
    grown = replace(now, segments=pd.Series({"1": 0.8, "2": 0.2}))
    assert surprise_of(grown).changes.iloc[0]["watcher"] == "segment_mix"
    by_another = replace(grown, model_version="2")
    assert "segment_mix" not in set(surprise_of(by_another).changes["watcher"])


@pytest.mark.parametrize(
    ("levels", "rows", "watcher"),
    [
        ({"conversion": 0.1}, {}, "kpi:conversion"),
        ({"aov": 90.0}, {}, "kpi:aov"),
        ({}, {"crm": 30.0}, "source:crm"),
    ],
)
def test_key_figures_and_sources_are_watched(
    levels: dict[str, float], rows: dict[str, float], watcher: str
) -> None:
    now = profile_of(LEARNT)
    changed = replace(now, levels=now.levels.mask(now.levels.index.isin(list(levels)), pd.Series(levels)),
                      rows=now.rows.mask(now.rows.index.isin(list(rows)), pd.Series(rows)))  # fmt: skip
    assert surprise_of(changed).changes.iloc[0]["watcher"] == watcher


def test_a_factor_nobody_has_a_value_of_is_a_finding() -> None:
    now = profile_of(LEARNT)
    gone = replace(
        now,
        quantiles=now.quantiles.assign(aov=np.nan),
        unknown=now.unknown.mask(now.unknown.index == "aov", 1.0),
    )
    assert surprise_of(gone).changes.iloc[0]["watcher"] == "unknown:aov"


def test_other_columns_than_the_reference_had_are_compared_as_far_as_they_go() -> None:
    now = profile_of(LEARNT)
    fewer = replace(
        now,
        quantiles=now.quantiles.drop(columns="aov"),
        unknown=now.unknown.drop("aov"),
        correlations=now.correlations.drop(index="aov", columns="aov"),
    )
    assert "aov" not in set(surprise_of(fewer).changes["watcher"])


def test_a_break_is_seen_again_the_week_after_and_not_once_the_champion_knows_it() -> None:
    broken_week = profile_of(LEARNT, shifts={"aov": 0.5})
    after = profile_of(LEARNT + 1, shifts={"aov": 0.5})
    past = (*quiet_weeks(LEARNT), broken_week)
    again = surprise_of(after, past=past, reference=past[LEARNT - 1], broken={broken_week.as_of})
    assert decision_of(again) == "retrain"
    trained_since = surprise_of(after, past=past, reference=broken_week, broken={broken_week.as_of})
    assert decision_of(trained_since) == "none"


def test_changes_across_a_break_are_no_usual_ones() -> None:
    broken_week = profile_of(LEARNT, shifts={"aov": 2.0})
    past = (*quiet_weeks(LEARNT), broken_week)
    now = profile_of(LEARNT + 1, shifts={"aov": 2.3})
    believed = surprise_of(now, past=past, reference=broken_week, broken={broken_week.as_of})
    unaware = surprise_of(now, past=past, reference=broken_week)
    assert decision_of(believed) == "retrain"
    assert decision_of(unaware) != "retrain"


def test_last_years_season_explains_what_the_training_does_not() -> None:
    december = {"visits_7d": 1.0, "orders_30d": 1.0}
    year = [profile_of(week, shifts=december if week >= 48 else None) for week in range(54)]
    year += [profile_of(week) for week in range(54, 100)]
    reference = year[60]
    with_season = surprise_of(profile_of(100, shifts=december), past=tuple(year), reference=reference)
    training = with_season.changes[with_season.changes["against"] == "training"].set_index("watcher")
    without = surprise_of(profile_of(100, shifts=december), past=tuple(year[54:]), reference=reference)
    alone = without.changes.set_index("watcher")
    assert training["change"].reindex(["visits_7d"]).fillna(0.0).max() < 0.3
    assert alone.loc["visits_7d", "change"] > 0.7


def test_a_source_that_one_of_the_weeks_does_not_have_is_no_change_of_customers() -> None:
    now = profile_of(LEARNT)
    joined = replace(now, rows=pd.concat([now.rows, pd.Series({"app": 5000.0})]))
    assert "source:app" not in set(surprise_of(joined).changes["watcher"])


def test_a_training_known_by_its_rows_alone_is_compared_in_its_factors_alone() -> None:
    """A champion may be older than the record of weeks: then nothing is known of the deliveries of that week."""
    trained = profile_week(draw_week(0), as_of=day_of(0))
    surprise = surprise_of(profile_of(LEARNT), past=quiet_weeks(LEARNT)[5:], reference=trained)
    training = surprise.changes[surprise.changes["against"] == "training"]["watcher"]
    assert not training.str.startswith(("kpi:", "source:")).any()
    assert decision_of(surprise) != "retrain"


def test_days_of_a_daily_run_count_as_weeks_once() -> None:
    days = [day_of(10) - timedelta(days=n) for n in range(1, 36)]
    assert choose_weekly(days, before=day_of(10)) == [day_of(week) for week in (5, 6, 7, 8, 9)]
    assert choose_weekly([day_of(8) + timedelta(days=2)], before=day_of(10)) == [
        day_of(8) + timedelta(days=2)
    ]


def test_too_few_weeks_say_nothing() -> None:
    weeks = quiet_weeks(10)
    few = measure_surprise(
        profile_of(10), weeks, reference=weeks[-1], broken=(), watch_at=2.0, retrain_at=4.0, weeks_min=12
    )
    assert few is None


def test_timeline_ends_with_this_week() -> None:
    surprise = surprise_of(profile_of(LEARNT))
    assert list(surprise.timeline["as_of"])[-1] == day_of(LEARNT)
    assert len(surprise.timeline) == LEARNT
    assert surprise.timeline["score"].iloc[-1] == pytest.approx(surprise.score)


def test_fixed_thresholds_are_used_on_request() -> None:
    surprise = surprise_of(profile_of(LEARNT, shifts={"aov": 2.0}))
    fixed = DriftSettings(thresholds="fixed")
    compared = DriftMeasurement(
        pd.DataFrame(
            {
                "column": ["aov"],
                "score": [0.01],
                "drifted": [False],
                "method": ["wasserstein"],
                "sentence": [""],
            }
        ),
        None,
    )
    assert decide_drift(compared, data_faults=(), settings=fixed, surprise=surprise).decision == "none"
