"""The examination of a recipe, step by step: what a step costs, the next one costs more."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.candidates import Candidate, Gates
from models.clusterers import OUTLIER, load_clusterers
from models.evidence import Customers, Evidence
from models.preparation import NoVariation
from models.projections import NoOutcomes
from models.quality import (
    Stability,
    measure_calinski_harabasz,
    measure_davies_bouldin,
    measure_density_validity,
    measure_prediction_strength,
    measure_silhouette,
    measure_stability,
)
from models.recipes import Recipe
from models.separation import Separation, Yardstick, measure_separation
from models.structure import compare_with_clouds

FIRST_LOOK = 5  # resamples that may only reject what is clearly unstable
HALVINGS = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Examiner:
    """Examines recipes on the same evidence.

    Attributes:
        bootstraps: resamples for stability.
        bootstrap_sample: the most customers of one.
    """

    evidence: Evidence
    gates: Gates
    bootstraps: int
    bootstrap_sample: int
    seed: int

    def screen(self, recipe: Recipe) -> Candidate:
        """Fit it once: number and sizes of segments, indices, and what it promises."""
        customers = self.evidence.screened
        points, labels = customers.prepare(recipe.preparation), customers.label(recipe)
        clusters, counts = np.unique(labels[labels != OUTLIER], return_counts=True)
        outliers = float(np.mean(labels == OUTLIER))
        smallest = float(counts.min() / len(labels)) if len(counts) else 0.0
        reason = self.gates.judge_shape(len(clusters), smallest, outliers)
        return Candidate(
            recipe=recipe,
            segments=len(clusters),
            outlier_share=outliers,
            smallest_share=smallest,
            silhouette=measure_silhouette(points, labels, seed=self.seed),
            calinski_harabasz=measure_calinski_harabasz(points, labels),
            davies_bouldin=measure_davies_bouldin(points, labels),
            promise=float("nan") if reason else self._promise(recipe),
            reason=reason,
        )

    def look(self, candidate: Candidate) -> Candidate:
        """A few resamples, which can only reject what is clearly unstable."""
        stability = self._resample(candidate.recipe, FIRST_LOOK)
        if not stability.hopeless:
            return candidate
        return replace(candidate, stability=stability, reason=self.gates.judge_stability(stability))

    def cross_validate(self, candidate: Candidate) -> Candidate:
        """Separation on five folds, the whole recipe refitted in each."""
        aftermath = self.evidence.aftermath
        if aftermath is None:
            return candidate
        separation = self._separate(candidate.recipe, aftermath.customers, aftermath.thorough)
        return replace(candidate, separation=separation)

    def resample(self, candidate: Candidate) -> Candidate:
        """Stability over all resamples, and the indices that need more fits."""
        stability = self._resample(candidate.recipe, self.bootstraps)
        customers, recipe = self.evidence.screened, candidate.recipe
        density = float("nan")
        if load_clusterers()[recipe.algorithm].flat:  # what needs few dimensions goes by density
            points = customers.prepare(recipe.preparation)
            density = measure_density_validity(points, customers.label(recipe), seed=self.seed)
        return replace(
            candidate,
            stability=stability,
            density_validity=density,
            prediction_strength=self._measure_strength(recipe),
            reason=self.gates.judge_stability(stability),
        )

    def test_structure(self, candidate: Candidate) -> Candidate:
        """Whether its segments are more compact than those of structureless clouds."""
        customers = self.evidence.resampled
        structure = compare_with_clouds(
            customers.factors, candidate.recipe, seed=self.seed, past=customers.past
        )
        return replace(candidate, structure=structure, reason=candidate.reason or structure.lack)

    def _promise(self, recipe: Recipe) -> float:
        """Separation on two folds; prediction strength where there is none."""
        aftermath = self.evidence.aftermath
        if aftermath is None:
            return self._measure_strength(recipe)
        separation = self._separate(recipe, aftermath.customers, aftermath.quick)
        return float("nan") if separation is None else separation.score

    def _measure_strength(self, recipe: Recipe) -> float:
        customers = self.evidence.screened
        return measure_prediction_strength(
            len(customers), lambda rows: customers.label(recipe, rows), splits=HALVINGS, seed=self.seed
        )

    def _separate(self, recipe: Recipe, customers: Customers, yardstick: Yardstick) -> Separation | None:
        try:
            return measure_separation(lambda rows: customers.label(recipe, rows), yardstick)
        except (NoVariation, NoOutcomes):  # among the customers of one fold
            return None

    def _resample(self, recipe: Recipe, resamples: int) -> Stability:
        customers = self.evidence.resampled
        return measure_stability(
            customers.label(recipe),
            lambda rows: customers.label(recipe, rows),
            resamples=resamples,
            rows_max=self.bootstrap_sample,
            mean_wanted=self.gates.stability_mean,
            least_wanted=self.gates.stability_min,
            seed=self.seed,
        )
