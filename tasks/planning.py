"""A campaign before it starts: who may be in it, which arm each customer is in, and what it could find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import ibis
import pandas as pd
from ibis import _
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.expressions import translate_expression
from monitoring.experiments import MeasurementSettings
from monitoring.experiments.assignment import assign_arms
from monitoring.experiments.history import (
    History,
    combine_histories,
    count_days,
    measure_history,
    read_history,
)
from monitoring.experiments.plan_sentences import describe_arms, describe_draw, describe_history
from monitoring.experiments.planning import (
    POWER,
    ArmPower,
    CampaignPlan,
    ExperimentDesign,
    SegmentPlan,
    plan_arm,
    pool_quarter,
)
from tasks.assignments import Overlap, count_overlapping, mark_consent, refuse_started, store_assignment
from tasks.holdout import draw_holdout, find_quarters, read_quarters
from tasks.lake import Lake
from tasks.logs import get_logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A campaign's draw.

    Attributes:
        customers: customer_id, arm, segment_id, one row a customer.
        segments: the segments' names by id, as they are at the draw.
        holdout: customers held out in each quarter the campaign touches.
        held_out: customers the campaign was meant for who are among them.
        refused: customers it was meant for who may not be addressed.
        overlaps: how many are also in other campaigns that run at the same time.
    """

    customers: pd.DataFrame
    segments: Mapping[int, str]
    holdout: Mapping[str, int]
    held_out: int
    refused: int
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True, slots=True)
class _Counts:
    meant: int
    refused: int
    held_out: int


@task(name="assign campaign", cache_policy=NO_CACHE, persist_result=False)
def assign_campaign(
    lake: Lake,
    design: ExperimentDesign,
    *,
    as_of: date | None,
    moment: datetime,
    timezone: str,
    consent_default: bool,
    holdout_share: float,
) -> Assignment:
    """Draw the hold-out, then the arms among all others of the segments who meet the rule and consent to marketing.

    Args:
        lake: also written to: `holdout`, `assignments` and `campaigns`.
        design: who, which arms and shares.
        as_of: the day whose segments are used; the newest scoring if None.
        moment: when the campaign is planned.
        timezone: the shop's.
        consent_default: what holds for those who were never asked.
        holdout_share: of a quarter that has no hold-out yet.

    Raises:
        StartedCampaignError: the campaign has started, so that nobody's arm may change.
        LookupError: there are no segments yet, or none of a name asked for.
        ValueError: the rule is wrong, nobody is left to assign, or too few for every arm.
    """
    campaign = design.campaign
    refuse_started(lake, campaign, known_until=moment, timezone=timezone)
    scored = lake.table("segments")
    day = as_of or scored.as_of.max().to_pyarrow().as_py()
    meant = _select_meant(lake, scored.filter(scored.as_of == ibis.literal(day)), design, day=day)
    quarters = find_quarters(campaign, timezone=timezone)
    drawn = draw_holdout.fn(lake, quarters, share=holdout_share, drawn_at=moment)
    marked = mark_consent(lake, meant, consent_default=consent_default)
    held_out = read_quarters(lake, quarters).mutate(is_held_out=ibis.literal(True))
    marked = marked.left_join(held_out, "customer_id").mutate(is_held_out=_.is_held_out.fill_null(False))
    counts = _count_kept(marked, design, day=day)
    people = marked.filter(marked.consents & ~marked.is_held_out).to_pandas()
    assigned = assign_arms(people, shares=design.shares, salt=campaign.campaign_id)
    _require_every_arm(assigned, design)
    version = str(people["model_version"].iloc[0])
    store_assignment(lake, campaign, assigned, model_version=version, assigned_at=moment)
    get_logger().info("campaign %s: %d customers assigned", campaign.campaign_id, len(assigned))
    names = people.drop_duplicates("segment_id").set_index("segment_id")["segment_name"]
    return Assignment(
        customers=assigned,
        segments={int(segment): str(name) for segment, name in names.sort_index().items()},
        holdout=drawn,
        held_out=counts.held_out,
        refused=counts.refused,
        overlaps=count_overlapping(lake, campaign),
    )


def _select_meant(lake: Lake, eligible: ibis.Table, design: ExperimentDesign, *, day: date) -> ibis.Table:
    """The customers of the segments who meet the rule: customer_id, segment_id, segment_name, model_version."""
    named = f"campaign '{design.campaign.campaign_id}'"
    known = eligible.select("segment_id", "segment_name").distinct().order_by("segment_id").to_pandas()
    if known.empty:
        raise LookupError(f"{named}: there are no segments on {day}; run `segmentwerk weekly` first")
    there = {*known["segment_name"], *known["segment_id"].astype(str)}
    unknown = [segment for segment in design.segments if segment not in there]
    if unknown:
        listed = ", ".join(f"{n} ({i})" for i, n in known.itertuples(index=False))
        raise LookupError(f"{named}: there is no segment '{unknown[0]}' on {day}; there are: {listed}")
    if design.segments:
        wanted = list(design.segments)
        eligible = eligible.filter(
            eligible.segment_name.isin(wanted) | eligible.segment_id.cast("string").isin(wanted)
        )
    if lake.has("identities"):
        # Who has turned out to be somebody else since the scoring is drawn, or held out, under that name.
        eligible = eligible.semi_join(lake.table("identities"), "customer_id")
    if design.rule is not None:
        eligible = eligible.semi_join(_apply_rule(lake, design, day=day), "customer_id")
    return eligible.select("customer_id", "segment_id", "segment_name", "model_version")


def _apply_rule(lake: Lake, design: ExperimentDesign, *, day: date) -> ibis.Table:
    """The customers whose newest reaction factors up to `day` meet the rule; unknown is no."""
    named = f"campaign '{design.campaign.campaign_id}': rule \"{design.rule}\""
    features = lake.table("features")
    features = features.filter(features.as_of <= ibis.literal(day))
    newest = features.filter(features.as_of == features.as_of.max().as_scalar())
    try:
        meets = translate_expression(str(design.rule), newest)
    except ValueError as error:
        raise ValueError(f"{named}: {error}") from None
    if not meets.type().is_boolean() or not meets.op().shape.is_columnar():
        raise ValueError(f'{named} is no condition; write one such as "orders_90d >= 2"')
    return newest.filter(meets.fill_null(False)).select("customer_id")


def _count_kept(marked: ibis.Table, design: ExperimentDesign, *, day: date) -> _Counts:
    """How many customers the campaign is meant for, and why some of them are not drawn; nobody at all is an error."""
    row = marked.aggregate(
        meant=_.count(),
        refused=(~_.consents).ifelse(1, 0).sum().coalesce(0),
        held_out=(_.consents & _.is_held_out).ifelse(1, 0).sum().coalesce(0),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    found = _Counts(**row)
    if found.meant > found.refused + found.held_out:
        return found
    named = f"campaign '{design.campaign.campaign_id}'"
    chosen = f"segments {', '.join(design.segments)}" if design.segments else "any segment"
    if not found.meant:
        lacks = "is there any more" if design.rule is None else f'meets the rule "{design.rule}"'
        raise ValueError(f"{named}: no customer of {chosen} on {day} {lacks}")
    if found.meant == found.refused:
        raise ValueError(f"{named}: none of the {found.meant:,} customers of {chosen} may be contacted")
    raise ValueError(
        f"{named}: all {found.held_out:,} customers of {chosen} who may be contacted are in the hold-out"
    )


def _require_every_arm(assigned: pd.DataFrame, design: ExperimentDesign) -> None:
    empty = sorted(set(design.shares) - set(assigned["arm"]))
    if empty:
        raise ValueError(
            f"campaign '{design.campaign.campaign_id}': {len(assigned):,} customers are too few for "
            f"{len(design.shares)} arms, nobody would be in '{empty[0]}'"
        )


@task(name="plan power", cache_policy=NO_CACHE, persist_result=False)
def plan_power(
    lake: Lake, design: ExperimentDesign, drawn: Assignment, *, until: datetime, settings: MeasurementSettings
) -> CampaignPlan:
    """What the campaign will be able to show, from these customers' own history up to `until`.

    Args:
        lake: with the assignment, and the events.
        design: the campaign.
        drawn: its draw.
        until: end of the history, exclusive, with timezone.
        settings: how campaigns are measured.
    """
    histories = _read_histories(lake, design, until=until, settings=settings)
    people = drawn.customers
    segments = tuple(
        SegmentPlan(
            segment_id=segment,
            segment_name=name,
            arms=_plan_arms(
                histories[segment],
                _count_arms(people[people["segment_id"] == segment]),
                design=design,
                settings=settings,
            ),
        )
        for segment, name in drawn.segments.items()
    )
    whole, totals = combine_histories(histories.values()), _count_arms(people)
    arms = _plan_arms(whole, totals, design=design, settings=settings)
    days = count_days(design.campaign, settings=settings)
    poolings = tuple(pool_quarter(arm, whole, design=design, settings=settings) for arm in arms)
    return CampaignPlan(
        design=design,
        counts=totals,
        days=days,
        arms=arms,
        segments=segments,
        poolings=poolings,
        known_days=_count_known_days(lake, until=until, days=days),
    )


def _plan_arms(
    history: History, counts: Mapping[str, int], *, design: ExperimentDesign, settings: MeasurementSettings
) -> tuple[ArmPower, ...]:
    return tuple(
        plan_arm(history, arm=arm, counts=counts, design=design, settings=settings)
        for arm in design.treatments
    )


def _count_arms(people: pd.DataFrame) -> dict[str, int]:
    counts = people["arm"].value_counts().sort_index()
    return {str(arm): int(count) for arm, count in counts.items()}


def _read_histories(
    lake: Lake, design: ExperimentDesign, *, until: datetime, settings: MeasurementSettings
) -> dict[int, History]:
    """Each segment's history, of the customers as they are drawn."""
    assignments = lake.table("assignments")
    people = assignments.filter(_.campaign_id == design.campaign.campaign_id)
    people = people.select("customer_id", "segment_id")
    found = measure_history(
        lake.table("events"), people, campaign=design.campaign, until=until, settings=settings
    )
    return {int(row.pop("segment_id")): read_history(**row) for row in found.to_pyarrow().to_pylist()}


def _count_known_days(lake: Lake, *, until: datetime, days: int) -> int:
    """Of the last days, those since the shop's first event."""
    first = lake.table("events").occurred_at.min().to_pyarrow().as_py()
    return days if first is None else min(days, max((until - first).days, 0))


def build_summary(plan: CampaignPlan, drawn: Assignment, *, alpha: float) -> dict[str, Any]:
    """A plan and its draw as they are printed and put on record."""
    campaign = plan.design.campaign
    arms = describe_arms(plan)
    draw = describe_draw(refused=drawn.refused, held_out=drawn.held_out, holdout=drawn.holdout)
    others = [
        f"{overlap.customers:,} of them are also in {overlap.arm} of campaign {overlap.campaign_id}"
        for overlap in drawn.overlaps
    ]
    mdes = [arm.mde for arm in plan.arms]
    return {
        "campaign_id": campaign.campaign_id,
        "name": campaign.name,
        "primary_metric": campaign.primary_metric,
        "smallest_effect": plan.design.smallest_effect,
        "alpha": alpha,
        "target_power": POWER,
        "days": plan.days,
        "arms": dict(plan.counts),
        "baseline": plan.arms[0].baseline,
        "mde": max((mde for mde in mdes if mde is not None), default=None) if None not in mdes else None,
        "overall": [_flatten(arm) for arm in plan.arms],
        "by_segment": [
            {
                "segment_id": segment.segment_id,
                "segment_name": segment.segment_name,
                "arms": [_flatten(arm) for arm in segment.arms],
            }
            for segment in plan.segments
        ],
        "pooling": [
            None if pooling is None else {"arm": arm.arm, **asdict(pooling), "suffices": pooling.suffices}
            for arm, pooling in zip(plan.arms, plan.poolings, strict=True)
        ],
        "holdout": {"customers": dict(drawn.holdout), "left_out": drawn.held_out},
        "without_consent": drawn.refused,
        "overlaps": [asdict(overlap) for overlap in drawn.overlaps],
        "sentence": ". ".join(arms),
        "sentences": [text for text in (*arms, describe_history(plan), draw, *others) if text],
    }


def _flatten(arm: ArmPower) -> dict[str, Any]:
    return {**asdict(arm), "customers": arm.customers}
