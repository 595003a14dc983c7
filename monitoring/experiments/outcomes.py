"""What every assigned customer did during a campaign, as one Ibis expression."""

from __future__ import annotations

from datetime import datetime

import ibis
from ibis import _

from monitoring.experiments import Campaign

PRIOR_DAYS = 180
# Things done to a customer, and the one thing done to be left alone: none of them is a sign of life.
PASSIVE_KINDS = ("email_sent", "ad_impression", "email_unsubscribe")


def build_outcomes(
    events: ibis.Table,
    assignments: ibis.Table,
    *,
    campaign: Campaign,
    until: datetime,
    churn_days: int,
    margin_rate: float | None,
) -> ibis.Table:
    """One row a customer assigned to the campaign, whether or not it reached them (intention to treat).

    Nothing before the later of the campaign's start and the customer's own assignment counts, nor anything
    from the earlier of its end and `until` on. Customers assigned to two arms are left out; `count_overlaps`
    counts them.

    Args:
        events, assignments: canonical tables.
        until: end of what is known, exclusive, with timezone.
        churn_days: days without activity after the campaign's end that make a churned customer.
        margin_rate: margin as a share of revenue where an event carries none.

    Returns:
        customer_id, arm, segment_id (null if unknown),
        converted: 1 if the campaign's conversion happened, else 0,
        orders: distinct orders,
        revenue: money paid minus money given back; may be negative,
        margin: likewise, null where a purchase's margin is unknown. A refund without a margin of its own
            takes back the share of its value that is margin in all this campaign's purchases,
        active, churned: whether the customer did anything in the `churn_days` after the campaign; null until
            these are over,
        prior_orders, prior_revenue: the same over the 180 days before assignment.
    """
    rows = _join_events(events, assignments, campaign=campaign, until=until)
    sums = _sum_rows(rows, campaign=campaign, churn_days=churn_days, margin_rate=margin_rate)
    active = sums.active if campaign.churn_horizon(churn_days) <= until else ibis.null("int64")
    return sums.select(
        "customer_id",
        "arm",
        "segment_id",
        "converted",
        "orders",
        revenue=sums.paid - sums.given_back,
        margin=_net_margin(sums),
        active=active,
        churned=1 - active,
        prior_orders=sums.prior_orders,
        prior_revenue=sums.prior_paid - sums.prior_given_back,
    )


def count_overlaps(assignments: ibis.Table, *, campaign: Campaign) -> int:
    """How many customers were assigned to more than one arm of the campaign."""
    assigned = _group_assigned(assignments, campaign)
    return int(assigned.filter(assigned.arms > 1).count().execute())


def _group_assigned(assignments: ibis.Table, campaign: Campaign) -> ibis.Table:
    return (
        assignments.filter(_.campaign_id == campaign.campaign_id)
        .group_by("customer_id")
        .aggregate(
            arms=_.arm.nunique(),
            arm=_.arm.min(),
            segment_id=_.segment_id.min(),
            assigned_at=_.assigned_at.min(),
        )
    )


def _join_events(
    events: ibis.Table, assignments: ibis.Table, *, campaign: Campaign, until: datetime
) -> ibis.Table:
    """Each assigned customer's events known at `until`, or one row of nulls, and which of them count."""
    assigned = _group_assigned(assignments, campaign)
    assigned = assigned.filter(assigned.arms == 1)
    known = events.filter(events.occurred_at < until).select(
        "customer_id", "source", "event_id", "occurred_at", "kind", "value", "margin", "order_id"
    )
    rows = assigned.left_join(known, "customer_id")
    opens_at = ibis.greatest(rows.assigned_at, ibis.literal(campaign.starts_at))
    looks_back_to = rows.assigned_at - ibis.interval(days=PRIOR_DAYS)
    return rows.mutate(
        in_window=(rows.occurred_at >= opens_at) & (rows.occurred_at < campaign.ends_at),
        in_past=(rows.occurred_at >= looks_back_to) & (rows.occurred_at < rows.assigned_at),
        is_purchase=rows.kind == "purchase",
        is_refund=rows.kind == "refund",
        order_key=rows.order_id.coalesce(rows.source + ibis.literal("/") + rows.event_id),
    )


def _sum_rows(
    rows: ibis.Table, *, campaign: Campaign, churn_days: int, margin_rate: float | None
) -> ibis.Table:
    """One row a customer: everything that is a plain count or sum of their rows."""
    rate = ibis.null("float64") if margin_rate is None else ibis.literal(margin_rate)
    rows = rows.mutate(margin=rows.margin.coalesce(rows.value * rate))
    bought, returned = rows.in_window & rows.is_purchase, rows.in_window & rows.is_refund
    stayed = (
        (rows.occurred_at >= campaign.ends_at)
        & (rows.occurred_at < campaign.churn_horizon(churn_days))
        & rows.kind.notin(PASSIVE_KINDS)
    )
    return rows.group_by("customer_id", "arm", "segment_id").aggregate(
        converted=_happened(rows.in_window & (rows.kind == campaign.conversion_kind)),
        active=_happened(stayed),
        orders=rows.order_key.nunique(where=bought),
        prior_orders=rows.order_key.nunique(where=rows.in_past & rows.is_purchase),
        paid=_total(rows.value, bought),
        given_back=_total(rows.value, returned),
        prior_paid=_total(rows.value, rows.in_past & rows.is_purchase),
        prior_given_back=_total(rows.value, rows.in_past & rows.is_refund),
        margin_made=_total(rows.margin, bought),
        margin_made_on=_total(rows.value, bought & rows.margin.notnull()),
        margin_missing=_happened(bought & rows.margin.isnull()),
        # A refund takes margin back, whichever sign its source writes it with.
        margin_back=_total(rows.margin.abs(), returned),
        given_back_untold=_total(rows.value, returned & rows.margin.isnull()),
    )


def _happened(condition: ibis.expr.types.BooleanValue) -> ibis.expr.types.IntegerValue:
    return condition.ifelse(1, 0).max()


def _total(
    column: ibis.expr.types.FloatingColumn, where: ibis.expr.types.BooleanValue
) -> ibis.expr.types.FloatingValue:
    return column.sum(where=where).coalesce(0.0)


def _net_margin(sums: ibis.Table) -> ibis.expr.types.FloatingValue:
    everyone = ibis.window()
    share = sums.margin_made.sum().over(everyone) / sums.margin_made_on.sum().over(everyone).nullif(0.0)
    back = (sums.given_back_untold == 0).ifelse(0.0, sums.given_back_untold * share)
    known = sums.margin_made - sums.margin_back - back
    return (sums.margin_missing == 1).ifelse(ibis.null("float64"), known)
