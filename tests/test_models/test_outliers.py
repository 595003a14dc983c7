"""The split of outliers: bounds from all customers, one of the two is enough, and nothing known is dormant."""

import numpy as np
import pandas as pd
import pytest

from models.outliers import OutlierSplit, learn_split

CUSTOMERS = pd.DataFrame(
    {
        "revenue_90d": [5.0, 5, 5, 5, 5],
        "revenue_180d": [0.0, 0.0, 10, 20, 90],
        "days_since_last_purchase": [300.0, np.nan, 50, 70, 10],
        "days_since_last_activity": [1.0, 1, 1, 1, 1],
    }
)


def test_the_bounds_are_the_middle_spender_and_the_middle_recency() -> None:
    assert learn_split(CUSTOMERS) == OutlierSplit(
        value="revenue_180d", value_least=20.0, recency="days_since_last_purchase", days_most=60.0
    )


def test_value_or_recency_is_enough_and_nothing_known_is_dormant() -> None:
    split = learn_split(CUSTOMERS)
    assert split is not None
    # 20 spent long ago, 10 spent within 60 days, and the big spender; not who spent nothing lately, or is unknown.
    assert split.find_valuable(CUSTOMERS).tolist() == [False, False, True, True, True]
    assert OutlierSplit(**split.to_dict()) == split
    with pytest.raises(ValueError, match="factors missing: revenue_180d; the model splits outliers by them"):
        split.find_valuable(CUSTOMERS.drop(columns="revenue_180d"))


def test_what_is_not_known_is_done_without() -> None:
    nobody_spends = CUSTOMERS.assign(revenue_180d=0.0, revenue_90d=0.0)
    by_recency = learn_split(nobody_spends)
    assert by_recency is not None
    assert (by_recency.value, by_recency.bounds) == (None, {"days_since_last_purchase": 60.0})
    assert by_recency.find_valuable(nobody_spends).tolist() == [False, False, True, False, True]
    by_value = learn_split(CUSTOMERS[["revenue_90d"]])
    assert by_value is not None
    assert by_value.find_valuable(CUSTOMERS).all()
    never_bought = learn_split(CUSTOMERS.assign(days_since_last_purchase=np.nan))
    assert never_bought is not None
    assert never_bought.recency == "days_since_last_activity"
    assert learn_split(pd.DataFrame({"aov": [1.0, 2.0]})) is None
