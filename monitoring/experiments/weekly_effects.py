"""A campaign's effect week by week: does it last, or was it new?"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from statistics import NormalDist

import ibis
import numpy as np
import pandas as pd
from ibis import _

from monitoring.experiments import CONTROL, Campaign
from monitoring.experiments.outcomes import group_assigned

COLUMNS = ("converted", "revenue")
_NORMAL = NormalDist()


def sum_weeks(
    events: ibis.Table, assignments: ibis.Table, *, campaign: Campaign, until: datetime
) -> pd.DataFrame:
    """Sums by week of the campaign and arm, over everybody assigned: week (from 1), arm, customers, and sum and sum of
    squares of customers who converted in the week and of revenue.

    Counted are whole weeks since the campaign's start that were over by `until`; the last one may be shorter.
    """
    assigned = group_assigned(assignments, campaign)
    assigned = assigned.filter(assigned.arms == 1)
    sizes = assigned.group_by("arm").aggregate(customers=_.count()).to_pandas().set_index("arm")["customers"]
    weeks = list_weeks(campaign, until=until)
    if not weeks or sizes.empty:
        return pd.DataFrame(columns=["week", "arm", "customers"])
    ends = weeks[-1][1]
    known = events.filter(
        (_.occurred_at >= ibis.literal(campaign.starts_at)) & (_.occurred_at < ibis.literal(ends))
    )
    rows = known.inner_join(assigned, "customer_id").filter(_.occurred_at >= _.assigned_at)
    age = rows.occurred_at.epoch_seconds() - ibis.literal(int(campaign.starts_at.timestamp()))
    money = (rows.kind == "purchase").ifelse(1.0, (rows.kind == "refund").ifelse(-1.0, 0.0))
    by_customer = (
        rows.mutate(
            week=(age.cast("float64") / (7 * 86400.0)).floor().cast("int64") + 1, signed=money * rows.value
        )
        .group_by("week", "arm", "customer_id")
        .aggregate(
            converted=(_.kind == campaign.conversion_kind).ifelse(1.0, 0.0).max(),
            revenue=_.signed.sum().coalesce(0.0),
        )
    )
    sums = by_customer.group_by("week", "arm").aggregate(
        **{name: by_customer[name].sum() for name in COLUMNS},
        **{f"{name}_squares": (by_customer[name] * by_customer[name]).sum() for name in COLUMNS},
    )
    everything = pd.MultiIndex.from_product([range(1, len(weeks) + 1), sizes.index], names=["week", "arm"])
    found = sums.to_pandas().set_index(["week", "arm"]).reindex(everything, fill_value=0.0).reset_index()
    return found.assign(customers=found["arm"].map(sizes).astype("int64"))


def list_weeks(campaign: Campaign, *, until: datetime) -> list[tuple[datetime, datetime]]:
    """Start and end of the campaign's weeks that are over."""
    length = campaign.ends_at - campaign.starts_at
    weeks = [
        (
            campaign.starts_at + timedelta(weeks=n),
            min(campaign.starts_at + timedelta(weeks=n + 1), campaign.ends_at),
        )
        for n in range(math.ceil(length / timedelta(weeks=1)))
    ]
    return [week for week in weeks if week[1] <= until]


def compare_weeks(sums: pd.DataFrame, *, column: str, alpha: float) -> pd.DataFrame:
    """Each treatment arm's difference to control in each week: week, arm, absolute, low, high.

    A normal interval a week, each holding for itself.
    """
    columns = ["week", "arm", "absolute", "low", "high"]
    if sums.empty or CONTROL not in set(sums["arm"]):
        return pd.DataFrame(columns=columns)
    size = sums["customers"]
    mean = sums[column] / size
    variance = (sums[f"{column}_squares"] / size - mean**2).clip(lower=0) / (size - 1).clip(lower=1)
    told = sums[["week", "arm"]].assign(mean=mean, variance=variance)
    control = told[told["arm"] == CONTROL].set_index("week")
    treated = told[told["arm"] != CONTROL].join(control[["mean", "variance"]], on="week", rsuffix="_control")
    absolute = treated["mean"] - treated["mean_control"]
    half = _NORMAL.inv_cdf(1 - alpha / 2) * np.sqrt(treated["variance"] + treated["variance_control"])
    found = treated[["week", "arm"]].assign(absolute=absolute, low=absolute - half, high=absolute + half)
    return found[columns].reset_index(drop=True)
