"""A week's profile says what it should, and comes back from its text as it was."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from monitoring.week_profiles import LEVELS, profile_week, rate_activity, read_profile
from tests.test_monitoring.drifting import CUSTOMERS, draw_week, profile_of

DAY = date(2026, 1, 4)


def test_profile_holds_the_distribution_and_what_goes_together() -> None:
    factors = draw_week(3)
    profile = profile_week(factors, as_of=DAY)
    assert profile.customers == CUSTOMERS
    pd.testing.assert_series_equal(
        profile.quantiles["aov"], factors["aov"].quantile(LEVELS), check_names=False
    )
    expected = factors.corr(method="spearman")
    pd.testing.assert_frame_equal(profile.correlations, expected, atol=1e-9)


def test_text_and_back_loses_nothing_beyond_six_digits() -> None:
    profile = profile_of(5)
    again = read_profile(profile.to_json(), as_of=profile.as_of, model_version="1")
    pd.testing.assert_frame_equal(again.quantiles, profile.quantiles, rtol=1e-5, check_names=False)
    pd.testing.assert_frame_equal(again.correlations, profile.correlations, atol=1e-5)
    pd.testing.assert_series_equal(again.segments, profile.segments, check_names=False, rtol=1e-5)
    pd.testing.assert_series_equal(again.levels, profile.levels, rtol=1e-5)
    assert (again.customers, again.model_version) == (CUSTOMERS, "1")


def test_text_holds_no_customer() -> None:
    assert "c17" not in profile_of(5).to_json()


def test_unknown_constant_and_infinite_values_are_no_crash() -> None:
    factors = draw_week(0).assign(gone=np.nan, same=1.0)
    factors.iloc[:150, 0] = np.inf
    profile = profile_week(factors, as_of=DAY)
    assert profile.unknown["gone"] == 1.0
    assert profile.unknown["visits_7d"] == pytest.approx(0.1)
    assert profile.quantiles["gone"].isna().all()
    assert profile.correlations["same"].drop("same").to_numpy() == pytest.approx(0, abs=1e-9)
    again = read_profile(profile.to_json(), as_of=DAY, model_version=None)
    assert again.quantiles["gone"].isna().all()


def test_nobody_is_a_profile_too() -> None:
    profile = profile_week(draw_week(0).iloc[:0], as_of=DAY)
    assert profile.customers == 0
    assert profile.quantiles.isna().all(axis=None)


def test_the_sample_is_of_the_same_customers_every_week() -> None:
    first = profile_week(draw_week(0), as_of=DAY, sample=300)
    shuffled = profile_week(draw_week(0).sample(frac=1, random_state=1), as_of=DAY, sample=300)
    pd.testing.assert_frame_equal(first.quantiles, shuffled.quantiles)
    assert first.customers == CUSTOMERS


def test_key_figures_are_what_they_are_called_and_unknown_where_nothing_was_sent() -> None:
    sums = {
        "buyers": 20.0, "active": 50.0, "purchases": 25.0, "revenue": 900.0, "discount": 100.0,
        "emails_sent": 0.0, "emails_opened": 0.0, "emails_clicked": 0.0,
    }  # fmt: skip
    rates = rate_activity(sums, customers=100, silent=0.3)
    assert rates.drop(["email_open_rate", "email_click_rate"]).to_dict() == pytest.approx(
        {"conversion": 0.2, "activity": 0.5, "aov": 36.0, "churn": 0.3, "discount_share": 0.1}
    )
    assert rates[["email_open_rate", "email_click_rate"]].isna().all()
