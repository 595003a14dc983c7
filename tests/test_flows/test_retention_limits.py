"""Limits in the configuration, and what a daily run makes of them."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.settings import ConfigError, load_settings
from tasks.lake import open_lake

LAST = date(2026, 11, 15)


def set_limits(config: Path, text: str) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write(f"\n[retention]\n{text}\n")


def test_a_table_that_has_no_limit_is_refused_by_name(tmp_path: Path) -> None:
    config = tmp_path / "segmentwerk.toml"
    keys = '[sources.keys]\nemail = "m"\n[sources.columns]\noccurred_at = "t"\nkind = "\'purchase\'"\n'
    source = f'[[sources]]\nname = "s"\npath = "*.csv"\n{keys}'
    config.write_text(source, encoding="utf-8")
    assert load_settings(config).retention.root == {}
    set_limits(config, "events = 1095\nreports = 400")
    assert load_settings(config).retention.root == {"events": 1095, "reports": 400}
    config.write_text(source + "[retention]\nsuppressions = 90\n", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"retention: 'suppressions' has no limit; there are: events, activity_daily"
    ):
        load_settings(config)
    config.write_text(source + "[retention]\nevents = 7\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"retention\.events = 7: .*greater than or equal to 30"):
        load_settings(config)


def test_a_daily_run_deletes_old_events_and_changes_no_factor(shop_copy: Any) -> None:
    from flows.daily_score import daily_score

    before = read(shop_copy, "features")
    events = read(shop_copy, "events")
    set_limits(shop_copy.config, "events = 60")
    summary = daily_score(config=str(shop_copy.config), as_of=LAST)
    kept = read(shop_copy, "events")
    assert summary["retention"] == {"events": len(events) - len(kept)}
    assert 0 < len(kept) < len(events)
    assert kept["occurred_at"].min() >= pd.Timestamp("2026-09-17", tz="Europe/Berlin")
    again = daily_score(config=str(shop_copy.config), as_of=LAST)
    assert again["retention"] == {}
    assert again["customers"] == summary["customers"]
    pd.testing.assert_frame_equal(read(shop_copy, "features"), before)


def read(shop: Any, name: str) -> pd.DataFrame:
    frame = open_lake(str(shop.home)).table(name).to_pandas()
    if name == "features":
        frame = frame[frame["as_of"].astype(str) == str(LAST)]
        return frame.sort_values("customer_id").reset_index(drop=True)
    return frame
