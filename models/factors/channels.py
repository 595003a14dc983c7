"""Channels: by which device and on which channel a customer comes."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last
from models.shrinkage import Rate

WINDOW = 180


def sum_channels(as_of: date) -> Sums:
    """Shares of the mobile device, the app and the store among events whose device or channel is known."""
    recent = in_last(WINDOW, as_of)
    return Sums(
        by_customer={
            "by_device": _.device_events.sum(where=recent),
            "by_mobile": _.mobile_events.sum(where=recent),
            "by_channel": _.channel_events.sum(where=recent),
            "by_app": _.app_events.sum(where=recent),
            "by_store": _.store_events.sum(where=recent),
        },
        rates={
            "mobile_share": Rate(_.by_mobile, _.by_device),
            "app_share": Rate(_.by_app, _.by_channel),
            "store_share": Rate(_.by_store, _.by_channel),
        },
    )


FAMILY = SummedFamily(
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
    activity=sum_channels,
)
