"""What each recipe showed, what is demanded of it, and how two are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.quality import Stability
from models.recipes import Recipe, name_preparation, write_parameters
from models.separation import Separation, is_as_good, is_clearly_better
from models.structure import Structure

INDICES = ("silhouette", "calinski_harabasz", "davies_bouldin", "prediction_strength", "density_validity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a candidate must keep to.

    Attributes:
        segments_min, segments_max: how many segments there may be.
        smallest_share: the least share of customers in a segment.
        outlier_share_max: the largest share in none.
        stability_mean, stability_min: the least stability, over all segments and of each.
    """

    segments_min: int
    segments_max: int
    smallest_share: float
    outlier_share_max: float
    stability_mean: float
    stability_min: float

    def judge_shape(self, segments: int, smallest: float, outliers: float) -> str:
        """What is wrong with number and sizes of the segments; empty if nothing is."""
        if not self.segments_min <= segments <= self.segments_max:
            return f"{segments} segments, wanted {self.segments_min} to {self.segments_max}"
        if smallest < self.smallest_share:
            return f"smallest segment {smallest:.1%}, at least {self.smallest_share:.1%} wanted"
        if outliers > self.outlier_share_max:
            return f"{outliers:.0%} outliers, at most {self.outlier_share_max:.0%} wanted"
        return ""

    def judge_stability(self, stability: Stability) -> str:
        """What is wrong with the segments' stability; empty if nothing is."""
        if not stability.mean >= self.stability_mean:
            return f"stability {stability.mean:.2f}, at least {self.stability_mean:.2f} wanted"
        if not stability.least >= self.stability_min:
            return f"stability of one segment {stability.least:.2f}, at least {self.stability_min:.2f} wanted"
        return ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)  # one is in a list only if it is that very one
class Candidate:
    """A recipe and what it showed; NaN where a figure was not measured.

    Attributes:
        outlier_share, smallest_share: of the customers looked at.
        promise: what the search ranks it by at first: separation on two folds, or prediction strength.
        silhouette, calinski_harabasz, davies_bouldin, density_validity: in the recipe's own space; not
            comparable across preparations.
        structure: whether its segments are more compact than those of structureless clouds.
        separation: cross-validated on the customers the search may see.
        reason: why it may not be used, or was not looked at further; empty if nothing was found wrong.
    """

    recipe: Recipe
    segments: int
    outlier_share: float
    smallest_share: float
    promise: float = float("nan")
    silhouette: float = float("nan")
    calinski_harabasz: float = float("nan")
    davies_bouldin: float = float("nan")
    prediction_strength: float = float("nan")
    density_validity: float = float("nan")
    stability: Stability | None = None
    separation: Separation | None = None
    structure: Structure | None = None
    reason: str = ""

    @property
    def admissible(self) -> bool:
        """Whether it was examined to the end and nothing was found wrong."""
        return not self.reason and self.stability is not None

    @property
    def score(self) -> float:
        return float("nan") if self.separation is None else self.separation.score

    @property
    def stability_mean(self) -> float:
        return float("nan") if self.stability is None else self.stability.mean

    @property
    def stability_min(self) -> float:
        return float("nan") if self.stability is None else self.stability.least

    @property
    def name(self) -> str:
        return f"{self.recipe.algorithm} with {self.segments} segments"


def rank_candidates(candidates: Sequence[Candidate], *, incumbent: Recipe | None = None) -> list[Candidate]:
    """The order in which candidates are worth examining.

    First the incumbent's recipe, unless another clearly separates better: campaigns are built on its segments. Then
    those within one standard error of the best separation, those with fewest segments first; then the others by
    separation. Those of which none is known come last, by what they promise.
    """
    known = sorted((c for c in candidates if c.separation), key=lambda c: -c.score)
    unknown = sorted((c for c in candidates if not c.separation), key=lambda c: -_known(c.promise))
    close = [c for c in known if _is_close(c, known[0])]
    close.sort(key=lambda c: (c.segments, -c.score))
    ranked = [*close, *(c for c in known if c not in close), *unknown]
    return sorted(ranked, key=lambda c: not _stays(c, known, incumbent))


def _is_close(candidate: Candidate, best: Candidate) -> bool:
    if candidate is best or candidate.separation is None or best.separation is None:
        return candidate is best
    return is_as_good(candidate.separation, best.separation)


def _stays(candidate: Candidate, known: Sequence[Candidate], incumbent: Recipe | None) -> bool:
    if candidate.recipe != incumbent:
        return False
    if candidate.separation is None or known[0].separation is None:
        return not known
    return not is_clearly_better(known[0].separation, candidate.separation, among=len(known) - 1)


def find_most_stable(candidates: Sequence[Candidate], *, incumbent: Recipe | None = None) -> Candidate:
    """The incumbent's recipe, or the most stable, to two digits; of equals the one with the better silhouette."""
    return max(
        candidates,
        key=lambda c: (c.recipe == incumbent, round(_known(c.stability_mean), 2), _known(c.silhouette)),
    )


def tabulate_candidates(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """A row each: recipe, sizes, indices, stability, separation, and what became of it."""
    rows: list[dict[str, Any]] = [
        {
            "algorithm": c.recipe.algorithm,
            "segments": c.segments,
            "parameters": write_parameters(c.recipe),
            "preparation": name_preparation(c.recipe),
            **{index: getattr(c, index) for index in INDICES},
            "promise": c.promise,
            "stability": c.stability_mean,
            "stability_min": c.stability_min,
            "resamples": 0 if c.stability is None else c.stability.resamples,
            "separation": c.score,
            "outlier_share": c.outlier_share,
            "smallest_share": c.smallest_share,
            "admissible": c.admissible,
            "reason": c.reason or ("" if c.admissible else "others promised more"),
        }
        for c in candidates
    ]
    return pd.DataFrame(rows)


def _known(value: float) -> float:
    return -1.0 if np.isnan(value) else value
