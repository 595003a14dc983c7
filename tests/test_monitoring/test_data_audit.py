"""The audit against shops whose truth is known: their age, their keys, what they deliver and what that supports."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from monitoring.data_audit import (
    DataAudit,
    FamilyAudit,
    KeyAudit,
    Reason,
    SourceAudit,
    Support,
    compare_keys,
    count_customers_by_sources,
    describe_history,
    measure_coverage,
)
from monitoring.data_support import Facts, Needs, judge_support
from monitoring.experiments.power import Design, Proportion, find_power

AS_OF = date(2026, 11, 15)
NEEDS = Needs(
    outcome_days=90, longest_window=180, churn_days=60, customers_min=40, alpha=0.05, margin_rate=None,
    consent_default=True,
)  # fmt: skip
FACTS = Facts(
    customers=10_000, contactable=9000, converted=1800, margin_share=1.0, campaigns=2, randomised=1, costed=1,
    consent_profiling=0.9, consent_marketing=0.8,
)  # fmt: skip
WEB = SourceAudit(
    name="web", table="events", read=1000, accepted=960, duplicates=0, quarantined=40, filtered=0,
    max_bad_share=0.05, identified=1.0, keys={"email": 1.0}, reasons=(Reason("kind: unknown", 40, "{}"),), columns={},
)  # fmt: skip
FAMILY = FamilyAudit("monetary", 1.0, {"aov": 0.9, "basket_size": 1.0}, ())
NO_KEYS = KeyAudit((), {"1": 1, "2": 0, "3+": 0}, {})


def deliver(source: str, ages: Iterable[int], events: int = 10) -> pd.DataFrame:
    """So many events on each of the days that lie so long before `AS_OF`."""
    days = pd.to_datetime([AS_OF - timedelta(days=age) for age in ages])
    return pd.DataFrame({"source": source, "day": days, "events": events})


def judge(days: int, **changes: Any) -> dict[str, Support]:
    """The verdicts on a shop of so many days, with `sources`, `keys`, `facts`, `needs` or `until` of its own."""
    history = describe_history(deliver("web", range(days)), as_of=AS_OF)
    assert history is not None
    given: dict[str, Any] = {
        "sources": (WEB,),
        "keys": NO_KEYS,
        "facts": FACTS,
        "needs": NEEDS,
        "until": AS_OF,
    }
    given |= changes
    found = judge_support(
        history, given["sources"], given["keys"], (FAMILY,), given["facts"], needs=given["needs"],
        until=given["until"],
    )  # fmt: skip
    assert len({support.name for support in found}) == len(found)
    return {support.name: support for support in found}


def test_history_counts_whole_weeks_back_from_the_last_day() -> None:
    history = describe_history(deliver("web", range(20)), as_of=AS_OF)
    assert history is not None
    assert (history.first, history.last) == (AS_OF - timedelta(days=19), AS_OF)
    assert (history.days, history.weeks, history.events, history.events_per_week) == (20, 2, 200, 70.0)
    assert list(history.weekly.values()) == [60, 70, 70]
    assert next(iter(history.weekly)) == str(AS_OF - timedelta(days=20))
    assert history.gaps == {}


def test_weeks_without_events_are_named_by_source_and_later_days_do_not_count() -> None:
    daily = pd.concat([deliver("web", range(35)), deliver("shop", [30, 16]), deliver("web", [-1])])
    history = describe_history(daily, as_of=AS_OF)
    assert history is not None
    silent = [AS_OF - timedelta(days=7 * week + 6) for week in (3, 1, 0)]
    assert history.gaps == {"shop": tuple(silent)}
    assert history.events == 370


def test_without_events_there_is_no_history() -> None:
    assert describe_history(deliver("web", [-3]), as_of=AS_OF) is None


def test_a_shop_of_twenty_days_is_too_young_and_is_told_when_it_is_not() -> None:
    found = judge(20)
    assert [name for name in ("outcomes", "longest_window", "season", "churn") if found[name].ok] == []
    assert "needs 121 days of history and has 20" in found["outcomes"].sentence
    assert str(AS_OF - timedelta(days=19) + timedelta(days=120)) in found["outcomes"].sentence


@pytest.mark.parametrize(
    ("name", "days"), [("churn", 88), ("outcomes", 121), ("longest_window", 180), ("season", 371)]
)
def test_each_age_is_enough_from_one_day_to_the_next(name: str, days: int) -> None:
    assert (judge(days - 1)[name].ok, judge(days)[name].ok) == (False, True)


def test_old_data_is_told_the_day_to_run_for() -> None:
    assert judge(100)["current"].ok
    stale = judge(100, until=AS_OF + timedelta(days=40))["current"]
    assert not stale.ok
    assert f"--as-of {AS_OF}" in stale.sentence


def test_keys_shared_by_two_sources_are_a_share_of_the_smaller() -> None:
    links = pd.DataFrame(
        {
            "source": ["web"] * 20 + ["shop"] * 10 + ["shop"] * 5 + ["web"] * 2,
            "key_kind": ["email"] * 30 + ["card"] * 5 + ["cookie"] * 2,
            "key_hash": [
                *(f"e{n}" for n in range(20)),
                *(f"e{n}" for n in range(17, 27)),
                *"abcde",
                "x",
                "x",
            ],
        }
    )
    (overlap,) = compare_keys(ibis.memtable(links))
    assert (overlap.sources, overlap.key_kind, overlap.both, overlap.share) == (
        ("shop", "web"),
        "email",
        3,
        0.3,
    )


def test_keys_of_one_kind_that_never_meet_are_an_overlap_of_none() -> None:
    links = pd.DataFrame({"source": ["web", "shop"], "key_kind": "email", "key_hash": ["a", "b"]})
    (overlap,) = compare_keys(ibis.memtable(links))
    assert (overlap.both, overlap.share) == (0, 0.0)
    found = judge(10, sources=(WEB, replace(WEB, name="shop")), keys=KeyAudit((overlap,), {}, {}))["identity"]
    assert not found.ok
    assert "web, shop" in found.sentence


def test_customers_are_counted_by_how_many_sources_they_are_seen_in() -> None:
    events = pd.DataFrame({"customer_id": list("aabccccd"), "source": list("wwwxyzwx")})
    assert count_customers_by_sources(ibis.memtable(events)) == {"1": 3, "2": 0, "3+": 1}


def test_a_family_covers_those_of_whom_it_knows_anything() -> None:
    factors = pd.DataFrame(
        {
            "aov": [10.0, np.nan, np.nan, 12.0],
            "orders": [1.0, 0.0, 0.0, 0.0],
            "returns": [0.0, 0.0, np.nan, np.nan],
            "visits": [0.0, 0.0, 0.0, 0.0],
        }
    )
    families = {
        "monetary": {"aov": None, "orders": 0.0},
        "returns": {"returns": None},
        "sessions": {"visits": 0.0},
    }
    monetary, returns, sessions = measure_coverage(factors, families, needs={"returns": ("refunds",)})
    assert monetary == FamilyAudit("monetary", 0.5, {"aov": 0.5, "orders": 0.25}, ())
    # Nobody ever returned anything: then returns are not delivered.
    assert returns == FamilyAudit("returns", 0.0, {"returns": 0.0}, ("refunds",))
    assert sessions.coverage == 0.0


def test_nobody_is_covered_where_there_is_nobody() -> None:
    nobody = pd.DataFrame({"aov": []})
    (family,) = measure_coverage(nobody, {"monetary": {"aov": None}}, needs={"monetary": ("purchases",)})
    assert (family.coverage, family.needs) == (0.0, ("purchases",))


def test_a_source_that_would_stop_a_run_is_named_with_its_share() -> None:
    assert judge(10)["clean"].ok
    bad = replace(WEB, name="crm", quarantined=500, filtered=200)
    assert (bad.bad_share, bad.stops_run) == (0.625, True)
    found = judge(10, sources=(WEB, bad))["clean"]
    assert not found.ok
    assert "crm 62.5%" in found.sentence
    assert "web" not in found.sentence


def test_an_experiment_is_too_small_until_it_has_the_customers_it_asks_for() -> None:
    small = judge(10)["experiment"]
    assert not small.ok
    wanted = int(small.sentence.split("needs ")[1].split(" customers")[0].replace(",", ""))
    power = find_power(Proportion(0.2), effect=0.02, customers=wanted, design=Design())
    assert power == pytest.approx(0.8, abs=0.001)
    enough = replace(FACTS, contactable=5 * round(wanted / 5 + 1), converted=round(wanted / 5 + 1))
    assert judge(10, facts=enough)["experiment"].ok
    fewer = replace(FACTS, contactable=5 * round(wanted / 5 - 20), converted=round(wanted / 5 - 20))
    assert not judge(10, facts=fewer)["experiment"].ok


@pytest.mark.parametrize(("people", "converted"), [(0, 0), (50, 0), (50, 50), (3, 2)])
def test_an_experiment_that_cannot_be_planned_says_so(people: int, converted: int) -> None:
    facts = replace(FACTS, contactable=people, converted=converted)
    found = judge(10, facts=facts)["experiment"]
    assert not found.ok
    assert "nothing can be planned" in found.sentence or "not even the largest" in found.sentence


def test_segments_need_customers_and_stable_ones_more() -> None:
    few = judge(10, facts=replace(FACTS, customers=39))
    some = judge(10, facts=replace(FACTS, customers=139))
    many = judge(10, facts=replace(FACTS, customers=140))
    assert [(s["segments"].ok, s["stable_segments"].ok) for s in (few, some, many)] == [
        (False, False), (True, False), (True, True),
    ]  # fmt: skip


def test_what_is_not_delivered_is_asked_for() -> None:
    bare = replace(
        FACTS,
        margin_share=0.0,
        campaigns=0,
        randomised=0,
        costed=0,
        consent_profiling=0.0,
        consent_marketing=0.0,
    )
    found = judge(10, facts=bare)
    assert [name for name in ("margin", "campaigns", "consent") if found[name].ok] == []
    assert "margin_rate" in found["margin"].sentence
    assert "consent_default = true" in found["consent"].sentence
    assert judge(10, facts=bare, needs=replace(NEEDS, margin_rate=0.4))["margin"].ok
    assert "value" in judge(10, facts=replace(FACTS, margin_share=None))["margin"].sentence
    assert not judge(10, facts=replace(FACTS, costed=0))["campaigns"].ok
    assert all(judge(10)[name].ok for name in ("margin", "campaigns", "consent"))


def test_the_audit_is_plain_data() -> None:
    history = describe_history(deliver("web", range(20)), as_of=AS_OF)
    audit = DataAudit(AS_OF, 3, history, (WEB,), NO_KEYS, (FAMILY,), tuple(judge(20).values()))
    plain = json.loads(json.dumps(audit.to_dict(), default=str))
    assert plain["history"]["first"] == "2026-10-27"
    assert plain["sources"][0]["bad_share"] == 0.04
    assert plain["sources"][0]["reasons"] == [{"reason": "kind: unknown", "rows": 40, "example": "{}"}]
    assert plain["support"][0]["name"] == "clean"
