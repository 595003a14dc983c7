"""Statistics of what customers did, per segment and arm: all that the analysis of a campaign needs of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import combinations
from operator import add
from typing import TYPE_CHECKING

import ibis

from monitoring.experiments import CONTROL

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates

PRIOR, CAPPED = "prior_", "_capped"
"""How columns begin that say the same of the time before, and end that say it without outliers."""

Cells = dict[tuple[int | None, str], "Aggregates"]


def list_arms(arms: Iterable[str]) -> tuple[str, ...]:
    """Arms in the order they are shown: control, then the treatments by name."""
    return tuple(sorted(arms, key=lambda arm: (arm != CONTROL, arm)))


def read_cells(outcomes: ibis.Table) -> Cells:
    """Statistics of all numeric columns per (segment_id, arm), computed by the engine in one pass."""
    from tea_tasting.aggr import read_aggregates

    columns = [
        name
        for name, dtype in outcomes.schema().items()
        if dtype.is_numeric() and name not in ("customer_id", "segment_id")
    ]
    zeroed = {name: outcomes[name].cast("float64").coalesce(0.0) for name in columns}
    table = outcomes.select(
        # One text key, because statistics are read by a single column; the arm's name may hold anything.
        cell=outcomes.segment_id.cast("int64").cast("string").coalesce("") + ibis.literal(":") + outcomes.arm,
        **zeroed,
        **{f"{name}:known": outcomes[name].notnull().cast("float64") for name in columns},
        **{f"{name}:nonzero": (number != 0).cast("float64") for name, number in zeroed.items()},
    )
    found = read_aggregates(
        table,
        "cell",
        has_count=True,
        mean_cols=[name for name in table.columns if name != "cell"],
        var_cols=columns,
        cov_cols=_list_pairs(columns),
    )
    keyed = {_split_cell(str(cell)): _fill_spread(one) for cell, one in found.items()}
    return dict(sorted(keyed.items(), key=lambda item: (item[0][0] is None, item[0][0] or 0, item[0][1])))


def _list_pairs(columns: list[str]) -> list[tuple[str, str]]:
    """Columns whose covariance is asked for: any two outcomes, and an outcome with its own past."""
    outcomes = [name for name in columns if not name.startswith(PRIOR) and not name.endswith(CAPPED)]
    own_past = [(name, f"{PRIOR}{name}") for name in outcomes if f"{PRIOR}{name}" in columns]
    return [*combinations(outcomes, 2), *own_past]


def merge_cells(cells: Cells, *, segment_id: int | None = None) -> dict[str, Aggregates]:
    """Statistics per arm, of one segment or (None) of everybody."""
    kept = {key: one for key, one in cells.items() if segment_id is None or key[0] == segment_id}
    return {
        arm: reduce(add, [one for (_segment, cell_arm), one in kept.items() if cell_arm == arm])
        for arm in list_arms({arm for _segment, arm in kept})
    }


def split_cells(cells: Cells) -> tuple[dict[str, Aggregates], ...]:
    """Statistics per arm of each segment, customers without one being a segment of their own."""
    segments = dict.fromkeys(segment for segment, _arm in cells)
    return tuple(
        {arm: one for (segment, arm), one in cells.items() if segment == wanted} for wanted in segments
    )


def _split_cell(cell: str) -> tuple[int | None, str]:
    segment, _colon, arm = cell.partition(":")
    return (int(segment) if segment else None), arm


def _fill_spread(one: Aggregates) -> Aggregates:
    """A single customer has no variance; zero is what it adds to the others' when cells are merged."""
    from tea_tasting.aggr import Aggregates

    return Aggregates(
        count_=one.count_,
        mean_=one.mean_,
        var_={name: value or 0.0 for name, value in one.var_.items()},
        cov_={names: value or 0.0 for names, value in one.cov_.items()},
    )
