"""A year of real orders, by the example's configuration and the command line alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SEGMENTWERK_DATA_DIR", PROJECT.parent / "shared" / "data")).resolve()

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (DATA / "online_retail.csv.gz").exists(),
        reason=f"UCI Online Retail is not in {DATA}; set SEGMENTWERK_DATA_DIR",
    ),
]


def run_weekly(home: Path, as_of: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "flows", "weekly", "--config", "examples/online_retail.toml"]
    environment = {
        **os.environ,
        "SEGMENTWERK_HOME": str(home),
        "SEGMENTWERK_DATA_DIR": str(DATA),
        "PREFECT_HOME": str(home / "prefect"),
    }
    done = subprocess.run(
        [*command, "--as-of", as_of, "--json"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_two_weeks_of_real_orders(tmp_path: Path) -> None:
    first = run_weekly(tmp_path, "2011-11-28")
    intake = first["ingest"]
    assert (intake["read"], intake["accepted"], intake["quarantined"]) == (541_909, 406_829, 135_080)
    assert first["promotion"]["decision"] == "first"
    assert 4 <= len(first["segments"]) <= 9
    assert len({segment["segment_name"] for segment in first["segments"]}) == len(first["segments"])
    assert first["campaigns"] == []
    site = Path(first["reports"]["index"]).parent
    assert "no campaign" in (site / "roi.html").read_text(encoding="utf-8").lower()
    health = (site / "data_health.html").read_text(encoding="utf-8")
    assert "no identity key" in health

    second = run_weekly(tmp_path, "2011-12-05")
    assert (second["ingest"]["read"], second["ingest"]["accepted"]) == (0, 0)
    assert second["promotion"]["decision"] in ("promote", "keep")
    assert second["promotion"]["reasons"]
    assert second["drift"]["decision"] in ("none", "watch", "retrain")
