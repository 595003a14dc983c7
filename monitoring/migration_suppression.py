"""Who moved, without the paths of a few.

A path of a few is left out, as one is that nobody took: what streams lack of a segment's size may then have come from
anywhere. Where only one path can be meant, it would follow from the segment's size by subtraction, and the next
smallest stream of that segment is left out with it (secondary suppression, as in `monitoring.small_groups`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from monitoring.small_groups import is_small, mark_small

STAGES = ("before_name", "between_name", "after_name")
SHARES = ("moved", "moved_by_customers", "moved_by_model")
_NUMBER = re.compile(r"\d+(?:[,.\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]\d{3})*")
_NOBODY = "\0"  # in no segment: they joined, or left


def suppress_flows(flows: pd.DataFrame, *, hidden: Collection[str], smallest: int) -> pd.DataFrame:
    """The streams of at least so many people, between segments whose sizes are shown.

    Args:
        flows: before_name, between_name, after_name, customers; one row a path.
        hidden: names of segments whose sizes are not shown this week; those of the week before are found.
    """
    if flows.empty:
        return flows
    ends = flows[list(STAGES)].fillna(_NOBODY)
    shown = flows["customers"] >= smallest
    for stage in STAGES:
        sizes = flows["customers"].groupby(ends[stage]).sum().drop(_NOBODY, errors="ignore")
        marks = mark_small(sizes, smallest=smallest)
        shown &= ~ends[stage].isin([*hidden, *marks.index[marks != ""]])
    while (exposing := _find_exposing(flows["customers"], ends, shown)).any():
        shown &= ~exposing
    return flows[shown].reset_index(drop=True)


def suppress_movement(
    told: Mapping[str, Any], flows: pd.DataFrame, *, shown: pd.DataFrame, smallest: int
) -> dict[str, Any]:
    """What the run says of the movement, without counts and shares of a few, and without sentences on them.

    Where few joined or left, all three counts are missing: each follows from another and the customers of the weeks.

    Args:
        flows, shown: every path, and those `suppress_flows` left.
    """
    counts = {name: told.get(name) for name in ("common", "joined", "left")}
    few = any(is_small(count, smallest=smallest) for count in counts.values())
    shares = {name: _hide_share(told.get(name), counts["common"], smallest=smallest) for name in SHARES}
    pairs = _list_whole_pairs(flows, shown)
    sentences = [
        sentence
        for sentence in told.get("sentences") or ()
        if any(_tells_of(sentence, *pair, smallest=smallest) for pair in pairs)
    ]
    parts = {"sentences": sentences, "flows": shown.to_dict("records")}
    return {**told, **(dict.fromkeys(counts) if few else counts), **shares, **parts}


def _find_exposing(customers: pd.Series, ends: pd.DataFrame, shown: pd.Series) -> pd.Series:
    """The smallest stream of every segment that has one path missing of all there can be."""
    exposing: set[Any] = set()
    for end, other in ((STAGES[0], STAGES[-1]), (STAGES[-1], STAGES[0])):
        for name, line in customers.groupby(ends[end]):
            told = line[shown[line.index]]
            if name == _NOBODY or told.empty or len(told) == len(line):
                continue
            if _count_possible(ends, end=end, other=other) - len(told) < 2:
                exposing.add(told.idxmin())
    return pd.Series(customers.index.isin(exposing), index=customers.index)


def _count_possible(ends: pd.DataFrame, *, end: str, other: str) -> int:
    """How many paths a segment can have at that end: by way of any segment, or of one where the model stayed."""
    if (ends[STAGES[1]] == ends[STAGES[-1]]).all():
        return int(ends[other].nunique())
    return len(ends[[name for name in STAGES if name != end]].drop_duplicates())


def _list_whole_pairs(flows: pd.DataFrame, shown: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Where customers were and are, and how many they are, where no path between the two is left out."""
    if shown.empty:
        return []
    every, left = (
        frame["customers"]
        .groupby([frame[STAGES[0]].fillna(_NOBODY), frame[STAGES[-1]].fillna(_NOBODY)])
        .sum()
        for frame in (flows, shown)
    )
    whole = left[left == every.reindex(left.index)].rename_axis(["origin", "goal"]).reset_index()
    return [(str(origin), str(goal), int(count)) for origin, goal, count in whole.itertuples(index=False)]


def _tells_of(sentence: str, origin: str, goal: str, customers: int, *, smallest: int) -> bool:
    """Whether a sentence is about those who went from one to the other, and about no few of them."""
    names = sorted({origin, goal} - {_NOBODY}, key=len, reverse=True)
    if not all(name in sentence for name in names):
        return False
    for name in names:
        sentence = sentence.replace(name, " ")
    counts = [int(re.sub(r"\D", "", number)) for number in _NUMBER.findall(sentence)]
    return customers in counts and not any(is_small(count, smallest=smallest) for count in counts)


def _hide_share(share: float | None, total: float | None, *, smallest: int) -> float | None:
    if share is None or not total:
        return share
    people = round(share * total)
    return None if any(is_small(part, smallest=smallest) for part in (people, total - people)) else share
