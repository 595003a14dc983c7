"""Factors that follow from sums over a customer's rows: what all of them need is added up in one pass a rollup.

Going through a rollup is what factors cost; one sum more of rows that are at hand costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import ibis
from ibis import _

from models.shrinkage import Rate, measure_everyone, shrink

if TYPE_CHECKING:
    from models.factors import Factor
    from models.rollups import Rollups

_T = TypeVar("_T")
# The customers of the first are everybody: whoever ordered or visited has activity on that day.
_ROLLUPS = ("activity", "orders", "sessions")
Columns = Mapping[str, ibis.Deferred]


@dataclass(frozen=True, slots=True)
class Sums:
    """What a family adds up of a rollup, and how its factors follow from that.

    Attributes:
        by_customer: aggregates of a customer's rows, by name. A name is one family's alone; one that is a factor's
            needs nothing more.
        everyone: aggregates over all customers' sums, one value each.
        rates: factors that are shrunk rates, over the sums.
        values: other factors, over the sums and `everyone`.
    """

    by_customer: Columns
    everyone: Columns = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    values: Columns = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummedFamily:
    """Factors that follow from sums over rollups; otherwise like `models.factors.Family`.

    `activity`, `orders` and `sessions` say what is added up of that rollup's rows up to and including a day.
    """

    name: str
    factors: tuple[Factor, ...]
    activity: Callable[[date], Sums] | None = None
    orders: Callable[[date], Sums] | None = None
    sessions: Callable[[date], Sums] | None = None
    reads: ClassVar[Literal["rollups"]] = "rollups"

    def compute(self, rollups: Rollups, as_of: date) -> ibis.Table:
        """The family alone: one row a customer_id with its columns."""
        return reduce(_join, compute_from_sums((self,), rollups, as_of=as_of))


def compute_from_sums(
    families: Sequence[SummedFamily], rollups: Rollups, *, as_of: date
) -> tuple[ibis.Table, ...]:
    """The factors of all the families, with nothing later than `as_of`.

    Returns:
        A table for each rollup they read, the one that knows most customers first: one row a customer_id, and the
        factors that follow from it.

    Raises:
        ValueError: two families give a sum the same name.
    """
    factors = [factor.name for family in families for factor in family.factors]
    tables = []
    for name in _ROLLUPS:
        parts = [told(as_of) for family in families if (told := getattr(family, name))]
        if parts:
            known = getattr(rollups, name).filter(_.day <= as_of)
            tables.append(_derive(known, parts, factors))
    return tuple(tables)


def _derive(rows: ibis.Table, parts: Sequence[Sums], factors: Iterable[str]) -> ibis.Table:
    by_customer = _merge(part.by_customer for part in parts)
    everyone = _merge(part.everyone for part in parts)
    rates = _merge(part.rates for part in parts)
    values = shrink(rates) | _merge(part.values for part in parts)
    sums = rows.group_by("customer_id").aggregate(**by_customer)
    if rates or everyone:
        sums = sums.cross_join(measure_everyone(sums, rates=rates, **everyone))
    found = {name: values.get(name, _[name]) for name in factors if name in values or name in by_customer}
    return sums.select("customer_id", **found)


def _join(customers: ibis.Table, found: ibis.Table) -> ibis.Table:
    return customers.left_join(found, "customer_id").drop("customer_id_right")


def _merge(parts: Iterable[Mapping[str, _T]]) -> dict[str, _T]:
    merged: dict[str, _T] = {}
    for part in parts:
        if twice := merged.keys() & part.keys():
            raise ValueError(f"two families of factors name a sum '{min(twice)}': rename one")
        merged |= part
    return merged
