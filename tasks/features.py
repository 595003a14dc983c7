"""From rollups to reaction factors, all in the engine; what comes back is one row a customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.draws import leave_held_out
from models.factors import CUSTOMER_COLUMNS, compute_factors
from models.outcomes import compute_outcomes
from models.own_factors import OwnFactor, build_families
from models.preparation import Past
from models.rollups import Rollups
from tasks.engines import keep_rows
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.rollups import NoEventsError, read_rollups

MONTH, SHORTEST = 30, 14


@dataclass(frozen=True, slots=True)
class History:
    """The factors a horizon ago and what those customers did since; None where the shop is too young.

    `factors` and `outcomes` are indexed by customer_id. `earlier` is the same a horizon before that, where it was
    asked for.
    """

    factors: pd.DataFrame | None
    outcomes: pd.DataFrame | None
    days: int
    earlier: Past | None = None

    @property
    def past(self) -> Past | None:
        """The two together, as a recipe may learn from them."""
        if self.factors is None or self.outcomes is None:
            return None
        return Past(self.factors, self.outcomes)

    def leave_held_out(self) -> History:
        """Of the customers that may be learnt from only."""
        if self.past is None:
            return self
        kept = self.past.keep(leave_held_out(self.past.factors).index)
        return replace(self, factors=kept.factors, outcomes=kept.outcomes)


@task(name="compute factors", cache_policy=NO_CACHE, persist_result=False)
def compute_features(
    lake: Lake, *, as_of: date, consent_default: bool, own: Sequence[OwnFactor] = ()
) -> pd.DataFrame:
    """Reaction factors of every customer known at `as_of`, written to `features` and returned by customer_id.

    `own` are the shop's own factors, beside those of `models/factors`.

    Raises:
        NoEventsError: nobody had done anything by then, or nobody who did has given consent.
    """
    rollups = read_rollups(lake)
    customers = list_customers(lake, rollups, as_of=as_of, consent_default=consent_default)
    factors = _compute(rollups, as_of=as_of, customers=customers, own=own)
    if factors.empty:
        first = rollups.activity.day.min().execute()
        if first is not None and first.date() <= as_of:
            raise NoEventsError(
                f"no customer active by {as_of} has given consent to profiling; see consent_default"
            )
        raise NoEventsError(f"no customer had any event by {as_of}; the first event is of {first}")
    rows = pyarrow.Table.from_pandas(factors.reset_index(), preserve_index=False)
    rows = rows.add_column(0, "as_of", pyarrow.repeat(pyarrow.scalar(as_of), len(rows)))
    lake.overwrite("features", rows, where=f"as_of = '{as_of}'")
    get_logger().info("%d factors of %d customers as of %s", factors.shape[1], len(factors), as_of)
    return factors


def read_newest_features(lake: Lake) -> tuple[date, pd.DataFrame]:
    """The newest day that factors were computed of, and these by customer_id."""
    features = lake.table("features")
    newest: date = features.as_of.max().to_pyarrow().as_py()
    rows = features.filter(features.as_of == ibis.literal(newest)).drop("as_of").order_by("customer_id")
    return newest, rows.to_pandas().set_index("customer_id")


@task(name="look back", cache_policy=NO_CACHE, persist_result=False)
def compute_history(
    lake: Lake,
    *,
    as_of: date,
    days: int,
    consent_default: bool,
    own: Sequence[OwnFactor] = (),
    twice: bool = False,
) -> History:
    """The same factors `days` ago, and what those customers have done since.

    A shop too young for that looks back as far as leaves it a month to compute factors from, if that is two weeks.

    Args:
        twice: look back as far again from there, for recipes that learn from outcomes and are judged by later ones.
    """
    rollups = read_rollups(lake)
    first: Any = rollups.activity.day.min().execute()
    age = 0 if first is None or pd.isna(first) else (as_of - pd.Timestamp(first).date()).days
    if age - MONTH < SHORTEST:
        get_logger().info("the shop's data is too young to look back %d days", days)
        return History(None, None, days)
    days = min(days, age - MONTH)

    def look_back(until: date) -> Past:
        after = until - timedelta(days=days)
        customers = list_customers(lake, rollups, as_of=after, consent_default=consent_default)
        factors = _compute(rollups, as_of=after, customers=customers, own=own)
        outcomes = read_by_customer(compute_outcomes(rollups, after=after, until=until, customers=customers))
        return Past(factors, outcomes.loc[factors.index])

    past = look_back(as_of)
    earlier = look_back(as_of - timedelta(days=days)) if twice and age - MONTH >= 2 * days else None
    return History(past.factors, past.outcomes, days, earlier)


def _compute(
    rollups: Rollups, *, as_of: date, customers: ibis.Table, own: Sequence[OwnFactor]
) -> pd.DataFrame:
    families = build_families(own)
    return read_by_customer(
        compute_factors(rollups, as_of=as_of, customers=customers, own=families, keep=keep_rows)
    )


def list_customers(lake: Lake, rollups: Rollups, *, as_of: date, consent_default: bool) -> ibis.Table:
    """Everyone who had done something by `as_of` and may be profiled: customer_id, and what is on record of them.

    Left out are those who refused, and keys that many people share: a tablet in the shop is no customer. They
    are looked up once and kept: all that is computed of them begins with them.
    """
    seen = (
        rollups.activity.filter(rollups.activity.day <= ibis.literal(as_of)).select("customer_id").distinct()
    )
    if lake.has("identities"):
        identities = lake.table("identities", engine=lake.analytics)
        seen = seen.anti_join(identities.filter(identities.shared), "customer_id")
    if lake.has("customers"):
        told = lake.table("customers", engine=lake.analytics)
        allowed = _select_allowed(told, consent_default=consent_default)
        seen = seen.inner_join(allowed.select("customer_id", *CUSTOMER_COLUMNS), "customer_id")
    return keep_rows(seen)


def keep_profiled(lake: Lake, people: ibis.Table, *, consent_default: bool) -> ibis.Table:
    """Those of the people who may be profiled: only from them may a model learn."""
    if not lake.has("customers"):
        return people
    allowed = _select_allowed(lake.table("customers"), consent_default=consent_default)
    return people.semi_join(allowed, "customer_id")


def _select_allowed(customers: ibis.Table, *, consent_default: bool) -> ibis.Table:
    return customers.filter(customers.consent_profiling.fill_null(consent_default))


def read_by_customer(table: ibis.Table) -> pd.DataFrame:
    """A table of numbers as a frame by customer_id, in its order."""
    # Arrow's way to pandas takes a fraction of the time of Ibis's, and gives each column back as soon as it is copied.
    rows = table.order_by("customer_id").to_pyarrow()
    frame = rows.to_pandas(split_blocks=True, self_destruct=True).set_index("customer_id")
    # A sum's last bits depend on the order threads finish in; a model must not.
    return frame.round(6)
