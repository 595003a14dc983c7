"""The numbers on the pages are the lake's: read back from the HTML of two real weeks."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ibis import _
from test_monitoring.report_sample import Document

from tasks.lake import Lake, open_lake

pytestmark = pytest.mark.long

WEEKS = [0, 1]
KPIS = ("conversion", "roi", "cac", "ltv", "churn")


@pytest.fixture(scope="module")
def lake(weekly_shop: Any) -> Lake:
    return open_lake(str(weekly_shop.home))


@pytest.fixture(scope="module")
def weeks(weekly_shop: Any) -> list[dict[str, Document]]:
    """By page the documents of each week."""
    folders = [Path(summary["reports"]["index"]).parent for summary in weekly_shop.summaries]
    names = ("index", "segments", "roi", "drift", "data_health")
    return [
        {name: Document((folder / f"{name}.html").read_text(encoding="utf-8")) for name in names}
        for folder in folders
    ]


def read_summaries(lake: Lake) -> list[dict[str, Any]]:
    return [json.loads(text) for text in lake.runs()["summary"].to_pylist()]


def read_exact(page: Document, table: str, heading: str) -> list[float | None]:
    return [float(value) if value else None for value in page.read_column(table, heading)]


@pytest.mark.parametrize("week", WEEKS)
def test_segments_have_the_size_the_lake_counts(
    lake: Lake, weeks: list[dict[str, Document]], week: int
) -> None:
    summary = read_summaries(lake)[week]
    segments = lake.table("segments").filter(_.as_of == date.fromisoformat(summary["as_of"])).to_pandas()
    page = weeks[week]["segments"]
    shown = dict(
        zip(page.read_column("sizes", "Segment"), read_exact(page, "sizes", "Customers"), strict=True)
    )
    assert shown == segments["segment_name"].value_counts().to_dict()
    shares = read_exact(page, "sizes", "Share of customers")
    assert shares == pytest.approx([size / len(segments) for size in shown.values()], abs=5e-5)
    first = weeks[week]["index"]
    customers = read_exact(first, "weeks", "Customers")
    assert customers[0] == summary["customers"] == len(segments)
    assert f"{len(segments):,} customers fall into" in first.text


@pytest.mark.parametrize("week", WEEKS)
def test_campaigns_show_the_lift_and_the_return_on_record(
    lake: Lake, weeks: list[dict[str, Document]], week: int
) -> None:
    page = weeks[week]["roi"]
    campaigns = read_summaries(lake)[week]["campaigns"]
    assert len(campaigns) == 3
    assert page.read_column("campaigns", "Campaign") == [campaign["name"] for campaign in campaigns]
    treated = lake.table("assignments").filter(_.arm == "treatment")
    drawn = dict(treated.group_by("campaign_id").agg(drawn=_.count()).to_pandas().to_numpy().tolist())
    gains = [campaign["metrics"]["revenue"]["lift"]["treatment"]["absolute"] for campaign in campaigns]
    assert page.read_column("campaigns", "Revenue added") == [
        write(None if gain is None else gain * drawn[campaign["campaign_id"]])
        for campaign, gain in zip(campaigns, gains, strict=True)
    ]
    for place, campaign in enumerate(campaigns, start=1):
        table = f"campaign_{place}_kpis"
        shown = zip(
            *(page.read_column(table, heading) for heading in ("KPI", "Added", "95\N{NO-BREAK SPACE}% interval")),
            strict=True,
        )  # fmt: skip
        found = {kpi: (added, interval) for kpi, added, interval in shown}
        for name in KPIS:
            lift = (campaign["metrics"][name]["lift"] or {}).get("treatment", {})
            ends = [lift.get("low"), lift.get("high")]
            assert found[name] == (
                write(lift.get("absolute")),
                "" if ends == [None, None] else "..".join(map(write, ends)),
            ), (campaign["name"], name)
    assert sum(value != "" for value in page.read_column("campaigns", "Added")) >= 2


def write(value: float | None) -> str:
    """As the page writes a number: to twelve digits."""
    return "" if value is None else str(int(value)) if float(value).is_integer() else f"{value:.12g}"


@pytest.mark.parametrize("week", WEEKS)
def test_rows_of_every_source_are_those_of_the_run(
    lake: Lake, weeks: list[dict[str, Document]], week: int
) -> None:
    page = weeks[week]["data_health"]
    counts = read_summaries(lake)[week]["ingest"]
    headings = {
        "read": "Rows in",
        "accepted": "New",
        "duplicates": "Already known",
        "quarantined": "Set aside",
    }
    for part, heading in headings.items():
        shown = dict(
            zip(page.read_column("sources", "Source"), read_exact(page, "sources", heading), strict=True)
        )
        assert shown == {source: count[part] for source, count in counts["by_source"].items()}, heading
        assert sum(shown.values()) == counts[part] > 0


def test_what_came_in_and_what_was_set_aside_is_in_the_lake(
    lake: Lake, weeks: list[dict[str, Document]]
) -> None:
    accepted, refused = Counter[str](), Counter[str]()
    for week in weeks:
        page = week["data_health"]
        sources = page.read_column("sources", "Source")
        accepted.update(dict(zip(sources, map(int, page.read_column("sources", "New")), strict=True)))
        refused.update(dict(zip(sources, map(int, page.read_column("sources", "Set aside")), strict=True)))
    events = lake.table("events").group_by("source").agg(rows=_.count()).to_pandas()
    for source, rows in events.to_numpy().tolist():
        assert accepted[source] == rows, source
    kept = lake.table("quarantine").group_by("source").agg(rows=_.count()).to_pandas()
    assert {source: rows for source, rows in refused.items() if rows} == dict(kept.to_numpy().tolist())
