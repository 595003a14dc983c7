"""`python -m benchmarks.reports CONFIG TRAINED_ON AS_OF CAMPAIGNS`: builds the week's report as the weekly run does,
with two years of weeks on record and drawn campaigns, and prints as JSON what that cost and what each page weighs.

Beside it, the same figures are written as most notebooks write them: each as a page of its own that holds Plotly.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.drift_stage import (
    CHURN_DAYS,
    EVENTS_PER_CUSTOMER,
    RECORD,
    WEEKS,
    draw_record,
    read_factors,
)
from benchmarks.events import TIMEZONE, Stream, write_config, write_raw
from benchmarks.measure import measure_module, measure_steps

if TYPE_CHECKING:
    import pandas as pd

    from models.segmenter import Segmenter
    from tasks.drift import DriftWatch
    from tasks.lake import Lake
    from tasks.training import Challenger

CUSTOMERS, CAMPAIGNS, SEGMENTS = 100_000, 20, 8
SECONDS_MAX, KILOBYTES_MAX = 20.0, 1000.0
ADDRESSED = 20_000  # customers of each campaign


@dataclass(frozen=True, slots=True)
class ReportCost:
    """What building and publishing the reports took, and what came of it.

    Attributes:
        seconds, processor: by the clock, and of all cores together.
        peak_bytes: most memory resident while they were built, with what the run held already; None where the system
            does not tell.
        kilobytes: of each page, without Plotly.
        alone_seconds, alone_kilobytes: the same figures, each as a page with Plotly inside.
    """

    seconds: float
    processor: float
    peak_bytes: int | None
    kilobytes: dict[str, float]
    alone_seconds: float
    alone_kilobytes: float

    @property
    def heaviest(self) -> float:
        """Kilobytes of the heaviest of our own pages; Evidently's is its own affair."""
        return max(weight for name, weight in self.kilobytes.items() if name != "evidently.html")


def measure_reports(folder: Path, *, customers: int, campaigns: int) -> ReportCost:
    """Take in twenty weeks of so many customers, and report the last of them in a process of its own."""
    folder.mkdir(parents=True)
    stream = Stream(rows=EVENTS_PER_CUSTOMER * customers, customers=customers, weeks=WEEKS)
    write_raw(stream, folder / "events.parquet")
    config = str(write_config(folder, path="events.parquet"))
    days = [str(stream.end_of_week(week)) for week in (WEEKS - 1, WEEKS)]
    for day in days:
        measure_steps("benchmarks.cycle", [config, day])
    told = measure_module("benchmarks.reports", [config, *days, str(campaigns)])
    return ReportCost(**json.loads(told.output.splitlines()[-1]))


def report_week(config: str, *, trained_on: date, as_of: date, campaigns: int) -> dict[str, Any]:
    """What `ReportCost` holds, of the report of a week with a champion trained on an earlier one."""
    from flows.settings import load_settings
    from tasks.lake import begin_run, write_lake
    from tasks.reporting import build_reports, show_reports
    from tasks.scoring import score_customers

    settings = load_settings(config)
    with write_lake(settings.home, engine=settings.engine) as lake:
        run = begin_run("weekly-retrain", as_of)
        factors, reference = (read_factors(lake, day) for day in (as_of, trained_on))
        challenger = _train(reference, trained_on=trained_on)
        segmenter = challenger.segmenter
        scored = score_customers.fn(
            lake, segmenter, factors, as_of=as_of, version="1", states={}, owner_names={}
        )
        drift = _watch(lake, segmenter, reference, factors, trained_on=trained_on, as_of=as_of)
        summary = _sum_up(challenger, drift, segments=scored.to_dict(), customers=len(factors), as_of=as_of)
        _remember(lake, summary, as_of=as_of)
        summary |= _measure_campaigns(campaigns) | {"run_id": run.run_id}
        _forget_peak()
        started, used = time.monotonic(), time.process_time()
        prepared = build_reports.fn(
            lake, summary, factors, scored, challenger, drift, migration=None, segmenter=segmenter,
            maps=settings.report.maps, playbook={}, smallest_group=settings.report.smallest_group,
            title=settings.report.title, language=settings.report.language, address=None,
            currency=settings.currency, timezone=settings.timezone, folder=settings.reports_folder,
            since=run.started_at,
        )  # fmt: skip
        index = show_reports.fn(prepared)
        seconds, processor, peak = time.monotonic() - started, time.process_time() - used, _read_peak()
    pages = {page.name: page.read_text(encoding="utf-8") for page in sorted(index.parent.glob("*.html"))}
    alone_seconds, alone_bytes = _draw_alone(pages)
    return {
        "seconds": seconds,
        "processor": processor,
        "peak_bytes": peak,
        "kilobytes": {name: len(html.encode()) / 1000 for name, html in pages.items()},
        "alone_seconds": alone_seconds,
        "alone_kilobytes": alone_bytes / 1000,
    }


def _train(factors: pd.DataFrame, *, trained_on: date) -> Challenger:
    """A small search: its candidates are shown, how they were found is not what is measured."""
    from models.lineage import start_lineage
    from models.search import search_recipes
    from models.segmenter import fit_segmenter
    from models.training_settings import TrainingSettings
    from tasks.training import Challenger, measure_gates

    settings = TrainingSettings(
        algorithms=("kmeans",),
        segments_min=SEGMENTS,
        segments_max=SEGMENTS,
        trials=12,
        bootstraps=4,
        finalists=2,
    )
    search = search_recipes(factors, past_factors=None, outcomes=None, settings=settings)
    fitted = fit_segmenter(factors, recipe=search.winner, seed=0)
    assignment = fitted.assign(factors)
    lineage = start_lineage(assignment["segment_id"])
    segmenter = fitted.relabel(lineage.mapping)
    return Challenger(
        segmenter, "1", "drawn", measure_gates(search, assignment), search, lineage, 90, 0, trained_on
    )


def _watch(
    lake: Lake,
    segmenter: Segmenter,
    reference: pd.DataFrame,
    factors: pd.DataFrame,
    *,
    trained_on: date,
    as_of: date,
) -> DriftWatch:
    from monitoring.drift_settings import DriftSettings
    from tasks.drift import check_sources, watch_drift
    from tasks.intake import Intake
    from tasks.registry import LoadedModel
    from tasks.weeks import profile_now, store_week

    champion = LoadedModel(segmenter, "1", {"as_of": str(trained_on)}, None)
    intake = Intake(timezone=TIMEZONE, former_timezone=None, currency="EUR", by_source={})
    sources = check_sources.fn(lake, intake, as_of=as_of, timezone=TIMEZONE)
    now = profile_now(lake, factors, as_of=as_of, rows=sources.rows, churn_days=CHURN_DAYS)
    for past in draw_record(now, trained_on=trained_on):
        store_week(lake, past, decision="none")
    return watch_drift.fn(
        lake,
        champion,
        reference,
        factors,
        as_of=as_of,
        sources=sources,
        settings=DriftSettings(),
        churn_days=CHURN_DAYS,
    )


def _sum_up(
    challenger: Challenger, drift: DriftWatch, *, segments: list[dict[str, Any]], customers: int, as_of: date
) -> dict[str, Any]:
    counts = {"read": 1000, "accepted": 990, "duplicates": 5, "quarantined": 5, "filtered": 0, "late": 0}
    return {
        "as_of": str(as_of),
        "ingest": counts | {"warnings": [], "by_source": {"shop": counts}},
        "customers": customers,
        "drift": drift.to_dict(),
        "training": challenger.to_dict(),
        "promotion": {"decision": "keep", "reasons": ["not better"], "champion_version": "1"},
        "segments": segments,
        "migration": None,
    }


def _remember(lake: Lake, summary: dict[str, Any], *, as_of: date) -> None:
    """Two years of weekly runs and their decisions on record."""
    import pyarrow

    from tasks.decisions import record_promotion
    from tasks.lake import Run

    record_promotion(
        lake, as_of=as_of - timedelta(weeks=RECORD), decision="keep", reasons=("not better",), challenger_version="2",
        champion_version="1", previous_version="1", snapshot_id="drawn", gates={},
    )  # fmt: skip
    decision = lake.table("promotions").to_pyarrow()
    lake.append("promotions", pyarrow.concat_tables([decision] * (RECORD - 1)))
    for back in reversed(range(1, RECORD + 1)):
        week = as_of - timedelta(weeks=back)
        started = datetime(week.year, week.month, week.day, tzinfo=UTC)
        lake.commit(Run(f"week-{back}", "weekly-retrain", week, started), summary | {"as_of": str(week)})


def _measure_campaigns(count: int) -> dict[str, Any]:
    from benchmarks.report_campaigns import measure_drawn

    return {"campaigns": measure_drawn(count, customers=ADDRESSED)}


def _draw_alone(pages: dict[str, str]) -> tuple[float, int]:
    """Seconds and bytes of every figure of the pages as a page of its own with Plotly inside."""
    import plotly.graph_objects as go

    drawn = re.compile(r'<script type="application/json" data-figure="[^"]*">(.*?)</script>', re.DOTALL)
    figures = [json.loads(text) for html in pages.values() for text in drawn.findall(html)]
    started = time.monotonic()
    written = sum(len(go.Figure(figure).to_html(include_plotlyjs=True).encode()) for figure in figures)
    return time.monotonic() - started, written


def _forget_peak() -> None:
    """From here on the most memory resident is counted anew, where the system can."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def _read_peak() -> int | None:
    if not Path("/proc/self/clear_refs").exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else None


if __name__ == "__main__":
    first, last = (date.fromisoformat(text) for text in sys.argv[2:4])
    print(json.dumps(report_week(sys.argv[1], trained_on=first, as_of=last, campaigns=int(sys.argv[4]))))
