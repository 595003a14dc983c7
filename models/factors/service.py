"""Service: how often a customer needs help."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, select_window

if TYPE_CHECKING:
    from models.rollups import Rollups

WINDOW = 90


def compute_service(rollups: Rollups, as_of: date) -> ibis.Table:
    """Number of support tickets and complaints."""
    return (
        select_window(rollups.activity, as_of, "service_contacts", days=WINDOW)
        .group_by("customer_id")
        .aggregate(service_contacts_90d=_.service_contacts.sum())
    )


FAMILY = Family(
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
    compute=compute_service,
)
