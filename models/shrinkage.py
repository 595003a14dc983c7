"""Rates of few trials, drawn towards everybody's, so that one success in one trial does not read as 100 %.

A customer's own rate counts for as much as their trials, the population's rate p for m trials:
(successes + m·p) ÷ (trials + m). The more customers really differ, the smaller m: m = 1/ρ − 1, with the intraclass
correlation ρ of the beta-binomial model by moments (Kleinman 1973, "Proportions with extraneous variance", JASA 68;
weights proportional to trials), kept within `PRIOR_TRIALS_RANGE`; `PRIOR_TRIALS` where nobody has a second trial to
tell ρ from. It is rounded to whole trials, so that the order in which an engine adds floats cannot show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
from ibis import _

from models.aggregates import count_if

PRIOR_TRIALS = 10.0
"""How many trials the population's rate counts for where the data cannot tell."""

PRIOR_TRIALS_RANGE = (2.0, 200.0)
"""How few and how many it may count for."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Successes of trials, both ≥ 0 and of each customer. Successes beyond the trials are not counted."""

    successes: ibis.Deferred
    trials: ibis.Deferred

    @property
    def hits(self) -> ibis.Deferred:
        """The successes that count."""
        return ibis.least(self.successes, self.trials)


def shrink_rates(counts: ibis.Table, **rates: tuple[str, str]) -> ibis.Table:
    """Add each customer's rates, shrunk.

    Args:
        counts: one row a customer, the whole population.
        rates: new column = (successes, trials), columns of `counts` as `Rate` has them.

    Returns:
        `counts` with the new columns; null for customers without a trial.
    """
    named = {name: Rate(_[successes], _[trials]) for name, (successes, trials) in rates.items()}
    priors = measure_everyone(counts, rates=named)
    return counts.cross_join(priors).select(*counts.columns, **shrink(named))


def measure_everyone(
    counts: ibis.Table, *, rates: Mapping[str, Rate], **aggregates: ibis.Deferred
) -> ibis.Table:
    """One row: the prior of each rate, as `shrink` reads it, and whatever else is aggregated of all customers."""
    sums = {
        column: value for name, rate in rates.items() for column, value in _sum_trials(name, rate).items()
    }
    priors = {column: value for name in rates for column, value in _estimate_prior(name).items()}
    # In two steps, so that each sum stands once: engines repeat what a name stands for, and plan it again each time.
    return counts.aggregate(**sums, **aggregates).select(*aggregates, **priors)


def shrink(rates: Mapping[str, Rate]) -> dict[str, ibis.Deferred]:
    """The rates as expressions over a customer's counts beside the row of `measure_everyone`."""
    return {
        name: (rate.hits + _[f"{name}_strength"] * _[f"{name}_mean"])
        / (rate.trials.nullif(0.0) + _[f"{name}_strength"])
        for name, rate in rates.items()
    }


def _sum_trials(name: str, rate: Rate) -> dict[str, ibis.Deferred]:
    return {
        f"{name}_hits": rate.hits.sum(),
        f"{name}_trials": rate.trials.sum(),
        f"{name}_squares": (rate.trials * rate.trials).sum(),
        f"{name}_spread": (rate.hits * rate.hits / rate.trials.nullif(0.0)).sum(),
        f"{name}_tried": count_if(rate.trials > 0),
    }


def _estimate_prior(name: str) -> dict[str, ibis.Deferred]:
    """p as `…_mean` and m as `…_strength`, float64."""
    hits, trials, squares = _[f"{name}_hits"], _[f"{name}_trials"], _[f"{name}_squares"]
    mean = hits / trials.nullif(0.0)
    # Squared distances from p, weighted by trials, in units of p(1 − p): as seen, by chance, added by ρ = 1.
    seen = (_[f"{name}_spread"] - hits * mean) / (mean * (1.0 - mean)).nullif(0.0)
    by_chance = _[f"{name}_tried"] - 1.0
    room = trials - squares / trials.nullif(0.0) - by_chance
    correlation = ((seen - by_chance) / room.nullif(0.0)).coalesce(1.0 / (1.0 + PRIOR_TRIALS))
    low, high = PRIOR_TRIALS_RANGE
    strength = 1.0 / ibis.greatest(correlation, 1.0 / (1.0 + high)) - 1.0
    return {
        f"{name}_mean": mean,
        f"{name}_strength": ibis.greatest(strength, low).round().cast("float64"),
    }
