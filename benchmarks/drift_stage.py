"""`python -m benchmarks.drift_stage CONFIG TRAINED_ON AS_OF`: watches the drift of a week as the weekly run does, with
a champion trained on an earlier one and two years of weeks on record, and prints as JSON what that cost.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.events import TIMEZONE, Stream, write_config, write_raw
from benchmarks.measure import Cost, measure_steps

if TYPE_CHECKING:
    import pandas as pd

    from monitoring.week_profiles import WeekProfile
    from tasks.lake import Lake

WEEKS, RECORD, EVENTS_PER_CUSTOMER = 20, 104, 10
SECONDS_MAX, BYTES_MAX = 30.0, 3 * 2**30
CHURN_DAYS = 60


def measure_drift_stage(folder: Path, *, customers: int) -> Cost:
    """Take in twenty weeks of so many customers, and watch the last of them in a process of its own."""
    folder.mkdir(parents=True)
    stream = Stream(rows=EVENTS_PER_CUSTOMER * customers, customers=customers, weeks=WEEKS)
    write_raw(stream, folder / "events.parquet")
    config = str(write_config(folder, path="events.parquet"))
    days = [str(stream.end_of_week(week)) for week in (WEEKS - 1, WEEKS)]
    for day in days:
        measure_steps("benchmarks.cycle", [config, day])
    return measure_steps("benchmarks.drift_stage", [config, *days])


def watch_week(config: str, *, trained_on: date, as_of: date) -> dict[str, float]:
    """Seconds of looking at the sources, of comparing the week, and of putting it on record."""
    from flows.settings import load_settings
    from models.preparation_options import PreparationOptions
    from models.recipes import Recipe
    from models.segmenter import fit_segmenter
    from monitoring.drift_settings import DriftSettings
    from tasks.drift import check_sources, watch_drift
    from tasks.intake import Intake
    from tasks.lake import write_lake
    from tasks.registry import LoadedModel
    from tasks.weeks import profile_now, store_week

    settings = load_settings(config)
    with write_lake(settings.home, engine=settings.engine) as lake:
        factors, reference = (read_factors(lake, day) for day in (as_of, trained_on))
        recipe = Recipe("kmeans", {"segments": 8}, PreparationOptions())
        champion = LoadedModel(
            fit_segmenter(reference, recipe=recipe, seed=0), "1", {"as_of": str(trained_on)}, None
        )
        intake = Intake(timezone=TIMEZONE, former_timezone=None, currency="EUR", by_source={})
        rows = check_sources.fn(lake, intake, as_of=as_of, timezone=TIMEZONE).rows
        now = profile_now(lake, factors, as_of=as_of, rows=rows, churn_days=CHURN_DAYS)
        for past in draw_record(now, trained_on=trained_on):
            store_week(lake, past, decision="none")

        started = time.monotonic()
        checked = check_sources.fn(lake, intake, as_of=as_of, timezone=TIMEZONE)
        looked = time.monotonic()
        drift = watch_drift.fn(
            lake, champion, reference, factors, as_of=as_of, sources=checked, settings=DriftSettings(),
            churn_days=CHURN_DAYS,
        )  # fmt: skip
        compared = time.monotonic()
        store_week(lake, drift.profile, decision=drift.decision.decision)
    if drift.surprise is None:
        raise RuntimeError(f"the record of {RECORD} weeks was not used")
    return {
        "sources": looked - started,
        "comparison": compared - looked,
        "record": time.monotonic() - compared,
    }


def read_factors(lake: Lake, day: date) -> pd.DataFrame:
    import ibis

    features = lake.table("features")
    return (
        features.filter(features.as_of == ibis.literal(day))
        .drop("as_of")
        .order_by("customer_id")
        .to_pandas()
        .set_index("customer_id")
    )


def draw_record(now: WeekProfile, *, trained_on: date) -> list[WeekProfile]:
    """Weeks that differ from this one by a few per cent; the numbers, not what they say, are what takes time."""
    rng = np.random.default_rng(0)
    return [
        replace(
            now,
            as_of=trained_on - timedelta(weeks=weeks),
            quantiles=now.quantiles * rng.normal(1, 0.02, len(now.quantiles.columns)),
        )
        for weeks in range(RECORD)
    ]


if __name__ == "__main__":
    first, last = (date.fromisoformat(text) for text in sys.argv[2:4])
    print(json.dumps(watch_week(sys.argv[1], trained_on=first, as_of=last)))
