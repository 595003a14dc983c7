"""The example of a real experiment, from its file to what `segmentwerk measure` says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SEGMENTWERK_DATA_DIR", ROOT.parent / "shared" / "data"))


@pytest.mark.long
def test_the_published_figures_come_out_of_the_example(command: Any, tmp_path: Path) -> None:
    if not (DATA / "hillstrom.csv").exists():
        pytest.skip(f"hillstrom.csv is not in {DATA}; set SEGMENTWERK_DATA_DIR")
    rows = pd.read_csv(DATA / "hillstrom.csv", dtype=str)
    (tmp_path / "examples").mkdir()
    rows.rename_axis("customer").rename(lambda n: n + 1).to_csv(tmp_path / "examples/hillstrom_numbered.csv")
    config = tmp_path / "examples" / "hillstrom.toml"
    config.write_text((ROOT / "examples" / "hillstrom.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert command("ingest", "--config", str(config)).code == 0
    entry = command("measure", "hillstrom", "--config", str(config), "--as-of", "2008-06-30", "--json").json
    conversion, visits, revenue = (entry["metrics"][name] for name in ("conversion", "visits", "revenue"))
    assert conversion["arms"] == pytest.approx(
        {"control": 0.005726, "mens": 0.012531, "womens": 0.008837}, abs=5e-7
    )
    assert visits["arms"]["mens"] == pytest.approx(0.182757, abs=5e-7)
    assert revenue["arms"] == pytest.approx({"control": 0.6528, "mens": 1.4226, "womens": 1.0772}, abs=5e-5)
    assert revenue["adjusted"]["mens"]["variance_saved"] == pytest.approx(0.0004, abs=0.0001)
    assert entry["srm_p"] > 0.002
    assert entry["decision"] == "ship"
    assert "cost unknown" in entry["metrics"]["roi"]["reason"]
