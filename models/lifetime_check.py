"""Whether predicted lifetime values can be believed: do spend and frequency go apart, and did the forecast come true?

A model is fitted on what was known a while ago, foretells the weeks since, and is held against what happened in them:
over all customers, and segment by segment, where a pooled model can be wrong while it is right on the whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from models.gamma_gamma import find_spenders
from models.lifetime_value import (
    LifetimeValueModel,
    check_horizon,
    fit_lifetime_value,
    predict_lifetime_value,
)
from models.likelihood import NoFit
from models.purchase_histories import DAY

CORRELATION_MAX = 0.1
RATIO_MAX = 0.2
MAPE_MAX = 0.2
GINI_MIN = 0.2
BUYERS_MIN = 300
DECILES = 10

Verdict = Literal["holds", "fails", "unknown"]


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation of how often and for how much customers buy again, among those who do.

    Of the values themselves: where both are independent its expectation is zero, while ranks and logarithms of a mean
    depend on how many purchases it is of. The standard error holds under unequal spread.
    """

    value: float
    error: float

    @property
    def is_too_strong(self) -> bool:
        """Whether it is beyond 0.1, in either direction, by more than two standard errors."""
        return abs(self.value) - 2 * self.error > CORRELATION_MAX


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was foretold of customers beside what they did.

    Attributes:
        deciles: decile (1 is the tenth of whom most was foretold), predicted and actual (means a customer), customers.
        ratio: all that was foretold ÷ all that happened.
        ratio_error: the standard error of the ratio, from the spread over customers.
        gini: the Gini coefficient of what happened in the order foretold ÷ that in the best order there is: 1 ranks
            perfectly, 0 like a coin.
        mape: mean absolute error over deciles, each as a share of what happened; a decile in which nothing happened
            counts as 1, unless nothing was foretold. Tenths that hardly buy rule it, so it decides nothing.
        weighted_mape: the same with deciles weighted by what happened: Σ |predicted − actual| ÷ Σ actual.
        error_by_chance: how large that gets, in one of forty samples, by chance alone if the forecast is exactly right.
    """

    deciles: pd.DataFrame
    ratio: float
    ratio_error: float
    gini: float
    mape: float
    weighted_mape: float
    error_by_chance: float


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationVerdict:
    """Whether the model can be believed of some customers, and why.

    Attributes:
        verdict: `unknown` where too few bought to tell.
        sentences: what was found, for people.
        customers: how many there are.
        correlation, purchases, value: None where they cannot be had.
    """

    verdict: Verdict
    sentences: tuple[str, ...]
    customers: int
    correlation: Correlation | None = None
    purchases: Calibration | None = None
    value: Calibration | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LifetimeValueCheck:
    """The guard's findings.

    Attributes:
        model: as fitted on the histories of a while ago; None where it could not be.
        overall: of all customers.
        by_segment: of each segment alone, by the model of all.
    """

    model: LifetimeValueModel | None
    overall: CalibrationVerdict
    by_segment: Mapping[Hashable, CalibrationVerdict]

    @property
    def holds(self) -> bool:
        """Whether predictions may be used at all."""
        return self.overall.verdict == "holds"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not; empty where they may."""
        return () if self.holds else self.overall.sentences


def check_lifetime_value(
    histories: pd.DataFrame,
    holdout: pd.DataFrame,
    *,
    weeks: float,
    segments: pd.Series | None = None,
    resolution: float | None = DAY,
) -> LifetimeValueCheck:
    """Fit on the histories, foretell the holdout, and say whether that came true.

    It fails where one of these holds, for all customers or for those of a segment:

    - frequency and spend are correlated by more than 0.1, by two standard errors beyond it;
    - purchases, or value, are on the whole foretold more than 20 % wrong, by two standard errors beyond it;
    - deciles, weighted by what happened, are off by 20 % more than chance alone makes it in one of forty samples;
    - the normalised Gini of the ranking is under 0.2.

    It is unknown where fewer than 300 customers bought in the holdout, or bought again before it; for all customers
    that is no reason to believe it.

    Args:
        histories: as of the end of the calibration period, by customer_id: frequency, recency, age (weeks), spend.
        holdout: the weeks after, by customer_id: purchases, value; who is missing bought nothing. Of customers who are
            not in the histories nothing could be foretold: they are not looked at.
        weeks: how long the holdout is; it must be over.
        segments: by customer_id, as they were when the histories ended; customers without one are in the whole only.

    Raises:
        ValueError: the weeks are not positive, or a customer is there twice.
    """
    check_horizon(weeks)
    if not (histories.index.is_unique and holdout.index.is_unique):
        raise ValueError("histories and holdout must have one row a customer")
    try:
        model = fit_lifetime_value(histories, resolution=resolution)
    except NoFit as reason:
        told = CalibrationVerdict("fails", (f"there is no model: {reason}",), len(histories))
        return LifetimeValueCheck(None, told, {})
    predicted = predict_lifetime_value(model, histories, weeks=weeks)
    actual = holdout.reindex(histories.index)[["purchases", "value"]].fillna(0.0)
    overall = _judge(histories, predicted, actual)
    if segments is None:
        return LifetimeValueCheck(model, overall, {})
    rows = segments.reindex(histories.index).groupby(segments.reindex(histories.index), sort=True).indices
    by_segment = {
        segment: _judge(histories.iloc[at], predicted.iloc[at], actual.iloc[at])
        for segment, at in rows.items()
    }
    return LifetimeValueCheck(model, overall, by_segment)


def _judge(histories: pd.DataFrame, predicted: pd.DataFrame, actual: pd.DataFrame) -> CalibrationVerdict:
    customers, buyers = len(histories), int((actual["purchases"] > 0).sum())
    spenders = find_spenders(histories)
    if min(buyers, int(spenders.sum())) < BUYERS_MIN:
        sentence = (
            f"{buyers:,} customers bought in the holdout and {int(spenders.sum()):,} had bought again before: too few "
            f"to tell, it takes {BUYERS_MIN} of each"
        )
        return CalibrationVerdict("unknown", (sentence,), customers)
    if not actual["value"].sum() > 0:
        return CalibrationVerdict("fails", ("nothing was spent in the holdout",), customers)
    correlation = measure_correlation(histories[spenders])
    known = predicted["value"].notna().to_numpy()
    purchases = measure_calibration(predicted["purchases"], actual["purchases"])
    value = measure_calibration(predicted.loc[known, "value"], actual.loc[known, "value"])
    faults = _find_dependence(correlation)
    for name, calibration in (("purchases", purchases), ("value", value)):
        faults += find_faults(calibration, name=name)
    fine = (
        f"the forecast came true: {value.ratio:.0%} of the value that was spent was foretold, deciles are off by "
        f"{value.weighted_mape:.0%}",
    )
    verdict: Verdict = "fails" if faults else "holds"
    return CalibrationVerdict(verdict, tuple(faults) or fine, customers, correlation, purchases, value)


def measure_correlation(histories: pd.DataFrame) -> Correlation:
    """Correlation of frequency and spend; of customers who all have the same of one it is 0."""
    frequency, spend = (histories[name].to_numpy(dtype=np.float64) for name in ("frequency", "spend"))
    x, m = frequency - frequency.mean(), spend - spend.mean()
    scale = float(np.sqrt((x @ x) * (m @ m)))
    if not scale > 0:
        return Correlation(0.0, 0.0)
    return Correlation(float(x @ m) / scale, float(np.sqrt((x * x) @ (m * m))) / scale)


def measure_calibration(predicted: pd.Series, actual: pd.Series) -> Calibration:
    """Hold forecasts against what happened; the same customers in the same order, none of them null.

    Customers of whom the same was foretold share what they did, so that their order in the frame makes no difference.

    Raises:
        ValueError: there is nobody, or nothing happened on the whole.
    """
    foretold, happened = (values.to_numpy(dtype=np.float64) for values in (predicted, actual))
    if not len(foretold) or not happened.sum() > 0:
        raise ValueError("a forecast cannot be held against nothing")
    order = np.argsort(-foretold, kind="stable")
    foretold, happened = foretold[order], happened[order]
    shared = _share_ties(foretold, happened)
    ends = np.round(np.linspace(0, len(foretold), min(DECILES, len(foretold)) + 1)).astype(int)
    sizes = np.diff(ends)
    means = [np.add.reduceat(values, ends[:-1]) / sizes for values in (foretold, shared, happened**2)]
    spread = np.sqrt(np.maximum(means[2] - means[1] ** 2, 0.0) / sizes)
    deciles = pd.DataFrame(
        {
            "decile": np.arange(1, len(sizes) + 1),
            "predicted": means[0],
            "actual": means[1],
            "customers": sizes,
        }
    )
    off, came = np.abs(means[0] - means[1]), np.abs(means[1])
    shares = np.divide(off, came, out=(off > 0).astype(float), where=came > 0)
    ratio = foretold.sum() / happened.sum()
    residual = foretold - ratio * happened
    return Calibration(
        deciles=deciles,
        ratio=float(ratio),
        ratio_error=float(np.sqrt(residual @ residual) / happened.sum()),
        gini=_gini(shared) / max(_gini(np.sort(happened)[::-1]), 1e-12),
        mape=float(shares.mean()),
        weighted_mape=float(sizes @ off / (sizes @ came)),
        error_by_chance=_expect_by_chance(sizes * spread) / float(sizes @ came),
    )


def _expect_by_chance(errors: np.ndarray) -> float:
    """What the sum of the sizes of independent normal errors is above in one of forty samples."""
    # A size has the mean √(2/π), and the variance 1 − 2/π, of the deviation and variance it is the size of.
    return float(np.sqrt(2 / np.pi) * errors.sum() + 2 * np.sqrt((1 - 2 / np.pi) * (errors @ errors)))


def find_faults(calibration: Calibration, *, name: str) -> list[str]:
    """What is wrong with a forecast of `name`, by the limits of `check_lifetime_value`; a sentence a fault."""
    faults = []
    ratio, error = calibration.ratio, calibration.ratio_error
    if abs(ratio - 1) - 2 * error > RATIO_MAX:
        faults.append(f"{name} foretold: {ratio:.0%} of what came (limit: 20 % off)")
    if calibration.weighted_mape - calibration.error_by_chance > MAPE_MAX:
        faults.append(
            f"{name} by decile: {calibration.weighted_mape:.0%} off, of which chance explains "
            f"{calibration.error_by_chance:.0%} (limit: 20 % more)"
        )
    if calibration.gini < GINI_MIN:
        faults.append(
            f"customers are ranked by {name} hardly better than by lot: normalised Gini {calibration.gini:.2f} "
            f"(limit: {GINI_MIN})"
        )
    return faults


def _find_dependence(correlation: Correlation) -> list[str]:
    if not correlation.is_too_strong:
        return []
    who = "more" if correlation.value > 0 else "less"
    return [
        f"customers who buy more often spend {who} a purchase (correlation {correlation.value:.2f}, limit "
        f"{CORRELATION_MAX}), which the model takes to be independent"
    ]


def _share_ties(foretold: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """What happened, averaged over those of whom the same was foretold; sorted by what was foretold."""
    starts = np.flatnonzero(np.diff(foretold, prepend=np.nan) != 0)
    sizes = np.diff(starts, append=len(foretold))
    return np.repeat(np.add.reduceat(happened, starts) / sizes, sizes)


def _gini(values: np.ndarray) -> float:
    """Gini coefficient of values in a given order, the largest expected first."""
    captured = np.cumsum(values) / values.sum()
    return float(2 * captured.mean() - 1 - 1 / len(values))
