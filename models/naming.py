"""Plain names for segments, from what sets each apart: "Loyal high spenders, e-mail responsive"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Place = Literal["state", "who", "where", "how"]

OUTLIER_NAME = "Unusual customers"
AVERAGE_NAME = "Average customers"

CLEAR = 0.5
SLIGHT = 0.2
"""A medium and a small standardised difference (Cohen 1988, "Statistical Power Analysis", chapter 2)."""

EXTRA_TRAITS = 3


@dataclass(frozen=True, slots=True)
class Trait:
    """Words for customers who stand out in something, and where in a name they belong.

    A name reads: state, who, then `where` (after a space) or `how` (after a comma).
    """

    words: str
    place: Place


@dataclass(frozen=True, slots=True)
class FactorWords:
    """How factors of one kind read. `high` and `low` are traits of customers who have much or little of it;
    of several, the first whose place in the name is still free is used."""

    high: tuple[Trait, ...] = ()
    low: tuple[Trait, ...] = ()


def _words(*, high: tuple[str, Place] | None = None, low: tuple[str, Place] | None = None) -> FactorWords:
    return FactorWords(
        high=(Trait(*high),) if high else (),
        low=(Trait(*low),) if low else (),
    )


VOCABULARY: dict[str, FactorWords] = {
    "recency": _words(high=("lapsed", "state"), low=("active", "state")),
    "tenure": _words(high=("long-standing", "state"), low=("new", "state")),
    "trend": _words(high=("rising", "state"), low=("cooling", "state")),
    "frequency": FactorWords(
        high=(Trait("loyal", "state"), Trait("frequent buyers", "who")),
        low=(Trait("occasional buyers", "who"),),
    ),
    "spending": _words(high=("high spenders", "who"), low=("low spenders", "who")),
    "basket": _words(high=("big-basket buyers", "who"), low=("small-basket buyers", "who")),
    "visits": _words(high=("frequent visitors", "who"), low=("seldom visiting", "how")),
    "abandonment": _words(high=("cart abandoners", "who"), low=("finishing their carts", "how")),
    "discount": _words(high=("discount hunters", "who"), low=("at full price", "where")),
    "returns": _words(high=("frequent returners", "who"), low=("keeping what they buy", "how")),
    "email": _words(high=("e-mail responsive", "how"), low=("cool to e-mail", "how")),
    "push": _words(high=("push responsive", "how")),
    "ads": _words(high=("ad responsive", "how")),
    "mobile": _words(high=("on mobile", "where"), low=("on desktop", "where")),
    "app": _words(high=("in the app", "where")),
    "store": _words(high=("in the store", "where"), low=("online", "where")),
    "rhythm": _words(high=("long between orders", "how"), low=("soon back for more", "how")),
    "regularity": _words(high=("irregular", "how"), low=("regular", "how")),
    "dwell": _words(high=("long visits", "how"), low=("short visits", "how")),
    "bounce": _words(high=("quick to leave", "how"), low=("staying for more", "how")),
    "cart": _words(high=("quick to the cart", "how"), low=("slow to the cart", "how")),
    "checkout": _words(high=("sure to check out", "how"), low=("stopping short of the checkout", "how")),
    "breadth": _words(high=("broad interests", "how"), low=("narrow interests", "how")),
    "focus": _words(high=("with one favourite category", "how"), low=("at home in many categories", "how")),
    "novelty": _words(high=("trying new things", "how"), low=("true to their favourites", "how")),
    "social": _words(high=("outspoken", "how"), low=("quiet", "how")),
    "service": _words(high=("often in need of help", "how"), low=("no trouble", "how")),
    "country": _words(high=("from the home market", "how"), low=("from abroad", "how")),
    "acquisition": _words(high=("come the usual way", "how"), low=("come by a rare way", "how")),
}
"""Words by family of factors, in the order that settles a tie."""

_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"days_since_.*", "recency"),
    (r"orders_.*", "frequency"),
    (r"(revenue|margin)_(\d+d|lifetime)", "spending"),
    (r"aov|basket_size", "basket"),
    (r"tenure_days", "tenure"),
    (r"gap_mean_days", "rhythm"),
    (r"gap_cv", "regularity"),
    (r"(sessions|visits|active_days)_\d+d", "visits"),
    (r"session_duration_mean|pages_per_session", "dwell"),
    (r"bounce_rate", "bounce"),
    (r"cart_rate", "cart"),
    (r"checkout_rate", "checkout"),
    (r"cart_abandonment", "abandonment"),
    (r"email_.*", "email"),
    (r"push_.*", "push"),
    (r"ads?_.*", "ads"),
    (r"discount_.*", "discount"),
    (r"return_rate", "returns"),
    (r"category_breadth", "breadth"),
    (r"category_focus", "focus"),
    (r"novelty_share", "novelty"),
    (r"(mobile|app|store)_share", r"\1"),
    (r"social_.*", "social"),
    (r"service_.*", "service"),
    (r"trend_.*", "trend"),
    (r"country_share", "country"),
    (r"acquisition_channel_share", "acquisition"),
)
_LABELS = {
    "aov": "average order value",
    "gap_mean_days": "days between orders",
    "gap_cv": "irregularity of orders",
    "tenure_days": "days since first seen",
    "session_duration_mean": "mean session duration",
    "trend_revenue": "trend in revenue",
    "trend_activity": "trend in activity",
    "country_share": "customers of the same country",
    "acquisition_channel_share": "customers who came by the same channel",
}


@dataclass(frozen=True, slots=True)
class _Named:
    """A name in the making: the traits in it, and those left, strongest first."""

    used: tuple[Trait, ...]
    left: tuple[Trait, ...]

    def extend(self) -> _Named:
        return _Named((*self.used, *self.left[:1]), self.left[1:])

    def write(self) -> str:
        first = {trait.place: trait for trait in reversed(self.used)}
        head = [first[place] for place in ("state", "who") if place in first]
        tail = [trait for trait in self.used if trait not in head]
        if not self.used:
            return AVERAGE_NAME
        name = " ".join(trait.words for trait in head)
        if "who" not in first:
            name = f"{name} customers".strip()
        for trait in tail:
            name += f" {trait.words}" if trait.place == "where" else f", {trait.words}"
        return name[0].upper() + name[1:]


def find_family(factor: str) -> str:
    """The kind of behaviour a factor describes: a key of `VOCABULARY`, or the factor's name if none fits."""
    for pattern, family in _FAMILIES:
        found = re.fullmatch(pattern, factor)
        if found:
            return found.expand(family)
    return factor


def label_factor(factor: str) -> str:
    """A factor's name in words: `orders_180d` is "orders in 180 days"."""
    if factor in _LABELS:
        return _LABELS[factor]
    words = re.sub(r"_(\d+)d$", r" in \1 days", factor)
    words = re.sub(r"_lifetime$", " in all", words)
    return words.replace("_", " ").replace("email", "e-mail")


def name_segments(
    effects: pd.DataFrame,
    *,
    orders: pd.Series | None = None,
    owner: Mapping[int, str] | None = None,
    earlier: Mapping[int, str] | None = None,
    outliers: Sequence[int] = (),
    descriptions: Mapping[str, FactorWords] | None = None,
) -> dict[int, str]:
    """A name for every segment; no two are the same.

    Each family of factors counts with the mean of its factors' effects. The strongest traits that are clear
    (an effect of at least `CLEAR`) fill the places of the name; the same traits always give the same name.
    Segments that would share one get their next traits (at least `SLIGHT`), at the very last a number.

    Args:
        effects: standardised differences to all other customers, one row a segment_id, one column a factor.
        orders: by segment_id, the lifetime orders three quarters of its customers do not exceed; tells
            one-time buyers and people who never bought from those who buy seldom.
        owner: names the owner gave, by segment_id; they stand as they are, unless two of them are the same.
        earlier: names segments had before, by segment_id; they stay where the owner took none of them.
        outliers: segment ids of customers who belong to no segment.
        descriptions: words for single factors, by name, in place of the vocabulary's.
    """
    traits = {int(i): _rank_traits(effects.loc[i], orders, descriptions or {}) for i in effects.index}
    owned = {i: name for i, name in (owner or {}).items() if i in traits}
    kept = {
        i: name
        for i, name in (earlier or {}).items()
        if i in traits and i not in owned and name not in owned.values()
    }
    unusual = {i: OUTLIER_NAME for i in outliers if i not in owned and i not in kept}
    settled = owned | kept | unusual
    drafts = {i: _draft(ranked) for i, ranked in traits.items() if i not in settled}
    names = {i: draft.write() for i, draft in drafts.items()}
    longer = dict(drafts)
    for _round in range(EXTRA_TRAITS):
        tied = _find_ties(names | settled) & {i for i, draft in longer.items() if draft.left}
        if not tied:
            break
        longer |= {i: longer[i].extend() for i in tied}
        names |= {i: longer[i].write() for i in tied}
    # Long names that tell nothing apart give way to the short one and a number.
    names |= {i: drafts[i].write() for i in _find_ties(names | settled) & drafts.keys()}
    return _number_ties(owned, kept, unusual, names)


def _rank_traits(
    effects: pd.Series, orders: pd.Series | None, descriptions: Mapping[str, FactorWords]
) -> tuple[tuple[float, tuple[Trait, ...]], ...]:
    """The segment's possible traits with the size of their effect, strongest first."""
    kinds = {
        factor: factor if factor in descriptions else find_family(str(factor)) for factor in effects.index
    }
    families = effects.groupby(kinds).mean().dropna().round(6)
    order = {family: place for place, family in enumerate(VOCABULARY)}
    strongest = sorted(families.index, key=lambda f: (-abs(families[f]), order.get(f, len(order)), f))
    ranked = []
    for family in strongest:
        words = descriptions.get(family) or VOCABULARY.get(family) or _spell_out(family)
        traits = words.high if families[family] > 0 else words.low
        ranked.append(
            (abs(float(families[family])), _correct(family, traits, families, orders, effects.name))
        )
    return tuple((size, traits) for size, traits in ranked if traits and size >= SLIGHT)


def _correct(
    family: str, traits: tuple[Trait, ...], families: pd.Series, orders: pd.Series | None, segment: object
) -> tuple[Trait, ...]:
    """Traits are relative; what they would claim must also be true."""
    if family == "frequency" and families[family] > 0:
        stays = families.get("recency", 0.0) < CLEAR and families.get("tenure", 0.0) > -CLEAR
        return traits if stays else traits[1:]
    most = float("inf") if orders is None else orders.get(segment, float("inf"))
    if most <= 1 and families.get(family, 0.0) < 0:
        if family == "frequency":
            return (Trait("one-time buyers" if most == 1 else "visitors without a purchase", "who"),)
        if family == "spending":
            return ()
    return traits


def _spell_out(factor: str) -> FactorWords:
    words = label_factor(re.sub(r"_(\d+d|lifetime)$", "", factor))
    return _words(high=(f"high {words}", "how"), low=(f"low {words}", "how"))


def _draft(ranked: Sequence[tuple[float, tuple[Trait, ...]]]) -> _Named:
    """Fill state, who and one of where and how with the strongest clear traits; a family counts once."""
    free: dict[Place, tuple[Place, ...]] = {
        "state": ("state",), "who": ("who",), "where": ("where", "how"), "how": ("where", "how")
    }  # fmt: skip
    taken: set[Place] = set()
    used: list[Trait] = []
    left: list[Trait] = []
    for size, traits in ranked:
        fitting = next((trait for trait in traits if trait.place not in taken), None)
        if size >= CLEAR and fitting:
            used.append(fitting)
            taken.update(free[fitting.place])
        else:
            left.append(traits[-1])
    return _Named(tuple(used), tuple(left))


def _find_ties(names: Mapping[int, str]) -> set[int]:
    times = Counter(names.values())
    return {segment for segment, name in names.items() if times[name] > 1}


def _number_ties(*sources: Mapping[int, str]) -> dict[int, str]:
    """Every name once; of equal ones the first keeps it plain, by the order of the sources, then by segment id."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for source in sources:
        plain = set(source.values())
        for segment, name in sorted(source.items()):
            number, unique = 1, name
            # A number may not make a name that another of the same source has as it is.
            while unique in taken or (number > 1 and unique in plain):
                number += 1
                unique = f"{name} {number}"
            names[segment] = unique
            taken.add(unique)
    return dict(sorted(names.items()))
