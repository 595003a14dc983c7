"""What customers are likely to spend in the year ahead, where past forecasts have come true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd
import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.features import list_customers, read_by_customer
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.rollups import read_rollups

if TYPE_CHECKING:
    from models.lifetime_check import CalibrationVerdict, LifetimeValueCheck

HOLDOUT_WEEKS, AHEAD_WEEKS = 26, 52
_SCHEMA = pyarrow.schema(
    [
        ("as_of", pyarrow.date32()),
        ("customer_id", pyarrow.string()),
        ("alive", pyarrow.float64()),
        ("purchases", pyarrow.float64()),
        ("spend", pyarrow.float64()),
        ("value", pyarrow.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class CustomerValues:
    """Whether lifetime values can be foretold in this shop.

    Attributes:
        reasons: why not; empty where they can.
        customers: of whom a value is foretold.
        value: of all of them together, in the `AHEAD_WEEKS` ahead.
        overall, by_segment: what the guard found, in plain types.
    """

    reasons: tuple[str, ...]
    customers: int
    value: float | None
    overall: Mapping[str, Any]
    by_segment: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        return {
            "holds": not self.reasons,
            "reasons": list(self.reasons),
            "weeks_ahead": AHEAD_WEEKS,
            "customers": self.customers,
            "value": self.value,
            "overall": dict(self.overall),
            "by_segment": {name: dict(found) for name, found in self.by_segment.items()},
        }


@task(name="foretell lifetime values", cache_policy=NO_CACHE, persist_result=False)
def foretell_values(lake: Lake, *, as_of: date, consent_default: bool) -> CustomerValues:
    """Hold a forecast of half a year ago against what came, and foretell the year ahead if it came true.

    What is foretold goes to the table `lifetime_values`; where the forecast failed, nothing of that day stands there.
    """
    from models.lifetime_value import fit_lifetime_value, predict_lifetime_value
    from models.likelihood import NoFit
    from models.purchase_histories import build_histories

    check = check_forecast(lake, as_of=as_of, consent_default=consent_default)
    overall = _describe(check.overall)
    by_segment = {str(segment): _describe(found) for segment, found in check.by_segment.items()}
    reasons, values = check.reasons, pd.DataFrame()
    if check.holds:
        orders = _read_orders(lake, as_of=as_of, consent_default=consent_default)
        histories = read_by_customer(build_histories(orders, as_of=as_of))
        try:
            model = fit_lifetime_value(histories)
        except NoFit as reason:
            reasons = (f"there is no model of today's customers: {reason}",)
        else:
            values = predict_lifetime_value(model, histories, weeks=AHEAD_WEEKS)
    if reasons:
        get_logger().info("lifetime values are not foretold: %s", reasons[0])
        if lake.has("lifetime_values"):
            # What an earlier run of the same day foretold does not hold any more.
            lake.overwrite("lifetime_values", _SCHEMA.empty_table(), where=f"as_of = '{as_of}'")
        return CustomerValues(reasons, 0, None, overall, by_segment)
    rows = pyarrow.Table.from_pandas(
        values.reset_index().assign(as_of=as_of)[_SCHEMA.names], schema=_SCHEMA, preserve_index=False
    )
    lake.overwrite("lifetime_values", rows, where=f"as_of = '{as_of}'")
    get_logger().info("lifetime values of %d customers", len(values))
    return CustomerValues((), len(values), float(values["value"].sum()), overall, by_segment)


def check_forecast(lake: Lake, *, as_of: date, consent_default: bool) -> LifetimeValueCheck:
    """Fit on what was known half a year ago, and hold that against what came.

    Learnt from, and told about, are customers who may be profiled; `consent_default` holds for who was never asked.
    """
    from models.lifetime_check import check_lifetime_value
    from models.purchase_histories import build_histories, count_holdout

    orders = _read_orders(lake, as_of=as_of, consent_default=consent_default)
    past = as_of - timedelta(weeks=HOLDOUT_WEEKS)
    return check_lifetime_value(
        read_by_customer(build_histories(orders, as_of=past)),
        read_by_customer(count_holdout(orders, after=past, until=as_of)),
        weeks=HOLDOUT_WEEKS,
        segments=_read_segments(lake, as_of=as_of),
    )


def _read_orders(lake: Lake, *, as_of: date, consent_default: bool) -> ibis.Table:
    """The orders of customers who may be profiled."""
    rollups = read_rollups(lake)
    people = list_customers(lake, rollups, as_of=as_of, consent_default=consent_default)
    return rollups.orders.semi_join(people, "customer_id")


def _read_segments(lake: Lake, *, as_of: date) -> pd.Series | None:
    """The segment of every customer as of the newest scoring up to the end of the calibration period, or the first."""
    if not lake.has("segments"):
        return None
    segments = lake.table("segments")
    past = as_of - timedelta(weeks=HOLDOUT_WEEKS)
    days = segments.aggregate(
        before=segments.as_of.max(where=segments.as_of <= ibis.literal(past)), first=segments.as_of.min()
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    day = days["before"] or days["first"]
    if day is None:
        return None
    rows = segments.filter(segments.as_of == ibis.literal(day)).select("customer_id", "segment_id")
    return rows.to_pandas().set_index("customer_id")["segment_id"]


def _describe(found: CalibrationVerdict) -> dict[str, Any]:
    """A verdict in plain types."""
    told: dict[str, Any] = {
        "verdict": found.verdict,
        "sentences": list(found.sentences),
        "customers": found.customers,
    }
    told["correlation"] = found.correlation and asdict(found.correlation)
    for name in ("purchases", "value"):
        calibration = getattr(found, name)
        told[name] = calibration and {
            "deciles": calibration.deciles.to_dict("records"),
            **{
                figure: float(getattr(calibration, figure))
                for figure in ("ratio", "ratio_error", "gini", "mape", "weighted_mape", "error_by_chance")
            },
        }
    return told
