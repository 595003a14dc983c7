"""The latent segments a simulated shop is made of: how each one buys, and how it reacts."""

from dataclasses import dataclass

import pandas as pd

CATEGORIES = ("beauty", "books", "electronics", "fashion", "grocery", "home", "sports", "toys")
CHANNELS = ("web", "app", "store")
SEGMENTS_MIN, SEGMENTS_MAX = 5, 8
EQUAL_RFM_PAIR = (0, 1)  # desk regulars and app bargainers: same gaps, same baskets, other reactions
SHIFTING_SEGMENT = 4  # moves to the app and to larger discounts when a shift is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One latent segment: averages around which its people vary.

    Money is in the shop's currency, gaps in days, sessions in seconds; shares and rates lie in 0–1, the
    other counts are a customer-year's. `gap_shape` is the gamma shape of the gaps between purchases (1 is
    memoryless, larger is more regular), `browsing` the visits without purchase for each purchase, `season`
    how far the end of the year lifts purchases, `margin` the margin rate at list price.
    """

    name: str
    share: float
    gap_days: float
    gap_shape: float
    basket: float
    channels: tuple[float, float, float]
    discount: float
    returns: float = 0.06
    margin: float = 0.45
    mail_open: float = 0.30
    mail_click: float = 0.25
    push: float = 0.0
    browsing: float = 0.6
    views: float = 0.5
    bounce: float = 0.15
    cart: float = 0.25
    session_s: float = 300.0
    desktop: float = 0.5
    season: float = 0.15
    leaving: float = 0.04
    ads: float = 1.2
    social: float = 0.3
    service: float = 0.3
    categories: tuple[str, ...] = CATEGORIES


SEGMENTS = (
    Segment(
        name="desk regulars",
        share=0.18,
        gap_days=48,
        gap_shape=3,
        basket=58,
        channels=(0.93, 0.03, 0.04),
        discount=0.06,
        mail_open=0.55,
        mail_click=0.30,
        push=0.5,
        desktop=0.88,
        categories=("home", "books", "electronics"),
    ),
    Segment(
        name="app bargainers",
        share=0.18,
        gap_days=48,
        gap_shape=3,
        basket=58,
        channels=(0.08, 0.89, 0.03),
        discount=0.72,
        mail_open=0.16,
        mail_click=0.10,
        push=9,
        desktop=0.12,
        categories=("home", "books", "electronics"),
    ),
    Segment(
        name="store families",
        share=0.18,
        gap_days=22,
        gap_shape=4,
        basket=36,
        channels=(0.10, 0.04, 0.86),
        discount=0.28,
        returns=0.03,
        margin=0.40,
        mail_open=0.28,
        mail_click=0.15,
        browsing=0.5,
        session_s=240,
        desktop=0.45,
        categories=("grocery", "toys"),
    ),
    Segment(
        name="premium seekers",
        share=0.15,
        gap_days=85,
        gap_shape=2,
        basket=260,
        channels=(0.86, 0.04, 0.10),
        discount=0.05,
        returns=0.10,
        margin=0.50,
        mail_open=0.42,
        mail_click=0.35,
        browsing=2.6,
        views=2.0,
        session_s=900,
        desktop=0.75,
        service=1.2,
        categories=("electronics", "sports"),
    ),
    Segment(
        name="fashion returners",
        share=0.16,
        gap_days=42,
        gap_shape=2.5,
        basket=125,
        channels=(0.58, 0.40, 0.02),
        discount=0.25,
        returns=0.45,
        mail_open=0.26,
        mail_click=0.20,
        push=5,
        browsing=0.8,
        views=1.6,
        cart=0.45,
        session_s=480,
        desktop=0.10,
        social=5.0,
        categories=("fashion", "beauty"),
    ),
    Segment(
        name="window shoppers",
        share=0.15,
        gap_days=150,
        gap_shape=1.5,
        basket=42,
        channels=(0.90, 0.07, 0.03),
        discount=0.30,
        returns=0.08,
        mail_open=0.07,
        mail_click=0.10,
        browsing=5.5,
        bounce=0.45,
        cart=0.35,
        session_s=110,
        desktop=0.15,
        leaving=0.07,
        ads=6.0,
        categories=CATEGORIES,
    ),
    Segment(
        name="newsletter bargainers",
        share=0.15,
        gap_days=66,
        gap_shape=2,
        basket=68,
        channels=(0.92, 0.04, 0.04),
        discount=0.88,
        mail_open=0.85,
        mail_click=0.60,
        browsing=1.4,
        session_s=200,
        desktop=0.60,
        categories=("beauty", "grocery", "home"),
    ),
    Segment(
        name="gift givers",
        share=0.12,
        gap_days=72,
        gap_shape=2,
        basket=140,
        channels=(0.50, 0.04, 0.46),
        discount=0.15,
        returns=0.28,
        mail_open=0.40,
        mail_click=0.20,
        browsing=1.0,
        season=0.6,
        session_s=600,
        desktop=0.60,
        service=5.0,
        social=2.5,
        categories=("toys", "books", "beauty"),
    ),
)


def list_segments(count: int) -> tuple[Segment, ...]:
    """The first `count` segments of the list (5 to 8); the pair equal in RFM is always among them."""
    if not SEGMENTS_MIN <= count <= SEGMENTS_MAX:
        raise ValueError(f"segments must be {SEGMENTS_MIN} to {SEGMENTS_MAX}, got {count}")
    return SEGMENTS[:count]


def build_traits(segments: tuple[Segment, ...]) -> pd.DataFrame:
    """The numeric averages, one row a segment (index 0, 1, …), channel shares in columns of their own."""
    names = [name for name in Segment.__dataclass_fields__ if name not in ("name", "channels", "categories")]
    traits = pd.DataFrame([{name: getattr(segment, name) for name in names} for segment in segments])
    traits[list(CHANNELS)] = [segment.channels for segment in segments]
    return traits.astype("float64")
