"""`python -m benchmarks.segment_fitting CUSTOMERS FACTORS`: searches, fits and scores on factors drawn at random, and
prints what each step took as JSON. Its start, and drawing the customers, are left out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

GROUPS = 6
SCATTERED = 0.05
KINDS = 5  # factors that come from one trait of the customer
PLACED = 50_000  # customers that approximate_predict places, about 7,000 a second


def draw_factors(customers: int, factors: int, *, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Factors of customers, and the group each is from; −1 is from none, as one in twenty.

    A group is a place in as many traits as there are kinds of factors; a trait shows in several factors, half of them
    skewed as money is, half rates. Every eighth trait is noise.
    """
    rng = np.random.default_rng(seed)
    group = np.where(rng.random(customers) < SCATTERED, -1, rng.integers(0, GROUPS, customers))
    traits = -(-factors // KINDS)
    # A group is high in every trait whose number, as a bit pattern, shares an odd number of bits with its own.
    centres = np.array(
        [
            [1.5 if (one & trait).bit_count() % 2 else -1.5 for trait in range(traits)]
            for one in range(1, GROUPS + 1)
        ]
    )
    centres[:, ::8] = 0.0
    columns = {}
    for trait in range(traits):
        middle, spread = np.where(group < 0, 0.0, centres[group, trait]), np.where(group < 0, 2.0, 0.7)
        own = middle + spread * rng.normal(0, 1, customers)
        for kind in range(min(KINDS, factors - trait * KINDS)):
            seen = own + rng.normal(0, 0.3, customers)
            skewed = (trait + kind) % 2 == 0
            columns[f"factor_{trait}_{kind}"] = np.exp(seen) if skewed else 1 / (1 + np.exp(-seen))
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([f"c{number:07d}" for number in range(customers)], name="customer_id")
    return frame, group


def draw_outcomes(group: np.ndarray, index: pd.Index, *, seed: int) -> pd.DataFrame:
    """What customers did afterwards, which depends on their group and on chance."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(1).normal(0, 1, (GROUPS + 1, 2))  # the last is of those from no group
    spent = means[group, 0] + rng.normal(0, 1, len(group))
    acted = (rng.random(len(group)) < 1 / (1 + np.exp(-means[group, 1]))).astype(float)
    return pd.DataFrame({"log_revenue": spent, "churned": acted}, index=index)


def run(customers: int, factors: int) -> dict[str, float]:
    """Seconds of search and fit, customers scored a second, and agreement with `hdbscan.approximate_predict`."""
    from models.search import search_recipes
    from models.segmenter import fit_segmenter
    from models.training_settings import TrainingSettings

    frame, _group = draw_factors(customers, factors, seed=1)
    past, past_group = draw_factors(min(customers, 50_000), factors, seed=2)
    outcomes = draw_outcomes(past_group, past.index, seed=3)
    started = time.perf_counter()
    found = search_recipes(frame, past_factors=past, outcomes=outcomes, settings=TrainingSettings())
    searched = time.perf_counter()
    fit_segmenter(frame, recipe=found.winner, seed=0)
    fitted = time.perf_counter()
    return {
        "search": searched - started,
        "fit": fitted - searched,
        "segments": float(found.best.segments),
        **score_kmeans(frame),
        **score_hdbscan(frame),
    }


def score_kmeans(frame: pd.DataFrame) -> dict[str, float]:
    """Customers a second by K-Means: the whole way from factors to segment, and the clusterer alone."""
    from models.preparation import PreparationOptions
    from models.recipes import Recipe
    from models.segmenter import fit_segmenter

    recipe = Recipe("kmeans", {"segments": GROUPS}, PreparationOptions())
    return _clock_scoring(fit_segmenter(frame, recipe=recipe, seed=0), frame, name="kmeans")


def score_hdbscan(frame: pd.DataFrame) -> dict[str, float]:
    """The same by HDBSCAN, and beside it hdbscan's own way of placing customers never seen."""
    from hdbscan import HDBSCAN, approximate_predict

    from models.draws import draw_customers
    from models.preparation import PreparationOptions
    from models.recipes import Recipe
    from models.segmenter import fit_segmenter

    parameters = {"share": 0.02, "min_samples": 10}
    recipe = Recipe("hdbscan", parameters, PreparationOptions(projection="components"))
    fitted = fit_segmenter(frame, recipe=recipe, seed=0)
    speeds = _clock_scoring(fitted, frame, name="hdbscan")
    learnt_on = fitted.preparation.transform(draw_customers(frame, len(fitted.clusterer.labels_), seed=0))
    size = max(5, int(parameters["share"] * len(learnt_on)))
    original = HDBSCAN(
        min_cluster_size=size,
        min_samples=int(parameters["min_samples"]),
        prediction_data=True,
        core_dist_n_jobs=1,
    ).fit(learnt_on)
    others, _group = draw_factors(min(PLACED, len(frame)), frame.shape[1], seed=4)
    newcomers = fitted.preparation.transform(others)
    started = time.perf_counter()
    theirs, _strength = approximate_predict(original, newcomers)
    between = time.perf_counter()
    ours, _strength = fitted.clusterer.place(newcomers)
    done = time.perf_counter()
    return {
        **speeds,
        "clusters": float(original.labels_.max() + 1),
        "approximate_predict_per_s": len(newcomers) / (between - started),
        "ratio": (between - started) / (done - between),
        "agreement": measure_agreement(ours, theirs),
        "agreement_inside": measure_agreement(
            ours[(ours >= 0) & (theirs >= 0)], theirs[(ours >= 0) & (theirs >= 0)]
        ),
        "outliers": float(np.mean(theirs < 0)),
    }


def measure_agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of customers placed alike, each of our labels standing for the one of theirs it meets most often."""
    if not len(ours):
        return float("nan")
    met = pd.crosstab(ours, theirs)
    return float(met.max(axis=1).sum() / len(ours))


def _clock_scoring(fitted, frame: pd.DataFrame, *, name: str) -> Mapping[str, float]:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    points = fitted.preparation.transform(frame)
    prepared = time.perf_counter()
    fitted.clusterer.place(points)
    placed = time.perf_counter()
    fitted.assign(frame)
    done = time.perf_counter()
    return {
        f"{name}_prepare_per_s": len(frame) / (prepared - started),
        f"{name}_place_per_s": len(frame) / (placed - prepared),
        f"{name}_score_per_s": len(frame) / (done - placed),
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
