"""How much of the simulator's hidden truth comes back: shops delivered, taken in and segmented as by a weekly run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from flows.settings import Settings
    from models.simulation.shop import Shop
    from tasks.features import History

LAST_DAY = date(2026, 11, 15)
CUSTOMERS, WEEKS, SEEDS = 5000, 55, 10
PAIR_MIN, ARI_MEAN, ARI_MIN = 0.8, 0.85, 0.75


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found of one shop.

    Attributes:
        ari: adjusted Rand index of the segments to the true ones, customers in no segment being one of their own.
        f1: of the two true segments that are equal in recency, frequency and money, each with the found segment
            that matches it best.
    """

    seed: int
    customers: int
    algorithm: str
    segments: int
    ari: float
    f1: tuple[float, float]


def recover_shops(folder: Path, *, seeds: int = SEEDS, customers: int = CUSTOMERS) -> Iterator[Recovery]:
    """Simulate a shop by each seed and segment it with the product's default settings."""
    for seed in range(seeds):
        place = folder / f"shop-{seed}"
        yield recover_shop(place, seed=seed, customers=customers)
        shutil.rmtree(place)


def recover_shop(folder: Path, *, seed: int, customers: int = CUSTOMERS) -> Recovery:
    """The whole way of one shop: files, ingestion, factors, search, fit."""
    from models.search import search_recipes
    from models.segmenter import fit_segmenter
    from models.simulation.segments import EQUAL_RFM_PAIR

    shop, settings = deliver_shop(folder, seed=seed, customers=customers)
    factors, history = read_factors(settings)
    recipe = search_recipes(
        factors, past_factors=history.factors, outcomes=history.outcomes, settings=settings.training
    ).winner
    found = fit_segmenter(factors, recipe=recipe, seed=settings.training.seed).assign(factors)["segment_id"]
    secret = settings.shop_rules().secret
    known = read_truth(settings.home, shop.truth.keys, secret=secret).join(found.rename("found"), how="inner")
    return Recovery(
        seed=seed,
        customers=len(known),
        algorithm=recipe.algorithm,
        segments=int(known["found"][known["found"] > 0].nunique()),
        ari=measure_ari(known["truth"], known["found"]),
        f1=tuple(measure_f1(known["truth"] == one, known["found"]) for one in EQUAL_RFM_PAIR),  # type: ignore[arg-type]
    )


def deliver_shop(folder: Path, *, seed: int, customers: int) -> tuple[Shop, Settings]:
    """A simulated shop whose files have been taken in, and its settings."""
    from flows.settings import load_settings
    from flows.views import ingest_now
    from models.simulation.shop import simulate_shop
    from tasks.simulated_shop import write_config, write_delivery

    shop = simulate_shop(customers=customers, weeks=WEEKS, last_day=LAST_DAY, seed=seed)
    settings = load_settings(write_config(folder))
    write_delivery(shop, folder=folder, start=None, end=LAST_DAY)
    ingest_now(settings)
    return shop, settings


def read_factors(settings: Settings) -> tuple[pd.DataFrame, History]:
    """Factors as of the last day, and those of a horizon ago with what came of them."""
    from tasks.features import compute_features, compute_history
    from tasks.lake import begin_run, write_lake

    with write_lake(settings.home) as lake:
        run = begin_run("benchmark", LAST_DAY)
        consent = settings.features.consent_default
        factors = compute_features.fn(lake, as_of=LAST_DAY, consent_default=consent)
        days = settings.features.outcome_days
        history = compute_history.fn(lake, as_of=LAST_DAY, days=days, consent_default=consent)
        lake.commit(run, {})
    return factors, history


def read_truth(home: str, keys: pd.DataFrame, *, secret: bytes) -> pd.DataFrame:
    """The true segment by customer_id, of everybody whose CRM number the shop knows."""
    from models.identity import hash_key
    from tasks.lake import open_lake

    crm = keys[keys["key_kind"] == "crm"]
    hashes = [hash_key("crm", value, secret=secret) for value in crm["key_value"]]
    known = pd.DataFrame({"key_hash": hashes, "truth": crm["segment"].to_numpy()})
    identities = open_lake(home).table("identities").select("key_hash", "customer_id").to_pandas()
    return (
        identities.merge(known, on="key_hash")
        .drop_duplicates("customer_id")
        .set_index("customer_id")[["truth"]]
    )


def measure_ari(truth: pd.Series, found: pd.Series) -> float:
    """Adjusted Rand index (Hubert & Arabie 1985): 1 is the same partition, 0 is chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(truth, found))


def measure_f1(belongs: pd.Series, found: pd.Series) -> float:
    """F1 of the found segment that matches best: the harmonic mean of its precision and recall."""
    shared = belongs.groupby(found).sum()
    sizes = found.value_counts().loc[shared.index]
    scores: np.ndarray = (2 * shared / (sizes + belongs.sum())).to_numpy()
    return float(scores.max())
