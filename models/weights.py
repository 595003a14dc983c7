"""How much each factor counts in a customer's place, and which have nothing to say."""

from __future__ import annotations

from typing import Literal

import numpy as np

Weighting = Literal["equal", "balanced", "informative"]

GRAINS = (4, 6, 8, 10, 12)  # numbers of groups that stand in for the number not known yet
ROUNDS = 4  # after these, weights and discriminants hardly move
LEARNING_ROWS = 2000  # customers that weights and discriminants are learnt from
EMPHASIS = 0.35  # power of (variance between groups ÷ variance within) in a factor's weight


def weigh_factors(values: np.ndarray, *, weighting: Weighting, kin: float, seed: int) -> np.ndarray:
    """A weight for each standardised factor.

    A family of n gets 1/√n each: without this, whatever is measured most often would decide. Informative
    weights are in the spirit of Witten & Tibshirani 2010, "A framework for feature selection in clustering":
    a factor counts by its variance between groups of customers over that within them. Groups and weights are
    found in turns; groups come at several grains, for the right number is not known here.
    """
    if weighting == "equal":
        return np.ones(values.shape[1])
    family = find_families(values, kin=kin)
    weights: np.ndarray = 1 / np.sqrt(np.bincount(family)[family])
    if weighting == "balanced":
        return weights
    sample = draw_rows(values, seed=seed)
    emphasis = np.ones(len(weights))
    for turn in range(ROUNDS):
        residuals = leave_groups(sample, points=sample * weights * emphasis, seed=seed + turn)
        within = np.clip(residuals.var(axis=0) / np.maximum(sample.var(axis=0), 1e-12), 0.01, 0.99)
        emphasis = ((1 - within) / within) ** EMPHASIS
    return weights * emphasis / np.sqrt(np.mean((weights * emphasis) ** 2))


def measure_information(values: np.ndarray, *, kin: float, seed: int) -> np.ndarray:
    """Factors × 2: the share of each factor's variance that groups of customers explain, and that of its shadow.

    A shadow is the factor with its customers shuffled, so it can tell nobody apart; the factors of a family are
    shuffled together. Both are grouped by at once. A factor that is explained no better than its shadow follows no
    grouping of the others (Kursa & Rudnicki 2010, "Feature selection with the Boruta package", there for
    forests).
    """
    family = find_families(values, kin=kin)
    weights = np.tile(1 / np.sqrt(np.bincount(family)[family]), 2)
    sample = draw_rows(values, seed=seed)
    rng = np.random.default_rng(seed)
    explained = np.zeros(2 * values.shape[1])
    for turn in range(ROUNDS):
        shuffled = [rng.permutation(len(sample)) for _family in range(family.max() + 1)]
        shadow = np.column_stack([sample[shuffled[f], j] for j, f in enumerate(family)])
        both = np.hstack([sample, shadow])
        residuals = leave_groups(both, points=both * weights, seed=seed + turn)
        explained += (1 - residuals.var(axis=0) / np.maximum(both.var(axis=0), 1e-12)) / ROUNDS
    return explained.reshape(2, -1).T


def leave_groups(values: np.ndarray, *, points: np.ndarray, seed: int) -> np.ndarray:
    """What is left of `values` without the means of the groups among `points`, grain below grain."""
    from sklearn.cluster import KMeans

    residuals = []
    for grain in GRAINS:
        groups = min(grain, len(points) - 1)
        labels = KMeans(groups, n_init=1, random_state=seed).fit_predict(points)
        member = np.eye(groups)[labels]
        means = member.T @ values / np.maximum(member.sum(axis=0), 1)[:, None]
        residuals.append(values - means[labels])
    return np.vstack(residuals)


def find_families(values: np.ndarray, *, kin: float) -> np.ndarray:
    """A number for each factor, the same for those that mostly move together."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if values.shape[1] < 2:
        return np.zeros(values.shape[1], dtype=int)
    distance = np.clip(1 - np.abs(correlate(values)), 0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - kin, "distance")) - 1


def correlate(values: np.ndarray) -> np.ndarray:
    """Pearson's correlations of the columns."""
    return np.atleast_2d(np.corrcoef(values, rowvar=False))


def draw_rows(values: np.ndarray, *, seed: int) -> np.ndarray:
    """All rows, or as many as are enough to learn from."""
    if len(values) <= LEARNING_ROWS:
        return values
    chosen = np.random.default_rng(seed).choice(len(values), LEARNING_ROWS, replace=False)
    return values[np.sort(chosen)]
