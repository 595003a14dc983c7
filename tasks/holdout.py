"""The global hold-out in the lake: drawn before the first campaign of a quarter, and kept until the quarter ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import pyarrow
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from monitoring.experiments import Campaign
from monitoring.experiments.holdout import list_quarters, name_quarter, select_holdout
from tasks.lake import Lake
from tasks.logs import get_logger

_HOLDOUT = pyarrow.schema(
    [
        ("quarter", pyarrow.string()),
        ("customer_id", pyarrow.string()),
        ("drawn_at", pyarrow.timestamp("us", "UTC")),
        ("share", pyarrow.float64()),
    ]
)


@task(name="draw hold-out", cache_policy=NO_CACHE, persist_result=False)
def draw_holdout(lake: Lake, quarters: Iterable[str], *, share: float, drawn_at: datetime) -> dict[str, int]:
    """Hold out customers for each quarter, and those who have come since by the same rule.

    Nobody who was held out comes back before the quarter ends, and a quarter that has been drawn keeps its share.

    Returns:
        the customers held out, by quarter.
    """
    counts = {}
    for quarter in quarters:
        kept = _read_share(lake, quarter, default=share)
        chosen = _find_holdout(lake, quarter, share=kept)
        if lake.has("holdout"):
            there = lake.table("holdout").filter(_.quarter == quarter)
            chosen = chosen.anti_join(there, "customer_id")
        new = chosen.order_by("customer_id").to_pyarrow()["customer_id"].cast(pyarrow.string())
        if len(new) or not lake.has("holdout"):
            lake.append("holdout", _build_rows(quarter, new, share=kept, drawn_at=drawn_at))
        counts[quarter] = int(read_quarters(lake, (quarter,)).count().execute())
        get_logger().info("hold-out of %s: %d customers, %d of them new", quarter, counts[quarter], len(new))
    return counts


def read_holdout(lake: Lake, day: date) -> ibis.Table:
    """The customers no campaign may touch in the quarter of a day: customer_id, each once.

    With who came after the draw and is held out by the same rule. Nobody, where no hold-out was drawn.
    """
    return read_quarters(lake, (name_quarter(day),))


def read_quarters(lake: Lake, quarters: Iterable[str]) -> ibis.Table:
    """The customers who are held out in at least one of the quarters, as `read_holdout` finds them."""
    found = [_find_holdout(lake, q, share=_read_share(lake, q, default=0.0)) for q in quarters]
    return found[0] if len(found) == 1 else ibis.union(*found, distinct=True)


def find_quarters(campaign: Campaign, *, timezone: str) -> tuple[str, ...]:
    """The quarters of the shop's calendar that a campaign touches."""
    zone = ZoneInfo(timezone)
    last = max(campaign.ends_at - timedelta(seconds=1), campaign.starts_at)
    return list_quarters(campaign.starts_at.astimezone(zone).date(), last.astimezone(zone).date())


def _find_holdout(lake: Lake, quarter: str, *, share: float) -> ibis.Table:
    """Who is in the table, and who is in by the rule."""
    found = select_holdout(_list_customers(lake), quarter=quarter, share=share)
    if lake.has("holdout"):
        there = lake.table("holdout").filter(_.quarter == quarter).select("customer_id")
        found = found.union(there, distinct=True)
    return found


def _read_share(lake: Lake, quarter: str, *, default: float) -> float:
    """The share the quarter was drawn with."""
    if not lake.has("holdout"):
        return default
    drawn = lake.table("holdout").filter(_.quarter == quarter).share.max().to_pyarrow().as_py()
    return default if drawn is None else float(drawn)


def _list_customers(lake: Lake) -> ibis.Table:
    """Every customer under their present name, each once."""
    names = ("identities",) if lake.has("identities") else ("customers", "segments")
    tables = [lake.table(name).select("customer_id") for name in names if lake.has(name)]
    if not tables:
        raise LookupError(f"the lake at {lake.root} knows no customers yet; run `segmentwerk weekly` first")
    return ibis.union(*tables, distinct=True) if len(tables) > 1 else tables[0].distinct()


def _build_rows(
    quarter: str, customers: pyarrow.ChunkedArray, *, share: float, drawn_at: datetime
) -> pyarrow.Table:
    columns = [
        pyarrow.repeat(pyarrow.scalar(value, _HOLDOUT.field(name).type), len(customers))
        for name, value in (("quarter", quarter), ("drawn_at", drawn_at), ("share", share))
    ]
    return pyarrow.Table.from_arrays([columns[0], customers, *columns[1:]], schema=_HOLDOUT)
