"""Ward: a tree of compact segments, each within a larger one.

Ward 1963, "Hierarchical Grouping to Optimize an Objective Function".
"""

from __future__ import annotations

from functools import partial
from typing import Any

from models.clusterers import Clusterer
from models.clusterers.agglomerative import AgglomerativeClusterer


def _grid(segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"segments": k} for k in segments)


CLUSTERER = Clusterer(
    "ward", "a tree of compact segments", partial(AgglomerativeClusterer, linkage="ward"), _grid
)
