"""Segments within segments: one tree, cut coarse and fine, each branch with a name and a place."""

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from models.clusterers.agglomerative import AgglomerativeClusterer
from models.clusterers.kmeans import KMeansClusterer
from models.levels import cut_levels, describe_levels

GROUPS = np.repeat(np.arange(6), 60)


def draw_nested(seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Three pairs of groups, the groups of a pair near each other, and factors that follow them."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [0, 10], [60, 0], [60, 10], [120, 0], [120, 10]], dtype=float)
    X = centres[GROUPS] + rng.normal(size=(len(GROUPS), 2))
    index = pd.Index([f"c{n:03d}" for n in range(len(X))], name="customer_id")
    factors = pd.DataFrame({"revenue_180d": X[:, 0] + 10, "email_open_rate": X[:, 1] / 10}, index=index)
    return X, factors


def test_the_levels_nest_and_find_pairs_and_groups() -> None:
    X, factors = draw_nested()
    cuts = cut_levels(X, clusterer=KMeansClusterer(segments=4, seed=0).fit(X), seed=0)
    assert adjusted_rand_score(GROUPS // 2, cuts[:, 0]) == 1.0
    assert adjusted_rand_score(GROUPS, cuts[:, 1]) == 1.0
    levels = describe_levels(cuts, factors)
    assert levels["level"].value_counts().to_dict() == {3: 3, 6: 6, 12: 12}
    for coarse, fine in ((3, 6), (6, 12)):
        above = levels[levels["level"] == coarse].set_index("segment")["share"]
        sums = levels[levels["level"] == fine].groupby("parent")["share"].sum()
        np.testing.assert_allclose(sums, above.loc[sums.index])
    assert levels.groupby("level")["name"].nunique().to_dict() == {3: 3, 6: 6, 12: 12}
    assert levels.loc[levels["level"] == 3, "parent"].isna().all()


def test_a_tree_in_use_is_the_one_that_is_cut() -> None:
    X, _factors = draw_nested()
    tree = AgglomerativeClusterer(segments=4, linkage="complete").fit(X)
    np.testing.assert_array_equal(cut_levels(X, clusterer=tree, seed=0), tree.view_levels(X))


def test_the_order_of_customers_does_not_matter() -> None:
    X, factors = draw_nested()
    cuts = cut_levels(X, seed=0)
    order = np.random.default_rng(1).permutation(len(X))
    pd.testing.assert_frame_equal(
        describe_levels(cuts[order], factors.iloc[order]), describe_levels(cuts, factors)
    )


def test_few_customers_have_few_levels() -> None:
    X, factors = draw_nested()
    few = describe_levels(cut_levels(X[:4], seed=0), factors.iloc[:4])
    assert few["level"].unique().tolist() == [3, 4]
    alike = describe_levels(cut_levels(np.zeros((5, 2)), seed=0), factors.iloc[:5] * 0.0)
    assert alike["share"].tolist() == [1.0]


def test_those_far_from_everybody_are_left_out() -> None:
    X, factors = draw_nested()
    cuts = cut_levels(X, seed=0)
    cuts[:30] = -1
    levels = describe_levels(cuts, factors)
    assert levels[levels["level"] == 6]["share"].sum() == 1.0
    assert describe_levels(np.full_like(cuts, -1), factors).empty
