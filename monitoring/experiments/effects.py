"""What a campaign added: every metric of every arm against control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import ibis
import pandas as pd

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.aggregates import Cells, list_arms, merge_cells, read_cells, split_cells
from monitoring.experiments.arms import (
    ArmData,
    Lift,
    MetricResult,
    explain_nothing,
    join_reasons,
    keep_finite,
)
from monitoring.experiments.bayes import Posterior, believe
from monitoring.experiments.before_after import Change, compare_before
from monitoring.experiments.capping import add_capped, winsorize
from monitoring.experiments.costs import find_cost
from monitoring.experiments.decision import Decision, decide_campaign
from monitoring.experiments.returns import Return, list_returns, share_costs
from monitoring.experiments.segment_effects import (
    Heterogeneity,
    SegmentEffect,
    compare_segments,
    measure_heterogeneity,
)
from monitoring.experiments.targeting import Targeting, choose_segments, sum_folds
from monitoring.experiments.trust import Check, check_experiment
from monitoring.experiments.weekly_effects import compare_weeks
from monitoring.metrics import Metric, load_metrics


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """The primary metric among the customers who were in one segment when they were assigned.

    Attributes:
        result: unshrunken; its intervals hold each for itself.
        effects: by treatment arm, what the other segments say of this one.
    """

    customers: Mapping[str, int]
    result: MetricResult
    effects: Mapping[str, SegmentEffect]


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """Everything measured about one campaign.

    Attributes:
        alpha: intervals cover `1 - alpha`.
        customers: assigned customers per arm, control first.
        costs: what each arm is known to have cost, None where that is not known.
        posteriors: the Bayesian view, by metric and treatment arm, where there is a final interval.
        by_segment: the primary metric per segment_id.
        heterogeneity: whether the primary metric's effect differs between segments, by treatment arm.
        targeting: whom to treat next time, by treatment arm.
        returns: what each arm added and cost, overall and by segment.
        weeks: the effect week by week: metric, week, arm, absolute, low, high.
        before_after: weak evidence, and only where there is no control group.
        immature: `window` while the campaign runs, `churn` until it is known who has churned, `value` until lifetime
            value has been followed to its horizon.
    """

    campaign: Campaign
    until: datetime
    alpha: float
    customers: Mapping[str, int]
    costs: Mapping[str, float | None]
    checks: tuple[Check, ...]
    metrics: Mapping[str, MetricResult]
    posteriors: Mapping[str, Mapping[str, Posterior]]
    by_segment: Mapping[int, SegmentResult]
    heterogeneity: Mapping[str, Heterogeneity]
    targeting: Mapping[str, Targeting]
    returns: tuple[Return, ...]
    weeks: pd.DataFrame
    before_after: Mapping[str, Change]
    immature: Mapping[str, bool]
    decision: Decision

    @property
    def srm_p(self) -> float | None:
        """The p-value of the sample-ratio check, None if it could not be made."""
        return next(check.value for check in self.checks if check.name == "sample_ratio")

    def _find_role(self, metric: Metric) -> str:
        """What decides, what guards, and what is looked at without any correction for how much is looked at."""
        if metric.name == self.campaign.primary_metric:
            return "primary"
        return "guardrail" if metric.guards else "exploratory"

    def to_dict(self) -> dict[str, Any]:
        """One entry of `campaigns` in the JSON output: every number finite, null where there is none."""
        known = load_metrics()
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
            "metrics": {
                name: _metric_to_dict(result)
                | {"bayes": _to_dicts(self.posteriors.get(name, {})), "role": self._find_role(known[name])}
                for name, result in self.metrics.items()
            },
            "by_segment": {
                str(segment_id): {
                    "customers": dict(one.customers),
                    **_metric_to_dict(one.result),
                    "beside_others": _to_dicts(one.effects),
                }
                for segment_id, one in self.by_segment.items()
            },
            "heterogeneity": _to_dicts(self.heterogeneity),
            "targeting": _to_dicts(self.targeting),
            "returns": [one.to_dict() for one in self.returns],
            "weeks": self.weeks.to_dict("records"),
            "before_after": _to_dicts(self.before_after),
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
    newest: Mapping[str, datetime] | None = None,
    drawn: Mapping[str, int] | None = None,
    weeks: pd.DataFrame | None = None,
) -> CampaignResult:
    """Measure every metric of a campaign against its control group, check the experiment, decide.

    The engine sums up customers per segment and arm; all else follows from these sums and squares.

    Args:
        outcomes: one row an assigned customer, as `build_outcomes` gives them; a metric of one's own may read
            further numeric columns, and is adjusted by a column `prior_<column>` where there is one.
        costs: columns arm, amount; several rows an arm add up; may be empty.
        until: end of what is known, exclusive, with timezone; the same as for the outcomes.
        overlaps: how many customers were assigned to two arms (`count_overlaps`), None if nobody counted.
        newest: the last event of each source that delivers every day, None if nobody looked.
        drawn: customers per arm as they were drawn, None if that is not on record.
        weeks: as `sum_weeks` gives them, None if nobody counted.
    """
    if settings.winsorize is not None:
        outcomes = winsorize(outcomes, quantile=settings.winsorize)
    cells = read_cells(add_capped(outcomes))
    data = ArmData(
        statistics=merge_cells(cells),
        costs=sum_costs(costs),
        arms=list_arms({arm for _segment, arm in cells} | set(costs.get("arm", ()))),
        campaign=campaign,
        settings=settings,
        until=until,
        strata=split_cells(cells),
    )
    return analyse(
        data,
        cells=cells,
        folds=sum_folds(outcomes),
        overlaps=overlaps,
        newest=newest,
        drawn=drawn,
        weeks=weeks,
    )


def analyse(
    data: ArmData,
    *,
    cells: Cells,
    folds: pd.DataFrame,
    overlaps: int | None = None,
    newest: Mapping[str, datetime] | None = None,
    drawn: Mapping[str, int] | None = None,
    weeks: pd.DataFrame | None = None,
) -> CampaignResult:
    """The same from sums alone: per arm, per segment and arm, and margins by fifth of the customers (`sum_folds`)."""
    metrics, campaign, settings = load_metrics(), data.campaign, data.settings
    primary = metrics.get(campaign.primary_metric)
    checks = check_experiment(data, overlaps=overlaps, newest=newest, drawn=drawn)
    notes = tuple(check.sentence for check in checks if check.is_fatal)
    measured = {name: measure_metric(metric, data, notes=notes) for name, metric in metrics.items()}
    segments = _split_segments(data, cells)
    by_segment = {
        segment: measure_metric(primary, part, notes=notes) for segment, part in segments.items() if primary
    }
    lifts = {
        arm: {segment: result.lift[arm] for segment, result in by_segment.items()} for arm in data.treatments
    }
    has_started = data.until > campaign.starts_at
    return CampaignResult(
        campaign=campaign,
        until=data.until,
        alpha=settings.alpha,
        customers={arm: data.count(arm) for arm in data.arms},
        costs={arm: keep_finite(data.costs.get(arm)) for arm in data.arms},
        checks=checks,
        metrics=measured,
        posteriors={name: _believe(metrics[name], result, settings) for name, result in measured.items()},
        by_segment=_join_segments(by_segment, segments, lifts, alpha=settings.alpha),
        heterogeneity={
            arm: found
            for arm, lift in lifts.items()
            if (found := measure_heterogeneity(lift, alpha=settings.alpha))
        },
        targeting=_choose_segments(data, folds) if data.is_final("window") else {},
        returns=list_returns(data, segments) if has_started else (),
        weeks=_compare_weeks(weeks, alpha=settings.alpha),
        before_after=compare_before(data, primary) if primary and has_started else {},
        immature={
            "window": not data.is_final("window"),
            "churn": not data.is_final("churn"),
            "value": not data.is_final("value"),
        },
        decision=decide_campaign(
            measured, metrics=metrics, campaign=campaign, checks=checks, settings=settings, until=data.until
        ),
    )


def measure_metric(metric: Metric, data: ArmData, *, notes: Iterable[str] = ()) -> MetricResult:
    """One metric, with what a reader of its numbers must know beforehand put before its own reason."""
    campaign, settings = data.campaign, data.settings
    if data.until <= campaign.starts_at:
        return explain_nothing(data, f"the campaign starts on {campaign.first_day}")
    told = list(notes)
    if not data.is_final("window"):
        told.append(f"interim: the campaign runs until {campaign.last_day}")
    if settings.winsorize is not None and metric.unit in ("money", "ratio"):
        told.append(f"money of one customer counts up to the {settings.winsorize:.1%} quantile")
    result = metric.measure(data)
    return replace(result, reason=join_reasons(*told, result.reason))


def sum_costs(costs: pd.DataFrame) -> dict[str, float]:
    """Total cost per arm; NaN where one of an arm's amounts is missing."""
    if costs.empty:
        return {}
    totals = costs["amount"].astype(float).groupby(costs["arm"]).sum(skipna=False)
    return {str(arm): float(total) for arm, total in totals.items()}


def _split_segments(data: ArmData, cells: Cells) -> dict[int, ArmData]:
    """The arms within each segment, each customer with an even share of what the arm cost."""
    parts = {
        segment_id: replace(data, statistics=merge_cells(cells, segment_id=segment_id), strata=())
        for segment_id in dict.fromkeys(segment for segment, _arm in cells if segment is not None)
    }
    return {segment_id: replace(part, costs=share_costs(data, part)) for segment_id, part in parts.items()}


def _join_segments(
    results: Mapping[int, MetricResult],
    segments: Mapping[int, ArmData],
    lifts: Mapping[str, Mapping[int, Lift]],
    *,
    alpha: float,
) -> dict[int, SegmentResult]:
    beside = {arm: compare_segments(lift, alpha=alpha) for arm, lift in lifts.items()}
    return {
        segment_id: SegmentResult(
            customers={arm: segments[segment_id].count(arm) for arm in segments[segment_id].arms},
            result=result,
            effects={arm: found[segment_id] for arm, found in beside.items()},
        )
        for segment_id, result in results.items()
    }


def _believe(metric: Metric, result: MetricResult, settings: MeasurementSettings) -> dict[str, Posterior]:
    if result.interval != "fixed" or all(lift.p_value is None for lift in result.lift.values()):
        return {}
    found = {
        arm: believe(lift, better=metric.better, alpha=settings.alpha) for arm, lift in result.lift.items()
    }
    return {arm: one for arm, one in found.items() if one is not None}


def _choose_segments(data: ArmData, folds: pd.DataFrame) -> dict[str, Targeting]:
    found = {
        arm: choose_segments(
            folds, arm=arm, cost=find_cost(data, arm, column="margin").cost, alpha=data.settings.alpha
        )
        for arm in data.treatments
    }
    return {arm: one for arm, one in found.items() if one is not None}


def _compare_weeks(weeks: pd.DataFrame | None, *, alpha: float) -> pd.DataFrame:
    columns = ["metric", "week", "arm", "absolute", "low", "high"]
    if weeks is None or weeks.empty:
        return pd.DataFrame(columns=columns)
    parts = [
        compare_weeks(weeks, column=column, alpha=alpha).assign(metric=name)
        for name, column in (("conversion", "converted"), ("revenue", "revenue"))
    ]
    return pd.concat(parts, ignore_index=True)[columns]


def _to_dicts(found: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): asdict(one) for name, one in found.items()}


def _metric_to_dict(result: MetricResult) -> dict[str, Any]:
    return {
        "arms": dict(result.arms),
        "reason": result.reason,
        "interval": result.interval,
        "lift": _to_dicts(result.lift),
        "adjusted": _to_dicts(result.adjusted),
    }
