"""The global hold-out: customers no campaign of a quarter may touch, so that all campaigns together can be measured.

Who is held out follows from a hash of the quarter and the customer's name alone. So the draw is the same whenever
and wherever it is made, and a customer who comes later in the quarter is in or out by the same rule.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
from pydantic import BaseModel, ConfigDict, Field

_DIGITS = 13  # of the hash, in base 16: as many as a float holds exactly


class HoldoutSettings(BaseModel):
    """`[holdout]`: the share of all customers that is left alone for a calendar quarter; 0 holds nobody out.

    A quarter that has begun keeps the share it was drawn with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(default=0.05, ge=0, lt=0.5)


def name_quarter(day: date) -> str:
    """The calendar quarter a day lies in, such as "2026-Q4"."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def list_quarters(first: date, last: date) -> tuple[str, ...]:
    """Every quarter that has a day from `first` to `last`, both included, in order."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(dict.fromkeys(name_quarter(day) for day in days))


def select_holdout(customers: ibis.Table, *, quarter: str, share: float) -> ibis.Table:
    """The customers who are held out in a quarter.

    Each is with probability `share`, independently of every other customer, quarter and campaign.

    Args:
        customers: column customer_id, each once.
        quarter: as `name_quarter` writes it; the salt of the draw.
        share: at least 0 and below 1.

    Returns:
        customer_id.
    """
    salted = ibis.literal(f"holdout/{quarter}/") + customers.customer_id
    # Digits of equal length are in order as text just as they are as numbers.
    limit = f"{round(share * 16**_DIGITS):0{_DIGITS}x}"
    return customers.filter(salted.hexdigest("sha256").left(_DIGITS) < limit).select("customer_id")
