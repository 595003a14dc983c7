"""Channels: by which device and on which channel a customer comes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, select_window, shrink_rates

if TYPE_CHECKING:
    from models.rollups import Rollups

WINDOW = 180


def compute_channels(rollups: Rollups, as_of: date) -> ibis.Table:
    """Shares of the mobile device, the app and the store among events whose device or channel is known."""
    counts = (
        select_window(
            rollups.activity,
            as_of,
            "device_events",
            "mobile_events",
            "channel_events",
            "app_events",
            "store_events",
            days=WINDOW,
        )
        .group_by("customer_id")
        .aggregate(
            by_device=_.device_events.sum(),
            by_mobile=_.mobile_events.sum(),
            by_channel=_.channel_events.sum(),
            by_app=_.app_events.sum(),
            by_store=_.store_events.sum(),
        )
    )
    return shrink_rates(
        counts,
        mobile_share=("by_mobile", "by_device"),
        app_share=("by_app", "by_channel"),
        store_share=("by_store", "by_channel"),
    )


FAMILY = Family(
    name="channels",
    factors=(
        Factor(
            name="mobile_share",
            meaning="how much happens on a phone or tablet",
            unit="share",
            formula="mobile events ÷ events with a known device, shrunk towards all customers' rate",
            window=WINDOW,
        ),
        Factor(
            name="app_share",
            meaning="how much happens in the app",
            unit="share",
            formula="app events ÷ events with a known channel, shrunk towards all customers' rate",
            window=WINDOW,
        ),
        Factor(
            name="store_share",
            meaning="how much happens in a store",
            unit="share",
            formula="store events ÷ events with a known channel, shrunk towards all customers' rate",
            window=WINDOW,
        ),
    ),
    compute=compute_channels,
)
