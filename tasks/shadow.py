"""A challenger in the champion's shadow: it places the same customers week by week before it may win."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.lineage import Lineage
from models.promotion import PromotionSettings
from tasks.decisions import find_last_winner, list_promotions
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.promotion import Promotion
from tasks.registry import LINEAGE_TAG, LoadedModel, Registry, load_version
from tasks.registry_faults import RETRIES, RETRY_DELAYS, is_worth_retrying
from tasks.scoring import store_assignment
from tasks.training import Challenger, measure_shape


@task(
    name="choose contender", cache_policy=NO_CACHE, persist_result=False,
    retries=RETRIES, retry_delay_seconds=RETRY_DELAYS, retry_condition_fn=is_worth_retrying,
)  # fmt: skip
def choose_contender(
    lake: Lake,
    registry: Registry,
    challenger: Challenger,
    champion: LoadedModel | None,
    factors: pd.DataFrame,
    *,
    as_of: date,
    settings: PromotionSettings,
) -> Challenger:
    """The version in the champion's shadow, as long as it wins; otherwise this week's challenger.

    With a shadow period, whoever won against the champion last week is judged again, on this week's customers, and a
    newer challenger has to wait until it no longer wins.
    """
    if champion is None or not settings.shadow_weeks:
        return challenger
    version = find_last_winner(list_promotions(lake), as_of=as_of, champion_version=champion.version)
    if version is None or version == challenger.version:
        return challenger
    shadow = load_version(registry, version)
    if shadow.gates is None or not {*shadow.segmenter.factors} <= {*factors.columns}:
        return challenger
    get_logger().info("version %s has been in the champion's shadow since %s", version, shadow.tags["as_of"])
    placed, was = (model.segmenter.assign(factors) for model in (shadow, champion))
    states = {
        int(segment): state for segment, state in json.loads(shadow.tags.get(LINEAGE_TAG, "{}")).items()
    }
    return replace(
        challenger,
        segmenter=shadow.segmenter,
        version=version,
        gates=replace(shadow.gates, **measure_shape(placed)),
        lineage=Lineage(
            mapping={},
            states=states,
            retired=(),
            overlaps={},
            moved=float((placed["segment_id"] != was["segment_id"]).mean()),
            next_id=challenger.lineage.next_id,
        ),
        seed=shadow.seed,
        trained_on=date.fromisoformat(shadow.tags["as_of"]),
    )


@task(name="score in shadow", cache_policy=NO_CACHE, persist_result=False)
def score_shadow(
    lake: Lake,
    contender: Challenger,
    promotion: Promotion,
    factors: pd.DataFrame,
    *,
    as_of: date,
    settings: PromotionSettings,
) -> None:
    """Write where a contender that has won but must wait would place each customer, to `shadow_segments`."""
    if not settings.shadow_weeks or promotion.champion_version == contender.version:
        return
    if promotion.values.get("won"):
        placed = contender.segmenter.explain(factors)
        store_assignment(lake, "shadow_segments", placed, as_of=as_of, version=contender.version)
