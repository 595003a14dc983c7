"""`python -m benchmarks.cycle CONFIG AS_OF`: takes in what is new, brings rollups and features up to date, prints
the seconds of each as JSON. Its start and imports are left out, those of an engine's first connection among them.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import date

from flows.settings import load_settings
from flows.views import ingest_now
from tasks.engines import connect_engine
from tasks.features import compute_features
from tasks.lake import begin_run, write_lake


def run_cycle(config: str, *, as_of: date) -> dict[str, float]:
    """Seconds of ingestion with rollups, and of features."""
    settings = load_settings(config)
    connect_engine()
    # As the command does.
    gc.freeze()
    started = time.monotonic()
    ingest_now(settings)
    ingested = time.monotonic()
    with write_lake(settings.home) as lake:
        run = begin_run("benchmark", as_of)
        compute_features.fn(lake, as_of=as_of, consent_default=True)
        lake.commit(run, {})
    return {"ingest": ingested - started, "features": time.monotonic() - ingested}


if __name__ == "__main__":
    print(json.dumps(run_cycle(sys.argv[1], as_of=date.fromisoformat(sys.argv[2]))))
