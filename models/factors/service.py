"""Service: how often a customer needs help."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import sum_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last

WINDOW = 90


def sum_service(as_of: date) -> Sums:
    """Number of support tickets and complaints."""
    return Sums({"service_contacts_90d": sum_if(in_last(WINDOW, as_of), _.service_contacts)})


FAMILY = SummedFamily(
    name="service",
    factors=(
        Factor(
            name="service_contacts_90d",
            meaning="how often the customer needs help",
            unit="contacts",
            formula="number of support tickets and complaints",
            window=WINDOW,
            missing=0.0,
        ),
    ),
    activity=sum_service,
)
