"""All campaigns of a quarter together: the customers held out of them beside all others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

import ibis
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.rollups import end_of_day
from monitoring.experiments import CONTROL, Campaign, MeasurementSettings
from monitoring.experiments.effects import CampaignResult, measure_campaign
from monitoring.experiments.holdout import list_quarters
from monitoring.experiments.outcomes import build_outcomes
from monitoring.experiments.power import Design, Mean, find_mde
from tasks.holdout import read_quarters
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.progress import report

OTHERS = "everybody_else"
QUARTER = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Programme:
    """What a quarter's campaigns together have added.

    Attributes:
        result: the hold-out as control, everybody else as treatment.
        mde: the smallest difference in the primary metric a customer that would be seen with 80 % power.
    """

    quarter: str
    result: CampaignResult
    mde: float | None

    def to_dict(self) -> dict[str, Any]:
        entry = self.result.to_dict()
        kept = (
            "window",
            "customers",
            "costs",
            "srm_p",
            "checks",
            "decision",
            "sentence",
            "metrics",
            "returns",
        )
        return {
            "quarter": self.quarter,
            "primary_metric": self.result.campaign.primary_metric,
            "mde": self.mde,
            **{name: entry[name] for name in kept},
        }


@task(name="measure programme", cache_policy=NO_CACHE, persist_result=False)
def measure_programme(
    lake: Lake, *, as_of: date, timezone: str, settings: MeasurementSettings
) -> list[Programme]:
    """This quarter so far and the last one, where customers were held out; newest first."""
    if not lake.has("holdout"):
        return []
    quarters = reversed(list_quarters(as_of - QUARTER, as_of))
    drawn = lake.table("holdout").group_by("quarter").aggregate(
        drawn_at=_.drawn_at.min(), share=_.share.max()
    ).to_pandas().set_index("quarter")  # fmt: skip
    found = []
    for quarter in quarters:
        if quarter in drawn.index:
            report(f"measuring all campaigns of {quarter}")
            row = drawn.loc[quarter]
            campaign = _describe(
                quarter, drawn_at=row["drawn_at"], share=float(row["share"]), timezone=timezone
            )
            found.append(_measure(lake, quarter, campaign, as_of=as_of, timezone=timezone, settings=settings))
            get_logger().info("all campaigns of %s: %s", quarter, found[-1].result.decision)
    return found


def _describe(quarter: str, *, drawn_at: pd.Timestamp, share: float, timezone: str) -> Campaign:
    """The quarter as a campaign, from the draw on: before it nobody was left alone."""
    year, number = int(quarter[:4]), int(quarter[-1])
    first = date(year, 3 * number - 2, 1)
    after = date(year + number // 4, 3 * number % 12 + 1, 1)
    starts_at = end_of_day(first - timedelta(days=1), timezone=timezone)
    return Campaign(
        campaign_id=f"all campaigns of {quarter}",
        name=f"All campaigns of {quarter}",
        channel=None,
        starts_at=max(starts_at, drawn_at.to_pydatetime().astimezone(UTC)),
        ends_at=end_of_day(after - timedelta(days=1), timezone=timezone),
        primary_metric="ltv",
        control_share=share,
        timezone=timezone,
    )


def _measure(
    lake: Lake, quarter: str, campaign: Campaign, *, as_of: date, timezone: str, settings: MeasurementSettings
) -> Programme:
    until = end_of_day(as_of, timezone=timezone)
    outcomes = build_outcomes(
        lake.table("events"),
        _assign(lake, quarter, campaign),
        campaign=campaign,
        until=until,
        settings=settings.model_copy(update={"value_days": None}),
    ).cache()
    costs = _sum_costs(lake, campaign, as_of=as_of)
    result = measure_campaign(outcomes, campaign=campaign, costs=costs, settings=settings, until=until)
    return Programme(quarter, result, _find_mde(outcomes, campaign, alpha=settings.alpha))


def _assign(lake: Lake, quarter: str, campaign: Campaign) -> ibis.Table:
    """Everybody who had done something before the hold-out was drawn; it leaves out who came later in both arms."""
    events = lake.table("events")
    known = events.filter(_.occurred_at < ibis.literal(campaign.starts_at)).select("customer_id").distinct()
    held = read_quarters(lake, (quarter,)).mutate(is_held_out=ibis.literal(True))
    marked = known.left_join(held, "customer_id")
    return marked.select(
        "customer_id",
        campaign_id=ibis.literal(campaign.campaign_id),
        arm=marked.is_held_out.fill_null(False).ifelse(CONTROL, OTHERS),
        assigned_at=ibis.literal(campaign.starts_at).cast("timestamp('UTC')"),
        segment_id=ibis.null("int64"),
    )


def _sum_costs(lake: Lake, campaign: Campaign, *, as_of: date) -> pd.DataFrame:
    """Everything spent on campaigns since, which the hold-out had no part in."""
    if not lake.has("costs"):
        return pd.DataFrame({"arm": pd.Series(dtype="str"), "amount": pd.Series(dtype="float64")})
    first, last = campaign.first_day, min(as_of, campaign.last_day)
    costs = lake.table("costs")
    spent = (
        costs.filter(costs.day.between(ibis.literal(first), ibis.literal(last))).select("amount").to_pandas()
    )
    return spent.assign(arm=OTHERS)


def _find_mde(outcomes: ibis.Table, campaign: Campaign, *, alpha: float) -> float | None:
    """With the spread there is between customers so far: of their margin, of their revenue where that is not known."""
    row = outcomes.aggregate(
        customers=outcomes.count(),
        known=outcomes.realised.count(),
        margin=outcomes.realised.cast("float64").std(how="sample"),
        revenue=outcomes.revenue.std(how="sample"),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    deviation = row["margin"] if row["known"] == row["customers"] else row["revenue"]
    if not deviation or not campaign.control_share:
        return None
    design = Design(control_share=campaign.control_share, alpha=alpha)
    return find_mde(Mean(deviation), customers=row["customers"], design=design)
