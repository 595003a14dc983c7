"""Sessions: how long a customer stays and how far they look around."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import count_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last
from models.shrinkage import Rate

WINDOW = 180


def sum_sessions(as_of: date) -> Sums:
    """Mean length and depth of a customer's sessions, and the share that ended where they began."""
    recent = in_last(WINDOW, as_of)
    return Sums(
        by_customer={
            "session_duration_mean": _.duration_s.mean(where=recent),
            "pages_seen": (_.page_views + _.product_views).sum(where=recent),
            "bounces": count_if(_.bounced & recent),
            "sessions_begun": count_if(recent),
        },
        rates={"bounce_rate": Rate(_.bounces, _.sessions_begun)},
        values={"pages_per_session": _.pages_seen / _.sessions_begun.nullif(0.0)},
    )


FAMILY = SummedFamily(
    name="sessions",
    factors=(
        Factor(
            name="session_duration_mean",
            meaning="how long a visit lasts",
            unit="seconds",
            formula="mean duration of the sessions whose duration is known",
            window=WINDOW,
        ),
        Factor(
            name="pages_per_session",
            meaning="how much is looked at in a visit",
            unit="pages a session",
            formula="page and product views ÷ sessions",
            window=WINDOW,
        ),
        Factor(
            name="bounce_rate",
            meaning="how often a visit ends where it began",
            unit="share",
            formula="sessions of a single event ÷ sessions, shrunk towards all customers' rate",
            window=WINDOW,
        ),
    ),
    sessions=sum_sessions,
)
