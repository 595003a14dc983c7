"""What each assigned customer did: every rule of the window, on events made for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import pandas as pd
import pytest

from monitoring.experiments import Campaign, MeasurementSettings, read_campaigns
from monitoring.experiments.outcomes import build_outcomes, count_overlaps

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=14)
LATER = END + timedelta(days=100)
CAMPAIGN = Campaign(campaign_id="spring", name="Spring", channel="email", starts_at=START, ends_at=END)

EVENT_COLUMNS = {
    "source": "string", "event_id": "string", "customer_id": "string", "occurred_at": "timestamp('UTC')",
    "kind": "string", "value": "float64", "margin": "float64", "order_id": "string",
    "discount": "float64",
}  # fmt: skip
ASSIGNMENT_COLUMNS = {
    "campaign_id": "string", "customer_id": "string", "arm": "string", "assigned_at": "timestamp('UTC')",
    "segment_id": "int64",
}  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[ibis.BaseBackend]:
    connection = ibis.duckdb.connect()
    connection.raw_sql("set timezone = 'UTC'")
    yield connection
    connection.disconnect()


@pytest.fixture
def observe(connection):
    """Outcomes of customers, given as {customer: [(days after the start, kind, value, extras), …]}."""

    def run(
        events: dict[str, list[tuple]],
        *,
        assigned: list[dict] | None = None,
        campaign: Campaign = CAMPAIGN,
        until: datetime = LATER,
        margin_rate: float | None = None,
        value_days: int | None = None,
    ) -> pd.DataFrame:
        rows = [
            {"source": "shop", "event_id": f"{customer}-{i}", "customer_id": customer,
             "occurred_at": START + timedelta(days=day), "kind": kind, "value": value, **dict(*extra)}
            for customer, done in events.items()
            for i, (day, kind, value, *extra) in enumerate(done)
        ]  # fmt: skip
        assigned = assigned or [{"customer_id": customer} for customer in events]
        assigned = [
            {"campaign_id": "spring", "arm": "treatment", "assigned_at": START, "segment_id": 1} | one
            for one in assigned
        ]
        outcomes = build_outcomes(
            _table(connection, rows, EVENT_COLUMNS),
            _table(connection, assigned, ASSIGNMENT_COLUMNS),
            campaign=campaign,
            until=until,
            settings=MeasurementSettings(margin_rate=margin_rate, value_days=value_days),
        )
        return outcomes.to_pandas().set_index("customer_id")

    return run


def _table(connection: ibis.BaseBackend, rows: list[dict], columns: dict[str, str]) -> ibis.Table:
    frame = pd.DataFrame(rows, columns=list(columns))
    for name, dtype in columns.items():
        if dtype.startswith("timestamp"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        else:
            frame[name] = frame[name].astype({"int64": "Int64"}.get(dtype, dtype))
    return connection.create_table(ibis.util.gen_name("table"), frame, temp=True).cast(columns)


def test_only_the_window_counts(observe) -> None:
    found = observe(
        {
            "before": [(-0.01, "purchase", 50.0)],
            "first moment": [(0, "purchase", 50.0)],
            "last moment": [(13.999, "purchase", 50.0)],
            "at the end": [(14, "purchase", 50.0)],
            "nothing": [],
        }
    )
    assert found["converted"].to_dict() == {
        "before": 0, "first moment": 1, "last moment": 1, "at the end": 0, "nothing": 0,
    }  # fmt: skip
    assert found["revenue"].sum() == 100.0
    assert found.loc["before", "prior_revenue"] == 50.0


def test_a_purchase_before_the_customers_own_assignment_is_past(observe) -> None:
    found = observe(
        {"late": [(2, "purchase", 20.0), (4, "purchase", 30.0)]},
        assigned=[{"customer_id": "late", "assigned_at": START + timedelta(days=3)}],
    ).loc["late"]
    assert (found["revenue"], found["orders"]) == (30.0, 1)
    assert (found["prior_revenue"], found["prior_orders"]) == (20.0, 1)


def test_assignment_before_the_start_does_not_open_the_window(observe) -> None:
    found = observe(
        {"early": [(-2, "purchase", 20.0), (-181, "purchase", 7.0), (-182, "refund", 3.0)]},
        assigned=[{"customer_id": "early", "assigned_at": START - timedelta(days=2)}],
    ).loc["early"]
    assert (found["converted"], found["revenue"]) == (0, 0.0)
    # The one on the day of assignment is neither past nor window; 180 days back from there reach day -182.
    assert (found["prior_revenue"], found["prior_orders"]) == (4.0, 1)


def test_nothing_is_known_after_until(observe) -> None:
    events = {"a": [(3, "purchase", 10.0), (5, "purchase", 90.0)]}
    assert observe(events, until=START + timedelta(days=5))["revenue"].tolist() == [10.0]


def test_orders_are_distinct_and_lines_without_a_number_count_alone(observe) -> None:
    same = {"order_id": "o1"}
    found = observe(
        {
            "two lines": [(1, "purchase", 5.0, same), (1, "purchase", 6.0, same), (2, "purchase", 7.0)],
            "refund only": [(1, "refund", 9.0)],
        }
    )
    assert found["orders"].to_dict() == {"two lines": 2, "refund only": 0}
    assert found["revenue"].to_dict() == {"two lines": 18.0, "refund only": -9.0}
    assert found["converted"].to_dict() == {"two lines": 1, "refund only": 0}


def test_margin_is_known_only_where_every_purchase_tells_it(observe) -> None:
    told = {"margin": 4.0}
    events = {
        "told": [(1, "purchase", 10.0, told)],
        "half told": [(1, "purchase", 10.0, told), (2, "purchase", 10.0)],
        "no purchase": [(1, "page_view", None)],
    }
    margin = observe(events)["margin"]
    assert margin["told"] == 4.0
    assert pd.isna(margin["half told"])
    assert margin["no purchase"] == 0.0
    assert observe(events, margin_rate=0.3)["margin"]["half told"] == 7.0


@pytest.mark.parametrize("back", [-3.0, 3.0])
def test_a_refund_takes_its_margin_back_whichever_its_sign(observe, back: float) -> None:
    done = [(1, "purchase", 10.0, {"margin": 4.0}), (2, "refund", 5.0, {"margin": back})]
    assert observe({"a": done})["margin"].tolist() == [1.0]


def test_a_refund_without_margin_takes_back_its_share(observe) -> None:
    found = observe(
        {
            "buyer": [(1, "purchase", 100.0, {"margin": 40.0})],
            "returner": [(1, "purchase", 100.0, {"margin": 20.0}), (2, "refund", 50.0)],
        }
    )["margin"]
    assert found.to_dict() == pytest.approx({"buyer": 40.0, "returner": 20.0 - 50.0 * 0.3})


def test_churn_waits_for_its_horizon_and_needs_the_customers_own_doing(observe) -> None:
    events = {
        "came back": [(20, "page_view", None)],
        "was only written to": [(20, "email_sent", None), (21, "ad_impression", None)],
        "unsubscribed": [(20, "email_unsubscribe", None)],
        "active before the end alone": [(13, "purchase", 5.0)],
        "too late": [(74, "purchase", 5.0)],
        "never seen": [],
    }
    horizon = END + timedelta(days=60)
    found = observe(events, until=horizon)
    assert found["active"].to_dict() == dict.fromkeys(events, 0) | {"came back": 1}
    assert (found["active"] + found["churned"]).eq(1).all()
    early = observe(events, until=horizon - timedelta(seconds=1))
    assert early["active"].isna().all()
    assert early["churned"].isna().all()


def test_what_customers_did_is_told_by_kind(observe) -> None:
    outcomes = observe(
        {
            "anna": [(1, "email_open", None), (1, "email_click", None), (2, "session", None)],
            "bert": [(1, "email_unsubscribe", None), (2, "complaint", None), (3, "refund", 5.0)],
            "cleo": [(-1, "session", None), (20, "email_open", None)],
        }
    )
    columns = ["visited", "opened", "clicked", "unsubscribed", "complained", "refunds", "prior_visited"]
    assert outcomes.loc["anna", columns].tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert outcomes.loc["bert", columns].tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert outcomes.loc["cleo", columns].tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_answers_are_promoters_less_detractors(observe) -> None:
    answers = [
        (1, "survey", 10.0),
        (2, "survey", 9.0),
        (3, "survey", 8.0),
        (4, "survey", 6.0),
        (20, "survey", 0.0),
    ]
    outcomes = observe({"anna": answers, "bert": [(1, "session", None)]})
    assert outcomes.loc["anna", ["surveys", "promoted"]].tolist() == [4, 1]
    assert outcomes.loc["bert", ["surveys", "promoted"]].tolist() == [0, 0]


def test_who_bought_before_is_not_new(observe) -> None:
    outcomes = observe(
        {"anna": [(-300, "purchase", 9.0), (1, "purchase", 9.0)], "bert": [(1, "purchase", 9.0)]}
        | {"dora": [(-1, "session", None)]}
    )
    assert outcomes["is_new"].to_dict() == {"anna": 0, "bert": 1, "dora": 1}
    assert outcomes["new_converted"].to_dict() == {"anna": 0, "bert": 1, "dora": 0}


def test_realised_value_is_followed_beyond_the_campaign(observe) -> None:
    bought = {"anna": [(1, "purchase", 20.0), (20, "purchase", 30.0), (40, "purchase", 50.0)]}
    options = {"margin_rate": 0.5}
    assert observe(bought, **options).loc["anna", ["margin", "realised"]].tolist() == [10.0, 10.0]
    followed = observe(bought, **options, value_days=30)
    assert followed.loc["anna", ["margin", "realised"]].tolist() == [10.0, 25.0]


def test_late_conversions_are_those_of_the_second_half_less_those_of_the_first(observe) -> None:
    days = [1, 2, 10]
    outcomes = observe({"anna": [(day, "purchase", 1.0) for day in days], "bert": [(12, "purchase", 1.0)]})
    assert outcomes["late_conversions"].to_dict() == {"anna": -1, "bert": 1}


def test_the_past_is_told_with_the_names_of_the_present(observe) -> None:
    outcomes = observe(
        {
            "anna": [(-10, "purchase", 40.0), (-9, "refund", 10.0), (-61, "session", None)],
            "bert": [(-61, "session", None), (-5, "email_sent", None)],
        },
        margin_rate=0.5,
    )
    columns = ["prior_converted", "prior_revenue", "prior_margin", "prior_realised", "prior_churned"]
    assert outcomes.loc["anna", columns].tolist() == [1, 30.0, 15.0, 15.0, 0]
    assert outcomes.loc["bert", columns].tolist() == [0, 0.0, 0.0, 0.0, 1]
    assert outcomes["prior_retained"].to_dict() == {"anna": 1, "bert": 0}


def test_discounts_are_those_of_purchases_in_the_window(observe) -> None:
    outcomes = observe(
        {
            "anna": [(1, "purchase", 20.0, {"discount": 2.0}), (2, "purchase", 9.0, {"discount": 1.0})],
            "bert": [(-1, "purchase", 20.0, {"discount": 2.0}), (1, "session", None)],
        }
    )
    assert outcomes["discounts"].to_dict() == {"anna": 3.0, "bert": 0.0}


def test_a_customer_in_both_arms_is_left_out_and_counted(observe, connection) -> None:
    assigned = [
        {"customer_id": "both", "arm": "control"},
        {"customer_id": "both", "arm": "treatment"},
        {"customer_id": "one", "arm": "control"},
        {"customer_id": "twice the same", "arm": "control"},
        {"customer_id": "twice the same", "arm": "control"},
        {"customer_id": "elsewhere", "arm": "control", "campaign_id": "other"},
    ]
    found = observe({"both": [(1, "purchase", 5.0)], "one": []}, assigned=assigned)
    assert sorted(found.index) == ["one", "twice the same"]
    rows = [{"campaign_id": "spring", "assigned_at": START, "segment_id": 1} | one for one in assigned]
    assignments = _table(connection, rows, ASSIGNMENT_COLUMNS)
    assert count_overlaps(assignments, campaign=CAMPAIGN) == 1
    assert count_overlaps(assignments, campaign=replace(CAMPAIGN, campaign_id="other")) == 0


def test_any_kind_may_be_the_conversion(observe) -> None:
    visits = replace(CAMPAIGN, conversion_kind="store_visit")
    found = observe({"a": [(1, "store_visit", None)], "b": [(1, "purchase", 5.0)]}, campaign=visits)
    assert found["converted"].to_dict() == {"a": 1, "b": 0}
    assert found["orders"].to_dict() == {"a": 0, "b": 1}


def test_the_segment_is_the_one_at_assignment(observe) -> None:
    found = observe(
        {"known": [], "unknown": []},
        assigned=[{"customer_id": "known", "segment_id": 4}, {"customer_id": "unknown", "segment_id": None}],
    )
    assert found.loc["known", "segment_id"] == 4
    assert pd.isna(found.loc["unknown", "segment_id"])


def test_campaigns_are_read_from_their_table() -> None:
    rows = pd.DataFrame(
        {
            "campaign_id": ["a", "b"],
            "name": ["A", "B"],
            "channel": ["email", None],
            "starts_at": pd.to_datetime(["2026-01-01", "2026-02-01"], utc=True),
            "ends_at": pd.to_datetime(["2026-01-15", "2026-02-15"], utc=True),
            "primary_metric": ["revenue", None],
            "control_share": [0.2, None],
        }
    )
    first, second = read_campaigns(rows)
    assert (first.primary_metric, first.control_share, first.channel) == ("revenue", 0.2, "email")
    assert (second.primary_metric, second.control_share, second.channel) == ("conversion", None, None)
    assert second.ends_at == datetime(2026, 2, 15, tzinfo=UTC)


def test_times_without_a_timezone_are_named() -> None:
    with pytest.raises(ValueError, match="campaign 'spring': starts_at has no timezone"):
        replace(CAMPAIGN, starts_at=datetime(2026, 6, 1))
