"""Maximum likelihood from several starts, with a reason instead of numbers where it finds no maximum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

GRADIENT_MAX = 1e-4
EDGE = 1e-3


class NoFit(ValueError):  # noqa: N818 - reads as what it is
    """The data do not determine the model; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where a likelihood is highest.

    Attributes:
        parameters: in their own scale, not their logarithms.
        log_likelihood: there, of all rows together.
        at_limit: which parameters ran to the end of what is allowed.
    """

    parameters: np.ndarray
    log_likelihood: float
    at_limit: np.ndarray


def maximise_likelihood(
    measure: Callable[[np.ndarray], tuple[float, np.ndarray]],
    *,
    starts: Sequence[Sequence[float]],
    limits: Sequence[tuple[float, float]],
    rows: float,
) -> Maximum:
    """The highest of the maxima that L-BFGS-B climbs to from each start, over the logarithms of the parameters.

    Args:
        measure: log-likelihood of all rows, and its gradient by the parameters (not their logarithms).
        starts: positive parameters to begin with.
        limits: least and most of each parameter.
        rows: how many rows the likelihood is of; its slope is judged a row.

    Raises:
        NoFit: no start led to a place where the mean log-likelihood is flat (its projected gradient by the
            logarithms below 1e-4).
    """
    from scipy.optimize import minimize

    bounds = np.log(np.array(limits))

    def descend(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = np.exp(logarithms)
        value, gradient = measure(parameters)
        return -value / rows, -gradient * parameters / rows

    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    found = [
        minimize(
            descend,
            np.clip(np.log(start), *bounds.T),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
        for start in starts
    ]
    best = min((one for one in found if np.isfinite(one.fun)), key=lambda one: one.fun, default=None)
    if best is None:
        raise NoFit("the likelihood is not finite anywhere the search began")
    slope = np.abs(best.x - np.clip(best.x - best.jac, *bounds.T)).max()
    if not slope < GRADIENT_MAX:
        raise NoFit(f"the fit did not converge: the likelihood still rises by {slope:.2g} a row")
    at_limit = (np.abs(best.x[:, None] - bounds) < EDGE).any(axis=1)
    return Maximum(np.exp(best.x), -best.fun * rows, at_limit)
