"""The draw: exact, reproducible, blind to the order of rows, and random."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from monitoring.experiments.assignment import assign_arms, count_arms

TWO_ARMS = {"control": 0.2, "treatment": 0.8}


def make_customers(sizes: list[int]) -> pd.DataFrame:
    """Customers c0, c1, … in segments 0, 1, … of the given sizes."""
    segment_id = np.repeat(np.arange(len(sizes)), sizes)
    return pd.DataFrame({"customer_id": [f"c{i}" for i in range(len(segment_id))], "segment_id": segment_id})


sizes = st.lists(st.integers(0, 60), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(sizes=sizes, share=st.floats(0.02, 0.98), salt=st.text(max_size=8))
def test_sizes_are_exact_over_all_and_within_one_in_every_segment(
    sizes: list[int], share: float, salt: str
) -> None:
    shares = {"control": share, "treatment": 1 - share}
    drawn = assign_arms(make_customers(sizes), shares=shares, salt=salt)
    planned = count_arms(sum(sizes), shares=shares)
    assert drawn["arm"].value_counts().reindex(list(planned), fill_value=0).to_dict() == planned
    control = drawn["arm"].eq("control").groupby(drawn["segment_id"]).sum()
    overall = planned["control"] / max(sum(sizes), 1)
    for segment_id, found in control.items():
        assert abs(found - sizes[segment_id] * overall) < 1


@settings(max_examples=40, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 1_000))
def test_row_order_does_not_matter(sizes: list[int], seed: int) -> None:
    customers = make_customers(sizes)
    shares = {"control": 0.3, "mail": 0.5, "push": 0.2}
    shuffled = customers.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(
        assign_arms(customers, shares=shares, salt="s"), assign_arms(shuffled, shares=shares, salt="s")
    )


@settings(max_examples=100)
@given(customers=st.integers(0, 10_000), weights=st.lists(st.integers(1, 100), min_size=2, max_size=6))
def test_counts_add_up_and_stay_within_one(customers: int, weights: list[int]) -> None:
    shares = {f"arm {i}": weight / sum(weights) for i, weight in enumerate(weights)}
    counts = count_arms(customers, shares=shares)
    assert sum(counts.values()) == customers
    assert all(abs(counts[arm] - customers * share) < 1 for arm, share in shares.items())


def test_everybody_has_the_same_chance_whatever_the_segment() -> None:
    customers = make_customers([1, 2, 3, 7, 37])
    draws = 1_000
    control = np.zeros(len(customers))
    for draw in range(draws):
        control += (
            assign_arms(customers, shares=TWO_ARMS, salt=f"draw {draw}")["arm"].eq("control").to_numpy()
        )
    assert control.sum() == 10 * draws
    # Binomial counts spread less than the Poisson ones of the test, which makes it a cautious one.
    assert chisquare(control).pvalue > 0.001
    assert control / draws == pytest.approx(np.full(50, 0.2), abs=0.06)


def test_another_salt_is_another_draw() -> None:
    customers = make_customers([500])
    one, other = (assign_arms(customers, shares=TWO_ARMS, salt=salt)["arm"] for salt in ("a", "b"))
    both = int((one.eq("control") & other.eq("control")).sum())
    assert 5 <= both <= 40  # 20 expected of independent draws, 100 of equal ones


def test_customers_without_a_segment_are_a_stratum_of_their_own() -> None:
    customers = make_customers([50, 50])
    customers["segment_id"] = customers["segment_id"].astype("Int64").mask(customers.index >= 50)
    drawn = assign_arms(customers, shares=TWO_ARMS, salt="x")
    control = drawn["arm"].eq("control")
    assert control.groupby(drawn["segment_id"].isna()).sum().to_dict() == {False: 10, True: 10}
    assert drawn["segment_id"].isna().sum() == 50


def test_nobody_to_assign_gives_nobody() -> None:
    drawn = assign_arms(make_customers([0]), shares=TWO_ARMS, salt="x")
    assert list(drawn.columns) == ["customer_id", "arm", "segment_id"]
    assert drawn.empty


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"a": 0.5, "b": 0.5}, "give 'control' and a treatment"),
        ({"control": 1.0}, "give 'control' and a treatment"),
        ({"control": 0.0, "a": 1.0}, "arm 'control' has 0.0"),
        ({"control": 0.2, "a": 0.7}, "add up to 0.9"),
    ],
)
def test_bad_shares_are_named(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assign_arms(make_customers([3]), shares=shares, salt="x")


def test_a_customer_given_twice_is_named() -> None:
    customers = pd.DataFrame({"customer_id": ["a", "b", "a"], "segment_id": [0, 0, 1]})
    with pytest.raises(ValueError, match="customer 'a' is given twice"):
        assign_arms(customers, shares=TWO_ARMS, salt="x")
