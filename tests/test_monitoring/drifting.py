"""Weeks of a shop in which the season comes and goes, and nothing else changes until a test changes it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from monitoring.week_profiles import WeekProfile, profile_week

FIRST = date(2025, 1, 5)
FACTORS = ("visits_7d", "orders_30d", "aov", "discount_share", "app_share", "gap_days")
CUSTOMERS = 1500


def draw_week(
    week: int, *, seed: int = 0, shifts: dict[str, float] | None = None, together: bool = True
) -> pd.DataFrame:
    """Factors of the same customers at the end of a week; `shifts` are in standard deviations.

    The first two factors correlate by .6, unless `together` is False.
    """
    people = np.random.default_rng([seed, 0])
    own = people.normal(size=(CUSTOMERS, len(FACTORS)))
    own[:, 1] = 0.6 * own[:, 0] + 0.8 * own[:, 1]
    rng = np.random.default_rng([seed, 1, week])
    season = 0.1 * np.cos(2 * np.pi * week / 52)
    values = own + 0.3 * rng.normal(size=own.shape) + season + 0.02 * rng.normal(size=len(FACTORS))
    if not together:
        values[:, 1] = rng.permutation(values[:, 1])
    frame = pd.DataFrame(
        values, pd.Index([f"c{n}" for n in range(CUSTOMERS)], name="customer_id"), list(FACTORS)
    )
    for name, size in (shifts or {}).items():
        frame[name] += size * frame[name].std()
    return frame


def day_of(week: int) -> date:
    return FIRST + timedelta(weeks=week)


def profile_of(week: int, *, seed: int = 0, **changes: object) -> WeekProfile:
    """A week's profile with key figures and two sources; `changes` as for `draw_week`."""
    rng = np.random.default_rng([seed, 2, week])
    levels = pd.Series({"conversion": 0.2 + 0.003 * rng.normal(), "aov": 60 * np.exp(0.02 * rng.normal())})
    rows = pd.Series({"web": 4000 + 60 * rng.normal(), "crm": 300 + 20 * rng.normal()})
    factors = draw_week(week, seed=seed, **changes)  # type: ignore[arg-type]
    placed = pd.DataFrame(
        {
            "segment_id": np.where(factors["visits_7d"] > 0.5, 1, 2),
            "strength": 0.8,
            "is_outlier": False,
        },
        factors.index,
    )
    return profile_week(factors, as_of=day_of(week), levels=levels, rows=rows).place(
        placed, model_version="1"
    )
