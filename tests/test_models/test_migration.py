"""Who moved: every customer counted once, and what the customers did kept apart from what the model did."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.migration import (
    CAUSES,
    IDS,
    Migration,
    describe_flows,
    distinguish_names,
    find_notable_flows,
    measure_migration,
)
from models.outliers import DORMANT_SEGMENT, OUTLIER_SEGMENT

NAMES = {1: "Loyal", 2: "Cooling", 3: "Newcomers", OUTLIER_SEGMENT: "Unusual"}


def place(*ids: int | None) -> pd.Series:
    """Customers c0, c1, … each in a segment; None is somebody who is not there."""
    placed = pd.Series(ids, index=[f"c{n}" for n in range(len(ids))], dtype="Int64").dropna()
    return placed.astype("int64")


def migrate(*paths: tuple[int | None, int | None, int | None, int]) -> Migration:
    """So many customers along each path: before, between, after, how many."""
    sides = [[path[side] for path in paths for _ in range(path[3])] for side in range(3)]
    return measure_migration(*(place(*side) for side in sides))


def read_flows(flows: pd.DataFrame, *columns: str) -> list[tuple[int | None, ...]]:
    rows = flows[list(columns or flows.columns)].astype(object)
    return [tuple(row) for row in rows.where(rows.notna(), None).itertuples(index=False)]


def test_every_path_is_a_row_and_the_largest_comes_first() -> None:
    found = migrate((1, 1, 1, 5), (1, 2, 2, 3), (2, 2, 1, 4), (None, 1, 3, 2), (2, None, None, 1))
    assert read_flows(found.flows) == [
        (1, 1, 1, 5), (2, 2, 1, 4), (1, 2, 2, 3), (None, 1, 3, 2), (2, None, None, 1),
    ]  # fmt: skip
    assert (found.common, found.joined, found.left) == (12, 2, 1)


def test_the_matrix_holds_the_customers_of_both_weeks_and_every_segment() -> None:
    matrix = migrate((1, 1, 1, 5), (1, 2, 2, 3), (None, 3, 3, 2), (4, None, None, 1)).matrix
    assert (list(matrix.index), list(matrix.columns)) == ([1, 4], [1, 2, 3])
    assert matrix.to_numpy().tolist() == [[5, 3, 0], [0, 0, 0]]


def test_what_the_customers_did_is_not_laid_to_the_model() -> None:
    found = migrate((1, 1, 1, 6), (1, 2, 2, 4))
    assert (found.moved, found.moved_by_customers, found.moved_by_model) == (0.4, 0.4, 0.0)


def test_what_the_model_did_is_not_laid_to_the_customers() -> None:
    found = migrate((1, 1, 1, 6), (1, 1, 2, 4))
    assert (found.moved, found.moved_by_customers, found.moved_by_model) == (0.4, 0.0, 0.4)


def test_who_is_moved_and_put_back_has_moved_twice_and_is_where_they_were() -> None:
    found = migrate((1, 1, 1, 6), (1, 2, 1, 4))
    assert (found.moved, found.moved_by_customers, found.moved_by_model) == (0.0, 0.4, 0.4)
    assert find_notable_flows(found, fewest=1).empty


def test_who_joined_or_left_is_in_no_share() -> None:
    found = migrate((1, 1, 1, 3), (1, 2, 2, 1), (None, 1, 2, 50), (2, None, None, 50))
    assert (found.moved, found.moved_by_customers, found.moved_by_model) == (0.25, 0.25, 0.0)


def test_without_common_customers_no_share_is_known() -> None:
    found = migrate((None, 1, 2, 3), (1, None, None, 2))
    assert (found.common, found.joined, found.left) == (0, 3, 2)
    assert all(math.isnan(s) for s in (found.moved, found.moved_by_customers, found.moved_by_model))
    assert found.matrix.to_numpy().tolist() == [[0]]
    assert measure_migration(place(), place(), place()).flows.empty


SEGMENT = st.sampled_from([DORMANT_SEGMENT, OUTLIER_SEGMENT, 1, 2, 3])
CUSTOMER = st.one_of(
    st.tuples(SEGMENT, SEGMENT, SEGMENT),
    st.tuples(st.none(), SEGMENT, SEGMENT),
    st.tuples(SEGMENT, st.none(), st.none()),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(CUSTOMER, max_size=60), st.randoms(use_true_random=False))
def test_totals_balance_whoever_moved_where(
    customers: list[tuple[int | None, int | None, int | None]], random: object
) -> None:
    before, between, after = (place(*(path[side] for path in customers)) for side in range(3))
    shuffled = list(after.index)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = measure_migration(before, between, after.loc[shuffled])
    flows = found.flows
    assert flows["customers"].sum() == len(customers) == found.common + found.joined + found.left
    assert found.matrix.to_numpy().sum() == found.common
    for side, placed in zip(IDS, (before, between, after), strict=True):
        sizes = flows.dropna(subset=[side]).groupby(side)["customers"].sum()
        assert {int(i): int(n) for i, n in sizes.items()} == placed.value_counts().to_dict()
    common = before.index.intersection(after.index)
    apart = (before[common] != after[common]).sum()
    assert found.moved * found.common == pytest.approx(apart) or not found.common
    notable = find_notable_flows(found, fewest=1, of_all=0.0, most=len(customers) + 1)
    known = notable.dropna()
    assert known["customers"].sum() == apart
    assert notable["customers"].sum() == apart + found.joined + found.left
    assert (known[list(CAUSES)].sum(axis=1) == known["customers"]).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SEGMENT, SEGMENT), min_size=1, max_size=60))
def test_one_cause_alone_is_the_only_one_found(pairs: list[tuple[int, int]]) -> None:
    old, new = place(*(pair[0] for pair in pairs)), place(*(pair[1] for pair in pairs))
    share = float((old != new).mean())
    customers, model = measure_migration(old, new, new), measure_migration(old, old, new)
    assert (customers.moved, customers.moved_by_customers, customers.moved_by_model) == (share, share, 0.0)
    assert (model.moved, model.moved_by_customers, model.moved_by_model) == (share, 0.0, share)
    for found, other in ((customers, ["by_model", "by_both"]), (model, ["by_customers", "by_both"])):
        assert not find_notable_flows(found, fewest=1, of_all=0.0)[other].to_numpy().any()


def test_a_customer_twice_or_placed_by_one_model_only_is_an_error() -> None:
    once = place(1, 2)
    with pytest.raises(ValueError, match="customer 'c0' appears twice"):
        measure_migration(pd.concat([once, once]), once, once)
    with pytest.raises(ValueError, match="1 customers of this week are placed by one model only, 'c1'"):
        measure_migration(once, once, once.iloc[:1])


def test_a_flow_is_notable_for_its_share_of_all_or_of_a_segment_on_either_side() -> None:
    found = migrate(
        (1, 1, 1, 8000), (2, 2, 2, 3000), (3, 3, 3, 160), (5, 5, 5, 900),
        (1, 2, 2, 150),  # 1.2 % of all customers
        (5, 1, 1, 60),  # 6 % of the segment it leaves
        (1, 3, 3, 11),  # 6 % of the segment it enters
        (2, 3, 3, 9),  # 5 % of the segment it enters, but too few people
        (2, 5, 5, 40),  # neither
    )  # fmt: skip
    notable = find_notable_flows(found)
    assert read_flows(notable, "before_id", "after_id", "customers") == [(1, 2, 150), (5, 1, 60), (1, 3, 11)]
    assert len(find_notable_flows(found, most=2)) == 2
    assert len(find_notable_flows(found, fewest=9)) == 4
    assert read_flows(find_notable_flows(found, of_segment=1.0), "customers") == [(150,)]
    assert find_notable_flows(found, of_segment=1.0, of_all=0.02).empty


def test_the_parts_of_a_flow_are_told_apart_and_added_up() -> None:
    found = migrate((1, 1, 1, 100), (1, 2, 2, 30), (1, 1, 2, 20), (1, 3, 2, 10))
    (flow,) = read_flows(find_notable_flows(found))
    assert flow == (1, 2, 60, 30, 20, 10)
    told = describe_flows(find_notable_flows(found), NAMES, model_changed=True)
    assert told == (
        "60 customers went from Loyal to Cooling: 30 by what they did, 20 by the new model and 10 by both.",
    )


@pytest.mark.parametrize(
    ("path", "model_changed", "sentence"),
    [
        ((1, 2, 2), False, "1,312 customers went from Loyal to Cooling."),
        ((1, 2, 2), True, "1,312 customers went from Loyal to Cooling: by what they did."),
        ((1, 1, 2), True, "1,312 customers went from Loyal to Cooling: by the new model."),
        ((1, 3, 2), True, "1,312 customers went from Loyal to Cooling: by both."),
        ((1, 1, 0), True, "1,312 customers went from Loyal to Unusual: by the new model."),
        ((None, 1, 3), True, "1,312 new customers came into Newcomers."),
        ((1, None, None), True, "1,312 customers of Loyal left."),
        ((7, 7, -1), False, "1,312 customers went from segment 7 to segment -1."),
    ],
)
def test_a_flow_reads_as_a_sentence(
    path: tuple[int | None, int | None, int | None], model_changed: bool, sentence: str
) -> None:
    flows = find_notable_flows(migrate((*path, 1312)))
    assert describe_flows(flows, NAMES, model_changed=model_changed) == (sentence,)


def test_segments_of_one_name_are_told_apart_by_their_ids() -> None:
    assert distinguish_names({1: "Loyal", 2: "Cooling", 9: "Loyal"}) == {
        1: "Loyal (1)",
        2: "Cooling",
        9: "Loyal (9)",
    }
