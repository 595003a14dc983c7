"""Whether K-Means was the wrong tool: customers lie in long or bent groups, and its segments cut across them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.clusterers import OUTLIER
from models.clusterers.hdbscan import HdbscanClusterer

SAMPLE = 3000
DIMENSIONS = 10  # density means little in more
REGION_SHARE = 0.05
REGION_SAMPLES = 10
COVERED_MIN = 0.75  # of the customers must lie in dense regions, or there is no clear structure to cut across
FIT_MIN = 0.7


@dataclass(frozen=True, slots=True)
class ShapeCheck:
    """How round segments fit the dense regions there are.

    Attributes:
        regions: dense regions of any shape, found by HDBSCAN.
        covered: share of the customers who lie in one.
        fit: 1 where every segment lies within one region or every region within one segment, 0 where the two
            have nothing to do with each other; NaN with fewer than two regions.
        warning: what to tell the user; empty where round segments do no harm or no clear structure was seen.
    """

    regions: int
    covered: float
    fit: float
    warning: str


def check_sphericity(X: np.ndarray, labels: np.ndarray, *, seed: int) -> ShapeCheck:
    """Compare segments that K-Means made with the regions that density shows.

    The fit is the larger of homogeneity and completeness (Rosenberg & Hirschberg 2007, "V-Measure") over
    customers in dense regions. Segments finer or coarser than the regions, but nested with them, fit well:
    how many segments there should be is another question. Segments that part regions and mix the parts do not.

    Args:
        X: prepared customers, in whose space the segments were made; at most 3,000 are looked at, in their
            first 10 principal components.
        labels: the segment of each.
    """
    from sklearn.metrics import homogeneity_completeness_v_measure

    rows = np.random.default_rng(seed).permutation(len(X))[:SAMPLE]
    points = _flatten(X[rows])
    regions = HdbscanClusterer(share=REGION_SHARE, min_samples=REGION_SAMPLES).fit(points).labels_
    dense = regions != OUTLIER
    count, covered = len(np.unique(regions[dense])), float(dense.mean())
    if count < 2:
        return ShapeCheck(count, covered, float("nan"), "")
    homogeneity, completeness, _both = homogeneity_completeness_v_measure(regions[dense], labels[rows][dense])
    fit = float(max(homogeneity, completeness))
    return ShapeCheck(count, covered, fit, _warn(count, covered=covered, fit=fit))


def _flatten(X: np.ndarray) -> np.ndarray:
    from sklearn.decomposition import PCA

    if X.shape[1] <= DIMENSIONS:
        return X
    flat: np.ndarray = PCA(min(DIMENSIONS, len(X)), svd_solver="full").fit_transform(X)
    return flat


def _warn(regions: int, *, covered: float, fit: float) -> str:
    if covered < COVERED_MIN or fit >= FIT_MIN:
        return ""
    return (
        f"K-Means makes round segments, but the customers lie in {regions} dense groups of another shape, "
        f"which its segments cut across (fit {fit:.2f}, 1 is none cut); "
        "try hdbscan or gaussian_mixture in [training] algorithms"
    )
