"""Two weekly runs started together: one does the week, the other says that it is being done; one decision is made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from promoting import LAST_DAY, write_eager_shop

from tasks.decisions import list_promotions
from tasks.lake import open_lake


@pytest.mark.long
def test_two_weekly_runs_make_one_promotion(prefect_server: None, tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL

    shop = tmp_path / "shop"
    write_eager_shop(shop)
    command = [sys.executable, "-m", "flows", "weekly", "--config", str(shop / "segmentwerk.toml")]
    environment = os.environ | {"PREFECT_API_URL": PREFECT_API_URL.value() or ""}
    runs = [
        subprocess.Popen(
            [*command, "--as-of", str(LAST_DAY), "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = sorted((run.communicate(timeout=300)[1], run.returncode) for run in runs)
    codes = sorted(code for _err, code in told)
    assert codes == [0, 1], told
    (refused,) = (err for err, code in told if code == 1)
    assert "another run is writing" in refused
    assert "Traceback" not in refused
    lake = open_lake(str(shop / "var"))
    assert list_promotions(lake)["decision"].tolist() == ["first"]
    assert lake.runs()["flow"].to_pylist() == ["weekly-retrain"]
    segments = lake.table("segments").to_pandas()
    assert segments["customer_id"].is_unique
    assert set(segments["model_version"]) == {"1"}
