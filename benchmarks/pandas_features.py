"""The reaction factors in plain pandas, as an analyst would write them: the yardstick for the engine's.

Groupby and merge on whole columns, no loop over customers. `python -m benchmarks.pandas_features plain|tuned EVENTS
AS_OF TIMEZONE OUT` reads the columns it needs from Parquet, writes one row a customer and prints the seconds of each
step as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import date

import numpy as np
import pandas as pd

FEW_VALUES = ["kind", "category", "device", "channel"]
COLUMNS = [
    "customer_id", "event_id", "occurred_at", "value", "order_id", "quantity", "discount", "session_id",
    "duration_s", *FEW_VALUES,
]  # fmt: skip
SENT = ("email_sent", "ad_impression")
MOBILE = ("mobile", "phone", "smartphone", "tablet")
SOCIAL = ("review", "like", "share", "comment")
SERVICE = ("support_ticket", "complaint")
PRIOR_TRIALS, FEWEST, MOST = 10.0, 2.0, 200.0


def read_events(path: str) -> pd.DataFrame:
    """The columns the factors need, as they come."""
    return pd.read_parquet(path, columns=COLUMNS)


def read_tuned(path: str) -> pd.DataFrame:
    """The same with numbers and categories for words, as someone would who knows how pandas spends its time."""
    events = pd.read_parquet(path, columns=COLUMNS, read_dictionary=FEW_VALUES)
    codes, labels = pd.factorize(events["customer_id"])
    events["customer_id"] = codes.astype("int32")
    events.attrs["customers"] = labels
    return events


def compute_features(events: pd.DataFrame, *, as_of: date, timezone: str) -> pd.DataFrame:
    """Every reaction factor by customer_id. Events later than `as_of` are not looked at."""
    day = events["occurred_at"].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
    age = (pd.Timestamp(as_of) - day).dt.days.astype("int32")
    events = events.drop(columns="occurred_at").rename(columns={"customer_id": "customer"}).assign(age=age)
    if (age < 0).any():
        events = events[events["age"] >= 0]
    orders = _collect_orders(events)
    sessions = _collect_sessions(events)
    active = events.loc[~events["kind"].isin(SENT), ["customer", "age"]].drop_duplicates()
    features = pd.DataFrame(index=pd.Index(events["customer"].unique(), name="customer_id"))
    features = features.join(_recency(events, active)).join(_frequency(orders, sessions, active))
    features = features.join(_monetary(orders)).join(_discounts(orders)).join(_rhythm(orders))
    features = features.join(_returns(events)).join(_categories(events)).join(_sessions(sessions))
    features = features.join(_reactions(events)).join(_carts(events)).join(_trend(events, active))
    return _fill(features)


def _collect_orders(events: pd.DataFrame) -> pd.DataFrame:
    columns = ["customer", "age", "event_id", "order_id", "value", "quantity", "discount"]
    lines = events.loc[events["kind"] == "purchase", columns]
    lines["order_id"] = lines["order_id"].fillna(lines["event_id"])
    return (
        lines.groupby(["customer", "order_id"], sort=False)
        .agg(
            age=("age", "max"),
            revenue=("value", "sum"),
            quantity=("quantity", "sum"),
            discount=("discount", "sum"),
        )
        .reset_index("customer")
    )


def _collect_sessions(events: pd.DataFrame) -> pd.DataFrame:
    visits = events.loc[events["session_id"].notna(), ["customer", "session_id", "age", "kind", "duration_s"]]
    visits = visits.assign(
        event=visits["kind"] != "session", page=visits["kind"].isin(["page_view", "product_view"])
    )
    return (
        visits.groupby(["customer", "session_id"], sort=False)
        .agg(
            age=("age", "max"),
            duration_s=("duration_s", "max"),
            events=("event", "sum"),
            pages=("page", "sum"),
        )
        .reset_index("customer")
    )


def _recency(events: pd.DataFrame, active: pd.DataFrame) -> pd.DataFrame:
    ages = active.groupby("customer")["age"].agg(["min", "max"])
    bought = events.loc[events["kind"] == "purchase"].groupby("customer")["age"].min()
    return pd.DataFrame(
        {
            "days_since_last_activity": ages["min"],
            "days_since_last_purchase": bought,
            "tenure_days": ages["max"],
        }
    )


def _frequency(orders: pd.DataFrame, sessions: pd.DataFrame, active: pd.DataFrame) -> pd.DataFrame:
    counts = {f"orders_{days}d": _count(orders[orders["age"] < days]) for days in (30, 90, 180)}
    counts["orders_lifetime"] = _count(orders)
    counts["active_days_90d"] = _count(active[active["age"] < 90])
    counts |= {f"visits_{days}d": _count(sessions[sessions["age"] < days]) for days in (7, 30, 90, 180)}
    return pd.DataFrame(counts)


def _monetary(orders: pd.DataFrame) -> pd.DataFrame:
    def spent(days: float) -> pd.Series:
        return orders[orders["age"] < days].groupby("customer")["revenue"].sum()

    by_customer = orders.groupby("customer")
    count, lifetime = by_customer.size(), by_customer["revenue"].sum()
    quantity = by_customer["quantity"].sum()
    return pd.DataFrame(
        {
            **{f"revenue_{days}d": spent(days) for days in (30, 90, 180)},
            "revenue_lifetime": lifetime,
            "aov": lifetime / count,
            "basket_size": quantity.where(quantity != 0) / count,
        }
    )


def _discounts(orders: pd.DataFrame) -> pd.DataFrame:
    reduced = orders.assign(reduced=orders["discount"] > 0).groupby("customer")
    sums = reduced[["revenue", "discount", "reduced"]].sum()
    listed = sums["revenue"] + sums["discount"]
    taken_off = (reduced.size() * sums["discount"] / listed.where(listed != 0)).fillna(0.0)
    return pd.DataFrame(
        {
            "discount_share": _shrink(taken_off, reduced.size().where(listed > 0, 0)),
            "discount_order_rate": _shrink(sums["reduced"], reduced.size()),
        }
    )


def _rhythm(orders: pd.DataFrame) -> pd.DataFrame:
    days = orders[["customer", "age"]].drop_duplicates().sort_values(["customer", "age"])
    gaps = days.groupby("customer")["age"].diff().groupby(days["customer"]).agg(["mean", "std"])
    return pd.DataFrame({"gap_mean_days": gaps["mean"], "gap_cv": gaps["std"] / gaps["mean"]})


def _returns(events: pd.DataFrame) -> pd.DataFrame:
    bought = events.loc[events["kind"] == "purchase"].groupby(["customer", "age"])["value"].sum()
    revenue = bought.groupby("customer").sum()
    days = (bought > 0).groupby("customer").sum().astype(float)
    refunded = events.loc[events["kind"] == "refund"].groupby("customer")["value"].sum()
    returned = (days * refunded.reindex(days.index, fill_value=0.0) / revenue.where(revenue != 0)).fillna(0.0)
    return pd.DataFrame({"return_rate": _shrink(returned, days)})


def _categories(events: pd.DataFrame) -> pd.DataFrame:
    met = (
        events.loc[events["category"].notna()]
        .groupby(["customer", "category"], observed=True)["age"]
        .agg(["min", "max"])
    )
    counts = pd.DataFrame({"breadth": met["min"] < 180, "current": met["min"] < 90, "novel": met["max"] < 90})
    sums = counts.groupby("customer").sum()
    recent = events.loc[events["category"].notna() & (events["age"] < 180)]
    interest = (
        recent.groupby(["customer", "category"], observed=True).size().groupby("customer").agg(["max", "sum"])
    )
    return pd.DataFrame(
        {
            "category_breadth": sums["breadth"],
            "category_focus": _shrink(interest["max"], interest["sum"]),
            "novelty_share": _shrink(sums["novel"], sums["current"]),
        }
    )


def _sessions(sessions: pd.DataFrame) -> pd.DataFrame:
    recent = sessions[sessions["age"] < 180]
    by_customer = recent.assign(bounced=recent["events"] == 1).groupby("customer")
    visits = by_customer.size()
    return pd.DataFrame(
        {
            "session_duration_mean": by_customer["duration_s"].mean(),
            "pages_per_session": by_customer["pages"].sum() / visits,
            "bounce_rate": _shrink(by_customer["bounced"].sum(), visits),
        }
    )


def _reactions(events: pd.DataFrame) -> pd.DataFrame:
    recent = events.loc[events["age"] < 180, ["customer", "age", "kind", "device", "channel"]]
    counts = recent.pivot_table(
        index="customer", columns="kind", aggfunc="size", observed=True, fill_value=0
    ).astype(float)
    now = recent[recent["age"] < 90]
    known = recent[recent["device"].notna()]
    told = recent[recent["channel"].notna()]
    zero = pd.Series(0.0, index=counts.index)
    sent, carts = counts.get("email_sent", zero), counts.get("add_to_cart", zero)
    device, channel = _count(known), _count(told)
    return pd.DataFrame(
        {
            "cart_rate": _shrink(carts, counts.get("product_view", zero)),
            "checkout_rate": _shrink(counts.get("checkout", zero), carts),
            "email_open_rate": _shrink(counts.get("email_open", zero), sent),
            "email_click_rate": _shrink(counts.get("email_click", zero), sent),
            "ad_click_rate": _shrink(counts.get("ad_click", zero), counts.get("ad_impression", zero)),
            "push_opens_90d": _count(now[now["kind"] == "push_open"]),
            "ads_clicked_90d": _count(now[now["kind"] == "ad_click"]),
            "social_actions_90d": _count(now[now["kind"].isin(SOCIAL)]),
            "service_contacts_90d": _count(now[now["kind"].isin(SERVICE)]),
            "mobile_share": _shrink(_count(known[known["device"].isin(MOBILE)]), device),
            "app_share": _shrink(_count(told[told["channel"] == "app"]), channel),
            "store_share": _shrink(_count(told[told["channel"] == "store"]), channel),
        }
    )


def _carts(events: pd.DataFrame) -> pd.DataFrame:
    recent = events.loc[events["age"] < 180, ["customer", "age", "kind"]]
    filled = recent.loc[recent["kind"] == "add_to_cart", ["customer", "age"]].drop_duplicates()
    bought = recent.loc[recent["kind"] == "purchase", ["customer", "age"]].drop_duplicates()
    both = filled.merge(bought, on=["customer", "age"])
    days = _count(filled)
    left = days - _count(both).reindex(days.index, fill_value=0.0)
    return pd.DataFrame({"cart_abandonment": _shrink(left, days)})


def _trend(events: pd.DataFrame, active: pd.DataFrame) -> pd.DataFrame:
    seen = pd.Index(events.loc[events["age"] < 120, "customer"].unique(), name="customer")
    bought = events.loc[(events["age"] < 120) & (events["kind"] == "purchase"), ["customer", "age", "value"]]

    def change(recent: pd.Series, before: pd.Series) -> pd.Series:
        r = recent.reindex(seen, fill_value=0.0) / 30
        b = before.reindex(seen, fill_value=0.0) / 90
        total = r + b + (r + b).mean()
        return ((r - b) / total.where(total != 0)).fillna(0.0)

    def spent(rows: pd.DataFrame) -> pd.Series:
        return rows.groupby("customer")["value"].sum()

    in_time = active[active["age"] < 120]
    return pd.DataFrame(
        {
            "trend_revenue": change(spent(bought[bought["age"] < 30]), spent(bought[bought["age"] >= 30])),
            "trend_activity": change(
                _count(in_time[in_time["age"] < 30]), _count(in_time[in_time["age"] >= 30])
            ),
        }
    )


def _count(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby("customer").size().astype(float)


def _shrink(successes: pd.Series, trials: pd.Series) -> pd.Series:
    """Successes ÷ trials, drawn towards everybody's rate by as many trials as customers differ little."""
    trials = trials.astype(float)
    successes = successes.astype(float).reindex(trials.index, fill_value=0.0)
    hits, trials = np.minimum(successes, trials)[trials > 0], trials[trials > 0]
    if trials.empty:
        return trials
    rate = hits.sum() / trials.sum()
    chance = len(trials) - 1
    spread = (hits**2 / trials).sum() - trials.sum() * rate**2
    room = trials.sum() - (trials**2).sum() / trials.sum() - chance
    variance = rate * (1 - rate)
    if variance == 0 or room == 0:
        strength = PRIOR_TRIALS
    else:
        correlation = (spread / variance - chance) / room
        strength = MOST if correlation <= 1 / (1 + MOST) else max(1 / correlation - 1, FEWEST)
    strength = np.round(strength)
    return (hits + strength * rate) / (trials + strength)


def _fill(features: pd.DataFrame) -> pd.DataFrame:
    counted = [
        name
        for name in features
        if str(name).startswith(
            ("orders_", "visits_", "revenue_", "active_days", "push_", "ads_", "social_", "service_")
        )
    ]
    zero = [*counted, "category_breadth", "trend_revenue", "trend_activity"]
    return features.fillna(dict.fromkeys(zero, 0.0)).astype("float64")


def build_features(source: str, target: str, *, as_of: date, timezone: str, tuned: bool) -> dict[str, float]:
    """Seconds of reading and of computing, with the result written to Parquet."""
    started = time.monotonic()
    events = read_tuned(source) if tuned else read_events(source)
    labels = events.attrs.pop("customers", None)
    read = time.monotonic()
    features = compute_features(events, as_of=as_of, timezone=timezone)
    if labels is not None:
        features.index = pd.Index(labels[features.index], name="customer_id")
    features.to_parquet(target)
    return {"read": read - started, "compute": time.monotonic() - read}


if __name__ == "__main__":
    manner, place, last_day, zone, result = sys.argv[1:]
    last = date.fromisoformat(last_day)
    print(json.dumps(build_features(place, result, as_of=last, timezone=zone, tuned=manner == "tuned")))
