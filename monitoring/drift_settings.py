"""`[drift]`: when a difference counts, and when differences lead to something."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DriftSettings(BaseModel):
    """When a difference counts, and when differences lead to something.

    Attributes:
        thresholds: `calibrated` on the shop's own past weeks (see `monitoring.calibration`), once enough of them are on
            record, or `fixed`: the ones below.
        watch_at, retrain_at: how far the largest change of a week must lie above what it has been in past weeks, in
            standard deviations of its logarithm, to be watched or to call for a retrain.
        weeks_min: with fewer past weeks on record the thresholds are the fixed ones.
        weeks_max: so many past weeks are looked at.
        threshold: a factor has drifted from here on: normed Wasserstein distance (in standard deviations of
            the reference), or share of customers whose value appeared, vanished or left a constant.
        alpha: error of the test used on small samples, divided by the number of factors tested (Bonferroni).
        tail: share of values drawn in at either end, to the quantiles of both sides together.
        large: with at least so many known values on both sides, the distance decides, below it the test.
        small: with fewer known values on one side nothing is said about a factor.
        sample: customers compared on each side at most, drawn at random.
        mix_threshold: the mix of segments has drifted from this population stability index on.
        share_watch: share of drifted factors from which on the decision is `watch`.
        share_retrain: share of drifted factors from which on it is `retrain`.
        ignored: factors not compared; by default those that only grow with the calendar.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    thresholds: Literal["calibrated", "fixed"] = "calibrated"
    watch_at: float = Field(default=2.0, gt=0)
    retrain_at: float = Field(default=4.0, gt=0)
    weeks_min: int = Field(default=12, ge=8)
    weeks_max: int = Field(default=104, ge=8)
    threshold: float = Field(default=0.1, gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    tail: float = Field(default=0.005, ge=0, lt=0.1)
    large: int = Field(default=3000, ge=1)
    small: int = Field(default=20, ge=2)
    sample: int = Field(default=50_000, ge=100)
    mix_threshold: float = Field(default=0.1, gt=0)
    share_watch: float = Field(default=0.10, gt=0, le=1)
    share_retrain: float = Field(default=0.25, gt=0, le=1)
    ignored: tuple[str, ...] = ("tenure_days", "orders_lifetime", "revenue_lifetime")

    @model_validator(mode="after")
    def _watch_comes_first(self) -> DriftSettings:
        if self.share_watch > self.share_retrain:
            limit = f"at most share_retrain ({self.share_retrain:g})"
            raise ValueError(f"share_watch is {self.share_watch:g}, allowed is {limit}")
        if self.watch_at > self.retrain_at:
            raise ValueError(
                f"watch_at is {self.watch_at:g}, allowed is at most retrain_at ({self.retrain_at:g})"
            )
        return self
