"""Demographics: what the shop's own records say of a customer, where a source has them.

A country or a channel is no number, and a number given to each would rank them. What stands here instead is how many
customers share it, which says whether somebody is of the shop's mainstream or of its fringe.
"""

from __future__ import annotations

from datetime import date

import ibis
from ibis import _

from models.factors import Factor, Family


def compute_demographics(customers: ibis.Table, as_of: date) -> ibis.Table:
    """Shares of all customers with the same country and the same acquisition channel."""
    del as_of  # what was not known by then is not in `customers`
    known = customers.select("customer_id", "country", "acquisition_channel")
    countries = _measure_shares(known, "country", name="country_share")
    channels = _measure_shares(known, "acquisition_channel", name="acquisition_channel_share")
    return (
        known.left_join(countries, known.country == countries.value)
        .drop("value")
        .left_join(channels, _.acquisition_channel == channels.value)
        .select("customer_id", "country_share", "acquisition_channel_share")
    )


def _measure_shares(known: ibis.Table, column: str, *, name: str) -> ibis.Table:
    """The share of each value among those who have one: value, share."""
    counts = known.filter(_[column].notnull()).group_by(value=column).aggregate(people=_.count())
    counts = counts.mutate(people=_.people.cast("float64"))
    total = counts.aggregate(all_people=_.people.sum())
    share = _.people / _.all_people.nullif(0.0)
    return counts.cross_join(total).select("value", **{name: share})


FAMILY = Family(
    name="demographics",
    factors=(
        Factor(
            name="country_share",
            meaning="whether the customer lives where most customers live",
            unit="share",
            formula="customers of the same country ÷ customers whose country is known",
        ),
        Factor(
            name="acquisition_channel_share",
            meaning="whether the customer came the way most customers come",
            unit="share",
            formula="customers of the same acquisition channel ÷ customers whose channel is known",
        ),
    ),
    compute=compute_demographics,
    reads="customers",
)
