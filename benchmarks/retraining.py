"""What a retrain does to the segments campaigns are built on: on the same data, a week later, after habits changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from models.contest import Contender
    from models.preparation import Past
    from models.promotion import PromotionDecision
    from models.recipes import Recipe
    from models.segmenter import Segmenter

SEEDS, STALE_SEEDS, CUSTOMERS = 20, 50, 2000
HORIZON, WEEK = 90, 7
OTHER = 1000  # what is added to a seed to make another of it
ORDERS_CUT = date(2011, 9, 9)
KEPT_MIN, ORDERS_KEPT_MIN, REPLACED_MIN = 0.99, 0.90, 46
GROUPS, HABITS, PEOPLE = 6, 12, 3000


@dataclass(frozen=True, slots=True)
class Retrained:
    """A champion, and a challenger searched for on the same customers by another seed.

    Attributes:
        same_recipe: whether the challenger is by the champion's recipe.
        kept: share of customers who would keep their segment id if the challenger were promoted.
        decision: of the gate, as if the challenger before it had won as well.
    """

    seed: int
    champion: str
    same_recipe: bool
    kept: float
    decision: str


@dataclass(frozen=True, slots=True)
class WeekLater:
    """Share of customers who keep their segment id from one week's model to the next, both placing the same customers.

    Attributes:
        warm: the next model began with the champion's segments, as it does in a weekly run.
        cold: it began anew, by the same recipe.
        cold_eight: K-Means with 8 segments on log recency, frequency and money, begun anew.
    """

    recipe: str
    same_recipe: bool
    warm: float
    cold: float
    cold_eight: float


@dataclass(frozen=True, slots=True)
class Replaced:
    """How long a champion stays after its customers' habits have changed.

    Attributes:
        cycle: the weekly cycle, from the first whose outcomes are all of the time after, that replaced it; None if it
            was still there after two.
        gain: in separation, as the first cycle measured it.
    """

    seed: int
    cycle: int | None
    gain: float


def retrain_shops(folder: Path, *, seeds: int = SEEDS, customers: int = CUSTOMERS) -> Iterator[Retrained]:
    """Simulate a shop by each seed, and train it twice with the product's default settings but for the seed."""
    for seed in range(seeds):
        yield retrain_shop(folder / f"shop-{seed}", seed=seed, customers=customers)
        shutil.rmtree(folder / f"shop-{seed}")


def retrain_shop(folder: Path, *, seed: int, customers: int = CUSTOMERS) -> Retrained:
    """One shop, trained by its own seed and by another."""
    from benchmarks.segment_truth import deliver_shop, read_factors
    from models.search import search_recipes
    from models.segmenter import fit_segmenter

    _shop, settings = deliver_shop(folder, seed=seed, customers=customers)
    factors, history = read_factors(settings)

    def search(incumbent: Recipe | None) -> Recipe:
        found = search_recipes(
            factors, past_factors=history.factors, outcomes=history.outcomes, settings=settings.training,
            incumbent=incumbent, incumbent_seed=seed if incumbent else None,
            seed=seed + OTHER if incumbent else seed,
        )  # fmt: skip
        return found.winner

    champion = fit_segmenter(factors, recipe=search(None), seed=seed, past=history.past)
    winner = search(champion.recipe)
    challenger = retrain(champion, factors, winner, past=history.past, seed=seed)
    kept = share_kept(champion, challenger, factors)
    gain = contest(winner, champion.recipe, history.past, seed=seed)
    return Retrained(
        seed=seed,
        champion=f"{champion.recipe.algorithm} with {len(champion.ids) - 1} segments",
        same_recipe=winner == champion.recipe,
        kept=kept,
        decision=decide(gain, moved=1 - kept, age=WEEK).decision,
    )


def retrain(
    champion: Segmenter, factors: pd.DataFrame, recipe: Recipe, *, past: Past | None, seed: int
) -> Segmenter:
    """The challenger as a weekly run fits it."""
    from models.segmenter import fit_segmenter

    placed = champion.assign(factors)["segment_id"]
    return fit_segmenter(factors, recipe=recipe, seed=seed, past=past, earlier=placed)


def share_kept(champion: Segmenter, challenger: Segmenter, factors: pd.DataFrame) -> float:
    """The share of customers who keep their segment's id, ids given as a weekly run gives them."""
    from models.lineage import match_segments

    placed = [model.assign(factors)["segment_id"] for model in (champion, challenger)]
    ids = champion.ids.values()
    return 1 - match_segments(*placed, former=ids, next_id=max(ids) + 1).moved


def contest(winner: Recipe, champion: Recipe, past: Past | None, *, seed: int) -> Any:
    """The gain of one recipe over another, both refitted on what was known a horizon ago."""
    from models.contest import Contender, contest_separation

    if past is None:
        raise ValueError("the shop is too young for a contest")
    return contest_separation(Contender(winner, seed), Contender(champion, seed), past, earlier=None, seed=0)


def decide(gain: Any, *, moved: float, age: float, wins: int = 1) -> PromotionDecision:
    """The gate's decision on a challenger that passes every rule of its own."""
    from models.promotion import GateValues, PromotionSettings, Standing, decide_promotion

    sound = GateValues(
        segments=GROUPS, smallest_share=0.05, outlier_share=0.0, stability=0.9, stability_min=0.8
    )
    standing = Standing(gain=gain, champion_age_days=age, share_moved=moved, share_drifted=0.0, wins=wins)
    return decide_promotion(sound, sound, standing=standing, data_fault=None, settings=PromotionSettings())


def retrain_orders(config: Path) -> WeekLater:
    """Take in the orders of a configuration, train as of a day and a week later, and compare on the later customers."""
    from flows.settings import load_settings
    from flows.views import ingest_now
    from models.preparation_options import PreparationOptions
    from models.recipes import Recipe
    from models.search import search_recipes
    from models.segmenter import fit_segmenter

    settings = load_settings(config)
    ingest_now(settings)
    first, second = (read_week(settings.home, ORDERS_CUT + timedelta(days)) for days in (0, WEEK))

    def search(week: tuple[pd.DataFrame, Past], incumbent: Recipe | None) -> Recipe:
        factors, past = week
        found = search_recipes(
            factors, past_factors=past.factors, outcomes=past.outcomes,
            settings=settings.training, incumbent=incumbent,
        )  # fmt: skip
        return found.winner

    champion = fit_segmenter(first[0], recipe=search(first, None), seed=0, past=first[1])
    factors, past = second
    winner = search(second, champion.recipe)
    warm = retrain(champion, factors, winner, past=past, seed=0)
    anew = fit_segmenter(factors, recipe=champion.recipe, seed=1, past=past)
    rfm = [
        week[0][["days_since_last_purchase", "orders_lifetime", "revenue_lifetime"]]
        for week in (first, second)
    ]
    eight = Recipe("kmeans", {"segments": 8}, PreparationOptions(weighting="equal"))
    by_eight = [fit_segmenter(week, recipe=eight, seed=seed) for seed, week in enumerate(rfm)]
    return WeekLater(
        recipe=f"{champion.recipe.algorithm} with {len(champion.ids) - 1} segments",
        same_recipe=winner == champion.recipe,
        warm=share_kept(champion, warm, factors),
        cold=share_kept(champion, anew, factors),
        cold_eight=share_kept(by_eight[0], by_eight[1], rfm[1]),
    )


def read_week(home: str, cut: date) -> tuple[pd.DataFrame, Past]:
    """Factors of everybody with an order by the day before the cut, and the same people's a horizon earlier."""
    from benchmarks.segment_orders import read_snapshot
    from models.preparation import Past

    now, before = (read_snapshot(home, cut - timedelta(days)) for days in (0, HORIZON))
    return now.factors, Past(before.factors, before.outcomes)


def replace_stale(*, seeds: int = STALE_SEEDS) -> Iterator[Replaced]:
    """A champion fitted before everybody's habits changed, against challengers by the same recipe fitted after."""
    from models.preparation_options import PreparationOptions
    from models.recipes import Recipe
    from models.segmenter import fit_segmenter

    recipe = Recipe("kmeans", {"segments": GROUPS}, PreparationOptions(weighting="informative"))
    for seed in range(seeds):
        champion = fit_segmenter(draw_people(seed, era=0, week=0)[0], recipe=recipe, seed=seed)
        wins, gains, replaced = 0, [], None
        for cycle in (1, 2):
            factors, outcomes = draw_people(seed, era=1, week=cycle)
            gain = judge_stale(champion, factors, outcomes, recipe=recipe, seed=seed)
            challenger = fit_segmenter(factors, recipe=recipe, seed=seed + 1)
            moved = 1 - share_kept(champion, challenger, factors)
            decision = decide(gain, moved=moved, age=HORIZON + cycle * WEEK, wins=wins)
            wins += decision.won
            gains.append(gain.gain)
            if decision.promote:
                replaced = cycle
                break
        yield Replaced(seed, replaced, gains[0])


def judge_stale(
    champion: Segmenter, factors: pd.DataFrame, outcomes: pd.DataFrame, *, recipe: Recipe, seed: int
) -> Any:
    """The champion as it stands against the recipe fitted anew."""
    from models.contest import Contender, contest_separation
    from models.preparation import Past

    sides: tuple[Contender, Contender] = Contender(recipe, seed + 1), Contender(recipe, seed, champion)
    return contest_separation(*sides, Past(factors, outcomes), earlier=None, seed=0)


def draw_people(seed: int, *, era: int, week: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Habits of the same customers in a week, and what they do in the 90 days after.

    In the second era a third of every group's habits are others. What a group spends, and whether it buys, depends on
    the group alone, so who knows the groups as they are today foretells it best.
    """
    people = np.random.default_rng([seed, 0])
    group = people.integers(0, GROUPS, PEOPLE)
    habits = np.random.default_rng([seed, 1, era]).normal(0, 1.2, (GROUPS, HABITS))
    if era:
        before = np.random.default_rng([seed, 1, 0]).normal(0, 1.2, (GROUPS, HABITS))
        kept = np.arange(HABITS) % 3 != 0
        habits[:, kept] = before[:, kept]
    rng = np.random.default_rng([seed, 2, era, week])
    own = people.normal(0, 0.8, (PEOPLE, HABITS))
    frame = pd.DataFrame(
        habits[group] + own + rng.normal(0, 0.3, (PEOPLE, HABITS)),
        pd.Index([f"c{n:05d}" for n in range(PEOPLE)], name="customer_id"),
        [f"habit_{n}" for n in range(HABITS)],
    )
    spends = np.random.default_rng([seed, 3]).normal(0, 1, (GROUPS, 2))[group]
    outcomes = pd.DataFrame(
        {
            "log_revenue": spends[:, 0] + rng.normal(0, 1, PEOPLE),
            "converted": (rng.random(PEOPLE) < 1 / (1 + np.exp(-spends[:, 1]))).astype(float),
        },
        frame.index,
    )
    return frame, outcomes
