"""The KPIs a campaign is measured by, one file each, and what they have in common.

A metric reads per-arm statistics (`ArmData`) and answers with each arm's value and each treatment's lift
over control. Most are one call of `compare_shares`, `compare_means` or `compare_ratios`. To add one, put a
file with a `METRIC` in this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

from monitoring.experiments import Horizon
from monitoring.experiments.arms import ArmData, Lift, MetricResult, explain_nothing, join_reasons
from monitoring.experiments.comparisons import compare_means, compare_ratios, compare_shares

__all__ = [
    "ArmData",
    "Lift",
    "Metric",
    "MetricResult",
    "Unit",
    "compare_means",
    "compare_ratios",
    "compare_shares",
    "explain_nothing",
    "join_reasons",
    "load_metrics",
]

Unit = Literal["share", "money", "number", "ratio"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A KPI.

    Attributes:
        name: as in the JSON output and in a campaign's `primary_metric`.
        title: for people.
        unit: how to print it.
        better: which direction is good for the shop.
        measure: from the arms' data to the result.
        decides: whether a campaign may be decided by it.
        horizon: until when it looks; before that it is not final.
        guards: whether a campaign that makes it worse is not repeated, however well it does otherwise.
    """

    name: str
    title: str
    unit: Unit
    better: Literal["higher", "lower"]
    measure: Callable[[ArmData], MetricResult]
    decides: bool = True
    horizon: Horizon = "window"
    guards: bool = False


def load_metrics() -> dict[str, Metric]:
    """All metrics in this folder, by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.METRIC.name: module.METRIC for module in modules}
