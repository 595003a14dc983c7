"""How differently the segments' customers act afterwards, measured against how much can be foretold at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import pandas as pd

Label = Callable[[np.ndarray], np.ndarray]
"""Given row numbers, fits a recipe on these customers and labels *all* customers."""
Split = tuple[np.ndarray, np.ndarray]

OUTCOME_MIN = 100
CEILING_MIN = 0.02
BATCH_CELLS = 2_000_000
RESAMPLES = 1000
LEVEL, POWER = 0.05, 0.80
PERMUTATIONS = 499
QUINTILES = 5
RFM = ("days_since_last_purchase", "orders_lifetime", "revenue_lifetime")


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What every recipe is measured by: the same outcomes, the same splits, the same ceilings.

    Attributes:
        outcomes: one column an outcome that can be used, one row a customer; NaN where it does not apply.
        splits: row numbers to learn from and to be judged on.
        ceilings: R² of each outcome by gradient boosting on all factors, on the same splits.
        left_out: outcomes that are not used, and why.
    """

    outcomes: pd.DataFrame
    splits: tuple[Split, ...]
    ceilings: Mapping[str, float]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Separation:
    """How much of what can be foretold of customers their segment alone foretells.

    Attributes:
        score: mean over outcomes of R² ÷ its ceiling; 1 is as much as all factors together.
        by_outcome: R² of each outcome.
        parts: what each customer adds to the score; two recipes measured by one yardstick are compared by it.
    """

    score: float
    by_outcome: Mapping[str, float]
    parts: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SeparationGain:
    """The challenger's separation minus the champion's on the same customers.

    Attributes:
        gain: the difference.
        error: its standard error, by paired bootstrap over customers.
        low: its one-sided 95 % lower bound, from the same bootstrap.
        detectable: the gain that would have been found with 80 % probability.
    """

    gain: float
    error: float
    low: float
    detectable: float


def build_yardstick(
    factors: pd.DataFrame, outcomes: pd.DataFrame, *, splits: Sequence[Split], seed: int
) -> Yardstick | None:
    """Outcomes that can be foretold, and how well, on given splits; None where there is no such outcome.

    Args:
        factors: one row a customer.
        outcomes: the same customers in the same order; NaN where an outcome does not apply.
    """
    usable, left_out = select_usable(outcomes)
    ceilings = {}
    for name in usable.columns:
        ceiling = _measure_ceiling(factors, usable[name].to_numpy(np.float64), splits, seed=seed)
        if ceiling >= CEILING_MIN:
            ceilings[str(name)] = ceiling
        else:
            left_out[str(name)] = f"cannot be foretold (R² {max(ceiling, 0.0):.3f} from all factors)"
    return Yardstick(usable[list(ceilings)], tuple(splits), ceilings, left_out) if ceilings else None


def split_customers(count: int, *, folds: int, seed: int) -> tuple[Split, ...]:
    """Row numbers of each fold's rest and of the fold, at random and of equal size."""
    fold = np.random.default_rng(seed).permutation(count) % folds
    return tuple((np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(folds))


def measure_separation(label: Label, yardstick: Yardstick) -> Separation:
    """Foretell each customer's outcomes by the mean of their segment, the recipe and the means learnt from others.

    What is judged has no part in what is learnt, so more segments are no advantage in themselves.
    """
    values = yardstick.outcomes.to_numpy(np.float64)
    saved, totals = np.zeros(values.shape), np.zeros(values.shape)
    for train, test in yardstick.splits:
        labels = label(train)
        foretold = _average(labels[train], values[train], labels[test])
        everyone = np.nanmean(values[train], axis=0)
        totals[test] = np.nan_to_num((values[test] - everyone) ** 2)
        saved[test] = totals[test] - np.nan_to_num((values[test] - foretold) ** 2)
    scale = np.maximum(totals.sum(axis=0), 1e-12)
    by_outcome = saved.sum(axis=0) / scale
    ceilings = np.array(list(yardstick.ceilings.values()))
    parts = (saved / scale / ceilings).mean(axis=1)
    named = {name: float(r) for name, r in zip(yardstick.ceilings, by_outcome, strict=True)}
    return Separation(float(parts.sum()), named, parts)


def is_as_good(one: Separation, best: Separation) -> bool:
    """Whether it falls short of the best by no more than one standard error of the difference.

    The rule of Breiman, Friedman, Olshen & Stone 1984, section 3.4.3, on paired differences.
    """
    short = best.parts - one.parts
    return float(short.sum()) <= float(short.std(ddof=1)) * np.sqrt(len(short))


def measure_chance(label: Label, yardstick: Yardstick, *, seed: int) -> float:
    """The probability of so good a separation if segments had nothing to do with outcomes.

    The customers judged change places among each other; what was learnt stays. (r + 1) ÷ (n + 1), as in
    Phipson & Smyth 2010, "Permutation P-values should never be zero".

    Args:
        yardstick: with a single split.
    """
    ((train, test),) = yardstick.splits
    values, labels = yardstick.outcomes.to_numpy(np.float64), label(train)
    actual, everyone = values[test], np.nanmean(values[train], axis=0)
    foretold = _average(labels[train], values[train], labels[test])
    weight = 1 / np.maximum(np.nansum((actual - everyone) ** 2, axis=0), 1e-12)
    weight /= np.array(list(yardstick.ceilings.values()))
    rng = np.random.default_rng(seed)

    def lack(predicted: np.ndarray) -> float:
        return float((np.nansum((actual - predicted) ** 2, axis=0) * weight).sum())

    observed = lack(foretold)
    as_good = sum(lack(foretold[rng.permutation(len(test))]) <= observed for _ in range(PERMUTATIONS))
    return (as_good + 1) / (PERMUTATIONS + 1)


def measure_beyond_rfm(label: Label, factors: pd.DataFrame, yardstick: Yardstick) -> float:
    """R² that segments add to quintiles of recency, frequency and money, mean over outcomes; NaN without these.

    Both are linear regressions on indicators, on the yardstick's splits.
    """
    if not set(RFM) <= set(factors.columns):
        return float("nan")
    values, rfm = yardstick.outcomes.to_numpy(np.float64), factors[list(RFM)]
    lead, totals = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for train, test in yardstick.splits:
        known = _indicate_quintiles(rfm, train)
        both = np.hstack([known, _indicate(label(train), train)])
        for column, outcome in enumerate(values.T):
            learn, judge = train[~np.isnan(outcome[train])], test[~np.isnan(outcome[test])]
            totals[column] += ((outcome[judge] - outcome[learn].mean()) ** 2).sum()
            without, with_segments = (_measure_misfit(X, outcome, learn, judge) for X in (known, both))
            lead[column] += without - with_segments
    return float((lead / np.maximum(totals, 1e-12)).mean())


def is_clearly_better(one: Separation, other: Separation, *, among: int) -> bool:
    """Whether its lead is more than chance gives the best of so many: one-sided 5 %, divided among them."""
    lead = one.parts - other.parts
    bound = NormalDist().inv_cdf(1 - LEVEL / max(among, 1)) * float(lead.std(ddof=1)) * np.sqrt(len(lead))
    return float(lead.sum()) > bound


def compare_separation(
    challenger: Separation, champion: Separation, *, resamples: int = RESAMPLES, seed: int
) -> SeparationGain:
    """The gain in score of one over the other, both measured by one yardstick.

    A paired bootstrap over customers (Efron & Tibshirani 1993, chapter 13) gives its error; what was learnt on the
    other folds, and the variance that each outcome's R² is measured against, stay as they are.
    """
    ahead = challenger.parts - champion.parts
    ahead = ahead[(challenger.parts != 0) | (champion.parts != 0)]  # those not judged have no part
    rng, draws = np.random.default_rng(seed), []
    batch = max(1, BATCH_CELLS // max(len(ahead), 1))
    for done in range(0, resamples, batch):
        size = min(batch, resamples - done)
        draws.append(rng.multinomial(len(ahead), np.full(len(ahead), 1 / len(ahead)), size=size) @ ahead)
    gains = np.concatenate(draws)
    error = float(gains.std(ddof=1))
    found = NormalDist().inv_cdf(1 - LEVEL) + NormalDist().inv_cdf(POWER)
    return SeparationGain(float(ahead.sum()), error, float(np.quantile(gains, LEVEL)), found * error)


def select_usable(outcomes: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """The outcomes that differ between enough customers, and why the others do not count."""
    left_out = {}
    for name in outcomes.columns:
        known = outcomes[name].dropna()
        if len(known) < OUTCOME_MIN:
            left_out[str(name)] = f"known of {len(known)} customers only"
        elif known.nunique() < 2 or (known != known.mode().iloc[0]).sum() < OUTCOME_MIN // 5:
            left_out[str(name)] = "nearly the same for all"
    return outcomes.drop(columns=list(left_out)), left_out


def _measure_ceiling(
    factors: pd.DataFrame, outcome: np.ndarray, splits: Sequence[Split], *, seed: int
) -> float:
    from sklearn.ensemble import HistGradientBoostingRegressor

    saved, total = 0.0, 0.0
    for train, test in splits:
        learn, judge = train[~np.isnan(outcome[train])], test[~np.isnan(outcome[test])]
        if not len(learn) or not len(judge):
            continue
        # Small trees, few of them: on a few thousand customers the defaults fit noise.
        model = HistGradientBoostingRegressor(
            max_iter=40,
            max_leaf_nodes=5,
            min_samples_leaf=40,
            max_bins=31,
            early_stopping=False,
            random_state=seed,
        )
        differing = _list_differing(factors.iloc[learn])
        if not differing:
            continue
        X = factors[differing].to_numpy(np.float64)
        errors = outcome[judge] - model.fit(X[learn], outcome[learn]).predict(X[judge])
        spread = float(((outcome[judge] - outcome[learn].mean()) ** 2).sum())
        saved, total = saved + spread - float((errors**2).sum()), total + spread
    return saved / total if total > 0 else 0.0


def _list_differing(factors: pd.DataFrame) -> list[str]:
    least, most = factors.min(), factors.max()
    return [str(name) for name in factors.columns if least[name] < most[name]]


def _average(labels: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The mean of each wanted label's known values; everybody's where the label has none."""
    found, codes = np.unique(np.concatenate([labels, wanted]), return_inverse=True)
    member = np.zeros((len(labels), len(found)))
    member[np.arange(len(labels)), codes[: len(labels)]] = 1.0
    known = ~np.isnan(values)
    counts, sums = member.T @ known, member.T @ np.where(known, values, 0.0)
    everyone = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
    means: np.ndarray = np.where(counts > 0, sums / np.maximum(counts, 1), everyone)
    return means[codes[len(labels) :]]


def _indicate(labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    return (labels[:, None] == np.unique(labels[train])).astype(np.float64)


def _indicate_quintiles(values: pd.DataFrame, train: np.ndarray) -> np.ndarray:
    columns = []
    for name in values.columns:
        one = values[name].to_numpy(np.float64)
        edges = np.nanquantile(one[train], np.arange(1, QUINTILES) / QUINTILES)
        quintile = np.where(np.isnan(one), QUINTILES, np.searchsorted(edges, one))
        columns.append(_indicate(quintile, train))
    return np.hstack(columns)


def _measure_misfit(X: np.ndarray, outcome: np.ndarray, learn: np.ndarray, judge: np.ndarray) -> float:
    weights = np.linalg.lstsq(X[learn], outcome[learn], rcond=None)[0]
    return float(((outcome[judge] - X[judge] @ weights) ** 2).sum())
