"""How well each customer sits in their segment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.clusterers import OUTLIER

MOST = 3000


def compute_silhouettes(X: np.ndarray, labels: np.ndarray, *, most: int = MOST, seed: int) -> pd.DataFrame:
    """Each customer's silhouette (Rousseeuw 1987): how much nearer their own segment is than the next, −1 to 1.

    Args:
        X: prepared customers, rows × dimensions.
        labels: the segment of each; −1, outliers, are left out.
        most: of more customers in segments, so many are drawn at random.

    Returns:
        label and silhouette by row number of X, ascending; empty with fewer than two segments.
    """
    from sklearn.metrics import silhouette_samples

    inside = np.flatnonzero(labels != OUTLIER)
    rows = np.sort(np.random.default_rng(seed).permutation(inside)[:most])
    if not 2 <= len(np.unique(labels[rows])) < len(rows):
        rows = rows[:0]
    values = silhouette_samples(X[rows], labels[rows]) if len(rows) else np.empty(0)
    return pd.DataFrame({"label": labels[rows], "silhouette": values}, index=pd.Index(rows, name="row"))
