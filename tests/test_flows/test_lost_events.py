"""A decision for a retrain is kept: an event that nobody heard is sent again until a weekly run is on record."""

from datetime import date
from typing import Any

import pytest
from own_prefect import wait_for

from tasks.lake import begin_run, write_lake
from tasks.retraining import RETRAIN_DUE

SATURDAY, SUNDAY = date(2026, 11, 14), date(2026, 11, 15)
NEVER = "\n[drift]\nshare_watch = 1.0\nshare_retrain = 1.0\n"
AT_ONCE = NEVER.replace("1.0", "1e-9")


def read_events(home: str, *, least: int) -> list[Any]:
    """The events of this lake, newest first, once there are so many."""
    from prefect.client.orchestration import get_client
    from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter

    def look() -> list[Any] | None:
        wanted = EventFilter(
            event=EventNameFilter(name=[RETRAIN_DUE]),
            resource=EventResourceFilter(id=[f"segmentwerk.lake.{home}"]),
        )
        found = client.read_events(wanted, limit=10).events
        return found if len(found) >= least else None

    with get_client(sync_client=True) as client:
        return wait_for(look)


@pytest.mark.long
def test_a_lost_event_is_sent_again_by_the_next_day(shop_copy: Any) -> None:
    from flows.daily_score import daily_score

    config, home = shop_copy.config, str(shop_copy.home)
    plain = config.read_text(encoding="utf-8")

    config.write_text(plain + AT_ONCE, encoding="utf-8")
    decided = daily_score(config=str(config), as_of=SATURDAY)["retraining"]
    assert decided["cause"] == "drift"
    assert decided["request"] == {"cause": "drift", "decided_on": "2026-11-14", "as_of": "2026-11-14"}

    config.write_text(plain + NEVER, encoding="utf-8")
    later = daily_score(config=str(config), as_of=SUNDAY)["retraining"]
    assert later["due"] is False
    assert later["request"] == {"cause": "drift", "decided_on": "2026-11-14", "as_of": "2026-11-15"}
    newest, first = read_events(home, least=2)
    assert first.payload["as_of"] == "2026-11-14"
    assert newest.payload == later["request"] | {"config": str(config)}

    with write_lake(home) as lake:
        lake.commit(begin_run("weekly-retrain", SUNDAY), {"retraining": {"cause": "drift"}})
    assert daily_score(config=str(config), as_of=SUNDAY)["retraining"]["request"] is None
    config.write_text(plain + AT_ONCE, encoding="utf-8")
    again = daily_score(config=str(config), as_of=SUNDAY)["retraining"]
    assert again["cause"] == "drift"
    assert again["request"] is None
    assert len(read_events(home, least=2)) == 2
