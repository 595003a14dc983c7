"""Between two weekly runs: today's customers in the champion's segments, and a look at drift."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from prefect import flow

from flows.failure import tell_failure
from flows.settings import load_settings
from models.retraining import find_retraining
from monitoring.notices import list_notices
from tasks.artifacts import publish_artifacts
from tasks.assets import show_lineage
from tasks.drift import check_sources, record_week, watch_drift
from tasks.durations import start_clock
from tasks.erasure import finish_erasure
from tasks.features import compute_features
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, write_lake
from tasks.maintenance import maintain_lake
from tasks.notifications import send_notices
from tasks.promotion import check_population, load_current_champion, settle_promotions
from tasks.registry import open_registry, require_factors
from tasks.retention import apply_retention, purge_deleted
from tasks.retraining import request_retrain, seek_request
from tasks.rollups import update_rollups
from tasks.scoring import score_customers
from tasks.snapshots import read_snapshot

STAGES = ("ingest", "features", "score", "drift", "maintenance")


@flow(name="daily-score", persist_result=False, on_failure=[tell_failure], on_crashed=[tell_failure])
def daily_score(config: str = "segmentwerk.toml", as_of: date | None = None) -> dict[str, Any]:
    """Ingest, compute factors, score with the champion, check drift, and ask for a retrain that is due.

    Parameters as for `weekly-retrain`.
    """
    settings = load_settings(config)
    day = as_of or settings.last_whole_day(datetime.now(UTC))
    places = settings.find_places()
    with write_lake(settings.home, engine=settings.engine) as lake:
        finish_erasure(lake, places=places)
        run = begin_run("daily-score", day)
        clock = start_clock(lake, run, stages=STAGES)
        registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
        settle_promotions(lake, registry)
        champion = load_current_champion(registry)
        with clock.stage("ingest"):
            intake = ingest_sources(lake, settings.sources, base=settings.base, rules=settings.shop_rules())
            update_rollups(lake, intake.changes, timezone=settings.timezone)
            sources = check_sources(lake, intake, as_of=day, timezone=settings.timezone)
        with clock.stage("features"):
            factors = compute_features(
                lake,
                as_of=day,
                consent_default=settings.features.consent_default,
                own=settings.features.factors,
            )
        reference = read_snapshot(lake, champion)
        require_factors(champion, factors)
        check_population(reference, factors, least=settings.promotion.population_min)
        with clock.stage("score"):
            scored = score_customers(
                lake, champion.segmenter, factors,
                as_of=day, version=champion.version, states={}, owner_names=settings.segments.names,
            )  # fmt: skip
        with clock.stage("drift"):
            drift = watch_drift(
                lake, champion, reference, factors, as_of=day, sources=sources,
                settings=settings.drift, churn_days=settings.measurement.churn_days,
            )  # fmt: skip
            record_week(lake, drift, scored)
        with clock.stage("maintenance"):
            retained = apply_retention(
                lake, settings.retention, as_of=day, timezone=settings.timezone, places=places
            )
            maintained = maintain_lake(lake)
        retraining = find_retraining(
            drift_decision=drift.decision.decision,
            drift_reason=drift.decision.reasons[0],
            champion_age_days=champion.age_on(day),
            max_age_days=settings.promotion.max_age_days,
        )
        request = seek_request(lake, run, retraining, drift, every_days=settings.retraining.every_days)
        summary = {
            "as_of": str(day),
            "run_id": run.run_id,
            "ingest": intake.to_dict(),
            "customers": len(factors),
            "champion_version": champion.version,
            "drift": drift.to_dict(),
            "retraining": {**retraining.to_dict(), "request": request and request.to_dict()},
            "segments": scored.to_dict(),
            "retention": retained,
            "maintenance": maintained.to_dict(),
            "seconds": clock.seconds,
        }
        lake.commit(run, summary)
        purge_deleted(lake, run, summary)
    request_retrain(request, home=settings.home, config=config)
    show_lineage(summary, home=settings.home, sources=settings.sources)
    publish_artifacts(summary, currency=settings.currency)
    send_notices(list_notices(summary, title=settings.report.title), to=settings.notifications)
    return summary
