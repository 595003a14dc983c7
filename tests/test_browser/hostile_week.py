"""A week with all a page can hold: names that try to be code, long tables, every figure, every decision."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
from test_monitoring.report_sample import EVIL, make_campaign, make_data

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.effects import measure_campaign
from monitoring.pages import ReportData

SCRIPT = "<script>alert(1)</script>"
FACTORS = 40
WEEKS = 30


def make_week() -> ReportData:
    """The sample week of the other tests, longer and worse."""
    rng = np.random.default_rng(3)
    week = make_data()
    names = [f'visits_"30"_{EVIL}', *(f"factor_{number}" for number in range(FACTORS - 1))]
    levels = np.linspace(0, 5, 100)
    drift = pd.DataFrame(
        {
            "column": names,
            "method": "Wasserstein distance (normed)",
            "score": rng.random(FACTORS),
            "threshold": 0.1,
        }
    ).assign(drifted=lambda frame: frame["score"] > 0.9)
    days = [week.as_of - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    reasons = [EVIL, *(f"column_{number}: not a number" for number in range(19))]
    return make_data(
        drift=drift,
        heatmap=pd.DataFrame(rng.normal(size=(3, FACTORS)), index=week.heatmap.index, columns=names),
        drift_timeline=pd.DataFrame({"as_of": days, "score": 1 + rng.random(WEEKS), "watch": 2.0, "retrain": 3.0}),
        distributions=pd.concat(
            [pd.DataFrame({"factor": name, "then": levels, "now": levels + 1}) for name in names[:3]],
            ignore_index=True,
        ),
        quarantine=pd.DataFrame({"source": "web", "reason": reasons, "rows": range(1, 21), "example": EVIL}),
        summary=week.summary | {"campaigns": [_measure_campaign(), *_list_campaigns()]},
    )  # fmt: skip


def _list_campaigns() -> list[dict[str, Any]]:
    decisions = ["ship", "invalid", "stop", "continue", "inconclusive"]
    names = ["Autumn", EVIL, "Éclair", "Spring", "Winter"]
    return [
        make_campaign(decision, name=name, campaign_id=f"c{place}", sentence=f"{name}: see the figures.")
        for place, (decision, name) in enumerate(zip(decisions, names, strict=True), start=1)
    ]


def _measure_campaign() -> dict[str, Any]:
    """A measured campaign whose name is a script: every view of it is there."""
    rng = np.random.default_rng(5)
    size = 1200
    starts_at = datetime(2026, 9, 7, tzinfo=UTC)
    treated = rng.random(size) < 0.5
    segment = np.arange(size) % 3
    converted = rng.binomial(1, 0.2 + 0.1 * treated)
    revenue = converted * rng.lognormal(3, 0.5, size)
    outcomes = pd.DataFrame(
        {
            "customer_id": pd.Series([f"c{n}" for n in range(size)], dtype="string"),
            "arm": pd.Series(np.where(treated, "treatment", "control"), dtype="string"),
            "segment_id": segment, "converted": converted, "orders": converted, "revenue": revenue,
            "margin": 0.5 * revenue, "realised": 0.5 * revenue, "prior_revenue": rng.normal(20, 5, size),
            "late_conversions": 0,
        }
    )  # fmt: skip
    campaign = Campaign(
        campaign_id="script", name=SCRIPT, channel="email", starts_at=starts_at,
        ends_at=starts_at + timedelta(days=14), control_share=0.5, timezone="Europe/Berlin",
    )  # fmt: skip
    result = measure_campaign(
        ibis.memtable(outcomes), campaign=campaign, costs=pd.DataFrame({"arm": ["treatment"], "amount": [300.0]}),
        settings=MeasurementSettings(), until=starts_at + timedelta(days=60), overlaps=0, weeks=pd.DataFrame(),
    )  # fmt: skip
    measured: dict[str, Any] = json.loads(json.dumps(result.to_dict()))
    return measured


def make_last_week() -> ReportData:
    """The week before, for the first page to link to."""
    return make_data(as_of=date(2026, 11, 9), past_weeks=())
