"""The search: many recipes tried, the promising ones examined, one chosen by evidence.

What is cheap comes first. Every recipe drawn is fitted once and must have the right shape; those that promise most
have their separation cross-validated; and in the order of their rank they must be found again in 50 resamples, until
one is. Customers set aside before all this then say how well it really separates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from models.candidates import Candidate, Gates, find_most_stable, rank_candidates, tabulate_candidates
from models.evidence import gather_evidence
from models.examination import Examiner
from models.recipes import (
    Recipe,
    identify_recipe,
    is_offered,
    list_allowed,
    list_openings,
    suggest_recipe,
)
from models.separation import Separation, measure_beyond_rfm, measure_chance, measure_separation
from models.sphericity import check_sphericity
from models.structure import Structure
from models.training_settings import TrainingSettings

if TYPE_CHECKING:
    from optuna import Trial

CUSTOMERS_PER_SEGMENT = 10
NO_STRUCTURE = "no stable segmentation found"


class TooFewCustomers(ValueError):  # noqa: N818 - reads as what it is
    """Not enough customers for the segments asked for."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Every candidate, and the one chosen.

    Attributes:
        candidates: see `tabulate_candidates`; the chosen one first.
        best: the one chosen. If it is not admissible, none was, and it should not be used.
        sentence: why it was chosen.
        separation: of the chosen one, on customers the search had no part in; None where that is not known.
        beyond_rfm: R² that its segments add to quintiles of recency, frequency and money, on the same
            customers; NaN where that is not known.
        structure: the evidence that there are segments at all.
        silence: why there is no separation, if there is none.
        warning: what its user should know; empty if nothing.
        stopped: whether the time limit ended it.
    """

    candidates: pd.DataFrame
    best: Candidate
    sentence: str
    separation: Separation | None = None
    beyond_rfm: float = float("nan")
    structure: Structure | None = None
    silence: str = ""
    warning: str = ""
    stopped: bool = False

    @property
    def winner(self) -> Recipe:
        return self.best.recipe

    @property
    def admissible(self) -> bool:
        return self.best.admissible

    @property
    def score(self) -> float:
        """The separation of the chosen one; NaN where it is not known."""
        return float("nan") if self.separation is None else self.separation.score


def search_recipes(
    factors: pd.DataFrame,
    *,
    past_factors: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    settings: TrainingSettings,
    segment_size: int = 0,
    incumbent: Recipe | None = None,
    incumbent_seed: int | None = None,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> SearchResult:
    """Try recipes of the configured algorithms and choose one.

    Candidates must have the wanted number of segments, none too small, few outliers and be stable. Of these the
    one that separates best what customers did afterwards wins, and within a standard error of it the one with
    fewest segments. Without a past to look at, stability decides, then the silhouette. The winner must show that
    there is structure at all; if it cannot, it is not admissible and says why.

    Args:
        factors: one row a customer_id, float64.
        past_factors: the same factors a while ago, `outcomes` what (some of) these customers did since.
        segment_size: the least number of customers in a segment, beside the least share.
        incumbent: the champion's recipe. It is tried first, and chosen unless another clearly separates better.
        incumbent_seed: what the champion was found with. Customers, folds and resamples are drawn with it, so that the
            champion's recipe is not unseated by another draw; what is tried beside it goes by the search's own seed.
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
    smallest = max(settings.smallest_share, segment_size / len(factors))
    drawn_by = settings.seed if incumbent_seed is None else incumbent_seed
    with threadpool_limits(1):  # the order in which threads add up would show in the last bits
        evidence = gather_evidence(
            factors,
            past_factors,
            outcomes,
            least=settings.segments_max * CUSTOMERS_PER_SEGMENT,
            seed=drawn_by,
        )
        examiner = Examiner(
            evidence=evidence,
            gates=_set_gates(settings, smallest_share=smallest),
            bootstraps=settings.bootstraps,
            bootstrap_sample=settings.bootstrap_sample,
            seed=drawn_by,
        )
        search = _Search(examiner, settings, incumbent=incumbent, tell=progress or (lambda _message: None))
        search.draw_recipes()
        best = search.find_winner()
        return _conclude(search, best)


def _set_gates(settings: TrainingSettings, *, smallest_share: float) -> Gates:
    return Gates(
        segments_min=settings.segments_min,
        segments_max=settings.segments_max,
        smallest_share=smallest_share,
        outlier_share_max=settings.outlier_share_max,
        stability_mean=settings.stability_mean,
        stability_min=settings.stability_min,
    )


class _Search:
    """A search under way: candidates by recipe, each replaced as more is known of it."""

    def __init__(
        self,
        examiner: Examiner,
        settings: TrainingSettings,
        *,
        incumbent: Recipe | None,
        tell: Callable[[str], None],
    ) -> None:
        self.examiner, self.settings, self.tell = examiner, settings, tell
        self.allowed = list_allowed(
            settings.algorithms, settings.preparations, foretelling=examiner.evidence.foretelling
        )
        self.incumbent = incumbent
        if incumbent and not is_offered(
            incumbent, algorithms=settings.algorithms, allowed=self.allowed, handling=settings.handling
        ):
            self.incumbent = None
        self.found: dict[str, Candidate] = {}
        self.stopped = False

    def draw_recipes(self) -> None:
        """Draw recipes by a seeded tree-structured Parzen estimator and screen each.

        Bergstra, Bardenet, Bengio & Kégl 2011, "Algorithms for Hyper-Parameter Optimization"; every algorithm
        with every preparation comes first.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        settings = self.settings
        if self.incumbent is not None:
            self._screen(self.incumbent, f"the champion's {self.incumbent.algorithm}")
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=settings.seed)
        )
        for opening in list_openings(settings.algorithms, self.allowed):
            study.enqueue_trial(opening)
        study.optimize(self._try, n_trials=1)  # whatever the time limit, there is one to speak of
        if settings.trials > 1:
            study.optimize(self._try, n_trials=settings.trials - 1, timeout=settings.time_limit)
        self.stopped = len(study.trials) < settings.trials

    def find_winner(self) -> Candidate:
        """Examine the promising, those of most promise first, until one has passed everything.

        Where none does, the one that came nearest. Those after it in rank are not asked for structure when a whole
        round of finalists had none: who asks often enough is told yes by chance.
        """
        waiting = sorted(self._list_open(), key=lambda c: (c.recipe != self.incumbent, -c.promise))
        stable: list[Candidate] = []
        while waiting and not stable and not any(c.structure for c in self.found.values()):
            finalists: list[Candidate] = []
            while waiting and len(finalists) < self.settings.finalists:
                looked = self._replace(waiting.pop(0), self.examiner.look)
                finalists += [] if looked.reason else [self._replace(looked, self.examiner.cross_validate)]
            stable = self._walk(finalists)
        if not stable:
            return find_most_stable(list(self.found.values()), incumbent=self.incumbent)
        return stable[0] if stable[0].separation else find_most_stable(stable, incumbent=self.incumbent)

    def _try(self, trial: Trial) -> float:
        from optuna import TrialPruned

        settings = self.settings
        recipe = suggest_recipe(
            trial,
            algorithms=settings.algorithms,
            allowed=self.allowed,
            handling=settings.handling,
            segments=range(settings.segments_min, settings.segments_max + 1),
            customers=len(self.examiner.evidence.screened),
        )
        candidate = self._screen(recipe, f"{recipe.algorithm}, trial {trial.number + 1} of {settings.trials}")
        if candidate.reason or np.isnan(candidate.promise):
            raise TrialPruned(candidate.reason)
        return candidate.promise

    def _screen(self, recipe: Recipe, name: str) -> Candidate:
        key = identify_recipe(recipe)
        if key not in self.found:
            self.tell(f"trying {name}")
            self.found[key] = self.examiner.screen(recipe)
        return self.found[key]

    def _list_open(self) -> list[Candidate]:
        return [c for c in self.found.values() if not c.reason and not np.isnan(c.promise)]

    def _walk(self, finalists: list[Candidate]) -> list[Candidate]:
        """Those found stable: the first in order of rank, or all where there is no separation to rank them by."""
        stable: list[Candidate] = []
        while finalists and not (stable and stable[0].separation):
            # Who is close to the best depends on who is left.
            first = rank_candidates(finalists, incumbent=self.incumbent)[0]
            finalists = [c for c in finalists if c is not first]
            self.tell(f"resampling {first.name}")
            examined = self._replace(first, self.examiner.resample)
            if not examined.reason:
                examined = self._replace(examined, self.examiner.test_structure)
            stable += [] if examined.reason else [examined]
        return stable

    def _replace(self, candidate: Candidate, step: Callable[[Candidate], Candidate]) -> Candidate:
        known = step(candidate)
        self.found[identify_recipe(candidate.recipe)] = known
        return known


def _conclude(search: _Search, best: Candidate) -> SearchResult:
    """The final figures of the chosen one, on customers the search had no part in, and whether it stands."""
    examiner, others = search.examiner, [c for c in search.found.values() if c is not best]
    evidence = examiner.evidence
    if best.structure is None:
        best = examiner.test_structure(best)
    result = SearchResult(
        candidates=pd.DataFrame(),
        best=best,
        sentence="",
        structure=best.structure,
        silence=evidence.silence,
        stopped=search.stopped,
    )
    if best.admissible:
        result = replace(_measure_finally(result, examiner), warning=_warn_of_shape(examiner, best))
    lack = _find_lack(result)
    sentence = lack or _explain(result, others, incumbent=search.incumbent)
    result = replace(result, best=replace(best, reason=lack), sentence=sentence)
    if result.stopped:
        sentence = f"{result.sentence}; the time limit ended the search early"
        result = replace(result, sentence=sentence)
    return replace(result, candidates=tabulate_candidates([result.best, *others]))


def _find_lack(result: SearchResult) -> str:
    """Why there is no segmentation to use; empty if there is one."""
    best, lack = result.best, result.structure.lack if result.structure else ""
    if best.admissible:
        return f"{NO_STRUCTURE}: {lack}" if lack else ""
    nearest = f"{NO_STRUCTURE}: no candidate passed every gate; {best.name} came nearest: {best.reason}"
    return nearest if lack in nearest else f"{nearest}; {lack}"


def _measure_finally(result: SearchResult, examiner: Examiner) -> SearchResult:
    aftermath = examiner.evidence.aftermath
    if aftermath is None or aftermath.final is None or result.structure is None:
        return result
    customers, recipe = aftermath.customers, result.winner

    def label(rows: np.ndarray) -> np.ndarray:
        return customers.label(recipe, rows)

    return replace(
        result,
        separation=measure_separation(label, aftermath.final),
        beyond_rfm=measure_beyond_rfm(label, customers.factors, aftermath.final),
        structure=replace(
            result.structure, separation_p=measure_chance(label, aftermath.final, seed=examiner.seed)
        ),
    )


def _warn_of_shape(examiner: Examiner, best: Candidate) -> str:
    if best.recipe.algorithm != "kmeans":
        return ""
    customers = examiner.evidence.resampled
    points, labels = customers.prepare(best.recipe.preparation), customers.label(best.recipe)
    return check_sphericity(points, labels, seed=examiner.seed).warning


def _explain(result: SearchResult, others: Sequence[Candidate], *, incumbent: Recipe | None) -> str:
    best = result.best
    tried = f"of {len(others) + 1} candidates"
    stays = best.recipe == incumbent
    if best.separation is None:
        why = "is the champion's recipe and stable" if stays else "was the most stable"
        ties = "" if stays else ", silhouette breaking ties"
        return (
            f"{best.name} {why} ({best.stability_mean:.2f}) {tried}{ties}; "
            f"{result.silence or 'what customers did afterwards could not be compared'}"
        )
    stable = [c for c in others if c.separation and not c.reason]
    top = max([best, *stable], key=lambda c: c.score)
    why = (
        "separates best"
        if top is best
        else f"is the champion's recipe, and none separates clearly better (best: {top.name}, {top.score:.2f}),"
        if stays
        else f"is the simplest of those that separate as well as the best ({top.name}, {top.score:.2f})"
    )
    final = "" if result.separation is None else f", {result.score:.2f} on customers set aside"
    return (
        f"{best.name} {why} what customers did afterwards {tried}: it foretells {best.score:.2f} of what all "
        f"factors together can{final}, with stability {best.stability_mean:.2f}"
    )
