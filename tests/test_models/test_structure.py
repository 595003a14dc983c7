"""No structure is a possible answer: found where there is none, and not where there is some."""

import numpy as np
import pandas as pd
import pytest
from latent_customers import make_customers

from models.preparation import PreparationOptions
from models.recipes import PREPARATIONS, Recipe
from models.structure import Structure, compare_with_clouds

RECIPES = [
    *(
        Recipe("kmeans", {"segments": 4}, PREPARATIONS[name])
        for name in ("informative", "balanced", "discriminants")
    ),
    Recipe("gaussian_mixture", {"segments": 4, "shape": "diag"}, PREPARATIONS["discriminants"]),
]
EACH = pytest.mark.parametrize(
    "recipe", RECIPES, ids=lambda recipe: f"{recipe.algorithm} {recipe.preparation.weighting}"
)


def make_cloud(count: int = 600, *, factors: int = 8, seed: int = 0) -> pd.DataFrame:
    """One population: normally distributed, correlated factors."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, factors)) @ rng.normal(size=(factors, factors))
    return pd.DataFrame(values, columns=[f"factor_{i}" for i in range(factors)])


@EACH
def test_groups_are_told_from_a_cloud(recipe: Recipe) -> None:
    factors, _group = make_customers(600)
    found = compare_with_clouds(factors, recipe, seed=0)
    assert found.cloud_p == 0.05
    assert found.silhouette > found.cloud_silhouette
    assert found.lack == ""


def test_a_cloud_is_taken_for_groups_about_as_often_as_the_level_says() -> None:
    recipe = Recipe("kmeans", {"segments": 4}, PreparationOptions(weighting="balanced"))
    taken = sum(not compare_with_clouds(make_cloud(seed=s), recipe, seed=s).lack for s in range(20))
    assert taken <= 4


def test_the_lack_is_said_with_its_evidence() -> None:
    cloud = Structure(0.21, 0.22, 0.5, 0.002)
    assert "no more compact than those of a structureless cloud" in cloud.lack
    assert "silhouette 0.210, clouds reach 0.220, p = 0.50" in cloud.lack
    assert "permutation test, p = 0.40" in Structure(0.5, 0.2, 0.05, 0.4).lack
    assert Structure(0.5, 0.2, 0.05, 0.05).lack == ""
    assert Structure(0.5, 0.2, 0.05).lack == ""


def test_a_recipe_that_finds_one_segment_only_shows_no_structure() -> None:
    recipe = Recipe("hdbscan", {"share": 0.4, "min_samples": 10}, PREPARATIONS["discriminants"])
    found = compare_with_clouds(make_cloud(300), recipe, seed=0)
    assert (found.silhouette, found.cloud_p) == (-1.0, 1.0)
