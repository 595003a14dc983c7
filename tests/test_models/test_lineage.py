"""Segments keep their identity, or it is said what became of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.lineage import match_segments, start_lineage
from models.outliers import DORMANT_SEGMENT, OUTLIER_SEGMENT


def place(sizes: dict[int, int]) -> pd.Series:
    """Customers c0, c1, … in blocks of one segment each."""
    labels = np.repeat(list(sizes), list(sizes.values()))
    return pd.Series(labels, index=[f"c{n}" for n in range(len(labels))])


def move(old: pd.Series, segment: int, share: float, to: int) -> pd.Series:
    """The first customers of a segment, as many as `share` says, moved elsewhere."""
    mine = old.index[old == segment]
    new = old.copy()
    new.loc[mine[: round(share * len(mine))]] = to
    return new


def test_the_same_segments_under_other_labels_keep_their_ids() -> None:
    old = place({1: 50, 2: 30, 7: 20})
    lineage = match_segments(old, old.map({1: 2, 2: 7, 7: 1}), next_id=8)
    assert lineage.mapping == {2: 1, 7: 2, 1: 7}
    assert lineage.states == {1: "kept", 2: "kept", 7: "kept"}
    assert lineage.retired == ()
    assert lineage.moved == 0.0
    assert lineage.next_id == 8


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=60),
    st.permutations(range(1, 7)),
    st.randoms(use_true_random=False),
)
def test_identity_depends_neither_on_labels_nor_on_the_order_of_customers(
    labels: list[int], names: list[int], random: object
) -> None:
    old = pd.Series(labels, index=[f"c{n}" for n in range(len(labels))])
    shuffled = list(old.index)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    new = old.map(dict(enumerate(names, start=1))).loc[shuffled]
    lineage = match_segments(old, new, next_id=7)
    assert new.map(lineage.mapping).loc[old.index].tolist() == labels
    assert lineage.moved == 0.0


def test_a_few_customers_on_the_move_change_no_identity() -> None:
    old = place({1: 100, 2: 100})
    lineage = match_segments(old, move(old, 1, 0.2, to=2), next_id=3)
    assert lineage.states == {1: "kept", 2: "kept"}
    assert lineage.overlaps == {1: pytest.approx(0.8), 2: pytest.approx(100 / 120)}
    assert lineage.moved == pytest.approx(0.1)


def test_a_segment_that_loses_a_part_goes_on_and_the_part_is_a_split() -> None:
    old = place({1: 100, 2: 100})
    lineage = match_segments(old, move(old, 1, 0.4, to=9), next_id=3)
    assert lineage.mapping == {1: 1, 2: 2, 9: 3}
    assert lineage.states == {1: "kept", 2: "kept", 3: "split from 1"}
    assert lineage.next_id == 4


def test_a_segment_that_falls_into_small_parts_retires() -> None:
    old = place({1: 90, 2: 100})
    new = old.copy()
    new.iloc[:30], new.iloc[30:60], new.iloc[60:90] = 11, 12, 13
    lineage = match_segments(old, new, next_id=3)
    assert lineage.states == {2: "kept", 3: "split from 1", 4: "split from 1", 5: "split from 1"}
    assert lineage.retired == (1,)


def test_two_segments_of_one_size_that_become_one_are_a_merger() -> None:
    old = place({1: 95, 2: 95, 3: 10, 4: 100})
    lineage = match_segments(old, old.map({1: 7, 2: 7, 3: 7, 4: 4}), next_id=5)
    assert lineage.mapping == {7: 5, 4: 4}
    assert lineage.states == {4: "kept", 5: "merged from 1, 2"}
    assert lineage.retired == (1, 2, 3)


def test_a_segment_that_swallows_another_keeps_its_id_and_says_so() -> None:
    old = place({1: 150, 2: 100, 3: 80})
    lineage = match_segments(old, old.replace({2: 1}), next_id=4)
    assert lineage.mapping == {1: 1, 3: 3}
    assert lineage.states == {1: "merged from 1, 2", 3: "kept"}
    assert lineage.retired == (2,)


def test_a_segment_from_everywhere_is_new() -> None:
    old = place({1: 100, 2: 100, 3: 100})
    new = old.copy()
    for segment in (1, 2, 3):
        new = move(new, segment, 0.3, to=9)
    lineage = match_segments(old, new, next_id=4)
    assert lineage.states == {1: "kept", 2: "kept", 3: "kept", 4: "new"}


def test_a_retired_id_is_never_given_again() -> None:
    old = place({1: 100, 5: 100})
    new = place({1: 100, 2: 40, 3: 30, 4: 30})
    lineage = match_segments(old, new, next_id=9)
    assert lineage.mapping == {1: 1, 2: 9, 3: 10, 4: 11}
    assert lineage.retired == (5,)
    with pytest.raises(ValueError, match="next_id 5 has been used"):
        match_segments(old, new, next_id=5)


def test_outliers_are_never_matched_with_a_segment() -> None:
    old = place({OUTLIER_SEGMENT: 60, 1: 100})
    lineage = match_segments(old, old.map({OUTLIER_SEGMENT: 2, 1: OUTLIER_SEGMENT}), next_id=2)
    assert lineage.mapping == {OUTLIER_SEGMENT: OUTLIER_SEGMENT, 2: 2}
    assert lineage.states == {OUTLIER_SEGMENT: "kept", 2: "new"}
    assert lineage.retired == (1,)
    assert lineage.moved == 1.0


def test_customers_of_one_side_only_do_not_count() -> None:
    old, new = place({1: 100, 2: 100}), place({2: 100, 1: 100})
    new.index = [*new.index[:150], *(f"later{n}" for n in range(50))]
    lineage = match_segments(old, new, next_id=3)
    assert lineage.mapping == {2: 1, 1: 2}
    assert lineage.overlaps == {1: 1.0, 2: 1.0}


def test_without_common_customers_everything_is_new() -> None:
    old, new = place({1: 10}), place({1: 10})
    new.index = [f"later{n}" for n in range(10)]
    lineage = match_segments(old, new, next_id=2)
    assert lineage.states == {2: "new"}
    assert lineage.retired == (1,)
    assert math.isnan(lineage.moved)


def test_a_customer_twice_is_an_error() -> None:
    old = place({1: 3})
    with pytest.raises(ValueError, match="'c0' appears twice"):
        match_segments(pd.concat([old, old]), old, next_id=2)


def test_valuable_and_dormant_outliers_stay_apart() -> None:
    old = place({OUTLIER_SEGMENT: 60, DORMANT_SEGMENT: 40, 1: 100})
    swapped = old.replace({OUTLIER_SEGMENT: DORMANT_SEGMENT, DORMANT_SEGMENT: OUTLIER_SEGMENT})
    lineage = match_segments(old, swapped, next_id=2)
    assert lineage.mapping == {DORMANT_SEGMENT: DORMANT_SEGMENT, OUTLIER_SEGMENT: OUTLIER_SEGMENT, 1: 1}
    assert set(lineage.states.values()) == {"kept"}
    assert lineage.moved == 0.5


def test_outliers_split_for_the_first_time_leave_the_segments_alone() -> None:
    old = place({OUTLIER_SEGMENT: 60, 1: 100})
    new = old.copy()
    new.iloc[:40] = DORMANT_SEGMENT
    lineage = match_segments(old, new, next_id=2)
    assert lineage.mapping == {DORMANT_SEGMENT: DORMANT_SEGMENT, OUTLIER_SEGMENT: OUTLIER_SEGMENT, 1: 1}
    assert lineage.states == {DORMANT_SEGMENT: "new", OUTLIER_SEGMENT: "kept", 1: "kept"}
    assert (lineage.retired, lineage.next_id) == ((), 2)


def test_a_first_model_numbers_its_segments_by_size() -> None:
    lineage = start_lineage(place({OUTLIER_SEGMENT: 70, 4: 20, 8: 50, 9: 30}))
    assert lineage.mapping == {OUTLIER_SEGMENT: OUTLIER_SEGMENT, 8: 1, 9: 2, 4: 3}
    assert set(lineage.states.values()) == {"new"}
    assert lineage.next_id == 4


def test_a_first_model_made_anew_takes_no_id_that_has_been_used() -> None:
    lineage = start_lineage(place({4: 10, 9: 30}), next_id=8)
    assert (lineage.mapping, lineage.next_id) == ({9: 8, 4: 9}, 10)


def test_a_first_model_keeps_both_kinds_of_outliers() -> None:
    lineage = start_lineage(place({DORMANT_SEGMENT: 90, OUTLIER_SEGMENT: 70, 4: 20}))
    assert lineage.mapping == {DORMANT_SEGMENT: DORMANT_SEGMENT, OUTLIER_SEGMENT: OUTLIER_SEGMENT, 4: 1}
