"""What segments of a year of real orders foretell, beside the segmentation everybody knows: recency, frequency, money.

UCI Online Retail is cut on two days. Customers are segmented by what they had done by then, and judged by what
they did in the 90 days that followed: R² of segment means, cross-validated, everything learnt on the other folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from models.recipes import Recipe
    from models.search import SearchResult

CUTS = (date(2011, 6, 9), date(2011, 9, 9))
"""The first days whose events nobody knows yet."""

HORIZON = 90
FOLDS, REPEATS = 5, 4
RESAMPLES, BOOTSTRAPS = 2000, 50
STABILITY = 0.75  # the least that is wanted of every segment
RFM = ("days_since_last_purchase", "orders_lifetime", "revenue_lifetime")
PUBLISHED = {"K-Means on RFM": (0.255, 0.241), "RFM quintiles": (0.264, 0.248), "ceiling": (0.30, 0.28)}
MAIN = "log_revenue"

Labels = Callable[[pd.DataFrame], np.ndarray]
Grouping = Callable[[pd.DataFrame], Labels]
"""Fitted on customers' factors, it gives the group of any customers."""

Foretelling = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], np.ndarray]
"""From factors and outcomes of some customers and factors of others to the others' outcomes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Customers with a purchase before a cut: their factors by then, and what they did in the 90 days after."""

    cut: date
    factors: pd.DataFrame
    outcomes: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Foretold:
    """Squared errors by customer and outcome, the mean over repeats, and those of everybody's mean."""

    errors: pd.DataFrame
    totals: pd.DataFrame

    @property
    def r2(self) -> pd.Series:
        """R² by outcome."""
        return 1 - self.errors.sum() / self.totals.sum()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found at one cut.

    Attributes:
        r2: by who foretold (rows) and outcome (columns).
        lead: R² of log revenue over K-Means on RFM, with its paired 95 % bootstrap interval.
        segments: how many, fitted on all customers of the cut.
        stability: of each of these segments.
    """

    cut: date
    customers: int
    r2: pd.DataFrame
    lead: tuple[float, float, float]
    segments: int
    stability: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Contest:
    """Both cuts by one recipe, and R² of log revenue at the second by what was learnt at the first.

    Attributes:
        reason: what the search says of its choice; it may be that it would not use it.
        frozen: by name, segments as at the first cut, their means learnt anew in the other folds.
    """

    recipe: str
    reason: str
    verdicts: tuple[Verdict, ...]
    frozen: dict[str, float]


def contest_orders(
    config: Path, *, folds: int = FOLDS, repeats: int = REPEATS, bootstraps: int = BOOTSTRAPS
) -> Contest:
    """Take in the orders of a configuration (see `benchmarks.orders.write_orders`), choose a recipe with what was
    known at the first cut, and judge it at both.
    """
    from flows.settings import load_settings
    from flows.views import ingest_now

    settings = load_settings(config)
    ingest_now(settings)
    first, second = (read_snapshot(settings.home, cut) for cut in CUTS)
    before = [read_snapshot(settings.home, cut - timedelta(HORIZON)) for cut in CUTS]
    found = choose_recipe(first.factors, before[0])
    ours = [fit_by(found.winner, earlier) for earlier in before]
    verdicts = tuple(
        judge(snapshot, segment, folds=folds, repeats=repeats, bootstraps=bootstraps)
        for snapshot, segment in zip((first, second), ours, strict=True)
    )
    groupings = {"ours": ours[0], "K-Means on RFM": group_by_kmeans, "RFM quintiles": group_by_quintiles}
    frozen = {
        name: score_frozen(grouping, first, second, folds=folds, repeats=repeats)
        for name, grouping in groupings.items()
    }
    return Contest(str(found.winner.to_dict()), found.sentence, verdicts, frozen)


def fit_by(recipe: Recipe, earlier: Snapshot) -> Grouping:
    """Segmentation by a recipe. One that learns from earlier outcomes sees those of the same customers only."""
    from models.preparation import Past
    from models.segmenter import fit_segmenter

    def segment(factors: pd.DataFrame) -> Labels:
        known = earlier.factors.index.intersection(factors.index)
        past = Past(earlier.factors.loc[known], earlier.outcomes.loc[known])
        fitted = fit_segmenter(factors, recipe=recipe, seed=0, past=past)
        return lambda others: fitted.assign(others)["segment_id"].to_numpy()

    return segment


def read_snapshot(home: str, cut: date) -> Snapshot:
    """The customers of a lake as of the day before the cut, and their next 90 days."""
    from tasks.features import compute_history
    from tasks.lake import open_lake

    until = cut + timedelta(HORIZON - 1)
    history = compute_history.fn(open_lake(home), as_of=until, days=HORIZON, consent_default=True)
    if history.factors is None or history.outcomes is None:
        raise ValueError(f"the orders begin too late to look at {cut}")
    bought = history.factors.index[history.factors["orders_lifetime"] > 0]
    outcomes = history.outcomes.loc[bought].dropna(axis="columns", how="all")
    return Snapshot(cut, history.factors.loc[bought], outcomes)


def choose_recipe(factors: pd.DataFrame, earlier: Snapshot) -> SearchResult:
    """The recipe the product's own search finds with what was known on the day, among those that learn from earlier
    outcomes; at least as many segments as K-Means on RFM has, and at most eight.
    """
    from models.search import search_recipes
    from models.training_settings import TrainingSettings

    settings = TrainingSettings(
        preparations=("pls",), segments_min=5, segments_max=8, stability_min=STABILITY
    )
    return search_recipes(factors, past_factors=earlier.factors, outcomes=earlier.outcomes, settings=settings)


def judge(snapshot: Snapshot, segment: Grouping, *, folds: int, repeats: int, bootstraps: int) -> Verdict:
    """Our segments beside RFM's and the ceiling."""
    foretellers = {
        "ours": foretell_by_group(segment),
        "K-Means on RFM": foretell_by_group(group_by_kmeans),
        "RFM quintiles": foretell_by_group(group_by_quintiles),
        "ceiling": foretell_by_boosting,
    }
    found = {
        name: cross_validate(snapshot, foreteller, folds=folds, repeats=repeats)
        for name, foreteller in foretellers.items()
    }
    labels = segment(snapshot.factors)(snapshot.factors)
    return Verdict(
        cut=snapshot.cut,
        customers=len(snapshot.factors),
        r2=pd.DataFrame({name: one.r2 for name, one in found.items()}).T,
        lead=compare(found["ours"], found["K-Means on RFM"]),
        segments=len(np.unique(labels[labels > 0])),
        stability=measure_stability(snapshot.factors, segment, bootstraps=bootstraps),
    )


def cross_validate(snapshot: Snapshot, foretell: Foretelling, *, folds: int, repeats: int) -> Foretold:
    """Foretell every customer from the other folds, several times over."""
    factors, outcomes = snapshot.factors, snapshot.outcomes
    errors, totals = np.zeros(outcomes.shape), np.zeros(outcomes.shape)
    for repeat in range(repeats):
        fold = np.random.default_rng(repeat).permutation(np.arange(len(factors)) % folds)
        for test in (fold == number for number in range(folds)):
            known, truth = outcomes[~test], outcomes[test].to_numpy()
            errors[test] += (truth - foretell(factors[~test], known, factors[test])) ** 2
            totals[test] += (truth - known.mean().to_numpy()) ** 2
    index, columns = outcomes.index, outcomes.columns
    return Foretold(
        pd.DataFrame(errors / repeats, index=index, columns=columns),
        pd.DataFrame(totals / repeats, index=index, columns=columns),
    )


def foretell_by_group(grouping: Grouping) -> Foretelling:
    """Everybody does what the mean customer of their group did; of an empty group, what everybody did."""

    def foretell(factors: pd.DataFrame, outcomes: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
        labels = grouping(factors)
        means = outcomes.groupby(labels(factors)).mean()
        return means.reindex(labels(others)).fillna(outcomes.mean()).to_numpy()

    return foretell


def foretell_by_boosting(factors: pd.DataFrame, outcomes: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """About as much as can be foretold: gradient boosting on all factors, supervised."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    columns = []
    for name in outcomes:
        known = outcomes[name].notna()
        telling = factors.columns[factors[known].max() > factors[known].min()]
        model = HistGradientBoostingRegressor(
            max_iter=80, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=30, random_state=0
        )
        columns.append(
            model.fit(factors.loc[known, telling], outcomes.loc[known, name]).predict(others[telling])
        )
    return np.column_stack(columns)


def group_by_kmeans(factors: pd.DataFrame, *, groups: int = 5) -> Labels:
    """K-Means on scaled logarithms of recency, frequency and money."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    points = np.log1p(factors[list(RFM)])
    scaler = StandardScaler().fit(points)
    model = KMeans(groups, n_init=10, random_state=0).fit(scaler.transform(points))
    return lambda others: model.predict(scaler.transform(np.log1p(others[list(RFM)])))


def group_by_quintiles(factors: pd.DataFrame) -> Labels:
    """The sum of three marks from 1 to 5, by fifths of the customers: 13 groups (Hughes 1994)."""
    signed = factors[list(RFM)] * [-1, 1, 1]
    bounds = signed.quantile([0.2, 0.4, 0.6, 0.8])

    def mark(others: pd.DataFrame) -> np.ndarray:
        values = others[list(RFM)] * [-1, 1, 1]
        marks = [1 + np.searchsorted(bounds[name], values[name], side="left") for name in RFM]
        return np.sum(marks, axis=0)

    return mark


def compare(ours: Foretold, theirs: Foretold, *, resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """By how much our R² of log revenue is higher, and the 95 % interval of a paired bootstrap over customers."""
    saved = (theirs.errors[MAIN] - ours.errors[MAIN]).to_numpy()
    totals = ours.totals[MAIN].to_numpy()
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(saved), len(saved)) for _ in range(resamples))
    leads = [saved[rows].sum() / totals[rows].sum() for rows in drawn]
    low, high = np.quantile(leads, [0.025, 0.975])
    return float(saved.sum() / totals.sum()), float(low), float(high)


def measure_stability(factors: pd.DataFrame, segment: Grouping, *, bootstraps: int) -> Mapping[int, float]:
    """How far each segment comes out again when the whole recipe is fitted on other customers, 0–1."""
    from models.quality import measure_stability as measure

    def refit(rows: np.ndarray) -> np.ndarray:
        return _as_labels(segment(factors.iloc[rows])(factors))

    labels = _as_labels(segment(factors)(factors))
    found = measure(labels, refit, resamples=bootstraps, seed=0)
    return {label + 1: value for label, value in found.by_segment.items()}


def _as_labels(segment_ids: np.ndarray) -> np.ndarray:
    """Segments from 0 on; those of customers who fit none become −1."""
    return np.where(segment_ids > 0, segment_ids - 1, -1)


def score_frozen(grouping: Grouping, first: Snapshot, second: Snapshot, *, folds: int, repeats: int) -> float:
    """R² of log revenue at the second cut by groups fitted at the first; means are learnt on the other folds."""
    labels = grouping(first.factors)
    foretell = foretell_by_group(lambda _factors: labels)
    return float(cross_validate(second, foretell, folds=folds, repeats=repeats).r2[MAIN])
