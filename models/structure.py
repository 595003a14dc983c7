"""Whether there are segments at all: no stability tells, for a structureless cloud is cut stably, too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.draws import draw_customers
from models.preparation import NoVariation, Past, Preparation, PreparationOptions
from models.quality import measure_silhouette
from models.recipes import Recipe
from models.segmenter import build_clusterer

SAMPLE = 1000
CLOUDS = 19
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Structure:
    """The evidence for segments.

    Attributes:
        silhouette: of the recipe on the customers.
        cloud_silhouette: the largest of the same recipe on structureless clouds.
        cloud_p: the probability of such a silhouette in a structureless cloud.
        separation_p: the probability of such a separation if segments had nothing to do with what customers do
            afterwards; NaN where that is not known.
    """

    silhouette: float
    cloud_silhouette: float
    cloud_p: float
    separation_p: float = float("nan")

    @property
    def lack(self) -> str:
        """Why these are no segments; empty if nothing speaks against them."""
        if self.cloud_p > LEVEL:
            return (
                "customers form no groups: the segments are no more compact than those of a structureless cloud "
                f"(silhouette {self.silhouette:.3f}, clouds reach {self.cloud_silhouette:.3f}, "
                f"p = {self.cloud_p:.2f})"
            )
        if self.separation_p > LEVEL:
            return (
                "the segments have nothing to do with what customers did afterwards "
                f"(permutation test, p = {self.separation_p:.2f})"
            )
        return ""


def compare_with_clouds(
    factors: pd.DataFrame, recipe: Recipe, *, seed: int, past: Past | None = None
) -> Structure:
    """Is a recipe's clustering more compact than on normally distributed customers of the same covariance?

    The null of Liu, Hayes, Nobel & Marron 2008, "Statistical Significance of Clustering for High-Dimension,
    Low-Sample Size Data", with the silhouette in place of their index of two clusters, and a Monte Carlo test
    of level 1/20: the customers must surpass each of 19 clouds. It stops at the first that is not surpassed
    (Besag & Clifford 1991, "Sequential Monte Carlo p-values").

    Args:
        factors: one row a customer; at most 1,000 are looked at.
        recipe: its whole preparation is fitted on each cloud as on the customers; but clouds have no outcomes, so
            where the projection is learnt from these, the clouds are of the projected customers.
        past: earlier customers and their outcomes, for such a recipe.
    """
    sample = draw_customers(factors, SAMPLE, seed=seed)
    if recipe.preparation.projection == "pls":
        points = Preparation(recipe.preparation, seed=seed).fit(sample, past).transform(sample)
        sample = pd.DataFrame(points, sample.index, [f"axis_{i}" for i in range(points.shape[1])])
        recipe = replace(
            recipe, preparation=PreparationOptions(weighting="equal", projection="components", variance=1.0)
        )
    standard = Preparation(PreparationOptions(weighting="equal"), seed=seed).fit_transform(sample)
    observed = _measure_compactness(standard, recipe, seed=seed)
    rng = np.random.default_rng(seed)
    covariance = np.atleast_2d(np.cov(standard, rowvar=False))
    spread, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.clip(spread, 0.0, None))
    largest = -1.0
    for drawn in range(1, CLOUDS + 1):
        cloud = rng.normal(size=standard.shape) @ root.T
        largest = max(largest, _measure_compactness(cloud, recipe, seed=seed))
        if largest >= observed:
            return Structure(observed, largest, 1 / drawn)
    return Structure(observed, largest, 1 / (CLOUDS + 1))


def _measure_compactness(values: np.ndarray, recipe: Recipe, *, seed: int) -> float:
    """Silhouette in the recipe's space; −1 where it finds fewer than two segments."""
    frame = pd.DataFrame(values, columns=[f"factor_{i}" for i in range(values.shape[1])])
    try:
        points = Preparation(recipe.preparation, seed=seed).fit_transform(frame)
    except NoVariation:
        return -1.0
    labels = build_clusterer(recipe, seed=seed).fit(points).labels_
    silhouette = measure_silhouette(points, labels, seed=seed)
    return -1.0 if np.isnan(silhouette) else silhouette
