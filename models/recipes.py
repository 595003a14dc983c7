"""The recipes that are searched: which algorithms meet which preparations, and how one is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from models.clusterers import load_clusterers
from models.preparation_options import PreparationOptions

if TYPE_CHECKING:
    from optuna import Trial


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to fit: an algorithm with its parameters, on factors prepared in a certain way."""

    algorithm: str
    parameters: Mapping[str, Any]
    preparation: PreparationOptions = field(default_factory=PreparationOptions)

    def to_dict(self) -> dict[str, Any]:
        return {
            "algorithm": self.algorithm,
            "parameters": dict(self.parameters),
            "preparation": self.preparation.to_dict(),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Recipe:
        return cls(given["algorithm"], dict(given["parameters"]), PreparationOptions(**given["preparation"]))


PREPARATIONS: Mapping[str, PreparationOptions] = {
    "informative": PreparationOptions(weighting="informative"),
    "balanced": PreparationOptions(weighting="balanced"),
    "discriminants": PreparationOptions(weighting="balanced", projection="discriminants"),
    "components": PreparationOptions(weighting="informative", projection="components"),
    "pls": PreparationOptions(weighting="balanced", projection="pls", dimensions=3),
}
"""By the names they have in `[training] preparations`."""
UNSUPERVISED = tuple(name for name in PREPARATIONS if name != "pls")
"""Those that look at behaviour alone; `pls` is learnt from what customers did after an earlier day."""
_FLAT = ("discriminants", "components", "pls")
_WIDE = ("informative", "balanced", "discriminants", "pls")


def list_preparations(algorithm: str, allowed: Sequence[str]) -> list[str]:
    """Those of the allowed preparations that suit an algorithm: one that goes by density needs few dimensions."""
    suited = _FLAT if load_clusterers()[algorithm].flat else _WIDE
    return [name for name in suited if name in allowed]


def list_allowed(algorithms: Sequence[str], wanted: Sequence[str], *, foretelling: bool) -> list[str]:
    """The wanted preparations that can be had; the unsupervised ones too, where an algorithm is left with none.

    Args:
        foretelling: whether there are earlier outcomes to learn from.
    """
    allowed = [name for name in wanted if foretelling or name in UNSUPERVISED]
    if all(list_preparations(algorithm, allowed) for algorithm in algorithms):
        return allowed
    return [name for name in PREPARATIONS if name in allowed or name in UNSUPERVISED]


def list_openings(algorithms: Sequence[str], allowed: Sequence[str]) -> list[dict[str, str]]:
    """Every algorithm with every preparation that suits it, as parameters a search begins with."""
    return [
        {"algorithm": algorithm, _name_choice(algorithm): preparation}
        for algorithm in algorithms
        for preparation in list_preparations(algorithm, allowed)
    ]


def suggest_recipe(
    trial: Trial,
    *,
    algorithms: Sequence[str],
    allowed: Sequence[str],
    handling: Mapping[str, Any],
    segments: range,
    customers: int,
) -> Recipe:
    """Draw a recipe: algorithm, preparation, number of segments, and what else the algorithm's grid offers.

    The number of segments is one parameter for all algorithms that are given it: what is learnt about it of one
    helps with the others.

    Args:
        trial: of Optuna.
        algorithms: each with at least one preparation that suits it.
        allowed: names of preparations.
        handling: options of `PreparationOptions` that every preparation is to have, such as `outliers`.
        segments: the numbers of segments wanted.
        customers: how many there are.
    """
    algorithm = trial.suggest_categorical("algorithm", list(algorithms))
    preparation = trial.suggest_categorical(_name_choice(algorithm), list_preparations(algorithm, allowed))
    grid = load_clusterers()[algorithm].grid(segments, customers)
    if "segments" in grid[0]:
        wanted = trial.suggest_int("segments", segments.start, segments.stop - 1)
        grid = tuple(parameters for parameters in grid if parameters["segments"] == wanted)
    place = trial.suggest_categorical(f"{algorithm} parameters", range(len(grid))) if len(grid) > 1 else 0
    return Recipe(algorithm, grid[place], replace(PREPARATIONS[preparation], **handling))


def is_offered(
    recipe: Recipe, *, algorithms: Sequence[str], allowed: Sequence[str], handling: Mapping[str, Any]
) -> bool:
    """Whether `suggest_recipe`, given the same, could draw this algorithm with this preparation."""
    if recipe.algorithm not in algorithms:
        return False
    suited = list_preparations(recipe.algorithm, allowed)
    return recipe.preparation in [replace(PREPARATIONS[name], **handling) for name in suited]


def identify_recipe(recipe: Recipe) -> str:
    """A text that is the same for the same recipe."""
    return json.dumps(recipe.to_dict(), sort_keys=True)


def write_parameters(recipe: Recipe) -> str:
    """The parameters of a recipe's algorithm as JSON."""
    return json.dumps(dict(recipe.parameters), sort_keys=True)


def name_preparation(recipe: Recipe) -> str:
    """The name a recipe's preparation has in the search."""
    sought = (recipe.preparation.weighting, recipe.preparation.projection)
    known = (
        name for name, options in PREPARATIONS.items() if (options.weighting, options.projection) == sought
    )
    return next(known, "its own")


def _name_choice(algorithm: str) -> str:
    # A parameter of Optuna's has the same choices in every trial.
    return "flat preparation" if load_clusterers()[algorithm].flat else "preparation"
