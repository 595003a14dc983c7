"""Recipes: everything the catalogue offers can be drawn, and nothing else."""

from collections.abc import Mapping

import pytest

from models.clusterers import load_clusterers
from models.preparation_options import PreparationOptions
from models.recipes import (
    PREPARATIONS,
    UNSUPERVISED,
    Recipe,
    identify_recipe,
    list_allowed,
    list_openings,
    list_preparations,
    name_preparation,
    suggest_recipe,
)
from models.training_settings import TrainingSettings

CATALOGUE = load_clusterers()
NOTHING_SPECIAL: Mapping[str, str] = {}


def draw(
    algorithm: str, *, seed: int, count: int, handling: Mapping[str, str] = NOTHING_SPECIAL
) -> list[Recipe]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    drawn = []
    for _trial in range(count):
        trial = study.ask()
        recipe = suggest_recipe(
            trial,
            algorithms=[algorithm],
            allowed=tuple(PREPARATIONS),
            handling=handling,
            segments=range(4, 7),
            customers=500,
        )
        drawn.append(recipe)
        study.tell(trial, 0.0)
    return drawn


@pytest.mark.parametrize("algorithm", CATALOGUE)
def test_every_recipe_of_an_algorithm_is_drawn_sooner_or_later_and_no_other(algorithm: str) -> None:
    offered = {
        identify_recipe(Recipe(algorithm, parameters, PREPARATIONS[name]))
        for parameters in CATALOGUE[algorithm].grid(range(4, 7), 500)
        for name in list_preparations(algorithm, tuple(PREPARATIONS))
    }
    assert {identify_recipe(recipe) for recipe in draw(algorithm, seed=0, count=20 * len(offered))} == offered


def test_a_search_begins_with_every_algorithm_in_every_preparation_that_suits_it() -> None:
    openings = list_openings(["kmeans", "hdbscan"], UNSUPERVISED)
    assert len(openings) == 5
    assert {"algorithm": "hdbscan", "flat preparation": "discriminants"} in openings
    assert {"algorithm": "kmeans", "preparation": "balanced"} in openings


def test_a_preparation_has_its_name_in_the_table() -> None:
    assert name_preparation(Recipe("kmeans", {}, PREPARATIONS["balanced"])) == "balanced"
    assert name_preparation(Recipe("hdbscan", {}, PREPARATIONS["components"])) == "components"


def test_what_is_learnt_from_outcomes_needs_some() -> None:
    both = ["kmeans", "hdbscan"]
    assert list_allowed(both, ["discriminants", "pls"], foretelling=True) == ["discriminants", "pls"]
    assert list_allowed(both, ["discriminants", "pls"], foretelling=False) == ["discriminants"]
    # HDBSCAN would be left with none.
    assert list_allowed(both, ["balanced", "pls"], foretelling=False) == list(UNSUPERVISED)
    assert list_allowed(["kmeans"], ["balanced", "pls"], foretelling=False) == ["balanced"]


def test_the_shop_says_how_every_preparation_treats_factors() -> None:
    settings = TrainingSettings(
        outliers="apart", mixes="hellinger", skewed="yeo-johnson", selection="informative"
    )
    drawn = {recipe.preparation for recipe in draw("kmeans", seed=1, count=40, handling=settings.handling)}
    assert {name_preparation(Recipe("kmeans", {}, options)) for options in drawn} == {
        "informative", "balanced", "discriminants", "pls",
    }  # fmt: skip
    for options in drawn:
        assert settings.handling.items() <= options.to_dict().items()
    assert TrainingSettings().handling.items() <= PreparationOptions().to_dict().items()
