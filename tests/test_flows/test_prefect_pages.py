"""What weekly and daily runs leave in Prefect: artifacts with a history, and assets with their lineage."""

from datetime import date
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from test_tasks.test_assets import read_lineage

from models.simulation.feeds import EVENT_FEEDS

pytestmark = pytest.mark.usefixtures("prefect_server")


def read_artifacts(run_id: str) -> dict[str, Any]:
    """What a run put on Prefect's page of artifacts, by key."""
    keys = ArtifactFilterKey(any_=["segments", "drift", "promotion", "campaigns"])
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=keys))
    return {one.key: one for one in found if (one.description or "").endswith(run_id)}


def test_every_week_leaves_its_artifacts(weekly_shop: Any) -> None:
    for summary in weekly_shop.summaries:
        shown = read_artifacts(summary["run_id"])
        assert {key: one.type for key, one in shown.items()} == {
            "segments": "table", "drift": "markdown", "promotion": "markdown", "campaigns": "markdown",
        }  # fmt: skip
        for segment in summary["segments"]:
            assert segment["segment_name"] in shown["segments"].data
        for campaign in summary["campaigns"]:
            assert campaign["name"] in shown["campaigns"].data
        assert f"version {summary['promotion']['champion_version']}." in shown["promotion"].data
        assert all(one.flow_run_id for one in shown.values())


def test_a_week_leaves_its_lineage(weekly_shop: Any) -> None:
    found = read_lineage(str(weekly_shop.home), least=30)
    sources = {f"sources/{feed.name}" for feed in EVENT_FEEDS}
    assert found["lake/events"][0] == sources
    assert "lake/events" in found["lake/features"][0]
    assert found["models/segments"][0] == {"lake/features"}
    assert found["lake/segments"][0] == {"lake/features", "models/segments"}
    assert {"lake/segments", "lake/events"} < found["reports"][0]
    runs = {summary["run_id"]: summary for summary in weekly_shop.summaries}
    told = found["lake/segments"][1]
    assert told["customers"] == runs[told["run_id"]]["customers"]


def test_a_day_leaves_segments_and_drift(shop_copy: Any) -> None:
    from flows.daily_score import daily_score

    summary = daily_score(config=str(shop_copy.config), as_of=date(2026, 11, 14))
    shown = read_artifacts(summary["run_id"])
    assert set(shown) == {"segments", "drift"}
    assert summary["retraining"]["sentence"] in shown["drift"].data
    found = read_lineage(str(shop_copy.home), least=3)
    assert "reports" not in found
