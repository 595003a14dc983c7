"""What a campaign may add in the long run, foretold from what it changed in the short run: a surrogate index.

Athey, Chetty, Imbens & Kang (2019), The Surrogate Index. Earlier cohorts have been watched for long: from them a ridge
regression learns what short-run behaviour is worth later. The campaign's arms are then compared by this index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.lifetime_check import Calibration, find_faults, measure_calibration

ASSUMPTION = "assuming surrogacy"
COHORT_MIN = 300
ARM_MIN = 100
RIDGE = 1e-3
APART_MAX = 1.0
RESAMPLES = 1000
BATCHES = 2000


@dataclass(frozen=True, slots=True)
class ProjectedLift:
    """Long-run margin a customer that an arm has over control, with its bootstrap interval."""

    absolute: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way the future may go.

    Attributes:
        arms: mean long-run margin a customer of each arm, control first.
        lift: of each arm but control.
    """

    arms: Mapping[str, float]
    lift: Mapping[str, ProjectedLift]


@dataclass(frozen=True, slots=True, eq=False)
class LiftProjection:
    """What a campaign is projected to add in the long run. It decides nothing and is no part of ROI.

    It holds only *assuming surrogacy*: that the campaign works on the long run through the factors alone, and that
    these are worth to its customers what they were worth to earlier cohorts.

    Model predictions are never a t-test's outcome. What BG/NBD, Gamma-Gamma or this index says of a customer is drawn
    towards what is true of all of them, arms together, so a true lift shrinks on its way through, and as predictions
    spread less than what they predict, a test of them is surer than it may be. Whether a campaign worked is said by
    what was realised.

    Attributes:
        assumption: the words that must stand beside every number of it.
        effect_ends: only what was realised differs; the remainder is control's for every arm.
        effect_persists: each arm's remainder is as its short-run behaviour foretells.
        calibration: of the index on earlier cohorts, each half foretold by the other; None where there is none.
        reasons: why nothing is projected: then both scenarios are None. Empty otherwise.
    """

    assumption: str
    effect_ends: Scenario | None
    effect_persists: Scenario | None
    calibration: Calibration | None
    reasons: tuple[str, ...]


def project_lift(
    cohorts: pd.DataFrame,
    campaign: pd.DataFrame,
    *,
    factors: Sequence[str],
    control: str = "control",
    doubts: Sequence[str] = (),
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int,
) -> LiftProjection:
    """Project each arm's long-run lift over control, under both scenarios, or say why that cannot be done.

    The remainder of margin, after the short run, is regressed on the short-run factors (standardised; ridge penalty of
    a thousandth of a customer's weight each); a customer's index is what they have brought in plus the remainder so
    foretold. The lift is the difference of the arms' means. For its interval customers are drawn anew, earlier cohorts
    and each arm, and the regression refitted each time; of more than 2,000 customers, random batches of them are drawn.

    Nothing is projected where there is a doubt, there are fewer than 300 customers in earlier cohorts (or 10 a factor)
    or 100 in an arm, control's mean of a factor is more than one standard deviation away from earlier cohorts', or the
    foretold remainder fails the limits of `check_lifetime_value` on earlier cohorts.

    Args:
        cohorts: one row a customer of earlier cohorts: the factors and `realised` (margin) over as many days from
            their start as the campaign's customers have had, and `long_run` (margin to the horizon, these days
            included).
        campaign: one row an assigned customer: arm, the factors, realised.
        factors: columns of both; a null counts as earlier cohorts' mean.
        control: the arm that others are compared with.
        doubts: reasons from elsewhere not to project, as `LifetimeValueCheck.reasons`.
        alpha: intervals cover 1 − alpha.
        resamples: bootstrap samples.
    """
    reasons = [*doubts, *_find_obstacles(cohorts, campaign, factors=factors, control=control)]
    if reasons:
        return withhold_projection(reasons)
    rest = (cohorts["long_run"] - cohorts["realised"]).to_numpy(dtype=np.float64)
    if not rest.sum() > 0:
        return withhold_projection(["earlier cohorts brought in nothing after the short run"])
    scale = _Scale(cohorts, factors)
    known, seen = scale.standardise(cohorts), scale.standardise(campaign)
    reasons += _find_incomparable(seen[(campaign["arm"] == control).to_numpy()], factors)
    rng = np.random.default_rng(seed)
    calibration = _calibrate(known, rest, rng)
    reasons += find_faults(calibration, name="margin after the short run")
    if reasons:
        return withhold_projection(reasons, calibration)
    arms = [control, *sorted(arm for arm in campaign["arm"].dropna().unique() if arm != control)]
    learnt = _Products(_add_one(known, rest), rng)
    shown = _add_one(campaign["realised"].to_numpy(dtype=np.float64), seen)
    by_arm = {arm: _Products(shown[(campaign["arm"] == arm).to_numpy()], rng) for arm in arms}
    ends, persists = _project(learnt.everybody, {arm: one.everybody for arm, one in by_arm.items()})
    drawn = _project(learnt.draw(resamples), {arm: one.draw(resamples) for arm, one in by_arm.items()})
    return LiftProjection(
        ASSUMPTION,
        _summarise(ends, drawn[0], alpha=alpha),
        _summarise(persists, drawn[1], alpha=alpha),
        calibration,
        (),
    )


def withhold_projection(reasons: Sequence[str], calibration: Calibration | None = None) -> LiftProjection:
    """No projection, and why there is none."""
    return LiftProjection(ASSUMPTION, None, None, calibration, tuple(reasons))


def _find_obstacles(
    cohorts: pd.DataFrame, campaign: pd.DataFrame, *, factors: Sequence[str], control: str
) -> list[str]:
    """Why the frames cannot be used, as far as can be told without computing anything."""
    if not factors:
        return ["no short-run factors are given"]
    needed = {
        "earlier cohorts": (cohorts, {"realised", "long_run"}),
        "the campaign": (campaign, {"arm", "realised"}),
    }
    reasons = []
    for name, (frame, columns) in needed.items():
        if lacking := sorted((columns | set(factors)) - set(frame.columns)):
            reasons.append(f"{name}: no column {', '.join(lacking)}")
            continue
        margins = frame[sorted(columns - {"arm"})].to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(margins).all():
            reasons.append(
                f"{name}: margin is not known for {(~np.isfinite(margins)).any(axis=1).sum():,} customers"
            )
    if reasons:
        return reasons
    least = max(COHORT_MIN, 10 * len(factors))
    if len(cohorts) < least:
        reasons.append(f"earlier cohorts have {len(cohorts):,} customers; it takes {least:,}")
    sizes = campaign["arm"].value_counts()
    if control not in sizes or len(sizes) < 2:
        reasons.append(f"the campaign has no arm beside '{control}', or no '{control}'")
    reasons += [
        f"arm '{arm}' has {size:,} customers; it takes {ARM_MIN}"
        for arm, size in sizes.items()
        if size < ARM_MIN
    ]
    return reasons


def _find_incomparable(control: np.ndarray, factors: Sequence[str]) -> list[str]:
    return [
        f"control's {factor} is {apart:+.1f} standard deviations from earlier cohorts' (limit: {APART_MAX:g})"
        for factor, apart in zip(factors, control.mean(axis=0), strict=True)
        if abs(apart) > APART_MAX
    ]


class _Scale:
    """Mean and standard deviation of the factors in earlier cohorts."""

    def __init__(self, cohorts: pd.DataFrame, factors: Sequence[str]) -> None:
        self._factors = list(factors)
        values = self._read(cohorts)
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        self._mean = np.where(known, values, 0.0).sum(axis=0) / count
        deviation = np.where(known, values - self._mean, 0.0)
        spread = np.sqrt((deviation**2).sum(axis=0) / count)
        self._spread = np.where(spread > 0, spread, 1.0)

    def standardise(self, frame: pd.DataFrame) -> np.ndarray:
        scores = (self._read(frame) - self._mean) / self._spread
        return np.where(np.isfinite(scores), scores, 0.0)

    def _read(self, frame: pd.DataFrame) -> np.ndarray:
        return frame[self._factors].to_numpy(dtype=np.float64, na_value=np.nan)


class _Products:
    """Sums over customers of all products of their columns, the first of which is 1; of everybody and of those drawn
    anew. Customers are summed up in random batches first, so that any number of them is drawn at the same cost.
    """

    def __init__(self, rows: np.ndarray, rng: np.random.Generator) -> None:
        self._rng = rng
        batches = min(BATCHES, len(rows))
        size = -(-len(rows) // batches)
        # Rows of zeros fill up the last batches, and count as nobody: even their first column is zero.
        padded = np.zeros((batches * size, rows.shape[1]))
        padded[rng.permutation(batches * size)[: len(rows)]] = rows
        grouped = padded.reshape(batches, size, -1)
        self._by_batch = np.matmul(grouped.transpose(0, 2, 1), grouped)

    @property
    def everybody(self) -> np.ndarray:
        """One sample: all of them."""
        return np.asarray(self._by_batch.sum(axis=0)[None])

    def draw(self, resamples: int) -> np.ndarray:
        """Samples of as many batches as there are, with replacement."""
        batches = len(self._by_batch)
        times = self._rng.multinomial(batches, np.full(batches, 1 / batches), size=resamples).astype(
            np.float64
        )
        drawn = times @ self._by_batch.reshape(batches, -1)
        return np.asarray(drawn.reshape(resamples, *self._by_batch.shape[1:]))


def _add_one(*columns: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(columns[0])), *columns])


def _regress(products: np.ndarray) -> np.ndarray:
    """Intercept and coefficients of each sample's products of (1, factors, remainder)."""
    penalised = np.diag([0.0, *[RIDGE] * (products.shape[1] - 2)])
    penalty = products[:, :1, :1] * penalised
    solved = np.linalg.solve(products[:, :-1, :-1] + penalty, products[:, :-1, -1:])
    return np.asarray(solved[:, :, 0])


def _calibrate(scores: np.ndarray, rest: np.ndarray, rng: np.random.Generator) -> Calibration:
    """Remainders foretold for each half of earlier cohorts by the other half."""
    half = rng.permutation(len(rest)) % 2 == 0
    foretold = np.empty(len(rest))
    for learning in (half, ~half):
        (coefficients,) = _regress(_Products(_add_one(scores[learning], rest[learning]), rng).everybody)
        foretold[~learning] = coefficients[0] + scores[~learning] @ coefficients[1:]
    return measure_calibration(pd.Series(foretold), pd.Series(rest))


def _project(
    learnt: np.ndarray, by_arm: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each arm's mean long-run margin where the effect ends, and where it persists; one value a sample.

    Args:
        learnt: products of (1, factors, remainder) in earlier cohorts.
        by_arm: products of (1, realised, factors) in each arm, control first.
    """
    coefficients = _regress(learnt)
    means = {arm: products[:, 0, 1:] / products[:, 0, :1] for arm, products in by_arm.items()}
    realised = {arm: mean[:, 0] for arm, mean in means.items()}
    rest = {
        arm: coefficients[:, 0] + (mean[:, 1:] * coefficients[:, 1:]).sum(axis=1)
        for arm, mean in means.items()
    }
    baseline = next(iter(rest.values()))
    ends = {arm: value + baseline for arm, value in realised.items()}
    return ends, {arm: value + rest[arm] for arm, value in realised.items()}


def _summarise(found: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray], *, alpha: float) -> Scenario:
    control, *treatments = found
    lift = {}
    for arm in treatments:
        low, high = np.quantile(drawn[arm] - drawn[control], [alpha / 2, 1 - alpha / 2])
        lift[arm] = ProjectedLift(float((found[arm] - found[control])[0]), float(low), float(high))
    return Scenario({arm: float(value[0]) for arm, value in found.items()}, lift)
