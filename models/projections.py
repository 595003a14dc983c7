"""Fewer dimensions than factors: the directions in which customers differ, lie in groups, or will differ."""

from __future__ import annotations

from typing import Literal

import numpy as np

from models.weights import ROUNDS, leave_groups

Projection = Literal["none", "components", "discriminants", "pls"]

SHRINKAGE = 0.1  # of the covariance within groups towards a sphere, which keeps it invertible
RESOLVED = 1.25  # total variance ÷ variance within groups from which a direction is worth keeping
FORETOLD_ROWS = 50  # customers with an outcome, below which nothing can be learnt from it


class NoOutcomes(ValueError):  # noqa: N818 - reads as what it is
    """A projection on earlier outcomes was asked for, and there are none to learn from."""


def find_components(centred: np.ndarray, *, variance: float, dimensions: int) -> np.ndarray:
    """Principal components, as many as hold a share of the variance: factors × dimensions."""
    spread, axes = np.linalg.eigh(_covary(centred))
    spread, axes = np.clip(spread[::-1], 0, None), axes[:, ::-1]
    enough = 1 + int(np.searchsorted(np.cumsum(spread) / spread.sum(), variance))
    return _fix_signs(axes[:, : min(enough, dimensions)])


def find_discriminants(centred: np.ndarray, *, dimensions: int, seed: int) -> np.ndarray:
    """Linear discriminants of groups that are themselves found in the space so far, in turns.

    Ding & Li 2007, "Adaptive dimension reduction using discriminant analysis and K-means clustering"; here
    the groups come at several grains, so that the space favours no number of segments.
    """
    from scipy.linalg import eigh

    total = _covary(centred)
    axes = np.eye(len(total))
    for turn in range(ROUNDS):
        within = _covary(leave_groups(centred, points=centred @ axes, seed=seed + turn))
        sphere = np.trace(within) / len(within) * np.eye(len(within))
        ratio, axes = eigh(total, (1 - SHRINKAGE) * within + SHRINKAGE * sphere)
        resolved = max(2, int(np.sum(ratio > RESOLVED)))
        axes = axes[:, ::-1][:, : min(resolved, dimensions)]
    return _fix_signs(axes)


def find_foretelling(earlier: np.ndarray, outcomes: np.ndarray, *, dimensions: int) -> np.ndarray:
    """The directions that foretell outcomes: in this space distance is difference in what is to be expected.

    Partial least squares (Wold, Sjöström & Eriksson 2001, "PLS-regression: a basic tool of chemometrics") of
    standardised outcomes on the places of the same customers before them; the axes are the regression's, so a
    customer's coordinates are the outcomes expected of them, turned to their principal axes. An outcome that does
    not apply to a customer counts as the mean.

    Args:
        earlier: customers × factors, centred like those to be projected.
        outcomes: customers × outcomes; NaN where one does not apply. One that is constant, or known for fewer than
            50 customers, is left out.
        dimensions: the most components.

    Returns:
        Factors × dimensions, at most as many as outcomes.

    Raises:
        NoOutcomes: no outcome can be used.
    """
    from sklearn.cross_decomposition import PLSRegression

    known = ~np.isnan(outcomes)
    usable = known.sum(axis=0) >= FORETOLD_ROWS
    outcomes, known = outcomes[:, usable], known[:, usable]
    spread = np.nanstd(outcomes, axis=0) if outcomes.size else np.empty(0)
    outcomes, known, spread = outcomes[:, spread > 0], known[:, spread > 0], spread[spread > 0]
    if not outcomes.size:
        raise NoOutcomes(
            f"no outcome differs between at least {FORETOLD_ROWS} earlier customers; "
            "the projection 'pls' cannot be learnt yet"
        )
    standardised = np.where(known, (outcomes - np.nanmean(outcomes, axis=0)) / spread, 0.0)
    most = min(dimensions, earlier.shape[1], len(earlier) - 1)
    found = PLSRegression(most, scale=False).fit(earlier, standardised)
    left, sizes, _right = np.linalg.svd(found.coef_.T, full_matrices=False)
    told = sizes > sizes[0] * 1e-9
    return _fix_signs(left[:, told] * sizes[told])


def _covary(values: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(values, rowvar=False))


def _fix_signs(axes: np.ndarray) -> np.ndarray:
    """The same axes with the largest entry of each positive: eigenvectors come with either sign."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return axes * np.sign(largest)
