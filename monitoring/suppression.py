"""A report without the figures of small groups, made once, so that no page has to think of it.

What a small group is, and what must be hidden with it, `monitoring.small_groups` says. Names stay. Rows of data are not
people and are left alone; so are the run's summary and the lake: this is about what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from monitoring.campaign_suppression import suppress_campaigns
from monitoring.migration_suppression import suppress_flows, suppress_movement
from monitoring.pages import ReportData, fits_none
from monitoring.small_groups import hide_small, is_small, mark_small

PROFILE_FIGURES = ("value", "rule")
# A promotion's reasons give the sizes of a model's smallest segment and of those in none.
_TOLD_SHARE = re.compile(
    r"(smallest segment(?: holds)?|customers in no segment:|customers who would change segment:) ([\d.]+)\s?%"
)


def suppress_small_groups(data: ReportData, *, smallest: int) -> ReportData:
    """The data with every group of fewer people hidden, and with those its size would follow from.

    Args:
        smallest: a group of so many people is shown; 1 shows all, and changes nothing.
    """
    if smallest <= 1:
        return replace(data, smallest_group=1)
    customers = data.summary.get("customers")
    profiles = _hide_profiles(data.profiles, smallest=smallest)
    hidden = profiles[profiles["hidden"] != ""]
    names = frozenset(hidden["segment_name"]) if len(hidden) else frozenset()
    flows = suppress_flows(data.migration, hidden=names, smallest=smallest)
    return replace(
        data,
        smallest_group=smallest,
        summary=_hide_summary(data, hidden=hidden, flows=flows, smallest=smallest),
        profiles=profiles,
        migration=flows,
        maps={method: _drop(points, names, smallest=smallest) for method, points in data.maps.items()},
        silhouettes=_drop(data.silhouettes, names, smallest=smallest),
        levels=_prune_levels(data.levels, drawn=_count_drawn(data), smallest=smallest),
        heatmap=data.heatmap[~data.heatmap.index.isin(names)],
        sizes=hide_small(data.sizes, count="customers", by="as_of", smallest=smallest),
        champion=_hide_training(data.champion, customers, hidden=hidden, smallest=smallest),
        candidates=_hide_candidates(data.candidates, customers, hidden=hidden, smallest=smallest),
        history=_hide_column(data.history, "customers", smallest=smallest),
        promotions=_hide_reasons(
            data.promotions, "reasons", hide=_choose_shares(customers, hidden, smallest=smallest)
        ),
    )


def _hide_profiles(profiles: pd.DataFrame, *, smallest: int) -> pd.DataFrame:
    shown = hide_small(profiles, count="size", figures=PROFILE_FIGURES, shares=("share",), smallest=smallest)
    if shown.empty:
        return shown
    reasons = [
        [] if mark == "small" else known
        for known, mark in zip(shown["reasons"], shown["hidden"], strict=True)
    ]
    return shown.assign(reasons=pd.Series(reasons, index=shown.index, dtype=object))


def _drop(customers: pd.DataFrame, names: frozenset[str], *, smallest: int) -> pd.DataFrame:
    """A sample without the customers of hidden segments, and of those it holds too few of."""
    if customers.empty:
        return customers
    drawn = customers.groupby("segment_name")["segment_name"].transform("size")
    return customers[~customers["segment_name"].isin(names) & (drawn >= smallest)].reset_index(drop=True)


def _count_drawn(data: ReportData) -> float:
    """How many customers the levels are of: those that are drawn on the map, too."""
    return max((len(points) for points in data.maps.values()), default=data.summary.get("customers") or 0)


def _prune_levels(levels: pd.DataFrame, *, drawn: float, smallest: int) -> pd.DataFrame:
    """The tree without small branches: what would fall into a small part is not cut finer."""
    if levels.empty:
        return levels
    people = (levels["share"] * drawn).round()
    coarsest = levels["parent"].isna()
    kept: dict[tuple[Any, Any], bool] = {}
    marks = mark_small(people[coarsest], smallest=smallest)
    known = list(levels["level"].unique())
    coarser = dict(zip(known[1:], known, strict=False))
    siblings = people.where(people > 0).groupby([levels["level"], levels["parent"]]).transform("min")
    for place, level, segment, parent in levels[["level", "segment", "parent"]].itertuples():
        kept[level, segment] = (
            marks[place] == ""
            if coarsest[place]
            else kept.get((coarser.get(level), parent), False) and siblings[place] >= smallest
        )
    chosen = [kept[one] for one in zip(levels["level"], levels["segment"], strict=True)]
    return levels[chosen].reset_index(drop=True)


def _hide_candidates(
    candidates: pd.DataFrame, customers: float | None, *, hidden: pd.DataFrame, smallest: int
) -> pd.DataFrame:
    if candidates.empty:
        return candidates
    shown = _hide_reasons(candidates, "reason", hide=_choose_shares(customers, hidden, smallest=smallest))
    for column in ("outlier_share", "smallest_share"):
        people = (shown[column].astype(float) * (customers or 0)).round()
        few = (people > 0) & (people < smallest)
        shown[column] = shown[column].mask(few | bool(len(hidden)))
    return shown


def _hide_column(frame: pd.DataFrame, column: str, *, smallest: int) -> pd.DataFrame:
    if frame.empty:
        return frame
    return frame.assign(**{column: frame[column].mask((frame[column] > 0) & (frame[column] < smallest))})


def _choose_shares(
    customers: float | None, hidden: pd.DataFrame, *, smallest: int
) -> Callable[[float], bool]:
    """Which shares of all customers are not told: those of a few, and all where a segment is hidden."""
    return lambda share: bool(len(hidden)) or is_small(round(share * (customers or 0)), smallest=smallest)


def _hide_reasons(frame: pd.DataFrame, column: str, *, hide: Callable[[float], bool]) -> pd.DataFrame:
    if frame.empty or column not in frame:
        return frame
    told = [_hide_told(reasons, hide=hide) for reasons in frame[column]]
    return frame.assign(**{column: pd.Series(told, index=frame.index, dtype=object)})


def _hide_told(reasons: Any, *, hide: Callable[[float], bool]) -> Any:
    """Reasons without the shares that tell how large a group is."""
    if isinstance(reasons, str):
        return _TOLD_SHARE.sub(
            lambda told: f"{told[1]} a share that is not shown" if hide(float(told[2]) / 100) else told[0],
            reasons,
        )
    if isinstance(reasons, list | tuple):
        return [_hide_told(reason, hide=hide) for reason in reasons]
    return reasons


def _hide_summary(
    data: ReportData, *, hidden: pd.DataFrame, flows: pd.DataFrame, smallest: int
) -> dict[str, Any]:
    shown = dict(data.summary)
    customers = shown.get("customers")
    if isinstance(shown.get("ingest"), Mapping) and is_small(
        shown["ingest"].get("merges"), smallest=smallest
    ):
        shown["ingest"] = {name: value for name, value in shown["ingest"].items() if name != "merges"}
    if is_small(customers, smallest=smallest):
        shown["customers"] = None
    if isinstance(shown.get("training"), Mapping):
        shown["training"] = _hide_training(shown["training"], customers, hidden=hidden, smallest=smallest)
    if isinstance(shown.get("promotion"), Mapping):
        told = shown["promotion"]
        hide = _choose_shares(customers, hidden, smallest=smallest)
        shown["promotion"] = told | {"reasons": _hide_told(list(told.get("reasons") or ()), hide=hide)}
        shown["promotion"].pop("gates", None)
    if isinstance(shown.get("migration"), Mapping):
        shown["migration"] = suppress_movement(
            shown["migration"], data.migration, shown=flows, smallest=smallest
        )
    shown.pop("segments", None)  # the profiles say the same
    return suppress_campaigns(shown, timezone=data.timezone, smallest=smallest)


def _hide_training(
    training: Mapping[str, Any], customers: float | None, *, hidden: pd.DataFrame, smallest: int
) -> dict[str, Any]:
    """Without the share of those in no segment where it is that of a few, or of a segment that is hidden."""
    share = training.get("outlier_share")
    hide = _choose_shares(customers, hidden, smallest=smallest)
    few = share is not None and is_small(round(share * (customers or 0)), smallest=smallest)
    outliers = len(hidden) and bool(fits_none(hidden["segment_id"]).any())
    shown = {
        name: _hide_told(value, hide=hide) if name == "reason" else value for name, value in training.items()
    }
    return shown | ({"outlier_share": None} if few or outliers else {})
