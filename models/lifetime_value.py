"""What customers are worth in the time ahead: how often they will buy (BG/NBD) × what they spend (Gamma-Gamma).

For ranking customers and forecasting a whole shop. Its predictions are never the outcome of an experiment: both arms
are drawn towards one common fit, which shrinks a true lift; `models.surrogate` projects one instead. Before anything is
done with the predictions, `models.lifetime_check` must have found them to come true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.bg_nbd import (
    PurchaseModel,
    fit_purchases,
    predict_alive,
    predict_discounted_purchases,
    predict_purchases,
)
from models.gamma_gamma import SpendModel, fit_spend, predict_spend
from models.purchase_histories import DAY, check_histories

WEEKS_A_YEAR = 365.25 / 7


@dataclass(frozen=True, slots=True)
class LifetimeValueModel:
    """Both fitted models: how often customers buy, and what they spend."""

    purchases: PurchaseModel
    spend: SpendModel

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the predictions must know."""
        left_out = self.spend.left_out
        told = (f"spend of {left_out:,} customers is not positive, so their value is not predicted",)
        return (*self.purchases.notes, *self.spend.notes, *(told if left_out else ()))


def fit_lifetime_value(histories: pd.DataFrame, *, resolution: float | None = DAY) -> LifetimeValueModel:
    """Fit both models by maximum likelihood.

    Args:
        histories: one row a customer: frequency, recency, age (weeks), spend, as `build_histories` gives them.
        resolution: weeks that times are rounded to; None does not round.

    Raises:
        NoFit: the data do not determine one of the models; says which and why.
    """
    return LifetimeValueModel(fit_purchases(histories, resolution=resolution), fit_spend(histories))


def predict_lifetime_value(
    model: LifetimeValueModel, histories: pd.DataFrame, *, weeks: float, discount_rate: float = 0.0
) -> pd.DataFrame:
    """What each customer is expected to do in the coming weeks, given their history.

    Args:
        histories: one row a customer: frequency, recency, age (weeks), spend.
        weeks: how far ahead.
        discount_rate: a year; what is spent a year from now is worth 1 ÷ (1 + rate) of it today.

    Returns:
        With the histories' index: alive (probability not to have left), purchases (expected, undiscounted), spend
        (expected, a purchase), value (expected residual value, discounted, in the currency of spend). Spend and value
        are NaN for customers who bought again but whose spend is not known to be positive.

    Raises:
        NoFit: a history is impossible.
        ValueError: the weeks are not positive and finite, or the rate is below zero.
    """
    check_horizon(weeks)
    if not 0 <= discount_rate < np.inf:
        raise ValueError(f"discount_rate must be 0 or more, not {discount_rate}")
    check_histories(histories)
    purchases = predict_purchases(model.purchases, histories, weeks=weeks)
    discount = float(np.log1p(discount_rate)) / WEEKS_A_YEAR
    discounted = (
        predict_discounted_purchases(model.purchases, histories, weeks=weeks, discount=discount)
        if discount
        else purchases
    )
    spend = predict_spend(model.spend, histories)
    return pd.DataFrame(
        {
            "alive": predict_alive(model.purchases, histories),
            "purchases": purchases,
            "spend": spend,
            "value": discounted * spend,
        }
    )


def check_horizon(weeks: float) -> None:
    """See that a number of weeks is one.

    Raises:
        ValueError: it is not positive and finite.
    """
    if not 0 < weeks < np.inf:
        raise ValueError(f"weeks must be positive, not {weeks}")
