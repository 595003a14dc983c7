"""Messages: how a customer answers to e-mails, push messages and ads."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, in_last, select_window, shrink_rates, sum_if

if TYPE_CHECKING:
    from models.rollups import Rollups

RATE_WINDOW = 180
COUNT_WINDOW = 90


def compute_messages(rollups: Rollups, as_of: date) -> ibis.Table:
    """Rates at which e-mails are opened and clicked and ads are clicked, and counts of opened pushes and clicked ads.

    No event tells of a push message that was sent, so of pushes there is no rate.
    """
    recent = in_last(COUNT_WINDOW, as_of)
    counts = (
        select_window(
            rollups.activity,
            as_of,
            "emails_sent",
            "emails_opened",
            "emails_clicked",
            "pushes_opened",
            "ads_seen",
            "ads_clicked",
            days=RATE_WINDOW,
        )
        .group_by("customer_id")
        .aggregate(
            sent=_.emails_sent.sum(),
            opened=_.emails_opened.sum(),
            clicked=_.emails_clicked.sum(),
            ads=_.ads_seen.sum(),
            followed=_.ads_clicked.sum(),
            push_opens_90d=sum_if(recent, _.pushes_opened),
            ads_clicked_90d=sum_if(recent, _.ads_clicked),
        )
    )
    return shrink_rates(
        counts,
        email_open_rate=("opened", "sent"),
        email_click_rate=("clicked", "sent"),
        ad_click_rate=("followed", "ads"),
    )


FAMILY = Family(
    name="messages",
    factors=(
        Factor(
            name="email_open_rate",
            meaning="how often an e-mail is opened",
            unit="share",
            formula="e-mails opened ÷ e-mails sent, shrunk towards all customers' rate",
            window=RATE_WINDOW,
        ),
        Factor(
            name="email_click_rate",
            meaning="how often an e-mail brings the customer to the shop",
            unit="share",
            formula="e-mails clicked ÷ e-mails sent, shrunk towards all customers' rate",
            window=RATE_WINDOW,
        ),
        Factor(
            name="ad_click_rate",
            meaning="how often an ad brings the customer to the shop",
            unit="share",
            formula="ads clicked ÷ ads seen, shrunk towards all customers' rate",
            window=RATE_WINDOW,
        ),
        Factor(
            name="push_opens_90d",
            meaning="how much the customer answers to push messages",
            unit="opens",
            formula="number of push messages opened",
            window=COUNT_WINDOW,
            missing=0.0,
        ),
        Factor(
            name="ads_clicked_90d",
            meaning="how much the customer answers to ads",
            unit="clicks",
            formula="number of ads clicked",
            window=COUNT_WINDOW,
            missing=0.0,
        ),
    ),
    compute=compute_messages,
)
