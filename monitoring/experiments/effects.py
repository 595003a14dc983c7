"""What a campaign added: every metric of every arm against control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import reduce
from itertools import combinations
from operator import add
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from monitoring.experiments import CONTROL, Campaign, MeasurementSettings
from monitoring.experiments.decision import Decision, decide_campaign
from monitoring.experiments.trust import Check, check_experiment
from monitoring.metrics import (
    ArmData,
    Metric,
    MetricResult,
    explain_nothing,
    join_reasons,
    keep_finite,
    load_metrics,
)

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates

Cells = dict[tuple[int | None, str], "Aggregates"]


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """The primary metric among the customers who were in one segment when they were assigned."""

    customers: Mapping[str, int]
    result: MetricResult


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """Everything measured about one campaign.

    Attributes:
        alpha: intervals cover `1 - alpha`.
        customers: assigned customers per arm, control first.
        costs: what each arm is known to have cost, None where that is not known.
        by_segment: the primary metric per segment_id; each interval holds for itself, not all at once.
        immature: `window` while the campaign runs, `churn` until it is known who has churned.
    """

    campaign: Campaign
    until: datetime
    alpha: float
    customers: Mapping[str, int]
    costs: Mapping[str, float | None]
    checks: tuple[Check, ...]
    metrics: Mapping[str, MetricResult]
    by_segment: Mapping[int, SegmentResult]
    immature: Mapping[str, bool]
    decision: Decision

    @property
    def srm_p(self) -> float | None:
        """The p-value of the sample-ratio check, None if it could not be made."""
        return next(check.value for check in self.checks if check.name == "sample_ratio")

    def to_dict(self) -> dict[str, Any]:
        """One entry of `campaigns` in the JSON output: every number finite, null where there is none."""
        window = {"starts_at": self.campaign.starts_at, "ends_at": self.campaign.ends_at, "until": self.until}
        return {
            "campaign_id": self.campaign.campaign_id,
            "name": self.campaign.name,
            "channel": self.campaign.channel,
            "window": {name: moment.isoformat() for name, moment in window.items()},
            "alpha": self.alpha,
            "customers": dict(self.customers),
            "costs": dict(self.costs),
            "srm_p": self.srm_p,
            "checks": [
                {"name": one.name, "passed": one.passed, "sentence": one.sentence} for one in self.checks
            ],
            "decision": self.decision.decision,
            "sentence": self.decision.sentence,
            "primary_metric": self.campaign.primary_metric,
            "metrics": {name: _metric_to_dict(result) for name, result in self.metrics.items()},
            "by_segment": {
                str(segment_id): {"customers": dict(one.customers), **_metric_to_dict(one.result)}
                for segment_id, one in self.by_segment.items()
            },
            "immature": dict(self.immature),
        }


def measure_campaign(
    outcomes: ibis.Table,
    *,
    campaign: Campaign,
    costs: pd.DataFrame,
    settings: MeasurementSettings,
    until: datetime,
    overlaps: int | None = None,
) -> CampaignResult:
    """Measure every metric of a campaign against its control group, check the experiment, decide.

    The engine is asked once: sums and squares per segment and arm, from which all else follows.

    Args:
        outcomes: one row an assigned customer, as `build_outcomes` gives them; a metric of one's own may read
            further numeric columns.
        costs: columns arm, amount; several rows an arm add up; may be empty.
        until: end of what is known, exclusive, with timezone; the same as for the outcomes.
        overlaps: how many customers were assigned to two arms (`count_overlaps`), None if nobody counted.
    """
    metrics = load_metrics()
    primary = metrics.get(campaign.primary_metric)
    cells = read_cells(outcomes)
    data = ArmData(
        statistics=merge_cells(cells),
        costs=sum_costs(costs),
        arms=list_arms({arm for _segment, arm in cells} | set(costs.get("arm", ()))),
        campaign=campaign,
        settings=settings,
        until=until,
    )
    checks = check_experiment(data, overlaps=overlaps)
    notes = tuple(check.sentence for check in checks if check.is_fatal)
    measured = {name: measure_metric(metric, data, notes=notes) for name, metric in metrics.items()}
    return CampaignResult(
        campaign=campaign,
        until=until,
        alpha=settings.alpha,
        customers={arm: data.count(arm) for arm in data.arms},
        costs={arm: keep_finite(data.costs.get(arm)) for arm in data.arms},
        checks=checks,
        metrics=measured,
        by_segment=_measure_segments(primary, data, cells=cells, notes=notes) if primary else {},
        immature={
            "window": until < campaign.ends_at,
            "churn": until < campaign.churn_horizon(settings.churn_days),
        },
        decision=decide_campaign(
            measured.get(campaign.primary_metric),
            metric=primary,
            campaign=campaign,
            checks=checks,
            settings=settings,
            until=until,
        ),
    )


def measure_metric(metric: Metric, data: ArmData, *, notes: Iterable[str] = ()) -> MetricResult:
    """One metric, with what a reader of its numbers must know beforehand put before its own reason."""
    campaign = data.campaign
    if data.until <= campaign.starts_at:
        return explain_nothing(data, f"the campaign starts on {campaign.starts_at:%Y-%m-%d}")
    interim = data.until < campaign.ends_at
    note = f"interim: the campaign runs until {campaign.ends_at:%Y-%m-%d}" if interim else None
    result = metric.measure(data)
    return replace(result, reason=join_reasons(*notes, note, result.reason))


def list_arms(arms: Iterable[str]) -> tuple[str, ...]:
    """Arms in the order they are shown: control, then the treatments by name."""
    return tuple(sorted(arms, key=lambda arm: (arm != CONTROL, arm)))


def sum_costs(costs: pd.DataFrame) -> dict[str, float]:
    """Total cost per arm; NaN where one of an arm's amounts is missing."""
    if costs.empty:
        return {}
    totals = costs["amount"].astype(float).groupby(costs["arm"]).sum(skipna=False)
    return {str(arm): float(total) for arm, total in totals.items()}


def read_cells(outcomes: ibis.Table) -> Cells:
    """Statistics of all numeric columns per (segment_id, arm), computed by the engine in one pass."""
    from tea_tasting.aggr import read_aggregates

    columns = [
        name
        for name, dtype in outcomes.schema().items()
        if dtype.is_numeric() and name not in ("customer_id", "segment_id")
    ]
    zeroed = {name: outcomes[name].cast("float64").coalesce(0.0) for name in columns}
    table = outcomes.select(
        # One text key, because statistics are read by a single column; the arm's name may hold anything.
        cell=outcomes.segment_id.cast("int64").cast("string").coalesce("") + ibis.literal(":") + outcomes.arm,
        **zeroed,
        **{f"{name}:known": outcomes[name].notnull().cast("float64") for name in columns},  # noqa: PD004
        **{f"{name}:nonzero": (number != 0).cast("float64") for name, number in zeroed.items()},
    )
    found = read_aggregates(
        table,
        "cell",
        has_count=True,
        mean_cols=[name for name in table.columns if name != "cell"],
        var_cols=columns,
        cov_cols=list(combinations(columns, 2)),
    )
    keyed = {_split_cell(str(cell)): _fill_spread(one) for cell, one in found.items()}
    return dict(sorted(keyed.items(), key=lambda item: (item[0][0] is None, item[0][0] or 0, item[0][1])))


def merge_cells(cells: Cells, *, segment_id: int | None = None) -> dict[str, Aggregates]:
    """Statistics per arm, of one segment or (None) of everybody."""
    kept = {key: one for key, one in cells.items() if segment_id is None or key[0] == segment_id}
    return {
        arm: reduce(add, [one for (_segment, cell_arm), one in kept.items() if cell_arm == arm])
        for arm in list_arms({arm for _segment, arm in kept})
    }


def _split_cell(cell: str) -> tuple[int | None, str]:
    segment, _colon, arm = cell.partition(":")
    return (int(segment) if segment else None), arm


def _fill_spread(one: Aggregates) -> Aggregates:
    """A single customer has no variance; zero is what it adds to the others' when cells are merged."""
    from tea_tasting.aggr import Aggregates

    return Aggregates(
        count_=one.count_,
        mean_=one.mean_,
        var_={name: value or 0.0 for name, value in one.var_.items()},
        cov_={names: value or 0.0 for names, value in one.cov_.items()},
    )


def _measure_segments(
    metric: Metric, data: ArmData, *, cells: Cells, notes: tuple[str, ...]
) -> dict[int, SegmentResult]:
    results = {}
    for segment_id in dict.fromkeys(segment for segment, _arm in cells if segment is not None):
        # What a campaign cost is known per arm, not per segment.
        part = replace(data, statistics=merge_cells(cells, segment_id=segment_id), costs={})
        results[segment_id] = SegmentResult(
            customers={arm: part.count(arm) for arm in part.arms},
            result=measure_metric(metric, part, notes=notes),
        )
    return results


def _metric_to_dict(result: MetricResult) -> dict[str, Any]:
    return {
        "arms": dict(result.arms),
        "reason": result.reason,
        "lift": {arm: asdict(lift) for arm, lift in result.lift.items()},
    }
