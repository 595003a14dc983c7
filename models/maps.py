"""Maps of customers: their places in many dimensions drawn on a plane, for people to look at.

Pearson 1901 (PCA); van der Maaten & Hinton 2008, "Visualizing Data using t-SNE"; McInnes, Healy & Melville 2018,
"UMAP: Uniform Manifold Approximation and Projection". Segments are not made on these maps.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

MapMethod = Literal["pca", "tsne", "umap"]
MOST = 3000
NEIGHBOURS = 15
PERPLEXITY = 30
FEWEST = 10  # below this there are no neighbourhoods to keep


def compute_map(X: np.ndarray, *, method: MapMethod = "pca", most: int = MOST, seed: int) -> pd.DataFrame:
    """Places of customers on a plane; the same customers and seed give the same map.

    On a map by PCA distances mean what they mean in X, as far as two dimensions can show; by t-SNE and UMAP
    only who is whose neighbour means something, not how far groups lie from each other.

    Args:
        X: prepared customers, rows × dimensions.
        most: of more customers, so many are drawn at random.

    Returns:
        x and y (standard scores) by row number of X, in ascending order.

    Raises:
        ValueError: the method is unknown, or there are too few customers for it.
    """
    if method not in get_args(MapMethod):
        raise ValueError(f"map method '{method}' is unknown; there are: {', '.join(get_args(MapMethod))}")
    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:most])
    if method != "pca" and len(rows) < FEWEST:
        raise ValueError(
            f"a map by {method} needs at least {FEWEST} customers, there are {len(rows)}; use pca"
        )
    project = {"pca": _project_pca, "tsne": _project_tsne, "umap": _project_umap}[method]
    with threadpool_limits(1):  # the order in which threads add up would show in the last bits
        places = project(np.asarray(X[rows], dtype=np.float64), seed)
    spread = places.std(axis=0)
    scores = (places - places.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return pd.DataFrame(scores, index=pd.Index(rows, name="row"), columns=["x", "y"])


def _project_pca(points: np.ndarray, _seed: int) -> np.ndarray:
    centred = points - points.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    # Either sign would do; the largest entry positive is the one that comes out every time.
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    places = centred @ (directions * np.where(largest < 0, -1.0, 1.0)).T
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def _project_tsne(points: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    start = _project_pca(points, seed)
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    placed = TSNE(perplexity=perplexity, init=start, random_state=seed, n_jobs=1).fit_transform(points)
    return np.asarray(placed, dtype=np.float64)


def _project_umap(points: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    neighbours = min(NEIGHBOURS, len(points) - 1)
    placed = UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(points)
    return np.asarray(placed, dtype=np.float64)
