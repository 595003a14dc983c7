"""Campaigns to plan: sections of the configuration, or rows of a file that marketing keeps, with the same fields."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.mapping import RowExpression
from models.rollups import end_of_day
from monitoring.experiments import CONTROL, Campaign
from monitoring.experiments.assignment import check_shares
from monitoring.experiments.planning import TREATMENT, ExperimentDesign

CONTROL_SHARE = 0.2
BETWEEN = ";"


class CampaignFileError(ValueError):
    """The file of campaigns cannot be read; the message names the file, the row and what is wrong with it."""


class PlannedCampaign(BaseModel):
    """`[[campaigns]]`: a campaign to plan: who, which arms and shares, and what it is meant to move."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign_id: str
    name: str
    channel: str = "email"
    starts_at: date
    ends_at: date
    segments: tuple[int | str, ...] = ()
    rule: RowExpression | None = None
    control_share: float | None = Field(default=None, gt=0, lt=1)
    arms: dict[str, float] = {}
    primary_metric: str = "conversion"
    smallest_effect: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    conversion_kind: str = "purchase"

    @property
    def shares(self) -> dict[str, float]:
        """The share of every arm: as they are named, or control and one treatment."""
        return dict(self.arms) or split_control(self.control_share)

    def design(self, timezone: str) -> ExperimentDesign:
        """The campaign as it is drawn."""
        return ExperimentDesign(
            campaign=self.terms(timezone),
            shares=self.shares,
            segments=tuple(str(segment) for segment in self.segments),
            rule=self.rule,
            smallest_effect=self.smallest_effect,
        )

    def terms(self, timezone: str) -> Campaign:
        """The campaign as it is measured: whole days in the shop's timezone, the last one included."""
        first = self.starts_at - timedelta(days=1)
        return Campaign(
            campaign_id=self.campaign_id,
            name=self.name,
            channel=self.channel,
            starts_at=end_of_day(first, timezone=timezone),
            ends_at=end_of_day(self.ends_at, timezone=timezone),
            primary_metric=self.primary_metric,
            conversion_kind=self.conversion_kind,
            control_share=self.shares[CONTROL],
            timezone=timezone,
        )

    @field_validator("arms")
    @classmethod
    def _arms_of_an_experiment(cls, arms: dict[str, float]) -> dict[str, float]:
        if arms:
            check_shares(arms)
        return arms

    @model_validator(mode="after")
    def _control_once(self) -> PlannedCampaign:
        if self.arms and self.control_share is not None:
            raise ValueError("arms and control_share say the same; give one of them")
        return self

    @model_validator(mode="after")
    def _ends_after_start(self) -> PlannedCampaign:
        if self.ends_at <= self.starts_at:
            raise ValueError(f"ends_at {self.ends_at} must lie after starts_at {self.starts_at}")
        return self


def split_control(share: float | None) -> dict[str, float]:
    """Control and one treatment; a fifth is in control where nobody says otherwise."""
    control = CONTROL_SHARE if share is None else share
    return {CONTROL: control, TREATMENT: 1 - control}


def read_campaign_file(path: Path) -> tuple[PlannedCampaign, ...]:
    """The campaigns of a CSV file, one a row: columns are the fields of a section, an empty cell is one left out.

    Several segments stand in one cell with semicolons between them, and so do arms: `control=0.2; letter=0.8`.

    Raises:
        CampaignFileError: there is no such file, or a row is no campaign.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CampaignFileError(f"{path} cannot be read: {error}") from None
    return tuple(_read_row(row, number=number, path=path) for number, row in enumerate(rows, start=2))


def _read_row(row: dict[str | None, Any], *, number: int, path: Path) -> PlannedCampaign:
    told = f"{path}, line {number} ({row.get('campaign_id') or 'no campaign_id'})"
    if None in row:
        raise CampaignFileError(f"{told}: more cells than columns; put text with commas in quotes")
    filled = {str(name).strip(): str(cell).strip() for name, cell in row.items() if cell and cell.strip()}
    fields: dict[str, Any] = dict(filled)
    if "segments" in filled:
        fields["segments"] = [part.strip() for part in filled["segments"].split(BETWEEN) if part.strip()]
    if "arms" in filled:
        fields["arms"] = _read_arms(filled["arms"], told=told)
    try:
        return PlannedCampaign(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"]) or "row"
        raise CampaignFileError(f"{told}: {column}: {first['msg'].removeprefix('Value error, ')}") from None


def _read_arms(cell: str, *, told: str) -> dict[str, str]:
    arms = {}
    for part in cell.split(BETWEEN):
        arm, sign, share = part.partition("=")
        if not sign:
            raise CampaignFileError(f"{told}: arms '{cell}'; write them as control=0.2; letter=0.8")
        arms[arm.strip()] = share.strip()
    return arms
