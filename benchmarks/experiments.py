"""Ten thousand simulated campaigns: how often intervals hold what is true, and nothing is taken for something.

Every figure comes from the functions a real campaign is measured by; campaigns are put to the engine a few hundred at a
time, as segments of one table of outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from monitoring.experiments import CONTROL, Campaign, MeasurementSettings

if TYPE_CHECKING:
    from monitoring.experiments.aggregates import Cells
    from monitoring.experiments.arms import ArmData, Lift
    from monitoring.metrics import Metric

EXPERIMENTS, BATCH = 10_000, 200
SEGMENTS, CELL = 6, 800  # customers of one arm in one segment
LOOKS, LOOKED_AT, COHORT = 28, 2_000, 3_000
TREATMENT = "treatment"
START = datetime(2026, 6, 1, tzinfo=UTC)
CAMPAIGN = Campaign(
    campaign_id="c", name="Spring", channel=None, starts_at=START, ends_at=START + timedelta(days=LOOKS),
    control_share=0.5,
)  # fmt: skip
CONVERSION = np.linspace(0.15, 0.30, SEGMENTS)
GAIN = np.array([0.00, 0.02, 0.03, 0.03, 0.04, 0.06])
CHURN, RETAINED = 0.40, 0.05
ORDER_VALUE, DEARER, ORDERS, MARGIN_RATE, SKEW = 40.0, 4.0, 1.5, 0.4, 0.8
COST = 0.9
COVERED = ("conversion", "aov", "ltv", "churn", "roi")
EVENTS_MIN = 100
_Hits = dict[tuple[str, str], list[tuple[bool, bool, bool]]]
"""By metric and scope, of each experiment: held, unbounded, missing."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often an interval held what is true.

    Attributes:
        scope: "everybody" or "segments".
        unbounded: share of intervals without an upper bound.
        missing: share of experiments without an interval.
    """

    metric: str
    scope: str
    covered: float
    unbounded: float
    missing: float
    intervals: int


@dataclass(frozen=True, slots=True)
class Power:
    """Share of experiments in which an effect was found, beside what the plan said."""

    planned: float
    found: float


def measure_coverage(*, experiments: int = EXPERIMENTS, seed: int = 0) -> list[Coverage]:
    """Campaigns with effects that differ by segment, measured as a whole, and as many segments of some of them."""
    hits: _Hits = {}
    done = 0
    for cells in _run_experiments(experiments, effects=True, seed=seed):
        for number in range(len(cells) // (2 * SEGMENTS)):
            data, parts = _read_experiment(cells, number)
            for name in (*COVERED, "cost_per_conversion"):
                _note(hits, name, "everybody", data, _true_lift(name, range(SEGMENTS)))
            done += 1
            if done * SEGMENTS > experiments:
                continue
            for name in (*COVERED, "cost_per_conversion"):
                for segment, part in enumerate(parts):
                    if min(part.count_nonzero(arm, "converted") for arm in part.arms) >= EVENTS_MIN:
                        _note(hits, name, "segments", part, _true_lift(name, [segment]))
            _note_shrunken(hits, parts)
    return [_summarise(metric, scope, found) for (metric, scope), found in hits.items()]


def count_false_positives(*, experiments: int = EXPERIMENTS, seed: int = 1) -> dict[str, float]:
    """By metric, the share of campaigns without any effect in which one was found."""
    found: dict[str, list[bool]] = {name: [] for name in ("conversion", "aov", "ltv", "churn")}
    for cells in _run_experiments(experiments, effects=False, seed=seed):
        for number in range(len(cells) // (2 * SEGMENTS)):
            data, _parts = _read_experiment(cells, number)
            for name, wrong in found.items():
                p_value = _list_metrics()[name].measure(data).lift[TREATMENT].p_value
                wrong.append(p_value is not None and p_value < data.settings.alpha)
    return {name: float(np.mean(wrong)) for name, wrong in found.items()}


def count_early_errors(*, experiments: int = LOOKED_AT, seed: int = 2) -> tuple[float, float]:
    """Share of campaigns without any effect in which one of 28 daily looks found one, by the always-valid interval, and
    by the interval made for the end. The last look is an hour before that.

    A fixed cohort, members of which differ in how often they buy, with skewed order values.
    """
    from monitoring.experiments.outcomes import PRIOR_DAYS

    measure = _list_metrics()["revenue"].measure
    rng = np.random.default_rng(seed)
    early = fixed = 0
    for _experiment in range(experiments):
        rates = rng.gamma(0.7, 0.08, COHORT)
        days = rng.poisson(rates, (LOOKS, COHORT)) * rng.lognormal(3.0, 1.0, (LOOKS, COHORT))
        before = rng.poisson(rates * PRIOR_DAYS) * rng.lognormal(3.0, 1.0, COHORT)
        spent = days.cumsum(axis=0)
        looks = [_look(spent[day], before, day=day + 1) for day in range(LOOKS)]
        lifts = [measure(one).lift[TREATMENT] for one in looks]
        early += any(_excludes(lift, 0.0) for lift in lifts)
        ended = [
            measure(replace(one, until=CAMPAIGN.ends_at)).lift[TREATMENT]
            for one, lift in zip(looks, lifts, strict=True)
            if lift.low is not None
        ]
        fixed += any(_excludes(lift, 0.0) for lift in ended)
    return early / experiments, fixed / experiments


def compare_power(*, experiments: int = EXPERIMENTS, seed: int = 3) -> dict[str, Power]:
    """Campaigns whose effect is the smallest the plan promises to find with 80 %, of conversion and of revenue."""
    from monitoring.experiments.power import Design, Mean, Proportion, find_mde

    rng = np.random.default_rng(seed)
    design = Design(control_share=0.3)
    size = {CONTROL: 3_000, TREATMENT: 7_000}
    deviation = 40.0 * math.sqrt(0.1 * (math.e - 0.1))  # of what `_finds` draws
    found = {}
    for name, outcome in (("conversion", Proportion(0.10)), ("revenue", Mean(deviation))):
        effect = find_mde(outcome, customers=10_000, design=design)
        assert effect is not None
        hits = [_finds(rng, size, name, effect) for _experiment in range(experiments)]
        found[name] = Power(design.power, float(np.mean(hits)))
    return found


def count_mismatches(*, draws: int = EXPERIMENTS, seed: int = 4) -> dict[float, float]:
    """By the true share of control, how often 20,000 customers planned half and half are told to be mismatched."""
    from monitoring.experiments.trust import check_sample_ratio

    rng = np.random.default_rng(seed)
    alpha = MeasurementSettings().srm_alpha
    return {
        share: float(
            np.mean(
                [
                    check_sample_ratio(
                        {CONTROL: int(n), TREATMENT: 20_000 - int(n)}, control_share=0.5, alpha=alpha
                    ).passed
                    is False
                    for n in rng.binomial(20_000, share, draws)
                ]
            )
        )
        for share in (0.50, 0.52)
    }


@cache
def _list_metrics() -> Mapping[str, Metric]:
    from monitoring.metrics import load_metrics

    return load_metrics()


def _run_experiments(experiments: int, *, effects: bool, seed: int) -> Iterator[Cells]:
    """Batches of experiments, `SEGMENTS` segment ids each."""
    import ibis

    from monitoring.experiments.aggregates import read_cells

    rng = np.random.default_rng(seed)
    for first in range(0, experiments, BATCH):
        count = min(BATCH, experiments - first)
        yield read_cells(ibis.memtable(_draw_outcomes(rng, count, effects=effects)))


def _draw_outcomes(rng: np.random.Generator, experiments: int, *, effects: bool) -> pd.DataFrame:
    segment = np.tile(np.repeat(np.arange(SEGMENTS), CELL), experiments)
    number = np.repeat(np.arange(experiments), SEGMENTS * CELL)
    frames = []
    for arm in (CONTROL, TREATMENT):
        on = float(effects and arm == TREATMENT)
        converted = rng.binomial(1, CONVERSION[segment] + on * GAIN[segment])
        orders = converted * rng.integers(1, 3, len(segment))
        value = (ORDER_VALUE + on * DEARER) * rng.lognormal(-(SKEW**2) / 2, SKEW, len(segment))
        margin = MARGIN_RATE * orders * value
        churned = rng.binomial(1, CHURN - on * RETAINED, len(segment))
        frames.append(
            pd.DataFrame(
                {
                    "arm": arm, "segment_id": number * SEGMENTS + segment, "converted": converted, "orders": orders,
                    "revenue": orders * value, "margin": margin, "realised": margin, "churned": churned,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _read_experiment(cells: Cells, number: int) -> tuple[ArmData, list[ArmData]]:
    from monitoring.experiments.aggregates import merge_cells
    from monitoring.experiments.arms import ArmData
    from monitoring.experiments.returns import share_costs

    ids = range(number * SEGMENTS, (number + 1) * SEGMENTS)
    own = {(segment, arm): cells[segment, arm] for segment in ids for arm in (CONTROL, TREATMENT)}
    data = ArmData(
        arms=(CONTROL, TREATMENT),
        statistics=merge_cells(own),
        costs={TREATMENT: COST * SEGMENTS * CELL},
        campaign=CAMPAIGN,
        settings=MeasurementSettings(),
        until=START + timedelta(days=365),
    )
    parts = [replace(data, statistics={arm: own[segment, arm] for arm in data.arms}) for segment in ids]
    return data, [replace(part, costs=share_costs(data, part)) for part in parts]


def _true_lift(metric: str, segments: Sequence[int]) -> float:
    """Of segments of equal size together."""
    chosen = list(segments)
    before, after = CONVERSION[chosen], CONVERSION[chosen] + GAIN[chosen]
    gained = float((after - before).mean())
    margin = MARGIN_RATE * ORDERS * float((after * (ORDER_VALUE + DEARER) - before * ORDER_VALUE).mean())
    return {
        "conversion": gained,
        "aov": DEARER,
        "ltv": margin,
        "churn": -RETAINED,
        "roi": margin / COST - 1,
        "cost_per_conversion": COST / gained if gained else math.inf,
    }[metric]


def _note(
    hits: dict[tuple[str, str], list[tuple[bool, bool, bool]]],
    metric: str,
    scope: str,
    data: ArmData,
    truth: float,
) -> None:
    lift = _list_metrics()[metric].measure(data).lift[TREATMENT]
    missing = lift.low is None
    held = lift.low is not None and lift.low <= truth and (lift.high is None or truth <= lift.high)
    if metric == "cost_per_conversion" and missing:
        held = truth == math.inf  # no cost is told where nothing can have been gained: right if nothing was
    hits.setdefault((metric, scope), []).append((held, not missing and lift.high is None, missing))


def _note_shrunken(hits: _Hits, parts: Sequence[ArmData]) -> None:
    from monitoring.experiments.segment_effects import compare_segments

    lifts = {
        segment: _list_metrics()["conversion"].measure(part).lift[TREATMENT]
        for segment, part in enumerate(parts)
    }
    found = compare_segments(lifts, alpha=parts[0].settings.alpha)
    for segment, one in found.items():
        low, high = one.shrunken_low, one.shrunken_high
        held = low is not None and high is not None and low <= GAIN[segment] <= high
        hits.setdefault(("conversion", "segments, shrunken"), []).append((held, False, low is None))


def _summarise(metric: str, scope: str, found: Sequence[tuple[bool, bool, bool]]) -> Coverage:
    held, unbounded, missing = (float(np.mean(column)) for column in zip(*found, strict=True))
    return Coverage(metric, scope, held, unbounded, missing, len(found))


def _look(spent: np.ndarray, before: np.ndarray, *, day: int) -> ArmData:
    half = COHORT // 2
    arms = {CONTROL: slice(0, half), TREATMENT: slice(half, COHORT)}
    return _build(
        {arm: {"revenue": spent[rows], "prior_revenue": before[rows]} for arm, rows in arms.items()}, day=day
    )


def _build(columns: Mapping[str, Mapping[str, np.ndarray]], *, day: int) -> ArmData:
    """Arms from the values of their customers."""
    from tea_tasting.aggr import Aggregates

    from monitoring.experiments.arms import ArmData

    statistics = {
        arm: Aggregates(
            count_=len(next(iter(values.values()))),
            mean_={
                **{name: float(one.mean()) for name, one in values.items()},
                **{f"{name}:known": 1.0 for name in values},
                **{f"{name}:nonzero": float((one != 0).mean()) for name, one in values.items()},
            },
            var_={name: float(one.var(ddof=1)) for name, one in values.items()},
            cov_={
                (one, other): float(np.cov(values[one], values[other])[0, 1])
                for one in values
                for other in values
                if one < other
            },
        )
        for arm, values in columns.items()
    }
    return ArmData(
        arms=(CONTROL, TREATMENT), statistics=statistics, costs={}, campaign=CAMPAIGN,
        settings=MeasurementSettings(), until=START + timedelta(days=day) - timedelta(hours=1),
    )  # fmt: skip


def _finds(rng: np.random.Generator, size: Mapping[str, int], metric: str, effect: float) -> bool:
    column = {"conversion": "converted", "revenue": "revenue"}[metric]
    arms = {}
    for arm, many in size.items():
        gained = effect if arm == TREATMENT else 0.0
        if metric == "conversion":
            values = rng.binomial(1, 0.10 + gained, many).astype(float)
        else:
            values = rng.binomial(1, 0.10, many) * 40.0 * rng.lognormal(-0.5, 1.0, many) + gained
        arms[arm] = {column: values}
    lift = _list_metrics()[metric].measure(_build(arms, day=365)).lift[TREATMENT]
    return lift.low is not None and lift.low > 0


def _excludes(lift: Lift, value: float) -> bool:
    return lift.low is not None and lift.high is not None and not lift.low <= value <= lift.high
