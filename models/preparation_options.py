"""What can be chosen in preparing factors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from models.projections import Projection
from models.tails import Outliers
from models.weights import Weighting

Skewed = Literal["log", "yeo-johnson"]
Scaling = Literal["deviation", "quartiles"]
Mixes = Literal["shares", "hellinger"]
Selection = Literal["distinct", "informative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationOptions:
    """How factors are prepared.

    Attributes:
        outliers: `winsorised`, extreme values are drawn in to the quantile; `clipped`, to the outer fences;
            `apart`, winsorised, and customers far from the rest in all factors together are no part of the fit and in
            no segment.
        tail: share of customers at either end whose values are drawn in to the quantile.
        apart: share of customers of one normal cloud that `apart` would set apart.
        mixes: parts of a whole (factors called `…_share`) as `shares`, or `hellinger`: as the angle whose sine is the
            square root, so that distance between mixes is Hellinger's, and a step from 1 to 5 % is as wide as one from
            50 to 59 % (Rao 1995, "The use of Hellinger distance in graphical displays of contingency table data").
        skewed: what is done with skewed factors: non-negative ones as `log`(1 + x), or all
            after Yeo & Johnson 2000, "A new family of power transformations to improve normality or symmetry".
        skew: skewness from which a factor counts as skewed.
        scaling: what is one unit: the standard `deviation` of values drawn in, or the distance of the `quartiles`.
        duplicate: of factors whose correlation exceeds this, the first stays.
        selection: `distinct`, constant and repeating factors leave; `informative`, also those that groups of
            customers explain no better than shuffled ones.
        kin: factors that correlate by at least this (average linkage) are one family.
        weighting: `equal`; `balanced`, a family of factors weighs as much as a single factor; `informative`,
            balanced, and the more a factor differs between groups of customers, the more it weighs.
        projection: `none`; `components`, principal components; `discriminants`, the directions in which
            groups of customers lie far apart for how wide each is; `pls`, the directions that foretold what earlier
            customers did afterwards.
        variance: share of the variance at which principal components are enough.
        dimensions: at most this many of a projection.
    """

    outliers: Outliers = "winsorised"
    tail: float = 0.005
    apart: float = 0.001
    mixes: Mixes = "shares"
    skewed: Skewed = "log"
    skew: float = 1.0
    scaling: Scaling = "deviation"
    duplicate: float = 0.95
    selection: Selection = "distinct"
    kin: float = 0.75
    weighting: Weighting = "informative"
    projection: Projection = "none"
    variance: float = 0.95
    dimensions: int = 10

    def __post_init__(self) -> None:
        for option, allowed in _CHOICES.items():
            if getattr(self, option) not in allowed:
                raise ValueError(
                    f"{option} '{getattr(self, option)}' is unknown; there are: {', '.join(allowed)}"
                )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


_CHOICES = {
    "outliers": get_args(Outliers),
    "mixes": get_args(Mixes),
    "skewed": get_args(Skewed),
    "scaling": get_args(Scaling),
    "selection": get_args(Selection),
    "weighting": get_args(Weighting),
    "projection": get_args(Projection),
}
