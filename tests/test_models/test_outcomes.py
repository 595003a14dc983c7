"""What customers did afterwards: the window is exact, and what cannot be known stays empty."""

import math
from datetime import UTC, date, datetime

import ibis
import pandas as pd
import pytest

from models.outcomes import compute_outcomes
from models.rollups import roll_up

AFTER, UNTIL = date(2026, 3, 31), date(2026, 6, 29)
TEXTS = (
    "source", "event_id", "customer_id", "kind", "order_id", "category", "session_id", "device", "channel",
    "campaign_id",
)  # fmt: skip
NUMBERS = ("value", "margin", "quantity", "discount", "duration_s")
SCHEMA = {
    **dict.fromkeys(TEXTS, "string"), "occurred_at": "timestamp('UTC')", **dict.fromkeys(NUMBERS, "float64"),
}  # fmt: skip
EVENTS = [
    # customer, day, kind, value, order
    ("anna", date(2026, 3, 31), "purchase", 500.0, "before"),
    ("anna", date(2026, 4, 1), "purchase", 30.0, "first"),
    ("anna", date(2026, 4, 1), "purchase", 10.0, "first"),
    ("anna", date(2026, 6, 29), "purchase", 60.0, "last"),
    ("anna", date(2026, 6, 20), "refund", 25.0, "first"),
    ("anna", date(2026, 6, 30), "purchase", 700.0, "after"),
    ("bert", date(2026, 5, 1), "email_sent", None, None),
    ("bert", date(2026, 5, 2), "email_sent", None, None),
    ("bert", date(2026, 5, 2), "email_open", None, None),
    ("cleo", date(2026, 5, 1), "email_sent", None, None),
    ("cleo", date(2026, 5, 1), "ad_impression", None, None),
    ("none_of_ours", date(2026, 5, 1), "purchase", 9.0, "x"),
]


@pytest.fixture(scope="module")
def outcomes() -> pd.DataFrame:
    ibis.get_backend().raw_sql("SET TimeZone = 'UTC'")
    events = pd.DataFrame(
        [
            {
                "source": "web", "event_id": str(i), "customer_id": customer, "kind": kind, "value": value,
                "order_id": order, "occurred_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            }
            for i, (customer, day, kind, value, order) in enumerate(EVENTS)
        ]
    ).reindex(columns=list(SCHEMA))  # fmt: skip
    table = ibis.memtable(events, schema=ibis.schema(SCHEMA))
    rollups = roll_up(table, timezone="UTC", since=date(2026, 1, 1), until=date(2026, 12, 31))
    customers = ibis.memtable(pd.DataFrame({"customer_id": ["anna", "bert", "cleo", "dora"]}))
    found = compute_outcomes(rollups, after=AFTER, until=UNTIL, customers=customers)
    return found.to_pandas().set_index("customer_id").sort_index()


def test_every_customer_asked_for_has_one_row_of_numbers(outcomes: pd.DataFrame) -> None:
    assert list(outcomes.index) == ["anna", "bert", "cleo", "dora"]
    assert set(outcomes.dtypes.astype(str)) == {"float64"}


def test_the_window_begins_after_its_first_day_and_ends_with_its_last(outcomes: pd.DataFrame) -> None:
    anna = outcomes.loc["anna"]
    assert anna["log_revenue"] == pytest.approx(math.log(101))
    assert anna["log_aov"] == pytest.approx(math.log(50))
    assert anna["returned"] == pytest.approx(0.25)
    assert list(outcomes["converted"]) == [1.0, 0.0, 0.0, 0.0]


def test_mail_received_is_no_action_but_mail_opened_is(outcomes: pd.DataFrame) -> None:
    assert outcomes["churned"].to_dict() == {"anna": 0.0, "bert": 0.0, "cleo": 1.0, "dora": 1.0}
    assert (outcomes.loc["bert", "responded"], outcomes.loc["cleo", "responded"]) == (0.5, 0.0)


def test_what_cannot_be_known_is_empty(outcomes: pd.DataFrame) -> None:
    others = outcomes.loc[["bert", "cleo", "dora"]]
    assert (others["log_revenue"] == 0).all()
    assert others[["log_aov", "returned"]].isna().all(axis=None)
    assert outcomes["responded"].isna().to_dict() == {
        "anna": True,
        "bert": False,
        "cleo": False,
        "dora": True,
    }
