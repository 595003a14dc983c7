"""`python -m benchmarks.engine_features HOME AS_OF TIMEZONE MEMORY`: rolls up the events of a lake and computes its
features with the product's own tasks, writing them to the lake, and prints the seconds of each as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import date

from tasks.features import compute_features
from tasks.lake import begin_run, write_lake
from tasks.rollups import EventChanges, update_rollups


def build_features(home: str, *, as_of: date, timezone: str, memory: str) -> dict[str, float]:
    """Seconds of the rollups and of the features, with their contracts checked and Delta tables written."""
    with write_lake(home) as lake:
        lake.engine.raw_sql(f"SET memory_limit = '{memory}'")
        run = begin_run("benchmark", as_of)
        started = time.monotonic()
        changes = EventChanges(new_files=tuple(lake.files("events")))
        update_rollups.fn(lake, changes, timezone=timezone)
        rolled = time.monotonic()
        compute_features.fn(lake, as_of=as_of, consent_default=True)
        done = time.monotonic()
        lake.commit(run, {})
    return {"rollups": rolled - started, "features": done - rolled}


if __name__ == "__main__":
    place, last_day, zone, limit = sys.argv[1:]
    print(json.dumps(build_features(place, as_of=date.fromisoformat(last_day), timezone=zone, memory=limit)))
