"""Who changed segment from one week to the next, and whether the customers moved or the model did.

Three placings tell the two apart: last week's model on last week's factors (`before`), the same model on this week's
(`between`), and this week's model on this week's (`after`). From the first to the second only the customers differ,
from the second to the third only the model. A segment keeps its id from model to model (`models/lineage.py`), so ids
can be compared; the outliers' ids, 0 and −1, are ids like the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

IDS = ("before_id", "between_id", "after_id")
CAUSES = {"by_customers": "by what they did", "by_model": "by the new model", "by_both": "by both"}

FEWEST = 10
"""Of fewer people than this a share says little, and a sentence might be about somebody one knows."""
OF_ALL = 0.01
OF_SEGMENT = 0.05
MOST = 10


@dataclass(frozen=True, slots=True)
class Migration:
    """Where every customer of either week was and is.

    Attributes:
        flows: before_id, between_id, after_id (Int64) and customers (int, at least 1), largest first. Every customer
            is in exactly one row. `before_id` is missing for those who joined, the other two for those who left.
        matrix: customers of both weeks, by the segment they were in (rows) and are in (columns).
        common, joined, left: how many customers are of both weeks, of this week only, of last week only.
        moved: share of the common customers who are in another segment than before, 0–1.
        moved_by_customers: share of them whom last week's model places elsewhere than it did, 0–1.
        moved_by_model: share of them whom this week's model places elsewhere than last week's does, 0–1.

    A customer whom both moved counts for both, and may be back in the segment of before, so the last two need not add
    up to `moved`. All three are NaN without common customers.
    """

    flows: pd.DataFrame
    matrix: pd.DataFrame
    common: int
    joined: int
    left: int
    moved: float
    moved_by_customers: float
    moved_by_model: float


def measure_migration(before: pd.Series, between: pd.Series, after: pd.Series) -> Migration:
    """Count the customers of two weeks by where each of the three placings puts them.

    Args:
        before: segment id by customer_id, last week's model on last week's factors.
        between: the same by last week's model on this week's factors; the same customers as `after`.
        after: the same by this week's model on this week's factors.

    Raises:
        ValueError: a customer appears twice, or is in only one of the placings of this week.
    """
    _check_customers(before, between, after)
    placed = pd.concat([side.astype("Int64") for side in (before, between, after)], axis=1, keys=IDS)
    flows = placed.groupby(list(IDS), dropna=False).size().rename("customers").reset_index()
    flows = flows.sort_values(["customers", *IDS], ascending=[False, True, True, True], ignore_index=True)
    known = flows.dropna()
    return Migration(
        flows=flows,
        matrix=_build_matrix(known, before, after),
        common=int(known["customers"].sum()),
        joined=int(flows.loc[flows["before_id"].isna(), "customers"].sum()),
        left=int(flows.loc[flows["after_id"].isna(), "customers"].sum()),
        moved=_share_apart(known, "before_id", "after_id"),
        moved_by_customers=_share_apart(known, "before_id", "between_id"),
        moved_by_model=_share_apart(known, "between_id", "after_id"),
    )


def find_notable_flows(
    migration: Migration,
    *,
    fewest: int = FEWEST,
    of_all: float = OF_ALL,
    of_segment: float = OF_SEGMENT,
    most: int = MOST,
) -> pd.DataFrame:
    """The flows from one segment to another, in or out that deserve a sentence, largest first.

    Args:
        fewest: smaller flows are never notable, whatever they are a share of.
        of_all: a flow of this share of all customers (of either week) is notable, and so is
        of_segment: one of this share of the segment it leaves, as that was, or of the one it enters, as that is.
        most: no more flows than this.

    Returns:
        before_id (missing: they joined), after_id (missing: they left), customers, and how many of them were moved
        by_customers (by what they did), by_model, or by_both in turn; all three are 0 of those who joined or left.
    """
    flows = migration.flows
    counted = _count_causes(flows[~_same(flows, "before_id", "after_id")])
    customers = counted["customers"]
    notable = customers >= of_all * flows["customers"].sum()
    for side in ("before_id", "after_id"):
        sizes = flows.groupby(side)["customers"].sum()
        notable |= (customers / counted[side].map(sizes)).fillna(0.0) >= of_segment
    chosen = counted[notable & (customers >= fewest)]
    order = ["customers", "before_id", "after_id"]
    return chosen.sort_values(order, ascending=[False, True, True], ignore_index=True).head(most)


def describe_flows(flows: pd.DataFrame, names: Mapping[int, str], *, model_changed: bool) -> tuple[str, ...]:
    """Each flow as a sentence: "312 customers went from Loyal to Cooling: by the new model."

    Args:
        flows: as `find_notable_flows` gives them.
        names: of the segments, by id; one without a name is called by its id.
        model_changed: whether the weeks had different models. Where they had not, nobody but the customers can have
            moved, and the sentences do not speak of it.
    """
    return tuple(_describe_flow(flow, names, model_changed) for flow in flows.to_dict("records"))


def distinguish_names(names: Mapping[int, str]) -> dict[int, str]:
    """The names, each with its id where several segments share it: a new segment may be called as a retired one was."""
    shared = Counter(names.values())
    return {i: f"{name} ({i})" if shared[name] > 1 else name for i, name in names.items()}


def _check_customers(before: pd.Series, between: pd.Series, after: pd.Series) -> None:
    for side in (before, between, after):
        if not side.index.is_unique:
            twice = side.index[side.index.duplicated()][0]
            raise ValueError(f"customer '{twice}' appears twice; a placing has one row a customer")
    strangers = between.index.symmetric_difference(after.index)
    if len(strangers):
        raise ValueError(
            f"{len(strangers)} customers of this week are placed by one model only, '{strangers[0]}' for one"
        )


def _build_matrix(known: pd.DataFrame, before: pd.Series, after: pd.Series) -> pd.DataFrame:
    counts = known.pivot_table(index="before_id", columns="after_id", values="customers", aggfunc="sum")
    rows, columns = (
        pd.Index(sorted(side.unique()), dtype="Int64", name=name)
        for side, name in ((before, "before_id"), (after, "after_id"))
    )
    return counts.reindex(index=rows, columns=columns).fillna(0).astype(int)


def _share_apart(known: pd.DataFrame, one: str, other: str) -> float:
    total = known["customers"].sum()
    apart = known.loc[~_same(known, one, other), "customers"].sum()
    return float(apart / total) if total else float("nan")


def _same(flows: pd.DataFrame, one: str, other: str) -> pd.Series:
    """Whether two placings agree; where one of them has no customer they do not."""
    return (flows[one] == flows[other]).fillna(False).astype(bool)


def _count_causes(moves: pd.DataFrame) -> pd.DataFrame:
    """The moves by where they began and ended, and how many of each the customers, the model and both made."""
    known = moves["before_id"].notna() & moves["after_id"].notna()
    only_customers = known & _same(moves, "between_id", "after_id")
    only_model = known & _same(moves, "before_id", "between_id")
    made = dict(zip(CAUSES, (only_customers, only_model, known & ~only_customers & ~only_model), strict=True))
    moves = moves.assign(**{cause: moves["customers"].where(rows, 0) for cause, rows in made.items()})
    ends = moves.groupby(["before_id", "after_id"], dropna=False)
    return ends[["customers", *CAUSES]].sum().reset_index()


def _describe_flow(flow: Mapping[Any, Any], names: Mapping[int, str], model_changed: bool) -> str:
    count = flow["customers"]
    noun = "customer" if count == 1 else "customers"
    origin, goal = (
        None if pd.isna(flow[side]) else names.get(int(flow[side]), f"segment {flow[side]}")
        for side in ("before_id", "after_id")
    )
    if origin is None:
        return f"{count:,} new {noun} came into {goal}."
    if goal is None:
        return f"{count:,} {noun} of {origin} left."
    cause = f": {_describe_causes(flow)}" if model_changed else ""
    return f"{count:,} {noun} went from {origin} to {goal}{cause}."


def _describe_causes(flow: Mapping[Any, Any]) -> str:
    parts = [(int(flow[cause]), words) for cause, words in CAUSES.items() if flow[cause]]
    if len(parts) == 1:
        return parts[0][1]
    told = [f"{count:,} {words}" for count, words in parts]
    return " and ".join([", ".join(told[:-1]), told[-1]])
