"""Whether a fault of a source is found in a real lake, called by its name, and put down to the right source."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from models.simulation.shop import Shop

SHOPS, DRAWS, CUSTOMERS, WEEKS = 10, 5, 2000, 12
LAST_DAY = date(2026, 11, 15)
BEFORE = LAST_DAY - timedelta(weeks=1)
OTHER_IDS = 10**9
FORMATS = {
    "csv": ("read_csv('{}', all_varchar = true)", "format csv, header"),
    "csv.gz": ("read_csv('{}', all_varchar = true)", "format csv, header, compression gzip"),
    "jsonl": ("read_json('{}')", "format json"),
    "jsonl.gz": ("read_json('{}')", "format json, compression gzip"),
    "parquet": ("read_parquet('{}')", "format parquet"),
}
EVERY = ("web", "app", "crm", "social", "offline")
PAID = ("web", "app", "offline")  # the CRM's money is refunds, in some weeks none
TIMES = {
    "web": "ts",
    "app": "happened_at",
    "crm": "logged_at",
    "social": "posted_at",
    "offline": "local_time",
}


@dataclass(frozen=True, slots=True)
class FaultyFeed:
    """One fault of one source, and what was found: pairs of source and kind."""

    seed: int
    fault: str
    source: str
    found: tuple[tuple[str, str], ...]

    @property
    def is_right(self) -> bool:
        """Whether this fault of this source was found, and no other; of sound sources, nothing."""
        expected = () if self.fault == SOUND else ((self.source, self.fault),)
        return self.found == expected


def break_feeds(folder: Path, *, shops: int = SHOPS, draws: int = DRAWS) -> Iterator[FaultyFeed]:
    """Simulate shops, and in the last week of each break one source at a time, `draws` of each kind."""
    from models.simulation.shop import simulate_shop

    for seed in range(shops):
        shop = simulate_shop(customers=CUSTOMERS, weeks=WEEKS, last_day=LAST_DAY, seed=seed)
        sound = folder / f"shop-{seed}"
        _take_in_past(shop, sound)
        rng = np.random.default_rng(seed)
        for fault, (sources, deliver) in FAULTS.items():
            for source in rng.choice(sources, draws, replace=draws > len(sources)):
                broken = folder / f"shop-{seed}-broken"
                shutil.copytree(sound, broken)
                deliver(shop, str(source), broken)
                yield FaultyFeed(seed, fault, str(source), _take_in(broken))
                shutil.rmtree(broken)
        shutil.rmtree(sound)


def _take_in_past(shop: Shop, folder: Path) -> None:
    """All weeks but the last, taken in."""
    from tasks.simulated_shop import write_config, write_delivery

    write_config(folder)
    write_delivery(shop, folder=folder, start=None, end=BEFORE)
    _take_in(folder)


def _take_in(folder: Path) -> tuple[tuple[str, str], ...]:
    """Take in what is new as a weekly run does, and find faults as it does."""
    from flows.settings import load_settings
    from tasks.drift import check_sources
    from tasks.ingestion import ingest_sources
    from tasks.lake import begin_run, write_lake

    settings = load_settings(str(folder / "segmentwerk.toml"))
    with write_lake(settings.home, engine=settings.engine) as lake:
        intake = ingest_sources.fn(lake, settings.sources, base=settings.base, rules=settings.shop_rules())
        checked = check_sources.fn(lake, intake, as_of=LAST_DAY, timezone=settings.timezone)
        lake.commit(begin_run("benchmark", LAST_DAY), intake.to_dict())
    return tuple((fault.source, fault.kind) for fault in checked.faults)


def _deliver_changed(change: Callable[[Shop, str], Shop]) -> Callable[[Shop, str, Path], None]:
    """A last week in which something happened to one source before it delivered."""

    def deliver(shop: Shop, source: str, folder: Path) -> None:
        from tasks.simulated_shop import write_delivery

        write_delivery(change(shop, source), folder=folder, start=BEFORE, end=LAST_DAY)

    return deliver


def _is_new(frame: pd.DataFrame, source: str) -> pd.Series:
    return (frame["source"] == source) & (frame["delivered_on"] > pd.Timestamp(BEFORE))


def _keep(shop: Shop, _source: str) -> Shop:
    return shop


def _fall_silent(shop: Shop, source: str) -> Shop:
    events, mess = (frame[~_is_new(frame, source)] for frame in (shop.events, shop.mess))
    return replace(shop, events=events, mess=mess)


def _count_in_cents(shop: Shop, source: str) -> Shop:
    cents = shop.events["value"].mask(_is_new(shop.events, source), shop.events["value"] * 100)
    return replace(shop, events=shop.events.assign(value=cents))


def _deliver_twice(shop: Shop, source: str) -> Shop:
    """Under other ids: the same rows under the same ones count once anyway."""
    new = shop.events[_is_new(shop.events, source)]
    copies = new.assign(event_id=new["event_id"] + OTHER_IDS)
    return replace(shop, events=pd.concat([shop.events, copies], ignore_index=True))


def _rename_time(shop: Shop, source: str, folder: Path) -> None:
    """The column of the time goes by another name in the file of the last week."""
    from tasks.simulated_shop import write_delivery

    written = write_delivery(shop, folder=folder, start=BEFORE, end=LAST_DAY)
    path = next(path for path in written if path.parent.name == source)
    reader, options = FORMATS[path.name.partition(".")[2]]
    with duckdb.connect() as engine:
        rows = f"select * rename ({TIMES[source]} as moment) from {reader.format(path)}"
        engine.execute(f"copy ({rows}) to '{path.with_name(f'renamed-{path.name}')}' ({options})")
    path.unlink()


SOUND = "nothing"
FAULTS: dict[str, tuple[tuple[str, ...], Callable[[Shop, str, Path], None]]] = {
    SOUND: (EVERY, _deliver_changed(_keep)),
    "dead_feed": (EVERY, _deliver_changed(_fall_silent)),
    "unit_change": (PAID, _deliver_changed(_count_in_cents)),
    "doubled_import": (EVERY, _deliver_changed(_deliver_twice)),
    "schema_break": (EVERY, _rename_time),
}
