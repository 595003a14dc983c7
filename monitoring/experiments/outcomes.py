"""What every assigned customer did before, during and after a campaign, as one Ibis expression."""

from __future__ import annotations

from datetime import datetime

import ibis
from ibis import _

from monitoring.experiments import Campaign, MeasurementSettings

PRIOR_DAYS = 180
# Things done to a customer, and the one thing done to be left alone: none of them is a sign of life.
PASSIVE_KINDS = ("email_sent", "ad_impression", "email_unsubscribe")
KINDS = {
    "visited": ("session", "page_view", "product_view", "search", "store_visit"),
    "opened": ("email_open", "push_open"),
    "clicked": ("email_click", "ad_click"),
    "unsubscribed": ("email_unsubscribe",),
    "complained": ("complaint",),
}
"""Columns that say whether a customer did one of these things during the campaign."""
PROMOTER_FROM, DETRACTOR_TO = 9, 6


def build_outcomes(
    events: ibis.Table,
    assignments: ibis.Table,
    *,
    campaign: Campaign,
    until: datetime,
    settings: MeasurementSettings,
) -> ibis.Table:
    """One row a customer assigned to the campaign, whether or not it reached them (intention to treat).

    Nothing before the later of the campaign's start and the customer's own assignment counts, nor anything
    from the earlier of its end and `until` on. Customers assigned to two arms are left out; `count_overlaps`
    counts them.

    Args:
        events, assignments: canonical tables.
        until: end of what is known, exclusive, with timezone.
        settings: `churn_days`, `value_days` and `margin_rate` are read.

    Returns:
        customer_id, arm, segment_id (null if unknown),
        converted: 1 if the campaign's conversion happened, else 0,
        orders, refunds: distinct orders, and refunds,
        revenue: money paid minus money given back; may be negative,
        margin: likewise, null where a purchase's margin is unknown. A refund without a margin of its own
            takes back the share of its value that is margin in all this campaign's purchases,
        realised: margin up to the horizon of lifetime value, from which `margin` differs by `value_days` alone,
        discounts: taken off by the customer's purchases,
        visited, opened, clicked, unsubscribed, complained: 1 if such a thing happened, else 0,
        surveys, promoted: answers, and those of 9 and 10 minus those of 0 to 6,
        late_conversions: conversions in the second half of the window minus those in the first,
        active, retained, churned: whether the customer did anything in the `churn_days` after the campaign; null
            until these are over,
        is_new, new_converted: no purchase before assignment, and that such a customer converted,
        prior_converted, prior_orders, prior_revenue, prior_margin, prior_realised, prior_visited: the same over the 180
            days before assignment,
        prior_churned, prior_retained: whether nothing was done, or something, in the `churn_days` before it.
    """
    rows = _join_events(events, assignments, campaign=campaign, until=until, settings=settings)
    sums = _sum_rows(rows, campaign=campaign, settings=settings)
    active = sums.active if campaign.churn_horizon(settings.churn_days) <= until else ibis.null("int64")
    return sums.select(
        "customer_id",
        "arm",
        "segment_id",
        "converted",
        "orders",
        *KINDS,
        "refunds",
        "surveys",
        "promoted",
        "late_conversions",
        "discounts",
        "is_new",
        "prior_converted",
        "prior_orders",
        "prior_visited",
        "prior_churned",
        revenue=sums.paid - sums.given_back,
        margin=_net_margin(sums, "margin"),
        realised=_net_margin(sums, "realised"),
        active=active,
        retained=active,
        churned=1 - active,
        new_converted=sums.is_new * sums.converted,
        prior_retained=1 - sums.prior_churned,
        prior_revenue=sums.prior_paid - sums.prior_given_back,
        prior_margin=sums.prior_margin,
        prior_realised=sums.prior_margin,
    )


def count_overlaps(assignments: ibis.Table, *, campaign: Campaign) -> int:
    """How many customers were assigned to more than one arm of the campaign."""
    assigned = group_assigned(assignments, campaign)
    return int(assigned.filter(assigned.arms > 1).count().execute())


def group_assigned(assignments: ibis.Table, campaign: Campaign) -> ibis.Table:
    """One row a customer assigned to the campaign: in how many arms, the first of them, segment_id, assigned_at."""
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
    events: ibis.Table,
    assignments: ibis.Table,
    *,
    campaign: Campaign,
    until: datetime,
    settings: MeasurementSettings,
) -> ibis.Table:
    """Each assigned customer's events known at `until`, or one row of nulls, and which of them count."""
    assigned = group_assigned(assignments, campaign)
    assigned = assigned.filter(assigned.arms == 1)
    known = events.filter(events.occurred_at < until).select(
        "customer_id", "source", "event_id", "occurred_at", "kind", "value", "margin", "order_id", "discount"
    )
    rows = assigned.left_join(known, "customer_id")
    opens_at = ibis.greatest(rows.assigned_at, ibis.literal(campaign.starts_at))
    middle = campaign.starts_at + (campaign.ends_at - campaign.starts_at) / 2
    followed = campaign.final_at("value", settings)
    looks_back_to = rows.assigned_at - ibis.interval(days=PRIOR_DAYS)
    lives_from = rows.assigned_at - ibis.interval(days=settings.churn_days)
    is_open, is_before = rows.occurred_at >= opens_at, rows.occurred_at < rows.assigned_at
    return rows.mutate(
        in_window=is_open & (rows.occurred_at < campaign.ends_at),
        in_value=is_open & (rows.occurred_at < followed),
        is_late=rows.occurred_at >= middle,
        in_past=(rows.occurred_at >= looks_back_to) & is_before,
        was_alive=(rows.occurred_at >= lives_from) & is_before & rows.kind.notin(PASSIVE_KINDS),
        bought_before=(rows.kind == "purchase") & is_before,
        is_purchase=rows.kind == "purchase",
        is_refund=rows.kind == "refund",
        order_key=rows.order_id.coalesce(rows.source + ibis.literal("/") + rows.event_id),
    )


def _sum_rows(rows: ibis.Table, *, campaign: Campaign, settings: MeasurementSettings) -> ibis.Table:
    """One row a customer: everything that is a plain count or sum of their rows."""
    rate = settings.margin_rate
    rows = rows.mutate(
        margin=rows.margin.coalesce(
            rows.value * (ibis.null("float64") if rate is None else ibis.literal(rate))
        )
    )
    bought, returned = rows.in_window & rows.is_purchase, rows.in_window & rows.is_refund
    did_convert = rows.kind == campaign.conversion_kind
    stayed = (
        (rows.occurred_at >= campaign.ends_at)
        & (rows.occurred_at < campaign.churn_horizon(settings.churn_days))
        & rows.kind.notin(PASSIVE_KINDS)
    )
    answered = rows.in_window & (rows.kind == "survey") & rows.value.notnull()
    opinion = (rows.value >= PROMOTER_FROM).ifelse(1, 0) - (rows.value <= DETRACTOR_TO).ifelse(1, 0)
    return rows.group_by("customer_id", "arm", "segment_id").aggregate(
        converted=_happened(rows.in_window & did_convert),
        **{name: _happened(rows.in_window & rows.kind.isin(kinds)) for name, kinds in KINDS.items()},
        refunds=returned.ifelse(1, 0).sum().coalesce(0),
        surveys=answered.sum().coalesce(0),
        promoted=opinion.sum(where=answered).coalesce(0),
        late_conversions=rows.is_late.ifelse(1, -1).sum(where=rows.in_window & did_convert).coalesce(0),
        active=_happened(stayed),
        orders=rows.order_key.nunique(where=bought),
        is_new=1 - _happened(rows.bought_before),
        paid=_total(rows.value, bought),
        given_back=_total(rows.value, returned),
        discounts=_total(rows.discount, bought),
        prior_converted=_happened(rows.in_past & did_convert),
        prior_orders=rows.order_key.nunique(where=rows.in_past & rows.is_purchase),
        prior_visited=_happened(rows.in_past & rows.kind.isin(KINDS["visited"])),
        prior_churned=1 - _happened(rows.was_alive),
        prior_paid=_total(rows.value, rows.in_past & rows.is_purchase),
        prior_given_back=_total(rows.value, rows.in_past & rows.is_refund),
        prior_margin=_total(rows.margin, rows.in_past & rows.is_purchase)
        - _total(rows.margin.abs(), rows.in_past & rows.is_refund),
        **_sum_margins(rows, "margin", rows.in_window),
        **_sum_margins(rows, "realised", rows.in_value),
    )


def _sum_margins(
    rows: ibis.Table, name: str, counts: ibis.expr.types.BooleanValue
) -> dict[str, ibis.expr.types.Value]:
    """What `_net_margin` is computed from, of the rows that count."""
    bought, returned = counts & rows.is_purchase, counts & rows.is_refund
    return {
        f"{name}_made": _total(rows.margin, bought),
        f"{name}_made_on": _total(rows.value, bought & rows.margin.notnull()),
        f"{name}_missing": _happened(bought & rows.margin.isnull()),
        # A refund takes margin back, whichever sign its source writes it with.
        f"{name}_back": _total(rows.margin.abs(), returned),
        f"{name}_back_untold": _total(rows.value, returned & rows.margin.isnull()),
    }


def _happened(condition: ibis.expr.types.BooleanValue) -> ibis.expr.types.IntegerValue:
    return condition.ifelse(1, 0).max()


def _total(
    column: ibis.expr.types.FloatingColumn, where: ibis.expr.types.BooleanValue
) -> ibis.expr.types.FloatingValue:
    return column.sum(where=where).coalesce(0.0)


def _net_margin(sums: ibis.Table, name: str) -> ibis.expr.types.FloatingValue:
    everyone = ibis.window()
    made_on = sums[f"{name}_made_on"].sum().over(everyone)
    share = sums[f"{name}_made"].sum().over(everyone) / made_on.nullif(0.0)
    untold = sums[f"{name}_back_untold"]
    back = (untold == 0).ifelse(0.0, untold * share)
    known = sums[f"{name}_made"] - sums[f"{name}_back"] - back
    return (sums[f"{name}_missing"] == 1).ifelse(ibis.null("float64"), known)
