"""Which factors placed a customer in a segment.

A customer belongs where they are nearer than elsewhere, and squared distances are sums over factors. So what
each factor adds to being nearer to the own segment's centre c than to the nearest other's, o, is exact:
|x − o|² − |x − c|² = 2 Σⱼ (xⱼ − (cⱼ + oⱼ)/2) · gⱼ, with g = A Aᵀ (c − o) and A the axes of the projection, if there
is one. The reasons are the factors that add most; one that speaks against the segment is none. Of customers in no
segment they are the factors that keep them farthest from the nearest centre: (xⱼ − cⱼ) · (A Aᵀ (x − c))ⱼ.

For K-Means this is the decision itself. Other algorithms draw other borders; for them the segments' centres stand
in, and the reasons say what makes the customer like the segment's average and unlike the next one's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.clusterers import OUTLIER

REASONS = 3
CHUNK = 20_000  # customers at a time: what is worked on stays in the processor's cache, near enough


@dataclass(frozen=True, slots=True)
class Centres:
    """The mean of each segment's customers, in weighted factors before any projection.

    Attributes:
        labels: the clusterer's labels without the outliers', ascending.
        places: labels × factors.
    """

    labels: np.ndarray
    places: np.ndarray


def find_centres(weighted: np.ndarray, labels: np.ndarray) -> Centres:
    """The centres of the customers a model was fitted on, one row each."""
    found = np.unique(labels[labels != OUTLIER])
    places = [weighted[labels == label].mean(axis=0) for label in found]
    return Centres(found, np.array(places).reshape(len(found), weighted.shape[1]))


def rank_reasons(
    weighted: np.ndarray, labels: np.ndarray, centres: Centres, *, axes: np.ndarray
) -> np.ndarray:
    """The factors that placed each customer, the strongest first.

    Args:
        weighted: customers × factors, as `Preparation.weigh` gives them.
        labels: where the clusterer placed them.
        axes: factors × dimensions of the projection; empty if there is none.

    Returns:
        Customers × 3: numbers of factors; −1 where fewer than three speak for the segment.
    """
    if not len(centres.labels):
        return np.full((len(weighted), REASONS), -1)
    parts = [
        _pick_strongest(_weigh_reasons(weighted[rows], labels[rows], centres, axes=axes))
        for rows in (slice(start, start + CHUNK) for start in range(0, len(weighted), CHUNK))
    ]
    return np.vstack(parts) if parts else np.empty((0, REASONS), dtype=np.int64)


def _weigh_reasons(
    weighted: np.ndarray, labels: np.ndarray, centres: Centres, *, axes: np.ndarray
) -> np.ndarray:
    """Customers × factors: half of what each adds to being nearer to the own segment than to the next."""
    spread_out = centres.places @ axes @ axes.T if axes.size else centres.places
    lengths = (spread_out * centres.places).sum(axis=1)
    distances = lengths - 2 * weighted @ spread_out.T  # and the customer's own length, the same for all
    outside = labels == OUTLIER
    own = np.where(outside, distances.argmin(axis=1), np.searchsorted(centres.labels, labels))
    reasons = np.zeros_like(weighted)
    if len(centres.labels) > 1:
        distances[np.arange(len(own)), own] = np.inf
        pair = own * len(centres.labels) + distances.argmin(axis=1)
        pull = (spread_out[:, None] - spread_out).reshape(-1, weighted.shape[1])
        middle = (centres.places[:, None] + centres.places).reshape(pull.shape) / 2
        reasons = weighted * pull[pair] - (middle * pull)[pair]
    if outside.any():
        away = weighted[outside] - centres.places[own[outside]]
        reasons[outside] = away * (away @ axes @ axes.T if axes.size else away)
    return reasons


def _pick_strongest(reasons: np.ndarray) -> np.ndarray:
    """The numbers of the largest positive entries of each row."""
    rows = np.arange(len(reasons))
    chosen = np.full((len(reasons), REASONS), -1)
    for place in range(min(REASONS, reasons.shape[1])):
        best = reasons.argmax(axis=1)
        chosen[:, place] = np.where(reasons[rows, best] > 0, best, -1)
        reasons[rows, best] = -np.inf
    return chosen
