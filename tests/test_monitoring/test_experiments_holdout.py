"""Who is held out: a share of all customers by chance, anew each quarter, by a rule that needs no memory."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest

from monitoring.experiments.holdout import HoldoutSettings, list_quarters, name_quarter, select_holdout


def select(ids: list[str], quarter: str = "2026-Q4", share: float = 0.05) -> set[str]:
    customers = ibis.memtable(pd.DataFrame({"customer_id": pd.Series(ids, dtype="str")}))
    return set(select_holdout(customers, quarter=quarter, share=share).to_pandas()["customer_id"])


CUSTOMERS = [f"c_{number:06d}" for number in range(40_000)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_the_share_is_right_within_chance(share: float) -> None:
    assert binomtest(len(select(CUSTOMERS, share=share)), len(CUSTOMERS), share).pvalue > 0.001


def test_quarters_are_independent_draws() -> None:
    autumn, winter = select(CUSTOMERS), select(CUSTOMERS, "2027-Q1")
    assert binomtest(len(autumn & winter), len(CUSTOMERS), 0.05**2).pvalue > 0.001


def test_a_larger_share_holds_the_same_and_more() -> None:
    assert select(CUSTOMERS[:5000], share=0.05) < select(CUSTOMERS[:5000], share=0.1)


@settings(max_examples=25, deadline=None)
@given(
    ids=st.lists(st.text("abcdef0123456789_", min_size=1, max_size=12), unique=True, max_size=40),
    data=st.data(),
)
def test_the_rule_looks_at_nobody_else(ids: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(ids))
    some = shuffled[: len(ids) // 2]
    held = select(ids, share=0.4)
    assert select(shuffled, share=0.4) == held
    assert select(some, share=0.4) == held & set(some)
    digests = {one: sha256(f"holdout/2026-Q4/{one}".encode()).hexdigest() for one in ids}
    assert held == {one for one in ids if int(digests[one][:13], 16) < round(0.4 * 16**13)}


def test_nobody_is_held_out_where_the_share_is_nothing() -> None:
    assert select(CUSTOMERS[:1000], share=0.0) == set()


def test_quarters_are_those_of_the_calendar() -> None:
    assert [name_quarter(date(2026, month, 1)) for month in (1, 3, 4, 9, 10, 12)] == [
        "2026-Q1", "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4", "2026-Q4",
    ]  # fmt: skip
    assert list_quarters(date(2026, 9, 30), date(2027, 1, 1)) == ("2026-Q3", "2026-Q4", "2027-Q1")
    assert list_quarters(date(2026, 5, 1), date(2026, 5, 1)) == ("2026-Q2",)


@pytest.mark.parametrize("share", [-0.1, 0.5, 1.0])
def test_a_share_that_leaves_too_few_is_refused(share: float) -> None:
    with pytest.raises(ValidationError):
        HoldoutSettings(share=share)
