"""`python -m benchmarks.take_in CONFIG`: takes in what is new, without rollups, and prints as JSON what that cost and
what became of the rows. Its start and imports are left out.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from flows.settings import load_settings
from tasks.ingestion import ingest_sources
from tasks.lake import begin_run, write_lake


def take_in(config: str) -> dict[str, Any]:
    """Seconds by the clock and of all cores together, from opening the lake to the commit, and the counts."""
    settings = load_settings(config)
    started, worked = time.monotonic(), time.process_time()
    with write_lake(settings.home, engine=settings.engine) as lake:
        run = begin_run("benchmark", settings.last_whole_day(datetime.now(UTC)))
        intake = ingest_sources.fn(lake, settings.sources, base=settings.base, rules=settings.shop_rules())
        lake.commit(run, intake.to_dict())
    seconds, processor = time.monotonic() - started, time.process_time() - worked
    return {"seconds": seconds, "processor": processor, "counts": intake.to_dict()}


if __name__ == "__main__":
    print(json.dumps(take_in(sys.argv[1])))
