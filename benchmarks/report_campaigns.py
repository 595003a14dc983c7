"""Campaigns as the pages show them: eight segments, every metric, weekly effects, beliefs; every other one tries two
things beside the control group, the rest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.experiment_scale import draw_outcomes

WEEKS = 4
UNTIL = datetime(2026, 11, 15, 23, tzinfo=UTC)
_ARMS = ("control", "letter", "mail")


def measure_drawn(count: int, *, customers: int) -> list[dict[str, Any]]:
    """The entries of `campaigns` in a weekly summary, newest first, each of so many customers drawn at random."""
    import ibis

    from monitoring.experiments import Campaign, MeasurementSettings
    from monitoring.experiments.effects import measure_campaign

    engine = ibis.duckdb.connect(threads=2)
    found = []
    for number in range(count):
        arms = _ARMS if number % 2 else _ARMS[:2]
        starts_at = UNTIL - timedelta(weeks=14 + 2 * number)
        campaign = Campaign(
            campaign_id=f"campaign-{number}", name=f"Campaign number {number}", channel="email", starts_at=starts_at,
            ends_at=starts_at + timedelta(weeks=WEEKS), control_share=0.2,
        )  # fmt: skip
        split = (
            "CASE WHEN arm = 'control' THEN arm "
            f"WHEN hash(customer_id) % {len(arms) - 1} = 0 THEN 'letter' ELSE 'mail' END"
        )
        outcomes = (
            f"SELECT * REPLACE ({split} AS arm) FROM ({draw_outcomes(customers, first=number * customers)})"
        )
        result = measure_campaign(
            engine.create_table("outcomes", engine.sql(outcomes), overwrite=True),
            campaign=campaign,
            costs=pd.DataFrame({"arm": arms[1:], "amount": 0.2 * customers / len(arms[1:])}),
            settings=MeasurementSettings(),
            until=UNTIL,
            overlaps=0,
            weeks=_draw_weeks(customers, arms=arms, seed=number),
        )
        found.append(result.to_dict() | {"projection": None})
    return found


def _draw_weeks(customers: int, *, arms: Sequence[str], seed: int) -> pd.DataFrame:
    """As `sum_weeks` gives them."""
    rng = np.random.default_rng(seed)
    weeks = pd.MultiIndex.from_product([range(1, WEEKS + 1), arms], names=["week", "arm"]).to_frame(
        index=False
    )
    treated = 4 * customers // (5 * (len(arms) - 1))
    sizes = weeks["arm"].map(dict.fromkeys(arms, treated) | {"control": customers // 5})
    converted = rng.binomial(sizes.to_numpy(), 0.02).astype(float)
    return weeks.assign(
        customers=sizes, converted=converted, converted_squares=converted, revenue=30 * converted,
        revenue_squares=1200 * converted,
    )  # fmt: skip
