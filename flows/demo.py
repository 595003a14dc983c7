"""A simulated shop and three weekly cycles on it: everything real but the customers."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flows.prefect_server import import_what_runs_need, start_server
from models.simulation.shop import Shop, simulate_shop
from tasks.progress import Stopwatch, plan, report
from tasks.pseudonyms import KEY_FILE, make_key
from tasks.simulated_shop import write_config, write_delivery, write_truth

WEEKS = 3
HISTORY_WEEKS = 55
LAST_DAY = date(2026, 11, 15)
MARKER = "truth.json"


def run_demo(*, folder: Path, customers: int, seed: int) -> dict[str, Any]:
    """Simulate, deliver and run three weeks; what is returned is shown by the command line.

    The same seed gives the same shop, under the same pseudonyms.

    Raises:
        ValueError: `folder` holds something that is not a demo.
    """
    _clear(folder)
    server = start_server()
    weeks = [LAST_DAY - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    stages = ("simulation", *(f"week to {end}" for end in weeks))
    clock = Stopwatch()
    plan(stages)
    with clock.stage("simulation"):
        # From the second of the three weeks on, one segment moves to the app and to discounts.
        shop = simulate_shop(
            customers=customers,
            weeks=HISTORY_WEEKS,
            last_day=LAST_DAY,
            shift_week=HISTORY_WEEKS - 2,
            seed=seed,
        )
        config = write_config(folder)
        write_truth(shop, folder / MARKER)
        # Models draw customers in the order of their pseudonyms: under a key of its own each time, the same shop would
        # come out as other segments. Nobody real stands behind it.
        make_key(str(folder / "var"), hashlib.sha256(f"demo {seed}".encode()).hexdigest())
        report("starting Prefect")
        import_what_runs_need()
        server.join()
    from flows.weekly_retrain import weekly_retrain

    summaries = []
    for start, end in zip([None, *weeks], weeks, strict=False):
        with clock.stage(f"week to {end}"):
            write_delivery(shop, folder=folder, start=start, end=end)
            summaries.append(weekly_retrain(config=str(config), as_of=end))
        # What a week took is expected of those that follow.
        plan(stages, last=dict.fromkeys(stages, clock.seconds[f"week to {end}"]) | clock.seconds)
    return {
        "simulated": _describe(shop),
        "config": str(config),
        "weeks": summaries,
        "truth": _compare_with_truth(folder),
    }


def _clear(folder: Path) -> None:
    """A demo starts afresh; a folder that is not a demo's is left alone."""
    # Prefect's own database (in var) is there already, takes long to make, and holds nothing of the shop.
    held = {path.name for path in folder.iterdir()} - {"var"} if folder.exists() else set()
    if held:
        if MARKER not in held:
            raise ValueError(f"{folder} holds something else than a demo; give another one with --folder")
        for path in (
            folder / "inbox",
            folder / "var" / "lake",
            folder / "var" / "artifacts",
            folder / "var" / "reports",
        ):
            shutil.rmtree(path, ignore_errors=True)
        for path in [*(folder / "var").glob("mlflow.db*"), folder / "var" / KEY_FILE]:
            path.unlink(missing_ok=True)


def _describe(shop: Shop) -> str:
    sources = shop.events["source"].nunique()
    return (
        f"{len(shop.customers):,} customers in {len(shop.truth.segments)} hidden segments, {len(shop.events):,} events "
        f"from {sources} sources in {HISTORY_WEEKS} weeks, {len(shop.campaigns)} campaigns with control groups"
    )


def _compare_with_truth(folder: Path) -> str:
    """How much of the hidden truth was found: segments by adjusted Rand index, campaigns by their intervals."""
    import pandas as pd
    from sklearn.metrics import adjusted_rand_score

    from flows.settings import load_settings
    from models.identity import hash_key
    from tasks.lake import open_lake
    from tasks.pseudonyms import read_secret
    from tasks.simulated_shop import read_truth

    settings = load_settings(folder / "segmentwerk.toml")
    secret = read_secret(settings.home, settings.pseudonym_key)
    truth = read_truth(folder / MARKER)
    crm = truth.keys[truth.keys["key_kind"] == "crm"]
    hashes = [hash_key("crm", value, secret=secret) for value in crm["key_value"]]
    known = pd.DataFrame({"key_hash": hashes, "truth": crm["segment"].to_numpy()})
    lake = open_lake(settings.home)
    segments = lake.table("segments")
    found = segments.filter(segments.as_of == LAST_DAY).select("customer_id", "segment_id").to_pandas()
    people = lake.table("identities").to_pandas().merge(known, on="key_hash").merge(found, on="customer_id")
    score = adjusted_rand_score(people["truth"], people["segment_id"])
    return f"Recovered the simulated segments with ARI {score:.2f} (1 is perfect, 0 is chance)."
