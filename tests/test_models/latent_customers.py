"""Customers of known latent groups, as a frame of reaction factors with all that is wrong with real ones."""

import numpy as np
import pandas as pd

#        orders  basket  app   discount opens
GROUPS = np.array(
    [
        [2.0, 60.0, 0.10, 0.10, 0.50],  # the first two are equal in recency, frequency and money
        [2.0, 60.0, 0.85, 0.75, 0.15],
        [6.0, 35.0, 0.10, 0.30, 0.25],
        [1.0, 300.0, 0.15, 0.05, 0.60],
        [3.0, 130.0, 0.50, 0.20, 0.30],
    ]
)


def make_customers(count: int = 1200, *, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Factors by customer_id, and the group of each: skewed money, near-duplicates, noise, gaps."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, len(GROUPS), count)
    rate, basket, app, discount, opens = GROUPS[group].T
    own = rate * rng.lognormal(0, 0.15, count)
    orders = rng.poisson(own[:, None] * np.array([1, 2, 4])).astype(float)
    money = basket * rng.lognormal(0, 0.25, count)
    frame = pd.DataFrame(
        {
            "orders_90d": orders[:, 1],
            "orders_180d": orders[:, 2],
            "revenue_90d": orders[:, 1] * money,
            "revenue_180d": orders[:, 2] * money,
            "spend_180d": orders[:, 2] * money * 1.19,
            "aov": np.where(orders[:, 2] > 0, money, np.nan),
            "days_since_last_purchase": rng.exponential(90 / own),
            "app_share": rng.beta(20 * app, 20 * (1 - app)),
            "mobile_share": rng.beta(10 * (0.2 + 0.7 * app), 10 * (0.8 - 0.7 * app)),
            "discount_share": rng.beta(20 * discount, 20 * (1 - discount)),
            "discount_order_rate": rng.beta(12 * discount, 12 * (1 - discount)),
            "email_open_rate": rng.beta(20 * opens, 20 * (1 - opens)),
            "email_click_rate": rng.beta(8 * opens, 8 * (1 - opens)),
            **{f"noise_{i}": rng.gamma(1.0, 1.0, count) for i in range(6)},
            "always_three": np.full(count, 3.0),
            "never_known": np.full(count, np.nan),
        },
        index=pd.Index([f"c{i:05d}" for i in range(count)], name="customer_id"),
    )
    frame.loc[frame.index[rng.random(count) < 0.1], "email_open_rate"] = np.nan
    return frame, pd.Series(group, index=frame.index, name="group")


def make_outcomes(group: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """What customers of these groups do afterwards; their churn has nothing to do with the group."""
    rng = np.random.default_rng(seed + 1000)
    rate, basket, _app, _discount, opens = GROUPS[group.to_numpy()].T
    bought = rng.poisson(rate)
    return pd.DataFrame(
        {
            "log_revenue": np.log1p(bought * basket * rng.lognormal(0, 0.3, len(group))),
            "log_aov": np.where(bought > 0, np.log(basket) + rng.normal(0, 0.3, len(group)), np.nan),
            "responded": (rng.random(len(group)) < opens).astype(float),
            "churned": (rng.random(len(group)) < 0.1).astype(float),
            "returned": np.zeros(len(group)),
        },
        index=group.index,
    )
