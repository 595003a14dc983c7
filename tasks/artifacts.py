"""A run's results on Prefect's page of artifacts. What cannot be shown there never fails a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.logs import get_logger


@task(name="publish artifacts", cache_policy=NO_CACHE, persist_result=False)
def publish_artifacts(summary: Mapping[str, Any], *, currency: str) -> int:
    """Show what a weekly or daily run found; returns how many artifacts Prefect took."""
    from monitoring.artifacts import list_artifacts

    published = 0
    try:
        for one in list_artifacts(summary, currency=currency):
            if isinstance(one.content, str):
                create_markdown_artifact(one.content, key=one.key, description=one.description)
            else:
                create_table_artifact(one.content, key=one.key, description=one.description)
            published += 1
    except Exception as error:  # the run's results are in the lake and in the reports already
        get_logger().warning("Prefect's artifacts are not those of this run: %s", error)
    return published
