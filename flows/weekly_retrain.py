"""The main job: once a week from raw events to segments that earned their place, and what campaigns were worth."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from prefect import flow

from flows.failure import tell_failure
from flows.settings import load_settings
from models.retraining import MEANINGS, Cause
from monitoring.notices import list_notices
from tasks.approval import seek_approval
from tasks.artifacts import publish_artifacts
from tasks.assets import show_lineage
from tasks.drift import check_sources, record_week, watch_drift
from tasks.durations import start_clock
from tasks.erasure import finish_erasure
from tasks.experiments import add_up_campaigns, measure_campaigns
from tasks.exports import write_weekly_exports
from tasks.features import compute_features, compute_history
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, write_lake
from tasks.letters import send_report
from tasks.lifetime_values import foretell_values
from tasks.maintenance import maintain_lake
from tasks.migration import trace_migration
from tasks.notifications import send_notices
from tasks.programme import measure_programme
from tasks.promotion import (
    check_population,
    judge_challenger,
    load_champion,
    record_verdict,
    settle_promotions,
)
from tasks.registry import open_registry, require_factors
from tasks.reporting import build_reports, show_reports
from tasks.retention import apply_retention, purge_deleted
from tasks.rollups import update_rollups
from tasks.scoring import score_customers
from tasks.shadow import choose_contender, score_shadow
from tasks.snapshots import read_snapshot
from tasks.training import train_challenger

STAGES = (
    "ingest", "features", "drift", "training", "promotion", "score", "migration", "measure", "report",
    "maintenance",
)  # fmt: skip


@flow(name="weekly-retrain", persist_result=False, on_failure=[tell_failure], on_crashed=[tell_failure])
def weekly_retrain(
    config: str = "segmentwerk.toml", as_of: date | None = None, cause: Cause = "hand"
) -> dict[str, Any]:
    """Ingest, compute factors, watch drift, train, promote, score, see who moved, measure and report.

    Args:
        config: path of the configuration file.
        as_of: the last whole day to count; yesterday in the shop's timezone if not given.
        cause: what set it off; it is put on record.

    Returns:
        The weekly summary, as `segmentwerk weekly --json` prints it.
    """
    settings = load_settings(config)
    day = as_of or settings.last_whole_day(datetime.now(UTC))
    places = settings.find_places()
    with write_lake(settings.home, engine=settings.engine) as lake:
        finish_erasure(lake, places=places)
        run = begin_run("weekly-retrain", day)
        clock = start_clock(lake, run, stages=STAGES)
        registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
        settle_promotions(lake, registry)
        with clock.stage("ingest"):
            intake = ingest_sources(lake, settings.sources, base=settings.base, rules=settings.shop_rules())
            update_rollups(lake, intake.changes, timezone=settings.timezone)
            sources = check_sources(lake, intake, as_of=day, timezone=settings.timezone)
        with clock.stage("features"):
            consent, own = settings.features.consent_default, settings.features.factors
            factors = compute_features(lake, as_of=day, consent_default=consent, own=own)
            history = compute_history(
                lake, as_of=day, days=settings.features.outcome_days, consent_default=consent, own=own,
                twice=settings.training.foretells,
            )  # fmt: skip
        champion = load_champion(lake, registry, as_of=day)
        require_factors(champion, factors)
        with clock.stage("drift"):
            reference = read_snapshot(lake, champion)
            check_population(reference, factors, least=settings.promotion.population_min)
            drift = watch_drift(
                lake, champion, reference, factors, as_of=day, sources=sources,
                settings=settings.drift, churn_days=settings.measurement.churn_days,
            )  # fmt: skip
        with clock.stage("training"):
            challenger = train_challenger(
                lake, registry, factors, history, champion,
                as_of=day, settings=settings.training, experiment=settings.experiment,
            )  # fmt: skip
        with clock.stage("promotion"):
            contender = choose_contender(
                lake, registry, challenger, champion, factors, as_of=day, settings=settings.promotion
            )
            verdict = judge_challenger(
                lake, contender, champion, factors, history,
                as_of=day, drift=drift, settings=settings.promotion,
            )  # fmt: skip
            verdict = seek_approval(verdict, contender, champion, factors, settings=settings.promotion)
            promotion = record_verdict(lake, registry, verdict, contender, champion, as_of=day)
        with clock.stage("score"):
            scored = score_customers(
                lake, promotion.segmenter, factors, as_of=day, version=promotion.champion_version,
                states=promotion.states, owner_names=settings.segments.names,
            )  # fmt: skip
            record_week(lake, drift, scored)
            score_shadow(lake, contender, promotion, factors, as_of=day, settings=settings.promotion)
        with clock.stage("migration"):
            migration = trace_migration(lake, factors, scored, champion, as_of=day)
        with clock.stage("measure"):
            values = foretell_values(lake, as_of=day, consent_default=consent)
            campaigns = measure_campaigns(
                lake, as_of=day, timezone=settings.timezone, settings=settings.measurement,
                doubts=values.reasons, consent_default=consent,
            )  # fmt: skip
            programme = measure_programme(
                lake, as_of=day, timezone=settings.timezone, settings=settings.measurement
            )
            portfolio = add_up_campaigns(campaigns, alpha=settings.measurement.alpha)
        summary = {
            "as_of": str(day),
            "run_id": run.run_id,
            "ingest": intake.to_dict(),
            "customers": len(factors),
            "retraining": {"cause": cause, "sentence": MEANINGS[cause]},
            "drift": drift.to_dict(),
            "training": challenger.to_dict(),
            "promotion": promotion.to_dict(),
            "segments": scored.to_dict(),
            "migration": migration and migration.to_dict(),
            "campaigns": [campaign.to_dict() for campaign in campaigns],
            "returns": portfolio.to_dict(),
            "programme": [quarter.to_dict() for quarter in programme],
            "lifetime_value": values.to_dict(),
        }
        with clock.stage("report"):
            report = build_reports(
                lake, summary, factors, scored, challenger, drift,
                migration=migration, segmenter=promotion.segmenter, maps=settings.report.maps,
                playbook=settings.playbook, smallest_group=settings.report.smallest_group,
                title=settings.report.title, language=settings.report.language,
                address=settings.report.address, currency=settings.currency, timezone=settings.timezone,
                folder=settings.reports_folder, since=run.started_at,
            )  # fmt: skip
        with clock.stage("maintenance"):
            retained = apply_retention(
                lake, settings.retention, as_of=day, timezone=settings.timezone, places=places
            )
            maintained = maintain_lake(lake)
        summary |= {
            "reports": {"index": str(report.index)}, "retention": retained, "maintenance": maintained.to_dict(),
            "seconds": clock.seconds,
        }  # fmt: skip
        lake.commit(run, summary)
        purge_deleted(lake, run, summary)
        settle_promotions(lake, registry)
        show_reports(report)
        undelivered = write_weekly_exports(
            lake, settings.list_exports(), as_of=day, consent_default=consent, own=own
        )
    undelivered += send_report(report, to=settings.notifications, browser=settings.report.browser)
    show_lineage(summary, home=settings.home, sources=settings.sources)
    publish_artifacts(summary, currency=settings.currency)
    notices = list_notices(
        summary, title=settings.report.title, undelivered=undelivered, address=settings.report.address
    )
    send_notices(notices, to=settings.notifications)
    return summary | {"undelivered": list(undelivered)}
