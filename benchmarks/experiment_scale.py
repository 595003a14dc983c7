"""`python -m benchmarks.experiment_scale CUSTOMERS`: measures a campaign of so many customers, prints what it cost."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Cost, measure_steps

CUSTOMERS, SEGMENTS = 10_000_000, 8
SECONDS_MAX, BYTES_MAX = 15.0, 4 * 2**30
START = datetime(2026, 6, 1, tzinfo=UTC)
KPIS = ("conversion", "aov", "churn", "ltv", "roi")


def measure_scale(*, customers: int = CUSTOMERS) -> Cost:
    """Measure in a process of its own."""
    return measure_steps("benchmarks.experiment_scale", [str(customers)])


def run(customers: int) -> dict[str, float]:
    """Seconds of measuring every metric and check, from the outcomes of each customer to the decision."""
    import ibis
    import pandas as pd
    import tea_tasting.metrics  # noqa: F401 - its import is not what is measured

    from monitoring.experiments import Campaign, MeasurementSettings
    from monitoring.experiments.effects import measure_campaign

    campaign = Campaign(
        campaign_id="c", name="Spring", channel=None, starts_at=START, ends_at=START + timedelta(days=28),
        control_share=0.2,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        engine = ibis.duckdb.connect(threads=2, memory_limit="2GB", temp_directory=scratch)
        path = Path(scratch) / "outcomes.parquet"
        engine.raw_sql(f"COPY ({draw_outcomes(customers)}) TO '{path}' (FORMAT parquet)")
        started = time.monotonic()
        result = measure_campaign(
            engine.read_parquet(path),
            campaign=campaign,
            costs=pd.DataFrame({"arm": ["treatment"], "amount": [0.3 * customers]}),
            settings=MeasurementSettings(),
            until=START + timedelta(days=365),
            overlaps=0,
        )
        seconds = time.monotonic() - started
    missing = [name for name in KPIS if result.metrics[name].lift["treatment"].low is None]
    if missing or not result.metrics["ltv"].adjusted:
        raise RuntimeError(f"not measured: {', '.join(missing) or 'the adjusted differences'}")
    return {"measure": seconds}


def draw_outcomes(customers: int, *, first: int = 0) -> str:
    """SQL of one row a customer, as `build_outcomes` has it, as far as the five KPIs read it.

    Another `first` is another draw.
    """
    share = "((hash(i, {}) >> 11)::DOUBLE / (1::BIGINT << 53)::DOUBLE)"
    return f"""
        SELECT *, converted AS orders, converted * amount AS revenue, converted * amount * 0.4 AS margin,
            converted * amount * 0.4 AS realised, prior_orders * 30.0 AS prior_revenue,
            prior_orders * 12.0 AS prior_margin, prior_orders * 12.0 AS prior_realised
        FROM (
            SELECT 'c' || i AS customer_id, (hash(i, 1) % {SEGMENTS})::BIGINT AS segment_id, arm,
                ({share.format(2)} < 0.05 + 0.01 * (arm = 'treatment')::INT)::INT AS converted,
                ({share.format(3)} < 0.4)::INT AS churned, (hash(i, 4) % 4)::INT AS prior_orders,
                ({share.format(5)} < 0.1)::INT AS prior_converted, ({share.format(6)} < 0.5)::INT AS prior_churned,
                20 - 30 * ln({share.format(7)} + 1e-9) AS amount
            FROM (SELECT i, CASE WHEN hash(i, 0) % 5 = 0 THEN 'control' ELSE 'treatment' END AS arm
                FROM range({first}, {first + customers}) t(i)))"""


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))
