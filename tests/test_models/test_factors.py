"""Reaction factors against values worked out by hand."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from models import factors
from models.factors import (
    ASKED_FOR,
    CUSTOMER_COLUMNS,
    compute_factors,
    describe_factors,
    list_factors,
    load_families,
)
from models.own_factors import OwnFactor, build_families
from models.rollups import COUNTED_KINDS, Rollups
from models.shrinkage import shrink_rates

AS_OF = date(2026, 6, 30)
ACTIVITY = {
    "customer_id": "string",
    "day": "date",
    **dict.fromkeys(
        (
            *("events", *COUNTED_KINDS, "revenue", "margin", "discount", "quantity", "refund_value", "other"),
            *("device_events", "mobile_events", "channel_events", "app_events", "store_events"),
        ),
        "float64",
    ),
}
ORDERS = {
    "customer_id": "string",
    "order_id": "string",
    "day": "date",
    **dict.fromkeys(("revenue", "margin", "discount", "quantity", "lines", "refund_value"), "float64"),
}
SESSIONS = {
    "customer_id": "string",
    "session_id": "string",
    "day": "date",
    **dict.fromkeys(
        ("duration_s", "events", "page_views", "product_views", "carts", "checkouts", "purchases"), "float64"
    ),
    "bounced": "boolean",
}
CATEGORIES = {
    "customer_id": "string",
    "category": "string",
    "day": "date",
    "interactions": "float64",
    "revenue": "float64",
}


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def build_table(rows: list[dict[str, object]], schema: dict[str, str]) -> ibis.Table:
    frame = pd.DataFrame(rows, columns=list(schema))
    numbers = [name for name, kind in schema.items() if kind == "float64"]
    known = [name for name in numbers if name not in ("margin", "duration_s")]
    frame[numbers] = frame[numbers].astype("float64")
    frame[known] = frame[known].fillna(0.0)
    return ibis.memtable(frame, schema=ibis.schema(schema))


ACTIVITY_ROWS: list[dict[str, object]] = [
    {"customer_id": "anna", "day": ago(200), "events": 4, "product_views": 2, "carts": 1, "purchases": 1}
    | {"revenue": 40, "discount": 10},
    {"customer_id": "anna", "day": ago(100), "events": 10, "product_views": 4, "carts": 2, "checkouts": 1}
    | {"purchases": 1, "revenue": 60, "emails_sent": 2, "emails_opened": 1, "emails_clicked": 1}
    | {"device_events": 4, "mobile_events": 4, "channel_events": 8, "app_events": 4},
    {"customer_id": "anna", "day": ago(60), "events": 3, "carts": 1, "product_views": 1, "refund_value": 30}
    | {"social_actions": 2, "pushes_opened": 1},
    {"customer_id": "anna", "day": ago(30), "events": 2, "purchases": 1, "revenue": 30, "ads_clicked": 1},
    {"customer_id": "anna", "day": ago(0), "events": 6, "emails_sent": 2, "ads_seen": 4},
    {"customer_id": "bert", "day": ago(10), "events": 6, "product_views": 4, "emails_sent": 1}
    | {"emails_opened": 1, "service_contacts": 1, "device_events": 4, "channel_events": 4, "store_events": 2},
    {"customer_id": "cleo", "day": ago(5), "events": 1, "emails_sent": 1},
]
ORDER_ROWS: list[dict[str, object]] = [
    {"customer_id": "anna", "order_id": "1", "day": ago(200), "revenue": 40, "discount": 10, "quantity": 3},
    {"customer_id": "anna", "order_id": "2", "day": ago(100), "revenue": 60, "quantity": 2},
    {"customer_id": "anna", "order_id": "3", "day": ago(30), "revenue": 20, "quantity": 1},
    {"customer_id": "anna", "order_id": "4", "day": ago(30), "revenue": 10, "quantity": 2},
]
SESSION_ROWS: list[dict[str, object]] = [
    {"customer_id": "anna", "session_id": "a", "day": ago(100), "duration_s": 60, "page_views": 1}
    | {"product_views": 4, "bounced": False},
    {"customer_id": "anna", "session_id": "b", "day": ago(29), "product_views": 1, "bounced": True},
    {"customer_id": "anna", "session_id": "c", "day": ago(0), "duration_s": 20, "page_views": 3}
    | {"bounced": False},
    {"customer_id": "bert", "session_id": "d", "day": ago(10), "duration_s": 30, "product_views": 4}
    | {"bounced": True},
]
CATEGORY_ROWS: list[dict[str, object]] = [
    {"customer_id": "anna", "category": "tea", "day": ago(200), "interactions": 9},
    {"customer_id": "anna", "category": "tea", "day": ago(30), "interactions": 1},
    {"customer_id": "anna", "category": "mugs", "day": ago(100), "interactions": 2},
    {"customer_id": "anna", "category": "cake", "day": ago(89), "interactions": 3},
    {"customer_id": "bert", "category": "tea", "day": ago(90), "interactions": 2},
]


def build_rollups(
    *,
    activity: list[dict[str, object]] = ACTIVITY_ROWS,
    orders: list[dict[str, object]] = ORDER_ROWS,
    sessions: list[dict[str, object]] = SESSION_ROWS,
    categories: list[dict[str, object]] = CATEGORY_ROWS,
) -> Rollups:
    return Rollups(
        activity=build_table(activity, ACTIVITY),
        orders=build_table(orders, ORDERS),
        sessions=build_table(sessions, SESSIONS),
        categories=build_table(categories, CATEGORIES),
    )


def compute_frame(
    rollups: Rollups, *, own: Sequence[OwnFactor] = (), **known: Sequence[object]
) -> pd.DataFrame:
    """Factors of four customers; `known` are columns of their master data."""
    customers = pd.DataFrame({"customer_id": ["anna", "bert", "cleo", "dora"], **known})
    kinds = {name: CUSTOMER_COLUMNS.get(name, "string") for name in customers}
    table = ibis.memtable(customers, schema=ibis.schema(kinds))
    features = compute_factors(rollups, as_of=AS_OF, customers=table, own=build_families(own)).to_pandas()
    return features.set_index("customer_id").sort_index()


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    return compute_frame(build_rollups())


def test_every_customer_has_one_row_of_floats(features: pd.DataFrame) -> None:
    assert list(features.index) == ["anna", "bert", "cleo", "dora"]
    assert list(features.columns) == [factor.name for factor in list_factors()]
    assert set(features.dtypes) == {np.dtype("float64")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # An e-mail and an ad on the last day are nothing anna did; her last own day is 30 days ago.
        ("days_since_last_activity", {"anna": 30, "bert": 10, "cleo": None, "dora": None}),
        ("days_since_last_purchase", {"anna": 30, "bert": None, "cleo": None, "dora": None}),
        ("tenure_days", {"anna": 200, "bert": 10, "cleo": None, "dora": None}),
        # The window of 30 days begins 29 days before as_of.
        ("orders_30d", {"anna": 0, "bert": 0, "cleo": 0, "dora": 0}),
        ("orders_90d", {"anna": 2}),
        ("orders_180d", {"anna": 3}),
        ("orders_lifetime", {"anna": 4, "bert": 0, "dora": 0}),
        ("active_days_90d", {"anna": 2, "bert": 1, "cleo": 0, "dora": 0}),
        ("visits_7d", {"anna": 1, "bert": 0, "dora": 0}),
        ("visits_30d", {"anna": 2, "bert": 1, "cleo": 0}),
        ("visits_90d", {"anna": 2, "bert": 1, "dora": 0}),
        ("visits_180d", {"anna": 3, "bert": 1, "dora": 0}),
        ("revenue_30d", {"anna": 0, "bert": 0, "dora": 0}),
        ("revenue_90d", {"anna": 30}),
        ("revenue_180d", {"anna": 90}),
        ("revenue_lifetime", {"anna": 130, "bert": 0, "dora": 0}),
        ("aov", {"anna": 130 / 4, "bert": None, "dora": None}),
        ("basket_size", {"anna": 8 / 4, "bert": None, "dora": None}),
        # Two orders on one day are one order day: gaps of 100 and 70 days.
        ("gap_mean_days", {"anna": 85, "bert": None, "dora": None}),
        ("gap_cv", {"anna": math.sqrt(450) / 85, "bert": None}),
        ("session_duration_mean", {"anna": 40, "bert": 30, "cleo": None}),
        ("pages_per_session", {"anna": 3, "bert": 4, "cleo": None}),
        ("push_opens_90d", {"anna": 1, "bert": 0, "dora": 0}),
        ("ads_clicked_90d", {"anna": 1, "bert": 0, "dora": 0}),
        ("category_breadth", {"anna": 3, "bert": 1, "cleo": 0, "dora": 0}),
        ("social_actions_90d", {"anna": 2, "bert": 0, "dora": 0}),
        ("service_contacts_90d", {"anna": 0, "bert": 1, "dora": 0}),
    ],
)
def test_factor_is_what_one_counts_by_hand(
    features: pd.DataFrame, name: str, expected: dict[str, float | None]
) -> None:
    for customer, value in expected.items():
        found = features.loc[customer, name]
        assert found == pytest.approx(np.nan if value is None else value, nan_ok=True), (customer, found)


def test_trend_compares_daily_means_and_is_damped_by_the_population(features: pd.DataFrame) -> None:
    # Revenue of the 120 days: anna spent 90 in the 90 days before the last 30, bert and cleo nothing.
    prior = (90 / 90 + 0 + 0) / 3
    assert features.loc["anna", "trend_revenue"] == pytest.approx((0 - 1) / (0 + 1 + prior))
    # Active days: anna 3 of the 90 before, bert 1 of the last 30, cleo none.
    prior = (3 / 90 + 1 / 30 + 0) / 3
    assert features.loc["anna", "trend_activity"] == pytest.approx((0 - 3 / 90) / (3 / 90 + prior))
    assert features.loc["bert", "trend_activity"] == pytest.approx((1 / 30) / (1 / 30 + prior))
    assert features.loc["cleo", "trend_activity"] == 0
    assert features.loc["dora", "trend_activity"] == 0


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("bounce_rate", {"anna": (1, 3), "bert": (1, 1)}),
        ("cart_rate", {"anna": (3, 5), "bert": (0, 4)}),
        ("checkout_rate", {"anna": (1, 3)}),
        ("cart_abandonment", {"anna": (1, 2)}),
        ("email_open_rate", {"anna": (1, 4), "bert": (1, 1), "cleo": (0, 1)}),
        ("email_click_rate", {"anna": (1, 4), "bert": (0, 1), "cleo": (0, 1)}),
        ("ad_click_rate", {"anna": (1, 4)}),
        ("discount_order_rate", {"anna": (1, 4)}),
        # Of 140 for four orders, 10 were taken off.
        ("discount_share", {"anna": (4 * 10 / 140, 4)}),
        # Of tea and cake, met in the last 90 days, only cake is new; bert's tea is 90 days old.
        ("novelty_share", {"anna": (1, 2)}),
        # Cake is anna's favourite; her first tea is more than 180 days old.
        ("category_focus", {"anna": (3, 6), "bert": (2, 2)}),
        # Of 130 paid on three days, 30 went back.
        ("return_rate", {"anna": (3 * 30 / 130, 3)}),
        ("mobile_share", {"anna": (4, 4), "bert": (0, 4)}),
        ("app_share", {"anna": (4, 8), "bert": (0, 4)}),
        ("store_share", {"anna": (0, 8), "bert": (2, 4)}),
    ],
)
def test_rates_are_shrunk_from_the_counts_one_sees(
    features: pd.DataFrame, name: str, rates: dict[str, tuple[float, float]]
) -> None:
    counts = pd.DataFrame(rates, index=["successes", "trials"]).T.rename_axis("customer_id").reset_index()
    shrunk = shrink_rates(ibis.memtable(counts), expected=("successes", "trials")).to_pandas()
    expected = shrunk.set_index("customer_id")["expected"].reindex(features.index)
    pd.testing.assert_series_equal(features[name], expected, check_names=False)
    assert features[name].isna().sum() == len(features) - len(rates)


def test_few_trials_do_not_read_as_never_or_always() -> None:
    counts = pd.DataFrame(
        {
            "customer_id": ["once", "never", "often", "silent", *(f"other{i}" for i in range(50))],
            "hits": [1.0, 0.0, 90.0, 0.0, *([2.0, 4.0] * 25)],
            "trials": [1.0, 1.0, 100.0, 0.0, *([10.0] * 50)],
        }
    )
    shrunk = shrink_rates(ibis.memtable(counts), rate=("hits", "trials")).to_pandas()
    rate = shrunk.set_index("customer_id")["rate"]
    overall = counts["hits"].sum() / counts["trials"].sum()
    assert 0 < rate["never"] < overall < rate["once"] < 1
    assert rate["once"] - overall < 0.5 * (1 - overall)
    assert rate["often"] == pytest.approx(0.9, abs=0.1)
    assert np.isnan(rate["silent"])


def test_prior_recovers_how_much_customers_differ() -> None:
    rng = np.random.default_rng(7)
    trials = rng.integers(1, 40, size=20_000).astype(float)
    true_rate = rng.beta(0.3 * 12, 0.7 * 12, size=trials.size)
    counts = pd.DataFrame({"hits": rng.binomial(trials.astype(int), true_rate).astype(float)})
    counts["trials"] = trials
    shrunk = shrink_rates(ibis.memtable(counts), rate=("hits", "trials")).to_pandas()
    own = shrunk["hits"] / shrunk["trials"]
    moved = (shrunk["trials"] <= 3) & (own == 0)
    strength = shrunk["rate"] * shrunk["trials"] / (0.3 - shrunk["rate"])
    assert strength[moved].median() == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("hits", "trials", "expected"),
    [
        ([0.0, 0.0], [3.0, 5.0], [0.0, 0.0]),
        ([3.0, 9.0], [3.0, 5.0], [1.0, 1.0]),
        ([0.0, 0.0], [0.0, 0.0], [np.nan, np.nan]),
    ],
)
def test_populations_without_variation_have_one_rate(
    hits: list[float], trials: list[float], expected: list[float]
) -> None:
    counts = ibis.memtable(pd.DataFrame({"hits": hits, "trials": trials}))
    shrunk = shrink_rates(counts, rate=("hits", "trials")).to_pandas()
    np.testing.assert_allclose(shrunk["rate"], expected)


def test_nothing_later_than_as_of_changes_a_factor() -> None:
    tomorrow = AS_OF + timedelta(days=1)
    every_count = {name: 7.0 for name, kind in ACTIVITY.items() if kind == "float64"} | {"events": 99.0}
    much: list[dict[str, object]] = [
        {"customer_id": who, "day": tomorrow, **every_count} for who in ("anna", "dora")
    ]
    later = build_rollups(
        activity=[*ACTIVITY_ROWS, *much],
        orders=[
            *ORDER_ROWS,
            {"customer_id": "anna", "order_id": "9", "day": tomorrow, "revenue": 1e6, "quantity": 50},
            {"customer_id": "dora", "order_id": "8", "day": tomorrow, "revenue": 1e6, "discount": 5},
        ],
        sessions=[
            *SESSION_ROWS,
            {"customer_id": "dora", "session_id": "z", "day": tomorrow, "duration_s": 1e6, "bounced": True},
        ],
        categories=[
            *CATEGORY_ROWS,
            {"customer_id": "anna", "category": "soap", "day": tomorrow, "interactions": 99},
        ],
    )
    own = [
        OwnFactor(name=f"own_{table}", table=table, expression="count(*)", meaning="rows")
        for table in ("activity", "orders", "sessions", "categories")
    ]
    known = {"country": ["DE", "DE", None, None], "acquisition_channel": ["ads", "ads", None, None]}
    told_later = {
        "country": ["DE", "DE", None, "AT"],
        "acquisition_channel": ["ads", "ads", None, "friend"],
        "first_seen": [pd.Timestamp(day, tz="UTC") for day in (AS_OF, ago(9), ago(9), tomorrow)],
    }
    before = compute_frame(build_rollups(), own=own, **known)
    pd.testing.assert_frame_equal(compute_frame(later, own=own, **told_later), before)
    assert len(before.columns) == len(list_factors()) + len(own)


def test_a_family_alone_is_what_it_is_among_the_others(features: pd.DataFrame) -> None:
    for family in load_families().values():
        if family.reads == "rollups":
            alone = family.compute(build_rollups(), AS_OF).to_pandas().set_index("customer_id")
            for factor in family.factors:
                found = alone[factor.name].reindex(features.index).astype("float64")
                found = found if factor.missing is None else found.fillna(factor.missing)
                pd.testing.assert_series_equal(found, features[factor.name])


def test_parts_that_are_kept_make_the_same_whole(features: pd.DataFrame) -> None:
    kept: list[ibis.Table] = []

    def keep(part: ibis.Table) -> ibis.Table:
        kept.append(part)
        return ibis.memtable(part.to_pandas())

    customers = ibis.memtable(pd.DataFrame({"customer_id": features.index}))
    found = compute_factors(build_rollups(), as_of=AS_OF, customers=customers, keep=keep).to_pandas()
    pd.testing.assert_frame_equal(found.set_index("customer_id").sort_index(), features)
    assert len(kept) > 3


def test_demographics_are_shares_of_those_whose_value_is_known() -> None:
    found = compute_frame(
        build_rollups(), country=["DE", "AT", "DE", None], acquisition_channel=[None, None, "ads", "ads"]
    )
    shares = found[["country_share", "acquisition_channel_share"]].to_numpy()
    expected = [[2 / 3, np.nan], [1 / 3, np.nan], [2 / 3, 1.0], [np.nan, 1.0]]
    np.testing.assert_allclose(shares, expected, equal_nan=True)


def test_fields_that_are_asked_for_by_name_are_factors() -> None:
    fields = {"visits", "session_time", "device", "six_month_purchases", "last_contact", "customer_id"}
    assert set(ASKED_FOR) == fields
    factors = {factor.name for factor in list_factors()}
    for field in fields - {"customer_id"}:
        named = set(re.findall(r"`(\w+)`", ASKED_FOR[field]))
        assert named
        assert named <= factors


def test_a_customer_without_a_row_has_the_documented_missing_values(features: pd.DataFrame) -> None:
    expected = {f.name: np.nan if f.missing is None else f.missing for f in list_factors()}
    assert features.loc[["dora"]].to_dict("records")[0] == pytest.approx(expected, nan_ok=True)


def test_empty_rollups_yield_missing_values_for_everyone() -> None:
    features = compute_frame(build_rollups(activity=[], orders=[], sessions=[], categories=[]))
    missing = {f.name: np.nan if f.missing is None else f.missing for f in list_factors()}
    expected = pd.DataFrame(missing, index=features.index)
    pd.testing.assert_frame_equal(features, expected)


def test_unknown_margins_do_not_matter(features: pd.DataFrame) -> None:
    known = [row | {"margin": 5.0} for row in ORDER_ROWS]
    pd.testing.assert_frame_equal(compute_frame(build_rollups(orders=known)), features)


@pytest.mark.parametrize("dialect", ["databricks", "bigquery"])
def test_factors_compile_for_other_engines(dialect: str) -> None:
    schemas = {"activity": ACTIVITY, "orders": ORDERS, "sessions": SESSIONS, "categories": CATEGORIES}
    rollups = Rollups(**{name: ibis.table(schema, name=name) for name, schema in schemas.items()})
    customers = ibis.table({"customer_id": "string"}, name="customers")
    query = ibis.to_sql(compute_factors(rollups, as_of=AS_OF, customers=customers), dialect=dialect)
    assert all(f.name in query for f in list_factors())


def test_description_lists_every_factor_with_its_window() -> None:
    text = describe_factors()
    for factor in list_factors():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{factor.name}` |")]
        assert line.count("|") == 7
        assert ("lifetime" if factor.window is None else f"{factor.window} days") in line
    document = Path(__file__).parents[2] / "docs/reaction_factors.md"
    assert document.read_text(encoding="utf-8") == text


AddFamily = Callable[[str, str], None]
FAMILY_FILE = """
import ibis
from ibis import _
from models.factors import Factor, Family, select_window

FAMILY = Family(
    name="searching",
    factors=(Factor(name="{factor}", meaning="seeks", unit="searches", formula="searches", missing=0.0),),
    compute=lambda rollups, as_of: select_window(rollups.activity, as_of, "searches")
    .group_by("customer_id")
    .aggregate({factor}=_.searches.sum()),
)
"""


@pytest.fixture
def add_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddFamily:
    def add(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(factors, "__path__", [*factors.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, f"models.factors.{name}", raising=False)

    return add


def test_a_new_file_is_a_new_family(add_family: AddFamily) -> None:
    add_family("searching", FAMILY_FILE.format(factor="searches_lifetime"))
    assert "searching" in load_families()
    rows = [*ACTIVITY_ROWS, {"customer_id": "bert", "day": ago(3), "searches": 5.0, "events": 5.0}]
    found = compute_frame(build_rollups(activity=rows))["searches_lifetime"]
    assert found.to_dict() == {"anna": 0.0, "bert": 5.0, "cleo": 0.0, "dora": 0.0}


def test_two_families_that_give_a_sum_the_same_name_are_refused(add_family: AddFamily) -> None:
    text = """
from ibis import _
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor

FAMILY = SummedFamily(
    name="searching",
    factors=(Factor(name="sought", meaning="seeks", unit="searches", formula="searches"),),
    activity=lambda as_of: Sums({"by_device": _.searches.sum()}, values={"sought": _.by_device}),
)
"""
    add_family("searching", text)
    with pytest.raises(ValueError, match=r"two families of factors name a sum 'by_device': rename one"):
        compute_frame(build_rollups())


def test_two_families_with_the_same_factor_are_refused(add_family: AddFamily) -> None:
    add_family("doubled", FAMILY_FILE.format(factor="aov"))
    with pytest.raises(
        ValueError, match=r"factor 'aov' is declared by the families 'monetary' and 'searching'"
    ):
        load_families()
