"""What the command line reads or brings up to date without a flow run."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, date, datetime
from glob import escape
from pathlib import Path
from secrets import token_bytes
from typing import Any

import ibis
import pandas as pd
from pydantic import SecretStr

from flows.settings import ConfigError, Settings
from models.mapping import names_currency
from models.maps import MapMethod
from tasks.deliveries import preview_delivery
from tasks.durations import start_clock
from tasks.engines import connect_engine
from tasks.ingestion import ingest_sources, retry_quarantined
from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.progress import plan, report, stage
from tasks.rollups import update_rollups
from tasks.sources import SourceError
from tasks.staging import Staging, prepare_rates, sort_sources


def ingest_now(settings: Settings, *, retry_quarantine: bool = False) -> dict[str, Any]:
    """Take in what the sources have delivered, or what stands in quarantine and is good by now."""
    from tasks.erasure import finish_erasure

    with write_lake(settings.home, engine=settings.engine) as lake:
        finish_erasure(lake, places=settings.find_places())
        run = begin_run("ingest", settings.last_whole_day(datetime.now(UTC)))
        clock = start_clock(lake, run, stages=("sources", "rollups"))
        rules = settings.shop_rules()
        with clock.stage("sources"):
            if retry_quarantine:
                intake = retry_quarantined.fn(lake, settings.sources, rules=rules)
            else:
                intake = ingest_sources.fn(lake, settings.sources, base=settings.base, rules=rules)
        with clock.stage("rollups"):
            update_rollups.fn(lake, intake.changes, timezone=settings.timezone)
        lake.commit(run, intake.to_dict() | {"seconds": clock.seconds})
    if intake.schema_breaks:
        raise SourceError(f"{'; '.join(intake.schema_breaks.values())}; all else was taken in")
    return intake.to_dict()


def check_sources(settings: Settings, *, rows: int) -> dict[str, Any]:
    """Each source's files, and what its first rows would become. Writes nothing."""
    con = connect_engine().con
    staging = Staging(con, Path(), settings.shop_rules(secret=b"preview"))
    found = []
    for source in sort_sources(settings.sources):
        report(f"looking at {source.name}")
        if names_currency(source):
            staging.finish()
            prepare_rates(con, known=None, latest=staging.latest)
        scan, files = preview_delivery(con, source, base=settings.base, rows=max(rows, 1))
        preview = staging.show(source, scan, rows=max(rows, 1)).to_dict("records") if scan.rows else []
        found.append(
            {
                "name": source.name,
                "table": source.table,
                "files": files,
                "columns": ", ".join([*(f"key {kind}" for kind in source.identity_keys), *source.columns]),
                "preview": [_preview(row) for row in preview[:rows]],
            }
        )
    return {"sources": found}


def profile_sources(settings: Settings, *, rows: int) -> dict[str, Any]:
    """The same, and what all the data holds and supports. Everything is taken in, in a folder that is deleted."""
    from models.factors import list_factors
    from models.search import CUSTOMERS_PER_SEGMENT
    from monitoring.data_support import Needs
    from tasks.audit import audit_data

    checked = check_sources(settings, rows=rows)
    needs = Needs(
        outcome_days=settings.features.outcome_days,
        longest_window=max(factor.window or 0 for factor in list_factors()),
        churn_days=settings.measurement.churn_days,
        customers_min=settings.training.segments_min * CUSTOMERS_PER_SEGMENT,
        alpha=settings.measurement.alpha,
        margin_rate=settings.measurement.margin_rate,
        consent_default=settings.features.consent_default,
    )
    audit = audit_data(
        settings.sources,
        base=settings.base,
        rules=settings.shop_rules(secret=token_bytes(32)),
        engine=settings.engine,
        until=settings.last_whole_day(datetime.now(UTC)),
        needs=needs,
        own=settings.features.factors,
    )
    return {**checked, "profile": audit.to_dict()}


def _preview(row: dict[str, Any]) -> dict[str, Any]:
    kept = {k: None if pd.isna(v) else str(v) for k, v in row.items() if not k.startswith("_")}
    keys = {f"key {key['kind']}": key["hash"][:8] + "…" for key in row["_keys"]}
    return {"row": keys | kept, "reasons": list(row["_reasons"])}


def read_drift(settings: Settings, *, as_of: date | None) -> dict[str, Any]:
    """The drift verdict of the newest run, or of the one for `as_of`."""
    summary = _find_summary(open_lake(settings.home), as_of=as_of, part="drift")
    return {"as_of": summary["as_of"], **summary["drift"]}


def read_segments(settings: Settings, *, as_of: date | None) -> dict[str, Any]:
    """The segments as the newest scoring, or the one for `as_of`, left them."""
    profiles = open_lake(settings.home).table("segment_profiles")
    day = as_of or profiles.as_of.max().to_pyarrow().as_py()
    frame = profiles.filter(profiles.as_of == ibis.literal(day)).order_by("segment_id").to_pandas()
    if frame.empty:
        raise LookupError(f"no segments for {day}; run `segmentwerk weekly --as-of {day}` first")
    columns = ["segment_id", "segment_name", "size", "share", "value", "rule", "lineage", "model_version"]
    rows = json.loads(frame[columns].to_json(orient="records"))
    return {"as_of": str(day), "segments": rows}


def map_segments(settings: Settings, *, as_of: date | None, method: MapMethod, out: Path) -> dict[str, Any]:
    """The same, and a map of the customers as a page that opens by double-click."""
    from tasks.export_ledger import describe_map, record_export
    from tasks.registry import open_registry
    from tasks.reporting import write_map

    found = read_segments(settings, as_of=as_of)
    registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
    day = date.fromisoformat(found["as_of"])
    report(f"drawing the map by {method}")
    lake = open_lake(settings.home)
    record_export(lake, describe_map(out, day))
    write_map(lake, registry, as_of=day, method=method, out=out)
    return {**found, "map": str(out)}


def read_models(settings: Settings) -> dict[str, Any]:
    """The registered versions, newest first, and every decision about them, newest first."""
    from tasks.decisions import list_promotions
    from tasks.registry import list_versions, open_registry

    registry = open_registry(settings.home, tracking_uri=settings.mlflow_tracking_uri)
    versions = list_versions(registry)
    decisions = list_promotions(open_lake(settings.home)).iloc[::-1]
    told = ("decision", "champion_version", "previous_version", "challenger_version")
    return {
        "versions": json.loads(versions.to_json(orient="records", date_format="iso")),
        "promotions": [
            {
                "decided_at": row["decided_at"].isoformat(),
                "as_of": str(row["as_of"]),
                **{name: None if pd.isna(row[name]) else row[name] for name in told},
                "reasons": json.loads(row["reasons"]),
            }
            for row in decisions.to_dict("records")
        ],
    }


def write_exports(settings: Settings, *, as_of: date | None, only: str | None) -> dict[str, Any]:
    """Write the exports, or the one of that name."""
    from tasks.contacts import write_contacts
    from tasks.export_ledger import describe_export, record_export
    from tasks.exports import read_tables, write_export

    exports = [export for export in settings.list_exports() if only in (None, export.name)]
    if not exports:
        known = ", ".join(export.name for export in settings.list_exports())
        raise ConfigError(f"there is no [[exports]] section named '{only}'; there are: {known}")
    lake = open_lake(settings.home, engine=settings.engine)
    day = as_of or date.fromisoformat(_find_summary(lake, as_of=None, part="segments")["as_of"])
    consent, own = settings.features.consent_default, settings.features.factors
    tables = read_tables(lake, as_of=day, consent_default=consent, own=own)
    written, contacts = {}, {}
    plan(export.name for export in exports)
    for export in exports:
        with stage(export.name):
            record_export(lake, describe_export(export, day))
            if export.join is None:
                written[export.name] = write_export(tables, export, as_of=day)
                continue
            found = write_contacts(
                lake, export, day, base=settings.base, rules=settings.shop_rules(), consent_default=consent
            )
            written[export.name], contacts[export.name] = [str(found.path)], found.to_dict()
    return {"as_of": str(day), "exports": written, "contacts": contacts}


def describe_subject(
    settings: Settings, *, key_kind: str, key_hash: SecretStr, out: Path | None
) -> dict[str, Any]:
    """All that is held about whoever holds a key; written to `out` where that is given. Changes nothing."""
    from tasks.subject_access import describe_person, write_answer

    answer = describe_person(
        open_lake(settings.home, engine=settings.engine),
        key_kind=key_kind, key_hash=key_hash.get_secret_value(),
        places=settings.find_places(), limits=settings.retention,
    )  # fmt: skip
    if out is None:
        return answer
    write_answer(answer, out)
    return {
        "written": str(out),
        "rows": {name: len(table["rows"]) for name, table in answer["tables"].items()},
    }


def find_reports(settings: Settings) -> dict[str, Any]:
    """Where the newest report site is."""
    from tasks.reports import LATEST, list_weeks

    weeks = list_weeks(settings.reports_folder)
    if not weeks:
        raise LookupError(f"no reports in {settings.reports_folder}; run `segmentwerk weekly` first")
    return {"index": str(settings.reports_folder / LATEST / "index.html"), "weeks": list(weeks)}


def read_runs(settings: Settings, *, last: int) -> dict[str, Any]:
    """The newest finished runs, newest first: what they took, and what they decided."""
    found = []
    for row in reversed(open_lake(settings.home).runs().to_pylist()[-last:]):
        summary = json.loads(row["summary"])
        # Runs from before lakes had a schema do not say what they took.
        metrics = json.loads(row["metrics"] or "{}")
        decided = (summary.get(part) or {} for part in ("promotion", "drift"))
        found.append(
            {name: row[name] for name in ("run_id", "flow", "as_of", "finished_at", "program")}
            | {"decision": next((part["decision"] for part in decided if "decision" in part), None)}
            | metrics
        )
    return {"runs": found}


def _find_summary(lake: Lake, *, as_of: date | None, part: str) -> dict[str, Any]:
    for row in reversed(lake.runs().to_pylist()):
        summary: dict[str, Any] = json.loads(row["summary"])
        if part in summary and as_of in (None, row["as_of"]):
            return summary
    when = f" for {as_of}" if as_of else ""
    raise LookupError(f"no finished run{when} has a part '{part}'; run `segmentwerk weekly` first")


def draft_config(file: Path, config: Path) -> dict[str, Any]:
    """Write a configuration for a file of orders or events, guessed from its column names.

    Raises:
        ConfigError: the file is missing, or `config` exists already.
    """
    from models.mapping_draft import draft_mapping
    from tasks.sources import list_columns

    if not os.path.isfile(file):
        name = str(file) if str(file).strip() else repr(str(file))
        raise ConfigError(f"{name}: no such file; name one of orders or events: CSV, JSONL or Parquet")
    if os.path.lexists(config):
        raise ConfigError(f"{config} exists already; name another file with --config")
    if not os.path.isdir(config.parent):
        raise ConfigError(
            f"{config}: there is no folder {config.parent}; make it, or name another file with --config"
        )
    columns = list_columns(connect_engine().con, str(file))
    try:
        path = file.resolve().relative_to(config.resolve().parent)
    except ValueError:
        path = file.resolve()
    draft = draft_mapping(file.stem, escape(str(path)), columns)
    config.write_text(draft.text, encoding="utf-8")
    return {
        "config": str(config),
        "guessed": [f"{target} = {column}" for target, column in draft.guesses.items()],
        "open": list(draft.open),
        "next": f"segmentwerk check --preview 5 --config {config}",
    }


def serve_pages(
    settings: Settings, *, prefect: int | None, mlflow: int | None, reports: int | None
) -> dict[str, Any]:
    """Serve Prefect, MLflow and the reports until interrupted, and say where they are."""
    from prefect.settings import PREFECT_API_URL

    from tasks.local_servers import Ports, serve_all, watch

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with serve_all(
            home=settings.home,
            reports=settings.reports_folder,
            tracking_uri=settings.mlflow_tracking_uri,
            prefect_api=PREFECT_API_URL.value(),
            ports=Ports(prefect, mlflow, reports),
        ) as served:
            for one in served:
                print(f"{one.name:<8} {one.address}", flush=True)
            report("Ctrl-C ends all three")
            watch(served)
    except KeyboardInterrupt:
        pass
    return {}
