"""A quarter's campaigns together, and what is foretold: from a lake written for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_lake import build_rows, change, name_customer, write_shop

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.outcomes import build_outcomes
from tasks.experiments import measure_campaigns
from tasks.holdout import draw_holdout, read_holdout
from tasks.lake import begin_run, open_lake, write_lake
from tasks.programme import OTHERS, measure_programme
from tasks.projections import LONG_RUN_DAYS, project_campaign

CUSTOMERS = 6000
QUARTER = datetime(2026, 10, 1, tzinfo=UTC)
SETTINGS = MeasurementSettings(margin_rate=0.4)


def make_purchases(customers: list[int], at: datetime, *, value: np.ndarray, name: str) -> pd.DataFrame:
    ids = [f"{name}{n}" for n in customers]
    rows = build_rows([name_customer(n) for n in customers], "purchase", [at] * len(customers))
    return rows.assign(event_id=ids, order_id=ids, value=value)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody bought in August; in the quarter, 30 % of those held out do, and 40 % of all others."""
    home = tmp_path_factory.mktemp("programme") / "var"
    write_shop(home, customers=CUSTOMERS)
    with write_lake(str(home)) as lake:
        draw_holdout.fn(lake, ("2026-Q4",), share=0.2, drawn_at=QUARTER + timedelta(days=1))
        lake.commit(begin_run("test", QUARTER.date()), {})
    held = set(read_holdout(open_lake(str(home)), QUARTER.date()).customer_id.to_pandas())
    rng = np.random.default_rng(1)
    numbers = list(range(CUSTOMERS))
    buyers = [n for n in numbers if rng.random() < (0.3 if name_customer(n) in held else 0.4)]
    before = make_purchases(
        numbers, datetime(2026, 8, 1, tzinfo=UTC), value=np.full(CUSTOMERS, 30.0), name="p"
    )
    after = make_purchases(
        buyers, QUARTER + timedelta(days=20), value=rng.lognormal(4, 0.3, len(buyers)), name="q"
    )
    costs = pd.DataFrame(
        {
            "campaign_id": "spring", "arm": "letter", "day": [date(2026, 10, 5), date(2026, 9, 1)],
            "amount": [900.0, 5.0],
        }
    )  # fmt: skip
    change(home, events=pd.concat([before, after], ignore_index=True), costs=costs)
    return home


def test_the_hold_out_shows_what_all_campaigns_added(shop: Path) -> None:
    lake = open_lake(str(shop))
    (found,) = measure_programme.fn(lake, as_of=date(2026, 12, 31), timezone="UTC", settings=SETTINGS)
    assert found.quarter == "2026-Q4"
    lift = found.result.metrics["conversion"].lift[OTHERS]
    assert lift.low is not None
    assert lift.high is not None
    assert 0 < lift.low < 0.1 < lift.high
    assert found.result.costs == {"control": None, OTHERS: 900.0}
    assert found.result.decision.decision == "ship"
    margin = found.result.metrics["ltv"].lift[OTHERS]
    assert margin.low is not None
    assert margin.high is not None
    assert found.mde == pytest.approx((margin.high - margin.low) / 2 / 1.96 * 2.8, rel=0.1)
    entry = found.to_dict()
    assert entry["returns"][0]["cost"] == pytest.approx(900.0)
    assert entry["customers"]["control"] == pytest.approx(0.2 * CUSTOMERS, rel=0.1)


def test_a_quarter_that_is_not_over_is_looked_at_early(shop: Path) -> None:
    lake = open_lake(str(shop))
    (found,) = measure_programme.fn(lake, as_of=date(2026, 11, 15), timezone="UTC", settings=SETTINGS)
    assert found.result.metrics["conversion"].interval == "always_valid"
    assert found.result.decision.decision == "continue"


def test_a_quarter_nobody_was_held_out_of_is_not_measured(shop: Path) -> None:
    lake = open_lake(str(shop))
    assert measure_programme.fn(lake, as_of=date(2026, 5, 1), timezone="UTC", settings=SETTINGS) == []


def test_doubts_leave_nothing_projected(shop: Path) -> None:
    campaign = Campaign(
        campaign_id="autumn",
        name="Autumn",
        channel=None,
        starts_at=QUARTER,
        ends_at=QUARTER + timedelta(days=28),
    )
    assigned = pd.DataFrame(
        {
            "campaign_id": "autumn", "customer_id": [name_customer(n) for n in range(CUSTOMERS)],
            "arm": ["control" if n % 2 else "treatment" for n in range(CUSTOMERS)],
            "assigned_at": pd.Timestamp(QUARTER), "segment_id": 1, "model_version": "1",
        }
    )  # fmt: skip
    about = pd.DataFrame(
        {
            "campaign_id": ["autumn"], "name": ["Autumn"], "channel": ["email"], "starts_at": [campaign.starts_at],
            "ends_at": [campaign.ends_at], "primary_metric": ["conversion"], "control_share": [0.5],
        }
    )  # fmt: skip
    change(shop, assignments=assigned, campaigns=about)
    lake = open_lake(str(shop))
    until = campaign.ends_at + timedelta(days=10)
    outcomes = build_outcomes(
        lake.table("events"), lake.table("assignments"), campaign=campaign, until=until, settings=SETTINGS
    )
    options = {"campaign": campaign, "until": until, "settings": SETTINGS, "consent_default": True}
    young = project_campaign(lake, outcomes, **options, doubts=())
    assert young.effect_persists is None
    assert "earlier cohorts have 0 customers" in young.reasons[0]
    doubted = project_campaign(lake, outcomes, **options, doubts=("the forecast failed",))
    assert doubted.reasons[0] == "the forecast failed"
    (measured,) = measure_campaigns.fn(
        lake,
        as_of=until.date(),
        timezone="UTC",
        settings=SETTINGS,
        doubts=("the forecast failed",),
        consent_default=True,
    )
    entry = measured.to_dict()
    assert entry["projection"]["effect_ends"] is None
    assert entry["projection"]["reasons"][0] == "the forecast failed"
    assert entry["projection"]["days"] == LONG_RUN_DAYS
