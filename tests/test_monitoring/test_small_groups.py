"""Small groups are hidden, and so are those whose size would give them away."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from monitoring.small_groups import hide_small, mark_small


def mark(*counts: float, smallest: int = 10) -> list[str]:
    return mark_small(pd.Series(counts, dtype=float), smallest=smallest).tolist()


@pytest.mark.parametrize(
    ("counts", "marks"),
    [
        ((9, 100, 300), ["small", "beside", ""]),
        ((10, 100, 300), ["", "", ""]),
        ((11, 100, 300), ["", "", ""]),
        ((0, 100, 300), ["", "", ""]),
        ((5, 6, 300), ["small", "small", ""]),
        ((2, 4, 300), ["small", "small", ""]),  # together 6, so each from 1 to 5
        ((2, 3, 300), ["small", "small", "beside"]),  # together 5, so none more than 4
        ((1, 1, 100, 300), ["small", "small", "beside", ""]),  # together 2, so each would be 1
        ((9, 9, 100, 300), ["small", "small", "beside", ""]),  # together 18, so each would be 9
        ((1, 10, 100, 300), ["small", "beside", "beside", ""]),  # together 11 and one of them at least 10
        ((9, 100, 100), ["small", "beside", "beside"]),  # the other is at most 100, so it would be 9 or more
        ((9, np.nan, 300), ["small", "", "beside"]),
        ((9,), ["small"]),
        ((), []),
    ],
)
def test_what_follows_by_subtraction_is_hidden_too(counts: tuple[float, ...], marks: list[str]) -> None:
    assert mark(*counts) == marks


def test_one_hides_nothing() -> None:
    assert mark(1, 2, 300, smallest=1) == ["", "", ""]


def test_at_least_half_the_sizes_of_a_small_group_stay_possible() -> None:
    """Every way to fill what is hidden is tried, as somebody would who knows the total and the rule."""
    smallest, tested = 4, 0
    for counts in product(range(1, 9), repeat=4):
        marks = mark(*counts, smallest=smallest)
        shown = [count for count, one in zip(counts, marks, strict=True) if not one]
        hidden = [one for one in marks if one]
        if "small" not in hidden or not shown:
            continue
        total = sum(counts) - sum(shown)
        ranges = [range(1, smallest) if one == "small" else range(smallest, min(shown) + 1) for one in hidden]
        possible = [sizes for sizes in product(*ranges) if sum(sizes) == total]
        for place in [place for place, one in enumerate(hidden) if one == "small"]:
            assert len({sizes[place] for sizes in possible}) >= smallest / 2, counts
            tested += 1
    assert tested > 100


def test_a_frame_loses_figures_of_the_small_and_sizes_of_those_beside() -> None:
    frame = pd.DataFrame(
        {
            "week": ["a", "b", "a", "b", "a"],
            "people": [9, 200, 40, 30, 200],
            "share": [0.1, 0.2, 0.3, 0.4, 0.5],
            "worth": [1.0, 2.0, 3.0, 4.0, 5.0],
        },
        index=[7, 7, 3, 2, 1],
    )
    hidden = hide_small(frame, count="people", figures=("worth",), shares=("share",), smallest=10, by="week")
    assert hidden["hidden"].tolist() == ["small", "", "beside", "", ""]
    assert hidden["people"].fillna(-1).tolist() == [-1, 200, -1, 30, 200]
    assert hidden["share"].fillna(-1).tolist() == [-1, 0.2, -1, 0.4, 0.5]
    assert hidden["worth"].fillna(-1).tolist() == [-1, 2.0, 3.0, 4.0, 5.0]
    assert hidden.index.tolist() == [7, 7, 3, 2, 1]
    assert frame["people"].tolist() == [9, 200, 40, 30, 200]


def test_a_frame_without_rows_gets_the_column_all_the_same() -> None:
    empty = hide_small(pd.DataFrame(), count="people", smallest=10)
    assert empty.empty
    assert list(empty.columns) == ["hidden"]
