"""Gaussian mixture: segments that are stretched, of different width, or overlap, with a probability for each.

Dempster, Laird & Rubin 1977, "Maximum Likelihood from Incomplete Data via the EM Algorithm".
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from models.clusterers import OUTLIER, Clusterer, FittedClusterer
from models.clusterers.distances import average_clusters, limit_segments

Shape = Literal["full", "diag"]
STARTS = 3
ITERATIONS = 300
LEAST_WIDTH = 1e-3  # of the mean variance, added to each: no component may shrink onto a few twins


class GaussianMixtureClusterer(FittedClusterer):
    """The most probable of k normal distributions.

    Args:
        shape: `full`, stretched in any direction; `diag`, along the axes.

    Attributes:
        weights_, means_: of each component.
        scales_: components × dimensions × dimensions, a Cholesky factor of each inverse covariance.
    """

    learnt = ("weights_", "means_", "scales_")
    weights_: np.ndarray
    means_: np.ndarray
    scales_: np.ndarray

    def __init__(self, *, segments: int, shape: Shape = "full", seed: int = 0) -> None:
        if shape not in get_args(Shape):
            raise ValueError(f"shape '{shape}' is unknown; there are: {', '.join(get_args(Shape))}")
        self.segments, self.shape, self.seed = segments, shape, seed

    def fit(self, X: np.ndarray) -> GaussianMixtureClusterer:
        """The best of several starts.

        Raises:
            ValueError: fewer customers than segments.
        """
        # Whole K-Means would cut long groups across, and EM stays with that.
        return self._settle(X, n_init=STARTS, init_params="k-means++")

    def resume(self, X: np.ndarray, labels: np.ndarray) -> GaussianMixtureClusterer:
        """Begin with components as wide and as heavy as earlier clusters."""
        groups = [X[labels == label] for label in np.unique(labels[labels != OUTLIER])]
        if len(groups) != limit_segments(X, self.segments) or min(map(len, groups)) < 2:
            return self.fit(X)
        sizes = np.array([len(group) for group in groups])
        spread = [np.cov(group, rowvar=False).reshape(X.shape[1], -1) for group in groups]
        widths = np.array(spread) + _least_width(X) * np.eye(X.shape[1])
        precisions = (
            np.linalg.inv(widths) if self.shape == "full" else 1 / np.diagonal(widths, axis1=1, axis2=2)
        )
        return self._settle(
            X,
            means_init=average_clusters(X, labels),
            weights_init=sizes / sizes.sum(),
            precisions_init=precisions,
        )

    def _settle(self, X: np.ndarray, **start: Any) -> GaussianMixtureClusterer:
        from sklearn.mixture import GaussianMixture

        found = GaussianMixture(
            limit_segments(X, self.segments),
            covariance_type=self.shape,
            max_iter=ITERATIONS,
            reg_covar=_least_width(X),
            random_state=self.seed,
            **start,
        ).fit(X)
        self.weights_, self.means_ = found.weights_, found.means_
        self.scales_ = found.precisions_cholesky_
        if self.shape == "diag":
            self.scales_ = self.scales_[:, :, None] * np.eye(X.shape[1])
        # A component nobody is most likely to come from is no segment, and newcomers must not land there.
        taken = np.unique(self.predict(X))
        self.weights_, self.means_, self.scales_ = (
            array[taken] for array in (self.weights_, self.means_, self.scales_)
        )
        self.labels_ = self.predict(X)
        return self

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most probable component, and its probability given the customer."""
        logs = np.column_stack(
            [
                np.log(weight)
                + np.log(np.diagonal(scale)).sum()
                - (((X - mean) @ scale) ** 2).sum(axis=1) / 2
                for weight, mean, scale in zip(self.weights_, self.means_, self.scales_, strict=True)
            ]
        )
        odds = np.exp(logs - logs.max(axis=1, keepdims=True))
        return logs.argmax(axis=1), 1 / odds.sum(axis=1)


def _least_width(X: np.ndarray) -> float:
    return max(LEAST_WIDTH * float(X.var(axis=0).mean()), 1e-9)


def _grid(segments: range, _customers: int) -> tuple[dict[str, Any], ...]:
    return tuple({"segments": k, "shape": shape} for shape in get_args(Shape) for k in segments)


CLUSTERER = Clusterer(
    "gaussian_mixture",
    "stretched or overlapping segments, with probabilities",
    GaussianMixtureClusterer,
    _grid,
    flat=True,
)
