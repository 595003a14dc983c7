"""The same customers at several levels: a few segments for the board, a dozen for the campaign, one within another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.clusterers import OUTLIER, FittedClusterer
from models.clusterers.agglomerative import LEVELS, AgglomerativeClusterer
from models.naming import name_segments
from models.profiles import count_usual_orders, measure_effects


def cut_levels(X: np.ndarray, *, clusterer: FittedClusterer | None = None, seed: int) -> np.ndarray:
    """Rows × 3: where each customer belongs at 3, 6 and 12 segments; −1 is far from everybody.

    Args:
        X: prepared customers, rows × dimensions.
        clusterer: the fitted one in use; where it is a tree, that is the one cut, otherwise one by Ward is
            grown for the occasion.
    """
    if isinstance(clusterer, AgglomerativeClusterer):
        return clusterer.view_levels(X)
    return AgglomerativeClusterer(segments=min(LEVELS[0], len(X)), linkage="ward", seed=seed).fit(X).levels_


def describe_levels(cuts: np.ndarray, factors: pd.DataFrame) -> pd.DataFrame:
    """Name and size of every segment at every level.

    Args:
        cuts: as `cut_levels` gives them, each column at least as fine as the one before.
        factors: the same customers, float64; may hold NaN.

    Returns:
        level (how many segments there are at it), segment (a number from 1 on), parent (the number of the
        segment of the coarser level it lies in; null at the coarsest), name, share (0–1): a row a segment,
        coarser levels first, largest segments first. A level that is no finer than the one before is left out.
    """
    inside = (cuts != OUTLIER).all(axis=1)
    known, cuts = factors.loc[inside].sort_index(axis=1), cuts[inside]
    rows: list[dict[str, object]] = []
    above: pd.Series | None = None
    for column in cuts.T:
        labels = _number_by_size(pd.Series(column, index=known.index))
        if above is not None and labels.nunique() == above.nunique():
            continue
        effects = measure_effects(known, labels)
        names = name_segments(effects, orders=count_usual_orders(known, labels))
        rows += [
            {
                "level": len(names),
                "segment": segment,
                "parent": None if above is None else int(above[labels == segment].iloc[0]),
                "name": name,
                "share": float((labels == segment).mean()),
            }
            for segment, name in names.items()
        ]
        above = labels
    frame = pd.DataFrame(rows, columns=["level", "segment", "parent", "name", "share"])
    return frame.astype({"parent": "float64"})


def _number_by_size(labels: pd.Series) -> pd.Series:
    """Numbers from 1 on, the largest first, equal ones in the order of their labels."""
    sizes = labels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return labels.map({label: number for number, label in enumerate(sizes.index, start=1)})
