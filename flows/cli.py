"""The command line. Everything slow is imported by the command that needs it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from flows.command_run import run_command, run_flow, run_view

app = typer.Typer(
    help="Living customer segments, and proof of what each campaign added.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The last whole day to count; default: yesterday."),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object; progress goes to stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show logs, and the traceback of an error.")]
DEFAULT_CONFIG = Path("segmentwerk.toml")


def _require_pair(key: str) -> str:
    if "=" not in key:
        raise typer.BadParameter(f"'{key}' is not KIND=VALUE, for example email=ada@example.org")
    return key


PersonKey = Annotated[
    str,
    typer.Option("--key", callback=_require_pair, help="An identity key of the person: KIND=VALUE."),
]


class MapKind(StrEnum):
    """How customers find their places on a map."""

    pca = "pca"
    tsne = "tsne"
    umap = "umap"


def main() -> None:
    """Entry point of the console script."""
    app()


@app.command()
def demo(
    customers: Annotated[int, typer.Option(min=300, help="How many customers the shop has.")] = 5000,
    folder: Annotated[Path, typer.Option(help="Where the shop, its lake and its reports go.")] = Path(
        "var/demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed is another shop.")] = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Simulate a shop and run three weekly cycles on it."""

    def run() -> dict[str, Any]:
        from flows.demo import run_demo

        return run_demo(folder=folder, customers=customers, seed=seed)

    run_command(run, home=str(folder.resolve() / "var"), as_json=as_json, debug=debug, show="show_demo")


@app.command()
def weekly(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, as_json: Json = False, debug: Debug = False
) -> None:
    """The main job: ingest, features, drift, train, promote, score, measure, report."""
    run_flow("weekly_retrain", config, _day(as_of), as_json=as_json, debug=debug, show="show_weekly")


@app.command()
def score(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, as_json: Json = False, debug: Debug = False
) -> None:
    """Ingest, compute features, score with the champion, check drift."""
    run_flow("daily_score", config, _day(as_of), as_json=as_json, debug=debug, show="show_score")


@app.command()
def measure(
    campaign: str,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What a campaign added over its control group."""
    run_flow(
        "measure_campaign", config, _day(as_of), campaign, as_json=as_json, debug=debug, show="show_campaign"
    )


@app.command()
def plan(
    campaign: str,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Sample size and power of a planned campaign, and its randomised assignment."""
    run_flow("plan_campaign", config, _day(as_of), campaign, as_json=as_json, debug=debug, show="show_plan")


@app.command()
def rollback(config: Config = DEFAULT_CONFIG, as_json: Json = False, debug: Debug = False) -> None:
    """Put the previous champion back."""
    run_flow("rollback_champion", config, None, as_json=as_json, debug=debug, show="show_facts")


@app.command()
def forget(
    key: PersonKey,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Erase a person from every table and its history, and from exports, reports and models."""
    run_flow(
        "forget_customer",
        config,
        None,
        prepare=lambda: _hash_key(key, config),
        as_json=as_json,
        debug=debug,
        show="show_receipt",
    )


@app.command("subject-access")
def subject_access(
    key: PersonKey,
    config: Config = DEFAULT_CONFIG,
    out: Annotated[Path | None, typer.Option("--out", help="Write the answer to this file.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """All that is held about a person, as JSON; changes nothing."""

    def run() -> dict[str, Any]:
        from flows.settings import load_settings
        from flows.views import describe_subject

        kind, key_hash = _hash_key(key, config)
        return describe_subject(load_settings(config), key_kind=kind, key_hash=key_hash, out=out)

    run_command(run, config=config, as_json=as_json or out is None, debug=debug, show="show_facts")


@app.command()
def ingest(
    config: Config = DEFAULT_CONFIG,
    retry_quarantine: Annotated[
        bool,
        typer.Option(
            "--retry-quarantine", help="Map the rows in quarantine again and take in the good ones."
        ),
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take in what the sources have delivered, and bring the rollups up to date."""
    run_view(
        "ingest_now",
        config,
        retry_quarantine=retry_quarantine,
        as_json=as_json,
        debug=debug,
        show="show_ingest",
    )


@app.command()
def check(
    config: Config = DEFAULT_CONFIG,
    preview: Annotated[int, typer.Option(min=0, help="Show what this many rows of each source become.")] = 0,
    profile: Annotated[
        bool, typer.Option("--profile", help="Read everything, and say what the data can and cannot support.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check the configuration and the contract; changes nothing."""
    view, show = ("profile_sources", "show_audit") if profile else ("check_sources", "show_check")
    run_view(view, config, rows=preview, as_json=as_json, debug=debug, show=show)


@app.command()
def drift(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, as_json: Json = False, debug: Debug = False
) -> None:
    """The latest drift verdict and its reasons."""
    run_view("read_drift", config, as_of=_day(as_of), as_json=as_json, debug=debug, show="show_facts")


@app.command()
def segments(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    method: Annotated[MapKind | None, typer.Option("--map", help="Draw a map of the customers.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The file for the map.")] = Path("segments_map.html"),
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The segments: names, sizes, value, rules; with --map, a picture of the customers in them."""
    view, more = (
        ("read_segments", {}) if method is None else ("map_segments", {"method": method.value, "out": out})
    )
    run_view(view, config, as_of=_day(as_of), as_json=as_json, debug=debug, show="show_segments", **more)


@app.command()
def models(config: Config = DEFAULT_CONFIG, as_json: Json = False, debug: Debug = False) -> None:
    """The model versions, and which one is champion."""
    run_view("read_models", config, as_json=as_json, debug=debug, show="show_models")


@app.command()
def export(
    name: Annotated[str | None, typer.Argument(help="Only this [[exports]] section.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the [[exports]] of the configuration: audiences, tables for BI, the site in a folder or at a URI."""
    run_view(
        "write_exports",
        config,
        as_of=_day(as_of),
        only=name,
        as_json=as_json,
        debug=debug,
        show="show_exports",
    )


@app.command()
def report(
    config: Config = DEFAULT_CONFIG,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the reports on this machine.")] = False,
    port: Annotated[int, typer.Option(help="The port to serve on.")] = 8765,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Where the newest reports are; with --serve, show them in the browser."""
    run_view("find_reports", config, as_json=as_json, debug=debug, show="show_facts")
    if serve:
        from flows.settings import load_settings
        from tasks.report_server import serve_reports

        serve_reports(load_settings(config).reports_folder, port=port)


@app.command()
def ui(
    config: Config = DEFAULT_CONFIG,
    prefect_port: Annotated[int | None, typer.Option(help="Of Prefect; default: 4200 or a free one.")] = None,
    mlflow_port: Annotated[int | None, typer.Option(help="Of MLflow; default: 5000 or a free one.")] = None,
    reports_port: Annotated[int | None, typer.Option(help="Of the reports; default: 8765 or free.")] = None,
    debug: Debug = False,
) -> None:
    """Prefect, MLflow and the reports on this machine, until Ctrl-C."""

    run_view(
        "serve_pages",
        config,
        prefect=prefect_port,
        mlflow=mlflow_port,
        reports=reports_port,
        as_json=False,
        debug=debug,
        show="show_facts",
    )


@app.command()
def deploy(
    file: Annotated[Path, typer.Option("--file", help="The deployments.")] = Path("prefect.yaml"),
    pool_type: Annotated[
        str, typer.Option("--pool-type", help="Of the work pool, where it has to be made.")
    ] = "process",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make the work pool and all deployments on your Prefect server."""

    def run() -> dict[str, Any]:
        from tasks.deployments import deploy_flows

        return deploy_flows(file, pool_type=pool_type).to_dict()

    run_command(run, as_json=as_json, debug=debug, show="show_facts")


@app.command()
def doctor(
    config: Config = DEFAULT_CONFIG,
    release: Annotated[
        bool, typer.Option("--release", help="Mark dead runs as crashed and give their slots back.")
    ] = False,
    silence: Annotated[
        int, typer.Option(min=31, help="Seconds without a heartbeat after which a run is dead.")
    ] = 120,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at configuration, lake, models, Prefect, disk and versions, and say what is wrong and what to do."""

    def run() -> dict[str, Any]:
        from flows.examination import examine

        return examine(config, silence=timedelta(seconds=silence), release=release)

    found = run_command(run, as_json=as_json, debug=debug, show="show_doctor")
    if not found["healthy"]:
        raise typer.Exit(1)


@app.command()
def runs(
    config: Config = DEFAULT_CONFIG,
    last: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 10,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The newest runs: when, how long, how much memory, how many rows, and what was decided."""
    run_view("read_runs", config, last=last, as_json=as_json, debug=debug, show="show_runs")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="A file of orders or events: CSV, JSONL or Parquet.")],
    config: Annotated[Path, typer.Option("--config", "-c", help="The file to write.")] = DEFAULT_CONFIG,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draft a configuration from a file's own columns."""

    def run() -> dict[str, Any]:
        from flows.views import draft_config

        return draft_config(file, config)

    run_command(run, as_json=as_json, debug=debug, show="show_facts")


def _hash_key(key: str, config: Path) -> tuple[str, SecretStr]:
    """The key is hashed here, at the door: whatever is given to a flow is kept by Prefect, but for secrets."""
    from flows.settings import load_settings
    from tasks.pseudonyms import hash_identity, read_secret

    settings = load_settings(config)
    kind, _, value = key.partition("=")
    secret = read_secret(settings.home, settings.pseudonym_key)
    hashed = hash_identity(kind, value, secret=secret, calling_code=settings.identity.calling_code)
    return kind, SecretStr(hashed)


def _day(as_of: datetime | None) -> date | None:
    return as_of.date() if as_of else None
