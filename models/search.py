"""Many recipes compared, one chosen by evidence: stable first, then telling, then simple."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator
from threadpoolctl import threadpool_limits

from models.clusterers import OUTLIER, load_clusterers
from models.preparation import NoVariation, Preparation, PreparationOptions
from models.quality import (
    Separation,
    Stability,
    compare_separation,
    measure_separation,
    measure_silhouette,
    measure_stability,
)
from models.segmenter import Recipe, build_clusterer, draw_customers

CUSTOMERS_PER_SEGMENT = 10
STABILITY_CUSTOMERS = 5000
RESAMPLES = 200
YOUNG = "the shop is too young to look at what customers did afterwards"

PREPARATIONS = (
    PreparationOptions(weighting="informative"),
    PreparationOptions(weighting="balanced"),
    PreparationOptions(weighting="balanced", projection="discriminants"),
)
FLAT_PREPARATIONS = (
    PreparationOptions(weighting="informative", projection="components"),
    PreparationOptions(weighting="balanced", projection="discriminants"),
)


class TooFewCustomers(ValueError):  # noqa: N818 - reads as what it is
    """Not enough customers for the segments asked for."""


class TrainingSettings(BaseModel):
    """`[training]`: which recipes are tried, and what a model must show to be considered.

    Attributes:
        algorithms: files of `models/clusterers`.
        segments_min, segments_max: how many segments there may be.
        sample: customers the search looks at.
        bootstraps: subsamples for stability.
        bootstrap_sample: the most customers of such a subsample; it is half of them otherwise.
        finalists: candidates of an algorithm and a preparation, the best by silhouette (which cannot be
            compared across preparations), whose stability and separation are measured.
        smallest_share, outlier_share_max, stability_mean, stability_min: gates of admission.
        seed: the same data and seed give the same model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithms: tuple[str, ...] = Field(default=("kmeans", "hdbscan"), min_length=1)
    segments_min: int = Field(default=4, ge=2)
    segments_max: int = Field(default=8, ge=2, le=30)
    sample: int = Field(default=20_000, ge=500)
    bootstraps: int = Field(default=8, ge=2)
    bootstrap_sample: int = Field(default=2000, ge=100)
    finalists: int = Field(default=3, ge=1)
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


@dataclass(frozen=True, slots=True, eq=False)  # one is in a list only if it is that very one
class Candidate:
    """A recipe and what it showed; NaN where a figure was not measured.

    Attributes:
        silhouette: in the recipe's own space; not comparable across preparations.
        past_labels: segment by customer of a horizon ago, by the recipe fitted on them as they were then.
        reason: why it may not be used; empty if nothing was found wrong.
    """

    recipe: Recipe
    segments: int
    silhouette: float
    outlier_share: float
    smallest_share: float
    stability: float = float("nan")
    stability_min: float = float("nan")
    separation: Separation | None = None
    past_labels: pd.Series | None = None
    reason: str = ""

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
        candidates: algorithm, segments, parameters (JSON), preparation, silhouette, stability, stability_min,
            separation, outlier_share, smallest_share, admissible, reason; the chosen one first.
        best: the one chosen. If it is not admissible, none was, and it should not be used.
        sentence: why it was chosen.
    """

    candidates: pd.DataFrame
    best: Candidate
    sentence: str

    @property
    def winner(self) -> Recipe:
        return self.best.recipe

    @property
    def admissible(self) -> bool:
        return self.best.admissible


class _Space:
    """The same customers as each preparation sees them; what is asked for twice is fitted once."""

    def __init__(self, customers: pd.DataFrame, *, seed: int) -> None:
        self.customers, self.seed = customers, seed
        self._points: dict[tuple[PreparationOptions, bytes], np.ndarray] = {}

    def prepare(self, options: PreparationOptions, rows: np.ndarray | None = None) -> np.ndarray:
        """Points of all customers, prepared as fitted on some or all of them."""
        key = (options, b"" if rows is None else rows.tobytes())
        if key not in self._points:
            fitted_on = self.customers if rows is None else self.customers.iloc[rows]
            preparation = Preparation(options, seed=self.seed).fit(fitted_on)
            self._points[key] = preparation.transform(self.customers)
        return self._points[key]

    def label(self, recipe: Recipe, rows: np.ndarray | None = None) -> np.ndarray:
        """Labels of all customers, by the whole recipe fitted on some or all of them."""
        points = self.prepare(recipe.preparation, rows)
        clusterer = build_clusterer(recipe, seed=self.seed)
        return clusterer.fit(points).labels_ if rows is None else clusterer.fit(points[rows]).predict(points)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What candidates are examined on: customers to draw subsamples from, and those of a horizon ago."""

    now: _Space
    past: _Space | None
    outcomes: pd.DataFrame | None


def search_recipes(
    factors: pd.DataFrame,
    *,
    past_factors: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    settings: TrainingSettings,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> SearchResult:
    """Try every recipe of the configured algorithms and choose one.

    Those with the best silhouettes have their stability measured; candidates must have the wanted number of
    segments, none too small, few outliers and be stable. Of these the one that separates best what customers
    did afterwards wins, and within a standard error of it the one with fewest segments, then the most stable,
    then the highest silhouette. Without a past to look at, stability and silhouette decide.

    Args:
        factors: one row a customer_id, float64.
        past_factors: the same factors a while ago, `outcomes` what (some of) these customers did since.
        seed: in place of the one in `settings`.
        progress: is told what is being tried.

    Raises:
        TooFewCustomers, NoVariation: nothing can be found, and what would help.
    """
    settings = settings if seed is None else settings.model_copy(update={"seed": seed})
    least = settings.segments_min * CUSTOMERS_PER_SEGMENT
    if len(factors) < least:
        raise TooFewCustomers(
            f"{len(factors)} customers are too few for {settings.segments_min} segments; "
            f"at least {least} are needed (or lower segments_min in [training])"
        )
    tell = progress or (lambda _message: None)
    sample = draw_customers(factors, settings.sample, seed=settings.seed)
    space = _Space(sample, seed=settings.seed)
    evidence = _gather_evidence(space, past_factors, outcomes, settings)
    found: list[Candidate] = []
    with threadpool_limits(1):  # the order in which threads add up would show in the last bits
        for name, options in _list_trials(settings):
            screened = _screen(name, options, space, settings)
            finalists = _pick_finalists(screened, settings)
            tell(f"training: {name}, {_describe(options)}: {len(finalists)} of {len(screened)} promising")
            found += [candidate for candidate in screened if candidate not in finalists]
            for candidate in finalists:
                tell(f"training: examining {_name(candidate)}, {_describe(options)}")
                found.append(_examine(candidate, evidence, settings))
    best, sentence = choose_candidate(found, outcomes=evidence.outcomes, seed=settings.seed)
    ordered = [best, *(c for c in found if c is not best)]
    return SearchResult(_tabulate(ordered), best, sentence)


def _list_trials(settings: TrainingSettings) -> list[tuple[str, PreparationOptions]]:
    """Every algorithm with every preparation that suits it."""
    catalogue = load_clusterers()
    return [
        (name, options)
        for name in settings.algorithms
        for options in (FLAT_PREPARATIONS if catalogue[name].flat else PREPARATIONS)
    ]


def _gather_evidence(
    space: _Space,
    past_factors: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    settings: TrainingSettings,
) -> _Evidence:
    few = draw_customers(space.customers, STABILITY_CUSTOMERS, seed=settings.seed)
    now = space if len(few) == len(space.customers) else _Space(few, seed=settings.seed)
    least = settings.segments_max * CUSTOMERS_PER_SEGMENT
    if past_factors is None or outcomes is None or len(past_factors) < least:
        return _Evidence(now, None, None)
    past = draw_customers(past_factors, settings.sample, seed=settings.seed)
    return _Evidence(now, _Space(past, seed=settings.seed), outcomes)


def _screen(
    name: str, options: PreparationOptions, space: _Space, settings: TrainingSettings
) -> list[Candidate]:
    """Fit every parameter of an algorithm once: number of segments, sizes, silhouette."""
    points = space.prepare(options)
    wanted = range(settings.segments_min, settings.segments_max + 1)
    candidates = []
    for parameters in load_clusterers()[name].grid(wanted, len(points)):
        recipe = Recipe(name, parameters, options)
        labels = space.label(recipe)
        clusters, counts = np.unique(labels[labels != OUTLIER], return_counts=True)
        outliers = float(np.mean(labels == OUTLIER))
        smallest = float(counts.min() / len(labels)) if len(counts) else 0.0
        candidates.append(
            Candidate(
                recipe=recipe,
                segments=len(clusters),
                silhouette=measure_silhouette(points, labels, seed=settings.seed),
                outlier_share=outliers,
                smallest_share=smallest,
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


def _pick_finalists(screened: list[Candidate], settings: TrainingSettings) -> list[Candidate]:
    promising = [c for c in screened if not c.reason and not np.isnan(c.silhouette)]
    return sorted(promising, key=lambda c: -c.silhouette)[: settings.finalists]


def _examine(candidate: Candidate, evidence: _Evidence, settings: TrainingSettings) -> Candidate:
    """Stability under subsampling, the whole recipe refitted, and separation of what happened afterwards."""
    recipe = candidate.recipe
    stability = measure_stability(
        evidence.now.label(recipe),
        lambda rows: evidence.now.label(recipe, rows),
        resamples=settings.bootstraps,
        rows_max=settings.bootstrap_sample,
        seed=settings.seed,
    )
    past_labels = _label_past(recipe, evidence)
    separation = None
    if past_labels is not None and evidence.outcomes is not None:
        separation = measure_separation(past_labels, evidence.outcomes, seed=settings.seed)
    return replace(
        candidate,
        stability=stability.mean,
        stability_min=stability.least,
        separation=separation if separation and not np.isnan(separation.score) else None,
        past_labels=past_labels,
        reason=_find_instability(stability, settings),
    )


def _find_instability(stability: Stability, settings: TrainingSettings) -> str:
    if not stability.mean >= settings.stability_mean:
        return f"stability {stability.mean:.2f}, at least {settings.stability_mean:.2f} wanted"
    if not stability.least >= settings.stability_min:
        return f"stability of one segment {stability.least:.2f}, at least {settings.stability_min:.2f} wanted"
    return ""


def _label_past(recipe: Recipe, evidence: _Evidence) -> pd.Series | None:
    """Segments by the recipe fitted on how customers were then: what came after has no part in it."""
    if evidence.past is None:
        return None
    try:
        return pd.Series(evidence.past.label(recipe), index=evidence.past.customers.index)
    except NoVariation:
        return None


def choose_candidate(
    candidates: list[Candidate], *, outcomes: pd.DataFrame | None, seed: int
) -> tuple[Candidate, str]:
    """The candidate to use, and why in one sentence."""
    admissible = [c for c in candidates if c.admissible]
    if not admissible:
        best = max(candidates, key=lambda c: (_known(c.stability, -1), _known(c.silhouette, -1)))
        return best, f"no candidate passed every gate; {_name(best)} came nearest: {best.reason}"
    judged = [c for c in admissible if c.separation is not None]
    if not judged or outcomes is None:
        best = max(admissible, key=lambda c: (round(c.stability, 2), _known(c.silhouette, -1)))
        return best, (
            f"{_name(best)} was the most stable ({best.stability:.2f}) of {len(admissible)}, "
            f"silhouette breaking ties; {YOUNG}"
        )
    top = max(judged, key=lambda c: c.score)
    close = [c for c in judged if c is top or _is_close(c, top, outcomes, seed=seed)]
    best = min(close, key=lambda c: (c.segments, -c.stability, -_known(c.silhouette, -1)))
    why = "separates best" if best is top else "is the simplest of those that separate as well as the best"
    return best, (
        f"{_name(best)} {why} what customers did afterwards "
        f"(R² {best.score:.3f}, the best had {top.score:.3f}) among {len(admissible)} stable candidates"
    )


def _is_close(candidate: Candidate, top: Candidate, outcomes: pd.DataFrame, *, seed: int) -> bool:
    """Whether the best separates better by no more than one standard error of the difference."""
    if top.past_labels is None or candidate.past_labels is None:
        return False
    lead = compare_separation(
        top.past_labels, candidate.past_labels, outcomes, resamples=RESAMPLES, seed=seed
    )
    return lead is not None and lead.gain <= lead.error


def _name(candidate: Candidate) -> str:
    return f"{candidate.recipe.algorithm} with {candidate.segments} segments"


def _describe(options: PreparationOptions) -> str:
    projected = "" if options.projection == "none" else f", {options.projection}"
    return f"{options.weighting} weights{projected}"


def _known(value: float, otherwise: float) -> float:
    return otherwise if np.isnan(value) else value


def _tabulate(candidates: list[Candidate]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "algorithm": c.recipe.algorithm,
            "segments": c.segments,
            "parameters": json.dumps(dict(c.recipe.parameters), sort_keys=True),
            "preparation": _describe(c.recipe.preparation),
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
