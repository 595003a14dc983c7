"""The lake's upkeep: small files joined, files nobody reads any more removed, logs kept short.

It belongs to a run and comes before its commit: what it makes are versions like any other's, named by the run's own
row, and undone should the run die. What stays readable are the versions that the last two finished runs name and those
of every run that has finished within a day: an export or a report that began before this run still finds its files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.lake import WRITING, Lake
from tasks.logs import get_logger
from tasks.runs import RUNS
from tasks.table_history import (
    add_checkpoint,
    clean_log,
    compact_files,
    count_small_files,
    list_unread_files,
    read_log,
    remove_unread_files,
)

KEPT_RUNS, KEPT_FOR = 2, timedelta(days=1)
# An ordinary run adds one file to a month of a table. Joining costs as much as writing what is joined, so it waits
# until there are some; from so many on, opening them is what reading costs.
SMALL_BYTES, SMALL_FILES = 16 * 2**20, 12
TARGET_BYTES = 64 * 2**20
UNREAD_FILES = 4
LOG_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class Maintained:
    """The tables whose files were joined, those that lost files nobody reads, and those whose log was cut."""

    compacted: tuple[str, ...]
    vacuumed: tuple[str, ...]
    shortened: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {name: list(getattr(self, name)) for name in ("compacted", "vacuumed", "shortened")}


@task(name="maintain lake", cache_policy=NO_CACHE, persist_result=False)
def maintain_lake(lake: Lake) -> Maintained:
    """Put in order every table that needs it; most weeks that is few. To be called before the run's commit.

    What goes wrong here is told and left for the next run: the tables hold the same rows with or without it.
    """
    kept = _list_kept(lake, now=datetime.now(UTC))
    done: dict[str, list[str]] = {"compacted": [], "vacuumed": [], "shortened": []}
    for name in [*sorted(lake.versions), RUNS]:
        try:
            for what in _maintain(lake, name, kept=[versions[name] for versions in kept if name in versions]):
                done[what].append(name)
        # Delta raises whatever its engine does; none of it is worth a finished week.
        except Exception as error:
            get_logger().warning("table %s was left as it is: %s", name, " ".join(str(error).split()))
    maintained = Maintained(**{what: tuple(names) for what, names in done.items()})
    get_logger().info(
        "joined the files of %d tables, removed unread files of %d, cut the log of %d",
        *(len(names) for names in done.values()),
    )
    return maintained


def _list_kept(lake: Lake, *, now: datetime) -> list[Mapping[str, int]]:
    """The versions of finished runs that somebody may be reading, or that this run would go back to."""
    runs = lake.runs().select(["finished_at", "versions"]).to_pylist()
    recent = [run for run in runs[:-KEPT_RUNS] if now - run["finished_at"] < KEPT_FOR]
    return [json.loads(run["versions"]) for run in [*recent, *runs[-KEPT_RUNS:]]]


def _maintain(lake: Lake, name: str, *, kept: Collection[int]) -> list[str]:
    uri = lake.uri(name)
    done: list[str] = []
    if count_small_files(uri, below=SMALL_BYTES) >= SMALL_FILES:
        _set_version(lake, name, compact_files(uri, target=TARGET_BYTES, writing=WRITING))
        done.append("compacted")
    log = read_log(uri)
    # `runs` is read once, as it is: nobody goes back to a version of it, but somebody may have just listed its files.
    read = {*kept, lake.versions[name]} if name != RUNS else {*log.entries[-KEPT_RUNS - 1 :]}
    if len(list_unread_files(uri, kept=read)) >= UNREAD_FILES:
        _set_version(lake, name, remove_unread_files(uri, kept=read))
        done.append("vacuumed")
    if log.count_droppable(read) >= LOG_ENTRIES:
        clean_log(uri)
        done.append("shortened")
    elif log.count_since_checkpoint() >= LOG_ENTRIES:
        add_checkpoint(uri)
    return done


def _set_version(lake: Lake, name: str, version: int) -> None:
    if name != RUNS:
        lake.versions[name] = version
