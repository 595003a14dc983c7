"""What a week's pages are given: samples of customers as pictures need them, factors in words."""

import numpy as np
import pandas as pd

from models.silhouettes import compute_silhouettes
from tasks.reporting import map_customers, measure_fit, standardise_means, word_reasons
from tasks.scoring import Scored


def place_customers(count: int, *, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Two groups far apart, the last customer in neither."""
    rng = np.random.default_rng(seed)
    ids = np.where(np.arange(count) < count // 2, 1, 2)
    points = rng.normal(size=(count, 3)) + 20.0 * (ids == 1)[:, None]
    placed = pd.DataFrame(
        {
            "segment_id": ids,
            "segment_name": np.where(ids == 1, "Here", "There"),
            "strength": rng.random(count),
            "is_outlier": False,
        },
        index=pd.Index([f"c{n:02d}" for n in range(count)], name="customer_id"),
    )
    placed.iloc[-1] = [0, "Nowhere", 0.0, True]
    return points, placed


def test_a_map_holds_every_customer_with_name_and_strength() -> None:
    points, placed = place_customers(40)
    maps = map_customers(points, placed, methods=("pca", "tsne"))
    assert list(maps) == ["pca", "tsne"]
    for drawn in maps.values():
        assert drawn["segment_name"].tolist() == placed["segment_name"].tolist()
        assert drawn["strength"].tolist() == placed["strength"].tolist()
    sides = maps["pca"].groupby("segment_name")["x"].mean()
    assert abs(sides["Here"] - sides["There"]) > 1.9


def test_a_method_that_needs_more_customers_is_left_out() -> None:
    points, placed = place_customers(8)
    assert list(map_customers(points, placed, methods=("umap", "pca", "tsne"))) == ["pca"]


def test_the_fit_is_of_customers_in_a_segment_only() -> None:
    points, placed = place_customers(40)
    fit = measure_fit(points, placed)
    assert len(fit) == 39
    assert set(fit["segment_name"]) == {"Here", "There"}
    assert (fit["silhouette"] > 0.8).all()
    labels = placed["segment_id"].to_numpy()[:-1]
    known = compute_silhouettes(points[:-1], labels, seed=0)["silhouette"]
    np.testing.assert_allclose(fit["silhouette"], known)


def test_factors_read_as_words() -> None:
    profiles = pd.DataFrame({"reasons": [[("orders_180d", "far higher")], []]}, index=[3, 1])
    assert word_reasons(profiles)["reasons"].tolist() == [[("orders in 180 days", "far higher")], []]
    _points, placed = place_customers(40)
    factors = pd.DataFrame({"aov": np.arange(40.0), "always": 1.0}, index=placed.index)
    means = standardise_means(factors, Scored(placed, pd.DataFrame(), "1"))
    assert list(means.columns) == ["average order value"]
    assert means.loc["Here", "average order value"] < 0 < means.loc["There", "average order value"]
