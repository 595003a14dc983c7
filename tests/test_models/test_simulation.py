"""The simulator's truth is true: whatever it says about a shop can be measured in what the shop did."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.simulation.events import KINDS, SOURCES
from models.simulation.people import KEY_KINDS
from models.simulation.segments import EQUAL_RFM_PAIR, SEGMENTS, SHIFTING_SEGMENT, list_segments
from models.simulation.shop import Shop, simulate_shop

LAST_DAY = date(2026, 11, 16)
SHIFT_WEEK = 44  # as in conftest.py
OWN_KINDS = [kind for kind in KINDS if kind not in ("email_sent", "refund", "ad_impression")]


def label_events(shop: Shop) -> pd.DataFrame:
    return shop.events.assign(segment=shop.truth.people["segment"].to_numpy()[shop.events["person"]])


def summarise_people(shop: Shop) -> pd.DataFrame:
    """A few reaction factors of everyone who bought, with the person's true segment."""
    events = label_events(shop)

    def count(chosen: pd.Series) -> pd.Series:
        return events[chosen].groupby("person").size()

    bought = events["kind"] == "purchase"
    orders, sent = count(bought), count(events["kind"] == "email_sent")
    visited = count(events["kind"].isin(["session", "store_visit"]))
    recent = events[bought].groupby("person")["occurred_on"].max()
    factors = pd.DataFrame(
        {
            "orders": orders,
            "visits": visited,
            "basket": events[bought].groupby("person")["value"].mean(),
            "recency": (pd.Timestamp(LAST_DAY) - recent).dt.days,
            "discounted": count(bought & (events["discount"] > 0)).reindex(orders.index, fill_value=0)
            / orders,
            "returned": count(events["kind"] == "refund").reindex(orders.index, fill_value=0) / orders,
            "opened": count(events["kind"] == "email_open").reindex(orders.index, fill_value=0) / sent,
            "app": count((events["kind"] == "session") & (events["channel"] == "app")) / visited,
            "store": count(events["kind"] == "store_visit") / visited,
            "dwell": events.groupby("person")["duration_s"].mean(),
        }
    )
    factors = factors.loc[orders.index].fillna({"app": 0.0, "store": 0.0, "dwell": 0.0, "opened": 0.25})
    return factors.join(shop.truth.people.set_index("person"))


# ── the frame


def test_same_seed_gives_the_same_shop_and_another_seed_another() -> None:
    first, again, other = (
        simulate_shop(customers=200, weeks=20, last_day=LAST_DAY, seed=seed) for seed in (5, 5, 6)
    )
    for name in ("customers", "events", "mess", "campaigns", "assignments", "costs"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    for name in ("keys", "people", "effects", "mess"):
        pd.testing.assert_frame_equal(getattr(first.truth, name), getattr(again.truth, name))
    assert not first.events["value"].equals(other.events["value"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"segments": 4}, "segments must be 5 to 8, got 4"),
        ({"segments": 9}, "segments must be 5 to 8, got 9"),
        ({"customers": 0}, "customers must be at least 1, got 0"),
        ({"weeks": 7}, "weeks must be at least 8, got 7"),
        ({"weeks": 20, "shift_week": 20}, r"shift_week must be 0 to 19 \(the last week\), got 20"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate_shop(**({"customers": 50, "weeks": 10, "last_day": LAST_DAY} | arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize(("customers", "weeks", "segments"), [(1, 8, 5), (3, 12, 8), (40, 60, 7)])
def test_small_shops_work(customers: int, weeks: int, segments: int) -> None:
    tiny = simulate_shop(
        customers=customers, weeks=weeks, segments=segments, last_day=date(2026, 3, 29), seed=1
    )
    assert len(tiny.customers) == customers
    assert set(tiny.truth.people["segment"]) <= set(range(segments))
    assert (tiny.last_day - tiny.first_day).days == 7 * weeks - 1
    assert tiny.events["occurred_on"].between(str(tiny.first_day), str(tiny.last_day)).all()


def test_a_year_has_the_promised_volume_and_every_kind(shop: Shop) -> None:
    year = shop.events["occurred_on"] < pd.Timestamp(shop.first_day) + pd.Timedelta(weeks=52)
    assert 400_000 <= year.sum() <= 500_000
    assert set(shop.events["kind"]) == set(KINDS)
    assert set(shop.events["source"]) == set(SOURCES)


def test_times_are_whole_utc_seconds_in_opening_hours_of_the_shops_own_day(shop: Shop) -> None:
    local = shop.events["occurred_at"].dt.tz_convert("Europe/Berlin")
    assert str(shop.events["occurred_at"].dtype) == "datetime64[s, UTC]"
    assert shop.events["occurred_at"].is_monotonic_increasing
    assert (local.dt.tz_localize(None).dt.normalize() == shop.events["occurred_on"]).all()
    assert local.dt.hour.between(8, 23).all()
    assert shop.events["event_id"].is_unique


def test_weeks_and_years_have_seasons(shop: Shop) -> None:
    bought = shop.events.loc[shop.events["kind"] == "purchase", "occurred_on"]
    weekday = bought.dt.dayofweek.value_counts()
    month = bought.dt.month.value_counts()
    assert 1.05 < weekday[5] / weekday[1] < 1.5
    assert 1.05 < (month[12] / 31) / (month[7] / 31) < 1.6


# ── people and keys


def test_each_key_belongs_to_one_person_and_each_person_has_the_basic_ones(shop: Shop) -> None:
    keys = shop.truth.keys
    assert not keys.duplicated(["key_kind", "key_value"]).any()
    assert set(keys["key_kind"]) == set(KEY_KINDS)
    for kind in ("crm", "email"):
        assert sorted(keys.loc[keys["key_kind"] == kind, "person"]) == list(range(5000))
    second = keys[keys["key_kind"] == "cookie"].groupby("person").size()
    assert 0.10 < (second == 2).mean() < 0.20
    known = shop.truth.people.set_index("person")["segment"]
    assert (keys["segment"].to_numpy() == known.loc[keys["person"]].to_numpy()).all()


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_events_carry_only_the_persons_own_keys(shop: Shop, kind: str) -> None:
    owner = shop.truth.keys[shop.truth.keys["key_kind"] == kind].set_index("key_value")["person"]
    known = shop.events[shop.events[f"key_{kind}"].notna()]
    assert len(known) > 0
    assert (owner.loc[known[f"key_{kind}"].astype("str")].to_numpy() == known["person"].to_numpy()).all()


def test_every_event_carries_a_key_its_source_can_know(shop: Shop) -> None:
    key = {"web": "cookie", "app": "device", "crm": "crm", "social": "social", "offline": "loyalty_card"}
    for source, kind in key.items():
        rows = shop.events[shop.events["source"] == source]
        assert rows[f"key_{kind}"].notna().all()
    mailed = shop.events["key_email"].notna().groupby(shop.events["source"], observed=True).mean()
    assert mailed["offline"] == 0
    assert mailed[["web", "app", "crm", "social"]].between(0.3, 0.97).all()


def test_nobody_acts_before_arriving_or_after_leaving(shop: Shop) -> None:
    people = shop.truth.people
    own = shop.events[shop.events["kind"].isin(OWN_KINDS)]
    whose = people.iloc[own["person"]]
    assert (own["occurred_on"].to_numpy() >= whose["arrived_on"].to_numpy()).all()
    left = whose["left_on"].notna().to_numpy()
    assert (own["occurred_on"].to_numpy()[left] <= whose["left_on"].to_numpy()[left]).all()
    assert 0.02 < people["left_on"].notna().mean() < 0.10
    arrived = people["arrived_on"] >= pd.Timestamp(shop.first_day)
    assert 0.04 < arrived.mean() < 0.10
    registered = shop.events.loc[shop.events["kind"] == "registration", "person"]
    assert sorted(registered) == sorted(people.loc[arrived, "person"])


def test_consent_is_given_by_nearly_all_and_respected(shop: Shop) -> None:
    refusing = shop.customers.loc[shop.customers["consent_marketing"] != "yes", "person"]
    assert 0.96 < (shop.customers["consent_profiling"] == "yes").mean() < 0.98
    assert set(shop.customers["consent_profiling"]) == {"yes", "no", ""}
    mailed = shop.events.loc[shop.events["kind"] == "email_sent", "person"]
    assert not mailed.isin(refusing).any()
    assert not shop.assignments["person"].isin(refusing).any()
    quit_at = shop.events[shop.events["kind"] == "email_unsubscribe"].groupby("person")["occurred_at"].min()
    sent = shop.events[(shop.events["kind"] == "email_sent") & shop.events["person"].isin(quit_at.index)]
    assert (sent["occurred_at"] < quit_at.loc[sent["person"]].to_numpy()).all()


# ── the funnel


def test_funnel_is_consistent_in_every_session(shop: Shop) -> None:
    online = shop.events[shop.events["session_id"].notna()]
    steps = pd.get_dummies(online["kind"]).groupby(online["session_id"].to_numpy(dtype=int)).sum()
    assert (steps["session"] == 1).all()
    assert (steps["page_view"] >= 1).all()
    assert (steps["product_view"] >= steps["add_to_cart"]).all()
    assert (steps["add_to_cart"] >= steps["checkout"]).all()
    assert (steps["checkout"] >= steps["purchase"]).all()
    assert 0 < (steps["checkout"] > steps["purchase"]).mean() < 0.5
    assert (steps.sum(axis=1) == 2).mean() > 0.05  # some bounce


def test_sessions_hold_together_in_time_person_channel_and_key(shop: Shop) -> None:
    online = shop.events[shop.events["session_id"].notna()].astype({"session_id": "int64"})
    one = online.groupby("session_id")
    for column in ("person", "channel", "device", "key_cookie", "key_device", "key_email"):
        assert one[column].nunique().max() <= 1, column
    opened = online[online["kind"] == "session"].set_index("session_id")
    lasted = (one["occurred_at"].max() - opened["occurred_at"]).dt.total_seconds()
    assert (opened["duration_s"] > 0).all()
    assert ((lasted >= 0) & (lasted < opened["duration_s"])).all()
    bought = shop.events["kind"] == "purchase"
    assert (shop.events["session_id"].isna() == (shop.events["channel"] == "store"))[bought].all()


def test_orders_have_money_and_refunds_follow_them(shop: Shop) -> None:
    orders = shop.events[shop.events["kind"] == "purchase"].set_index("order_id")
    assert orders.index.is_unique
    assert (orders["value"] > 0).all()
    assert (orders["discount"] >= 0).all()
    assert (orders["margin"] < orders["value"]).all()
    assert (orders["quantity"] >= 1).all()
    assert orders["category"].notna().all()
    refunds = shop.events[shop.events["kind"] == "refund"]
    of = orders.loc[refunds["order_id"]]
    assert (refunds["value"].to_numpy() <= of["value"].to_numpy()).all()
    assert (refunds["person"].to_numpy() == of["person"].to_numpy()).all()
    waited = (refunds["occurred_on"].to_numpy() - of["occurred_on"].to_numpy()) / np.timedelta64(1, "D")
    assert ((waited >= 3) & (waited <= 14)).all()


# ── segments


def test_segments_behave_as_their_averages_say(shop: Shop) -> None:
    factors = summarise_people(shop)
    measured = factors.groupby("segment")[["basket", "discounted", "opened"]].mean()
    for number, segment in enumerate(list_segments(6)):
        assert measured.loc[number, "basket"] == pytest.approx(segment.basket, rel=0.06)
        assert measured.loc[number, "discounted"] == pytest.approx(segment.discount, abs=0.04)
        assert measured.loc[number, "opened"] == pytest.approx(segment.mail_open, abs=0.04)
    events = label_events(shop)
    returned = events[events["kind"] == "refund"].groupby("segment").size() / (
        events[events["kind"] == "purchase"].groupby("segment").size()
    )
    for number, segment in enumerate(list_segments(6)):
        assert returned[number] == pytest.approx(segment.returns, abs=0.03)
    stores = factors.groupby("segment")["store"].mean()
    assert stores.idxmax() == [s.name for s in SEGMENTS].index("store families")


def test_pair_is_equal_in_rfm_and_differs_in_channel_and_discount(shop: Shop) -> None:
    factors = summarise_people(shop)
    stayed = factors[factors["left_on"].isna() & (factors["arrived_on"] < pd.Timestamp(shop.first_day))]
    one, other = (stayed[stayed["segment"] == number] for number in EQUAL_RFM_PAIR)
    assert one["orders"].mean() == pytest.approx(other["orders"].mean(), rel=0.08)
    assert one["basket"].mean() == pytest.approx(other["basket"].mean(), rel=0.05)
    assert one["recency"].median() == pytest.approx(other["recency"].median(), abs=4)
    assert other["app"].mean() - one["app"].mean() > 0.7
    assert other["discounted"].mean() - one["discounted"].mean() > 0.5
    first, second = (SEGMENTS[number] for number in EQUAL_RFM_PAIR)
    for name in ("gap_days", "gap_shape", "basket", "season", "returns", "browsing", "leaving"):
        assert getattr(first, name) == getattr(second, name)


def test_people_of_a_segment_differ_and_segments_overlap(shop: Shop) -> None:
    factors = summarise_people(shop)
    spread = factors.groupby("segment")["basket"].agg(["mean", "std"])
    assert (spread["std"] / spread["mean"]).between(0.15, 0.6).all()
    low, high = factors[factors["segment"] == 1]["orders"], factors[factors["segment"] == 4]["orders"]
    assert low.quantile(0.9) > high.quantile(0.1)  # nobody can be told apart by frequency alone


def test_segments_can_be_recovered_from_reaction_factors(shop: Shop) -> None:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from sklearn.preprocessing import StandardScaler

    factors = summarise_people(shop)
    behaviour = factors[
        ["orders", "visits", "basket", "discounted", "returned", "opened", "app", "store", "dwell"]
    ]
    scaled = StandardScaler().fit_transform(np.log1p(behaviour))
    found = KMeans(6, n_init=3, random_state=0).fit_predict(scaled)
    assert adjusted_rand_score(factors["segment"], found) > 0.85


@pytest.mark.parametrize("count", [5, 6, 7, 8])
def test_any_number_of_segments_from_five_to_eight(count: int) -> None:
    chosen = simulate_shop(customers=400, weeks=8, last_day=LAST_DAY, segments=count, seed=2)
    assert set(chosen.truth.people["segment"]) == set(range(count))
    assert list(chosen.truth.segments["name"]) == [segment.name for segment in SEGMENTS[:count]]
    assert len(set(chosen.truth.segments["name"])) == count


# ── the shift


def test_shift_shows_from_its_week_on_and_only_where_it_should(shifted: Shop) -> None:
    begins = pd.Timestamp(shifted.first_day) + pd.Timedelta(weeks=SHIFT_WEEK)
    assert shifted.truth.shift_on == begins
    assert shifted.truth.shift_week == SHIFT_WEEK
    plain = simulate_shop(customers=2500, last_day=LAST_DAY, seed=3)

    def measure(shop: Shop) -> tuple[pd.Series, pd.Series, pd.Series]:
        events = label_events(shop)
        moves = (events["segment"] == SHIFTING_SEGMENT).rename("moves")
        after = (events["occurred_on"] >= begins).rename("after")
        visits, orders = events["kind"] == "session", events["kind"] == "purchase"
        kinds = pd.crosstab(after, events["kind"])
        app = (events["channel"] == "app")[visits].groupby([moves[visits], after[visits]]).mean()
        cheap = (events["discount"] > 0)[orders].groupby([moves[orders], after[orders]]).mean()
        return app, cheap, kinds["email_open"] / kinds["email_sent"]

    (app, cheap, opens), (app_plain, cheap_plain, opens_plain) = measure(shifted), measure(plain)
    pd.testing.assert_series_equal(app.drop((True, True)), app_plain.drop((True, True)), atol=0.03, rtol=0)
    pd.testing.assert_series_equal(
        cheap.drop((True, True)), cheap_plain.drop((True, True)), atol=0.04, rtol=0
    )
    assert app[(True, True)] - app_plain[(True, True)] > 0.35
    assert cheap[(True, True)] - cheap_plain[(True, True)] > 0.35
    assert opens[False] == pytest.approx(opens_plain[False], abs=0.01)
    assert opens[True] / opens_plain[True] == pytest.approx(0.5, abs=0.05)
