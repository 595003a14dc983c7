"""Factors of a shop's own, written in its configuration as SQL over the rollups or the customers' master data."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Any, Literal, get_args

import ibis
import ibis.expr.operations as ops
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from models.expressions import translate_expression
from models.factors import CUSTOMER_COLUMNS, Factor, Family, list_factors, select_window
from models.rollups import Rollups, roll_up
from models.schemas import list_columns
from models.shrinkage import shrink_rates

RolledTable = Literal["activity", "orders", "sessions", "categories"]
_TYPES = {"VARCHAR": "string", "DOUBLE": "float64", "BIGINT": "int64", "TIMESTAMPTZ": "timestamp('UTC')"}


class OwnFactor(BaseModel):
    """One `[[features.factors]]` section.

    `expression` is an aggregate over a customer's rows of `table` up to `as_of`, at most `window` days old; of
    `customers`, where there is one row each, it is a plain expression. With `trials`, a second aggregate, the factor is
    `expression` ÷ `trials`, shrunk towards all customers' rate. `missing` stands for customers without such rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    table: RolledTable | Literal["customers"] = "activity"
    window: int | None = Field(default=None, ge=1, le=3650, validate_default=True)
    expression: str
    trials: str | None = None
    meaning: str
    unit: str = "number"
    missing: float | None = Field(default=None, allow_inf_nan=False)

    @field_validator("name")
    @classmethod
    def _new_name(cls, name: str) -> str:
        if name in {"as_of", "customer_id", *(factor.name for factor in list_factors())}:
            raise ValueError("there is such a factor or column already; choose another name")
        return name

    @field_validator("window")
    @classmethod
    def _no_days_of_master_data(cls, window: int | None, info: ValidationInfo) -> int | None:
        if window is not None and info.data.get("table") == "customers":
            raise ValueError("customers' master data has no days; leave window out")
        return window

    @field_validator("expression", "trials")
    @classmethod
    def _understood(cls, expression: str | None, info: ValidationInfo) -> str | None:
        if expression is None or "table" not in info.data:
            return expression
        if info.field_name == "trials" and info.data["table"] == "customers":
            raise ValueError("customers have one row each, so there are no trials to count; leave it out")
        _check_value(expression, table=info.data["table"])
        return expression

    def build_family(self) -> Family:
        """The factor as a family of its own, computed like those of `models/factors`."""
        factor = Factor(
            name=self.name,
            meaning=self.meaning,
            unit=self.unit,
            formula=self.expression
            if self.trials is None
            else f"({self.expression}) ÷ ({self.trials}), shrunk",
            window=self.window,
            missing=self.missing,
        )
        if self.table == "customers":
            return Family(self.name, (factor,), self._compute_of_customers, reads="customers")
        return Family(self.name, (factor,), self._compute)

    def _compute(self, rollups: Rollups, as_of: date) -> ibis.Table:
        table = getattr(rollups, self.table)
        columns = [column for column in table.columns if column not in ("customer_id", "day")]
        rows = select_window(table, as_of, *columns, days=self.window)
        value = _compute_number(self.expression, rows)
        if self.trials is None:
            return rows.group_by("customer_id").aggregate(value.name(self.name))
        trials = _compute_number(self.trials, rows)
        counts = rows.group_by("customer_id").aggregate(own_successes=value, own_trials=trials)
        return shrink_rates(counts, **{self.name: ("own_successes", "own_trials")})

    def _compute_of_customers(self, customers: ibis.Table, _as_of: date) -> ibis.Table:
        value = _compute_number(self.expression, customers)
        return customers.select("customer_id", value.name(self.name))


def build_families(factors: Iterable[OwnFactor]) -> tuple[Family, ...]:
    """A family for each section, for `compute_factors`."""
    return tuple(factor.build_family() for factor in factors)


def describe_own(factors: Iterable[OwnFactor]) -> dict[str, str]:
    """What each section's factor means, by its name: meaning, unit and formula in one line."""
    return {factor.name: factor.describe() for family in build_families(factors) for factor in family.factors}


def _compute_number(expression: str, table: ibis.Table) -> ibis.expr.types.FloatingValue:
    """As float64, null where it is infinite or no number: what a text can hold must not stop a run."""
    value = translate_expression(expression, table).cast("float64")
    return (value.abs() <= sys.float_info.max).ifelse(value, ibis.null("float64"))


def _check_value(expression: str, *, table: str) -> None:
    """Refuse what cannot be a factor of `table`, before there is any data."""
    value = translate_expression(expression, _stand_in(table))
    if not (value.type().is_numeric() or value.type().is_boolean()):
        raise ValueError(f"a factor is a number, this is a {value.type()}; count or sum it, or cast it")
    if table == "customers" and not value.op().shape.is_columnar():
        raise ValueError("there is one row a customer, so it may not aggregate and must use a column")
    if table != "customers" and not (value.op().shape.is_scalar() and value.op().find(ops.Reduction)):
        raise ValueError("it must be an aggregate, such as sum(…) or count_if(…), of a customer's rows")


@cache
def _stand_in(table: str) -> ibis.Table:
    """A table without rows that has the columns of a rollup or of the customers' master data."""
    if table not in get_args(RolledTable):
        return ibis.table({"customer_id": "string", **CUSTOMER_COLUMNS}, name=table)
    columns: dict[str, Any] = {column.name: _TYPES[column.type] for column in list_columns("events")}
    events = ibis.table(columns, name="events")
    some_day = date(2026, 1, 1)
    return getattr(roll_up(events, timezone="UTC", since=some_day, until=some_day), table)
