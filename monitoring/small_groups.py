"""Which groups of people are too small to be shown, and which others must be hidden with them.

Primary and secondary cell suppression, as in Hundepool et al. (2012), Statistical Disclosure Control: a group of
fewer people than the threshold is *small*, and no figure of it is shown. Groups that add up to a known total give a
single small one away by subtraction, so the next smallest of the line are hidden *beside* it, until at least half the
sizes a small one can have remain possible. Only the size of those beside is hidden, and what their size follows from.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

Mark = Literal["", "small", "beside"]
SMALL: Mark = "small"
BESIDE: Mark = "beside"


def is_small(count: float | None, *, smallest: int) -> bool:
    """Whether so many people are too few to be shown; nobody at all is no group."""
    return count is not None and 0 < count < smallest


def mark_small(counts: pd.Series, *, smallest: int) -> pd.Series:
    """By group `small`, `beside` (of a small one) or nothing, on the same index.

    Args:
        counts: people a group; the groups share nobody and add up to a total that is known. A missing one is neither.
        smallest: a group of fewer people is small; 1 hides none.
    """
    sizes = counts.to_numpy(dtype=float, na_value=np.nan)
    small = (sizes > 0) & (sizes < smallest)
    marks = np.where(small, SMALL, "").astype(object)
    if small.any():
        large = [place for place in np.argsort(sizes, kind="stable") if sizes[place] >= smallest]
        for taken in range(len(large) + 1):
            beside, shown = large[:taken], large[taken:]
            marks[beside] = BESIDE
            hidden = sizes[small].sum() + sizes[beside].sum()
            least_shown = sizes[shown[0]] if shown else np.inf
            if _is_protected(hidden, int(small.sum()), taken, smallest=smallest, least_shown=least_shown):
                break
    return pd.Series(marks, index=counts.index, dtype=object)


def hide_small(
    frame: pd.DataFrame,
    *,
    count: str,
    smallest: int,
    figures: Sequence[str] = (),
    shares: Sequence[str] = (),
    by: Hashable | None = None,
) -> pd.DataFrame:
    """The frame without the figures of small groups, and with a column `hidden`: `small`, `beside` or nothing.

    Args:
        frame: one row a group.
        count: the column of people.
        figures: columns that are missing of small groups.
        shares: columns a size follows from: missing, as `count` is, of those beside them too.
        by: a column of which each value is a line with a total of its own, such as a week; left out: all rows are one.
    """
    if frame.empty:
        return frame.assign(hidden=pd.Series(dtype=object))
    counts = frame[count].reset_index(drop=True)
    lines = [counts] if by is None else [line for _, line in counts.groupby(frame[by].to_numpy())]
    marks = pd.concat([mark_small(line, smallest=smallest) for line in lines]).sort_index().to_numpy()
    hidden = frame.assign(hidden=marks)
    for column in (count, *shares):
        hidden[column] = hidden[column].mask(marks != "")
    for column in figures:
        hidden[column] = hidden[column].mask(marks == SMALL)
    return hidden


def _is_protected(hidden: float, small: int, beside: int, *, smallest: int, least_shown: float) -> bool:
    """Whether a small group of the line may still have half the sizes there are below the threshold, or more.

    Known are the people hidden together, how many groups of either kind they are, and that those beside are at least
    as large as the threshold and at most as large as the smallest group shown.
    """
    most = smallest - 1
    others_least = (small - 1) + beside * smallest
    others_most = (small - 1) * most + (beside * least_shown if beside else 0)
    possible = min(most, hidden - others_least) - max(1, hidden - others_most) + 1
    return bool(possible >= smallest / 2)
