"""A segment stays the same segment when the model is trained again, or it is said what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from models.outliers import OUTLIER_SEGMENTS

MAJORITY = 0.5
NOTABLE = 0.2


@dataclass(frozen=True, slots=True)
class Lineage:
    """What became of each segment.

    Attributes:
        mapping: segment id for every label of the new model, for `Segmenter.relabel`.
        states: for every id in use now: `kept`, `new`, `split from N` or `merged from N, M`.
        retired: ids of the old model that are in use no more. They are never given again.
        overlaps: for every inherited id, the Jaccard overlap of the customers it had and has, 0–1.
        moved: share of the common customers whose segment id changes, 0–1; NaN without common customers.
        next_id: the first id that has not been used after this.
    """

    mapping: Mapping[int, int]
    states: Mapping[int, str]
    retired: tuple[int, ...]
    overlaps: Mapping[int, float]
    moved: float
    next_id: int


def match_segments(
    old: pd.Series,
    new: pd.Series,
    *,
    next_id: int,
    former: Collection[int] = (),
    threshold: float = MAJORITY,
) -> Lineage:
    """Let the segments of a new model inherit the ids of the old model's, judged on the same customers.

    New segments are paired with old ones so that the sum of the pairs' Jaccard overlaps is largest (Kuhn
    1955, "The Hungarian method for the assignment problem"). A pair that overlaps by at least `threshold` is
    the same segment. Any other new segment gets an id never used before and is told apart thus:

    - `merged from N, M`: it took most customers of each of several old segments, and each of them makes up at
      least a fifth of it. A segment that inherits its id may be merged, too;
    - `split from N`: most of its customers come from N;
    - `new`: neither.

    Args:
        old: segment id by customer, from the old model.
        new: label by customer, from the new model. Labels 0 and −1, the outliers, stay what they are and are
            matched to no other. Customers of one side only do not count.
        next_id: the first id that has never been used.
        former: ids of the old model, for those that none of these customers is in.
        threshold: the least Jaccard overlap of a segment with its former self, above 0.

    Raises:
        ValueError: `next_id` has been used, or a customer appears twice.
    """
    used = sorted({int(segment) for segment in (*old.unique(), *former)} - {*OUTLIER_SEGMENTS})
    if used and next_id <= used[-1]:
        raise ValueError(f"next_id {next_id} has been used: the old model's highest segment id is {used[-1]}")
    counts = _count_overlaps(old, new)
    inherited = _pair_segments(counts, threshold=threshold)
    mapping: dict[int, int] = {}
    states: dict[int, str] = {}
    for label in sorted(int(label) for label in new.unique()):
        if label in OUTLIER_SEGMENTS:
            mapping[label] = label
        elif label in inherited:
            mapping[label] = inherited[label][0]
        else:
            mapping[label], next_id = next_id, next_id + 1
        states[mapping[label]] = _describe_origin(counts, label, kept=mapping[label] in counts.index)
    return Lineage(
        mapping=mapping,
        states=dict(sorted(states.items())),
        retired=tuple(segment for segment in used if segment not in states),
        overlaps=dict(sorted(inherited.values())),
        moved=_share_moved(counts, mapping),
        next_id=next_id,
    )


def start_lineage(labels: pd.Series, *, next_id: int = 1) -> Lineage:
    """The lineage of a first model: its segments, largest first, are numbered from `next_id` and all are new.

    Where an earlier first model has had ids, as when a shop's first week is run again on other data, that is not 1.
    """
    outside = labels.isin(OUTLIER_SEGMENTS)
    sizes = labels[~outside].value_counts().rename_axis("label").reset_index(name="size")
    ordered = sizes.sort_values(["size", "label"], ascending=[False, True])["label"]
    mapping = {int(label): number for number, label in enumerate(ordered, start=next_id)}
    mapping |= {int(label): int(label) for label in labels[outside].unique()}
    states = dict.fromkeys(sorted(mapping.values()), "new")
    return Lineage(mapping, states, (), {}, float("nan"), next_id + len(sizes))


def _count_overlaps(old: pd.Series, new: pd.Series) -> pd.DataFrame:
    """Customers by old id (rows) and new label (columns), every segment of either side included."""
    for side in (old, new):
        if not side.index.is_unique:
            twice = side.index[side.index.duplicated()][0]
            raise ValueError(
                f"customer '{twice}' appears twice; segments are matched with one row a customer"
            )
    common = old.index.intersection(new.index)
    counts = pd.crosstab(old.loc[common].to_numpy(), new.loc[common].to_numpy())
    return counts.reindex(index=sorted(old.unique()), columns=sorted(new.unique()), fill_value=0)


def _pair_segments(counts: pd.DataFrame, *, threshold: float) -> dict[int, tuple[int, float]]:
    """The old id each new label inherits, and their Jaccard overlap."""
    sizes = counts.sum(axis=1).to_numpy()[:, None] + counts.sum(axis=0).to_numpy()[None, :]
    reserved = list(OUTLIER_SEGMENTS)
    overlaps = counts / np.maximum(sizes - counts.to_numpy(), 1)
    overlaps = overlaps.drop(index=reserved, columns=reserved, errors="ignore")
    rows, columns = linear_sum_assignment(overlaps.to_numpy(), maximize=True)
    pairs = zip(
        overlaps.index[rows], overlaps.columns[columns], overlaps.to_numpy()[rows, columns], strict=True
    )
    return {int(label): (int(segment), float(o)) for segment, label, o in pairs if o >= threshold}


def _describe_origin(counts: pd.DataFrame, label: int, *, kept: bool) -> str:
    came = counts[label].drop(list(OUTLIER_SEGMENTS), errors="ignore")
    of_old = came / counts.sum(axis=1).loc[came.index].clip(lower=1)
    of_new = came / max(counts[label].sum(), 1)
    parents = came.index[(of_old >= MAJORITY) & (of_new >= NOTABLE)]
    if label not in OUTLIER_SEGMENTS and len(parents) > 1:
        return "merged from " + ", ".join(str(parent) for parent in parents)
    if kept:
        return "kept"
    if label not in OUTLIER_SEGMENTS and len(came) and of_new.max() >= MAJORITY:
        return f"split from {of_new.idxmax()}"
    return "new"


def _share_moved(counts: pd.DataFrame, mapping: Mapping[int, int]) -> float:
    total = int(counts.to_numpy().sum())
    if not total:
        return float("nan")
    becomes = np.array([mapping[int(label)] for label in counts.columns])
    stays = counts.index.to_numpy()[:, None] == becomes[None, :]
    return 1.0 - int(counts.to_numpy()[stays].sum()) / total
