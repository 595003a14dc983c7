"""The recipes that are searched: which algorithms meet which preparations, and how one is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from models.clusterers import load_clusterers
from models.preparation import PreparationOptions
from models.segmenter import Recipe

if TYPE_CHECKING:
    from optuna import Trial

PREPARATIONS: Mapping[str, PreparationOptions] = {
    "informative": PreparationOptions(weighting="informative"),
    "balanced": PreparationOptions(weighting="balanced"),
    "discriminants": PreparationOptions(weighting="balanced", projection="discriminants"),
}
FLAT_PREPARATIONS: Mapping[str, PreparationOptions] = {
    "informative components": PreparationOptions(weighting="informative", projection="components"),
    "discriminants": PreparationOptions(weighting="balanced", projection="discriminants"),
}
"""For algorithms that need few dimensions."""


def list_preparations(algorithm: str) -> Mapping[str, PreparationOptions]:
    """The preparations that suit an algorithm, by name."""
    return FLAT_PREPARATIONS if load_clusterers()[algorithm].flat else PREPARATIONS


def list_openings(algorithms: Sequence[str]) -> list[dict[str, str]]:
    """Every algorithm with every preparation that suits it, as parameters a search begins with."""
    return [
        {"algorithm": algorithm, _name_choice(algorithm): preparation}
        for algorithm in algorithms
        for preparation in list_preparations(algorithm)
    ]


def suggest_recipe(trial: Trial, *, algorithms: Sequence[str], segments: range, customers: int) -> Recipe:
    """Draw a recipe: algorithm, preparation, number of segments, and what else the algorithm's grid offers.

    The number of segments is one parameter for all algorithms that are given it: what is learnt about it of one
    helps with the others.

    Args:
        trial: of Optuna.
        segments: the numbers of segments wanted.
        customers: how many there are.
    """
    algorithm = trial.suggest_categorical("algorithm", list(algorithms))
    preparations = list_preparations(algorithm)
    preparation = trial.suggest_categorical(_name_choice(algorithm), list(preparations))
    grid = load_clusterers()[algorithm].grid(segments, customers)
    if "segments" in grid[0]:
        wanted = trial.suggest_int("segments", segments.start, segments.stop - 1)
        grid = tuple(parameters for parameters in grid if parameters["segments"] == wanted)
    place = trial.suggest_categorical(f"{algorithm} parameters", range(len(grid))) if len(grid) > 1 else 0
    return Recipe(algorithm, grid[place], preparations[preparation])


def identify_recipe(recipe: Recipe) -> str:
    """A text that is the same for the same recipe."""
    return json.dumps(recipe.to_dict(), sort_keys=True)


def write_parameters(recipe: Recipe) -> str:
    """The parameters of a recipe's algorithm as JSON."""
    return json.dumps(dict(recipe.parameters), sort_keys=True)


def name_preparation(recipe: Recipe) -> str:
    """The name a recipe's preparation has in the search."""
    known: dict[str, Any] = {**PREPARATIONS, **FLAT_PREPARATIONS}
    return next((name for name, options in known.items() if options == recipe.preparation), "its own")


def _name_choice(algorithm: str) -> str:
    # A parameter of Optuna's has the same choices in every trial.
    return "flat preparation" if load_clusterers()[algorithm].flat else "preparation"
