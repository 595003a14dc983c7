"""Segmenters as earlier versions saved them, with customers and where those versions placed them.

`python tests/test_models/saved_segmenters.py` saves today's format, beside the older ones, which nobody can make
again: run it once when the format is new, and never write over a folder that is there.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from latent_customers import make_customers

from models.preparation import PreparationOptions
from models.recipes import Recipe
from models.segmenter import FORMAT, fit_segmenter
from tasks.segments_model import write_segmenter

SAVED = Path(__file__).parents[1] / "golden" / "segmenters"
FACTORS, EXPECTED = "factors.csv", "expected.csv"
RECIPES = {
    "kmeans": Recipe("kmeans", {"segments": 5}),
    "hdbscan": Recipe(
        "hdbscan",
        {"share": 0.04, "min_samples": 10},
        PreparationOptions(weighting="balanced", projection="discriminants"),
    ),
    "gaussian_mixture": Recipe(
        "gaussian_mixture", {"segments": 5, "shape": "full"}, PreparationOptions(projection="components")
    ),
}


def list_saved() -> list[Path]:
    """A folder for each segmenter, of every format."""
    return sorted(path.parent for path in SAVED.glob(f"*/*/{EXPECTED}"))


def read_table(file: Path) -> pd.DataFrame:
    """A table by customer_id, numbers to the last bit."""
    return pd.read_csv(file, index_col="customer_id", float_precision="round_trip")


def make_newcomers() -> pd.DataFrame:
    """Customers the segmenters have not seen; of one nothing is known, and two are unlike anybody."""
    factors, _group = make_customers(60, seed=1)
    factors.iloc[0] = np.nan
    factors.iloc[1] = factors.max() * 50
    factors.iloc[2, ::2] = factors.max().iloc[::2] * 3
    return factors


def save_segmenters(folder: Path) -> Iterator[Path]:
    """Fit and save one segmenter a recipe."""
    factors, _group = make_customers(400)
    newcomers = make_newcomers()
    for name, recipe in RECIPES.items():
        fitted = fit_segmenter(factors, recipe=recipe, seed=0)
        segmenter = fitted.rename({1: "Regulars", 2: "Explorers"}, rules={1: "Orders in 90 days above 5"})
        target = folder / name
        write_segmenter(segmenter, target)
        newcomers.to_csv(target / FACTORS)
        segmenter.explain(newcomers).to_csv(target / EXPECTED)
        yield target


if __name__ == "__main__":
    for written in save_segmenters(SAVED / f"format_{FORMAT}"):
        print(written)
