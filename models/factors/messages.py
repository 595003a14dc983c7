"""Messages: how a customer answers to e-mails, push messages and ads."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import sum_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last
from models.shrinkage import Rate

RATE_WINDOW = 180
COUNT_WINDOW = 90


def sum_messages(as_of: date) -> Sums:
    """Rates at which e-mails are opened and clicked and ads are clicked, and counts of opened pushes and clicked ads.

    No event tells of a push message that was sent, so of pushes there is no rate.
    """
    recent = in_last(RATE_WINDOW, as_of)
    return Sums(
        by_customer={
            "mails_sent": _.emails_sent.sum(where=recent),
            "mails_opened": _.emails_opened.sum(where=recent),
            "mails_clicked": _.emails_clicked.sum(where=recent),
            "ads_shown": _.ads_seen.sum(where=recent),
            "ads_followed": _.ads_clicked.sum(where=recent),
            "push_opens_90d": sum_if(in_last(COUNT_WINDOW, as_of), _.pushes_opened),
            "ads_clicked_90d": sum_if(in_last(COUNT_WINDOW, as_of), _.ads_clicked),
        },
        rates={
            "email_open_rate": Rate(_.mails_opened, _.mails_sent),
            "email_click_rate": Rate(_.mails_clicked, _.mails_sent),
            "ad_click_rate": Rate(_.ads_followed, _.ads_shown),
        },
    )


FAMILY = SummedFamily(
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
    activity=sum_messages,
)
