"""Randomised campaigns: who was in which arm, what they did, and what the campaign added.

One campaign's way: `assignment` draws the arms, `outcomes` says what each assigned customer did, `aggregates` sums
that up in the engine, `effects` compares the arms, `trust` says whether the comparison may be believed, `decision`
says what to do, `returns` what it was worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

CONTROL = "control"

Horizon = Literal["window", "churn", "value"]
"""Until when a metric looks: to the campaign's end, until churn is known, or as far as value is followed."""


class MeasurementSettings(BaseModel):
    """How campaigns are measured.

    Attributes:
        churn_days: a customer without activity for this many days after the campaign's end has churned.
        alpha: two-sided error probability; intervals cover `1 - alpha`.
        margin_rate: margin as a share of revenue, for purchases whose events carry no margin.
        srm_alpha: below this p-value the arms' sizes, or their past, did not come from the planned draw.
        min_conversions: fewer customers than this behind an arm's figure, and it gets no interval; the
            normal approximation needs about five (Cochran 1954).
        value_days: realised lifetime value counts so many days from the campaign's start; to its end if not given.
        winsorize: money of one customer counts up to this quantile of the customers who have any, in all arms alike;
            as it is if not given.
        decide_on: "difference", or "adjusted" for what customers did before and for their segments.
        discounts: "in_value" where order values are what was paid; "as_cost" where discounts come off afterwards and
            are in no other cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    churn_days: int = Field(default=60, ge=1)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    margin_rate: float | None = Field(default=None, ge=0, le=1)
    srm_alpha: float = Field(default=0.002, gt=0, lt=0.5)
    min_conversions: int = Field(default=5, ge=1)
    value_days: int | None = Field(default=None, ge=1)
    winsorize: float | None = Field(default=None, gt=0.5, lt=1)
    decide_on: Literal["difference", "adjusted"] = "difference"
    discounts: Literal["in_value", "as_cost"] = "in_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign with a randomised control group.

    Attributes:
        starts_at, ends_at: the window outcomes are counted in, with timezone, end exclusive.
        primary_metric: the name of the metric that decides.
        conversion_kind: the event kind that counts as a conversion.
        control_share: planned share of the control arm; None if it was not written down.
        timezone: in which its days are told.
    """

    campaign_id: str
    name: str
    channel: str | None
    starts_at: datetime
    ends_at: datetime
    primary_metric: str = "conversion"
    conversion_kind: str = "purchase"
    control_share: float | None = None
    timezone: str = "UTC"

    @property
    def first_day(self) -> date:
        """In the campaign's timezone."""
        return self.find_day(self.starts_at)

    @property
    def last_day(self) -> date:
        """The last one of which something counts."""
        return self.find_day(self.ends_at - timedelta(microseconds=1))

    def find_day(self, moment: datetime) -> date:
        """The day a moment lies in, in the campaign's timezone."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def __post_init__(self) -> None:
        for field in ("starts_at", "ends_at"):
            if getattr(self, field).tzinfo is None:
                raise ValueError(f"campaign '{self.campaign_id}': {field} has no timezone; give it in UTC")

    def churn_horizon(self, churn_days: int) -> datetime:
        """The first moment at which it is known who has churned."""
        return self.ends_at + timedelta(days=churn_days)

    def final_at(self, horizon: Horizon, settings: MeasurementSettings) -> datetime:
        """The first moment at which a metric that looks so far is final."""
        if horizon == "churn":
            return self.churn_horizon(settings.churn_days)
        if horizon == "value" and settings.value_days is not None:
            return self.starts_at + timedelta(days=settings.value_days)
        return self.ends_at


def read_campaigns(rows: pd.DataFrame, *, timezone: str = "UTC") -> tuple[Campaign, ...]:
    """The campaigns of the canonical `campaigns` table, in its order; empty fields take the defaults.

    Args:
        timezone: the shop's, in which days are told.
    """
    columns = ["campaign_id", "name", "channel", "starts_at", "ends_at", "primary_metric", "control_share"]
    records = rows[columns].to_dict("records")
    empty: dict[str, Any] = {"channel": None}
    filled = ({str(k): v for k, v in record.items() if pd.notna(v)} for record in records)
    return tuple(Campaign(**(empty | fields), timezone=timezone) for fields in filled)
