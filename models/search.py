"""Many recipes compared, one chosen by evidence: stable first, then telling, then simple."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.clusterers import OUTLIER, load_clusterers
from models.preparation import Preparation, PreparationOptions
from models.quality import Separation, measure_separation, measure_silhouette, measure_stability
from models.segmenter import Recipe, Segmenter, fit_segmenter

CUSTOMERS_PER_SEGMENT = 10


class TooFewCustomers(ValueError):  # noqa: N818 - reads as what it is
    """Not enough customers for the segments asked for."""


class TrainingSettings(BaseModel):
    """`[training]`: which recipes are tried, and what a model must show to be considered.

    Attributes:
        algorithms: files of `models/clusterers`.
        segments_min, segments_max: how many segments there may be.
        sample: customers the search looks at; the winner is fitted on all.
        bootstraps: resamples for stability.
        bootstrap_sample: customers the stability of a candidate is measured on.
        finalists: candidates of an algorithm, the best by silhouette, whose stability is measured.
        smallest_share, outlier_share_max, stability_mean, stability_min: gates of admission.
        seed: the same data and seed give the same model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithms: tuple[str, ...] = ("kmeans", "hdbscan")
    segments_min: int = Field(default=4, ge=2)
    segments_max: int = Field(default=8, ge=2, le=30)
    sample: int = Field(default=20_000, ge=500)
    bootstraps: int = Field(default=10, ge=2)
    bootstrap_sample: int = Field(default=2000, ge=100)
    finalists: int = Field(default=5, ge=1)
    smallest_share: float = Field(default=0.01, ge=0, lt=0.5)
    outlier_share_max: float = Field(default=0.25, ge=0, lt=1)
    stability_mean: float = Field(default=0.75, ge=0, le=1)
    stability_min: float = Field(default=0.60, ge=0, le=1)
    seed: int = 0

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingSettings:
        if self.segments_max < self.segments_min:
            raise ValueError(f"segments_max {self.segments_max} is below segments_min {self.segments_min}")
        catalogue = load_clusterers()
        for name in self.algorithms:
            if name not in catalogue:
                raise ValueError(f"algorithm '{name}' is not known; there are: {', '.join(catalogue)}")
        return self


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recipe and what it showed; NaN where a figure was not measured."""

    recipe: Recipe
    segments: int
    silhouette: float
    outlier_share: float
    smallest_share: float
    stability: float
    stability_min: float
    separation: Separation | None
    reason: str

    @property
    def admissible(self) -> bool:
        """Whether it was examined to the end and nothing was found wrong."""
        return not self.reason and not np.isnan(self.stability)

    @property
    def score(self) -> float:
        return float("nan") if self.separation is None else self.separation.score


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Every candidate, and the one chosen.

    Attributes:
        candidates: algorithm, segments, parameters (JSON), silhouette, stability, stability_min, separation,
            outlier_share, smallest_share, admissible, reason; the chosen one first.
        sentence: why it was chosen.
    """

    candidates: pd.DataFrame
    best: Candidate
    sentence: str

    @property
    def winner(self) -> Recipe:
        return self.best.recipe


def search_recipes(
    factors: pd.DataFrame,
    *,
    past_factors: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    settings: TrainingSettings,
    progress: Callable[[str], None] | None = None,
) -> SearchResult:
    """Try every recipe of the configured algorithms and choose one.

    Those with the best silhouettes have their stability measured; candidates must have the wanted number of
    segments, none too small, few outliers and be stable. Of these the one that separates best what customers
    did afterwards wins, and within a standard error of it the one with fewest segments, then the highest
    silhouette. Without a past to look at, stability and silhouette decide.

    Args:
        factors: one row a customer_id, float64.
        past_factors: the same factors a while ago, `outcomes` what these customers did since.
        progress: is told what is being tried.

    Raises:
        TooFewCustomers, NoVariation: nothing can be found, and what would help.
    """
    least = settings.segments_min * CUSTOMERS_PER_SEGMENT
    if len(factors) < least:
        raise TooFewCustomers(
            f"{len(factors)} customers are too few for {settings.segments_min} segments; at least {least} are needed "
            "(or lower segments_min in [training])"
        )
    sample = factors.sample(min(len(factors), settings.sample), random_state=settings.seed).sort_index()
    options = PreparationOptions()
    points = Preparation(options).fit(sample).transform(sample)
    found: list[Candidate] = []
    for name in settings.algorithms:
        screened = _screen(name, points, len(sample), options, settings)
        finalists = sorted(screened, key=lambda c: -np.nan_to_num(c.silhouette, nan=-1))[: settings.finalists]
        for candidate in screened:
            if candidate in finalists and not candidate.reason:
                if progress:
                    progress(f"training: {name} with {candidate.segments} segments")
                candidate = _examine(candidate, sample, past_factors, outcomes, settings)
            found.append(candidate)
    best, sentence = choose_candidate(found)
    ordered = [best, *(c for c in found if c is not best)]
    return SearchResult(_tabulate(ordered), best, sentence)


def _screen(
    name: str, points: np.ndarray, customers: int, options: PreparationOptions, settings: TrainingSettings
) -> list[Candidate]:
    """Fit every parameter of an algorithm once: number of segments, sizes, silhouette."""
    clusterer = load_clusterers()[name]
    wanted = range(settings.segments_min, settings.segments_max + 1)
    candidates = []
    for parameters in clusterer.grid(wanted, customers):
        labels = clusterer.build(**parameters, seed=settings.seed).fit(points).labels_
        clusters, counts = np.unique(labels[labels != OUTLIER], return_counts=True)
        outliers = float(np.mean(labels == OUTLIER))
        smallest = float(counts.min() / len(labels)) if len(counts) else 0.0
        candidates.append(
            Candidate(
                recipe=Recipe(name, parameters, options),
                segments=len(clusters),
                silhouette=measure_silhouette(points, labels, seed=settings.seed),
                outlier_share=outliers,
                smallest_share=smallest,
                stability=float("nan"),
                stability_min=float("nan"),
                separation=None,
                reason=_find_fault(len(clusters), smallest, outliers, settings),
            )
        )
    return candidates


def _find_fault(segments: int, smallest: float, outliers: float, settings: TrainingSettings) -> str:
    if not settings.segments_min <= segments <= settings.segments_max:
        return f"{segments} segments, wanted {settings.segments_min} to {settings.segments_max}"
    if smallest < settings.smallest_share:
        return f"smallest segment {smallest:.1%}, at least {settings.smallest_share:.1%} wanted"
    if outliers > settings.outlier_share_max:
        return f"{outliers:.0%} outliers, at most {settings.outlier_share_max:.0%} wanted"
    return ""


def _examine(
    candidate: Candidate,
    sample: pd.DataFrame,
    past_factors: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    settings: TrainingSettings,
) -> Candidate:
    """Stability under resampling, the whole pipeline refitted, and separation of what happened afterwards."""
    rows = sample.sample(min(len(sample), settings.bootstrap_sample), random_state=settings.seed)
    whole = _label(fit_segmenter(rows, recipe=candidate.recipe, seed=settings.seed), rows)

    def refit(chosen: np.ndarray) -> np.ndarray:
        return _label(fit_segmenter(rows.iloc[chosen], recipe=candidate.recipe, seed=settings.seed), rows)

    stability = measure_stability(whole, refit, resamples=settings.bootstraps, seed=settings.seed)
    fault = ""
    if not stability.mean >= settings.stability_mean:
        fault = f"stability {stability.mean:.2f}, at least {settings.stability_mean:.2f} wanted"
    elif not stability.least >= settings.stability_min:
        fault = (
            f"stability of one segment {stability.least:.2f}, at least {settings.stability_min:.2f} wanted"
        )
    return Candidate(
        recipe=candidate.recipe,
        segments=candidate.segments,
        silhouette=candidate.silhouette,
        outlier_share=candidate.outlier_share,
        smallest_share=candidate.smallest_share,
        stability=stability.mean,
        stability_min=stability.least,
        separation=_separate(candidate.recipe, past_factors, outcomes, settings),
        reason=fault,
    )


def _label(segmenter: Segmenter, factors: pd.DataFrame) -> np.ndarray:
    placed = segmenter.assign(factors)
    labels: np.ndarray = placed["segment_id"].where(~placed["is_outlier"], -1).to_numpy()
    return labels


def _separate(
    recipe: Recipe, past: pd.DataFrame | None, outcomes: pd.DataFrame | None, settings: TrainingSettings
) -> Separation | None:
    """The recipe fitted on how customers were then, judged by what they did since."""
    if past is None or outcomes is None or len(past) < settings.segments_max * CUSTOMERS_PER_SEGMENT:
        return None
    sample = past.sample(min(len(past), settings.sample), random_state=settings.seed).sort_index()
    labels = fit_segmenter(sample, recipe=recipe, seed=settings.seed).assign(sample)["segment_id"]
    return measure_separation(labels, outcomes, seed=settings.seed)


def choose_candidate(candidates: list[Candidate]) -> tuple[Candidate, str]:
    """The candidate to use, and why in one sentence.

    Raises:
        ValueError: there is no candidate.
    """
    if not candidates:
        raise ValueError("no algorithm is configured; name some in [training] algorithms")
    admissible = [c for c in candidates if c.admissible]
    if not admissible:
        best = max(candidates, key=lambda c: (_known(c.stability, -1), _known(c.silhouette, -1)))
        return best, f"no candidate passed every gate; {_name(best)} came nearest: {best.reason}"
    judged = [c for c in admissible if not np.isnan(c.score)]
    if not judged:
        best = max(admissible, key=lambda c: (c.stability, _known(c.silhouette, -1)))
        young = "the shop is too young to look at what customers did afterwards"
        return best, f"{_name(best)} was the most stable ({best.stability:.2f}) of {len(admissible)}; {young}"
    top = max(judged, key=lambda c: c.score)
    error = top.separation.error if top.separation else 0.0
    close = [c for c in judged if c.score >= top.score - error]
    best = min(close, key=lambda c: (c.segments, -_known(c.silhouette, -1)))
    why = "separates best" if best is top else "is the simplest of those that separate as well as the best"
    return best, (
        f"{_name(best)} {why} what customers did afterwards (R² {best.score:.2f}, the best had {top.score:.2f}) "
        f"among {len(admissible)} stable candidates"
    )


def _name(candidate: Candidate) -> str:
    return f"{candidate.recipe.algorithm} with {candidate.segments} segments"


def _known(value: float, otherwise: float) -> float:
    return otherwise if np.isnan(value) else value


def _tabulate(candidates: list[Candidate]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "algorithm": c.recipe.algorithm,
            "segments": c.segments,
            "parameters": json.dumps(dict(c.recipe.parameters), sort_keys=True),
            "silhouette": c.silhouette,
            "stability": c.stability,
            "stability_min": c.stability_min,
            "separation": c.score,
            "outlier_share": c.outlier_share,
            "smallest_share": c.smallest_share,
            "admissible": c.admissible,
            "reason": c.reason or ("" if c.admissible else "not among the best by silhouette"),
        }
        for c in candidates
    ]
    return pd.DataFrame(rows)
