"""What customers did in the time after a day: the yardstick by which a segmentation is judged useful."""

from __future__ import annotations

from datetime import date

import ibis
from ibis import _

from models.factors import CUSTOMER_INITIATED
from models.rollups import Rollups


def compute_outcomes(rollups: Rollups, *, after: date, until: date, customers: ibis.Table) -> ibis.Table:
    """Outcomes of the window `after` < day ≤ `until`, one row a customer of `customers` (customer_id).

    Columns, float64: `log_revenue` (log(1 + money spent)), `converted` (1 with an order), `log_aov` (log of
    revenue an order, null without one), `churned` (1 without any action of their own), `returned` (refunds as a
    share of revenue, null without an order), `responded` (opens and clicks an e-mail sent, null without one).
    """
    window = (_.day > ibis.literal(after)) & (_.day <= ibis.literal(until))
    activity = (
        rollups.activity.filter(window)
        .group_by("customer_id")
        .aggregate(
            revenue=_.revenue.sum(),
            refund_value=_.refund_value.sum(),
            actions=CUSTOMER_INITIATED.sum(),
            sent=_.emails_sent.sum(),
            responses=(_.emails_opened + _.emails_clicked).sum(),
        )
    )
    orders = rollups.orders.filter(window).group_by("customer_id").aggregate(orders=_.count().cast("float64"))
    joined = customers.select("customer_id").left_join(activity, "customer_id").drop("customer_id_right")
    joined = joined.left_join(orders, "customer_id").drop("customer_id_right")
    joined = joined.fill_null(
        {"revenue": 0.0, "refund_value": 0.0, "actions": 0.0, "sent": 0.0, "responses": 0.0, "orders": 0.0}
    )
    outcomes = {
        "log_revenue": (_.revenue + 1.0).ln(),
        "converted": (_.orders > 0).ifelse(1, 0),
        "log_aov": (_.revenue / _.orders.nullif(0.0)).nullif(0.0).ln(),
        "churned": (_.actions > 0).ifelse(0, 1),
        "returned": _.refund_value / _.revenue.nullif(0.0),
        "responded": _.responses / _.sent.nullif(0.0),
    }
    return joined.select("customer_id", **{name: value.cast("float64") for name, value in outcomes.items()})
