"""Whether the lake opens, in which schema, and holds what its last finished run says it does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.lake import Lake, open_lake
from tasks.lake_lock import is_locked, scratch_folder
from tasks.lake_schema import MIGRATE, SCHEMA_VERSION, LakeSchemaError
from tasks.table_history import list_missing_files, read_version

STALE = timedelta(days=8)
BACKUP = "bring the lake back from its backup"


def look_at_lake(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    try:
        lake = open_lake(shop.home)
    except LakeSchemaError as error:
        found, _, remedy = str(error).rpartition(": ")
        yield Finding("wrong", found, remedy)
        return
    if not len(lake.runs()):
        yield Finding("warn", f"no run has finished in {lake.root} yet", "run `segmentwerk weekly`")
        return
    yield _judge_schema(lake)
    broken = list(_find_broken_tables(lake))
    if broken:
        yield from broken
    else:
        yield Finding("ok", "every table has the version its last run names, with all its files")
        yield from _look_for_leftovers(lake)
    yield _judge_age(lake, now=examination.now)


def _judge_schema(lake: Lake) -> Finding:
    told = f"schema {lake.schema_version}, {len(lake.versions)} tables, {len(lake.runs())} finished runs"
    if lake.schema_version < SCHEMA_VERSION:
        sentence = f"{told}; this program writes schema {SCHEMA_VERSION}"
        return Finding("warn", sentence, f"nothing: the next run that writes migrates it, or `{MIGRATE}` now")
    return Finding("ok", told)


def _find_broken_tables(lake: Lake) -> Iterator[Finding]:
    for name, version in sorted(lake.versions.items()):
        try:
            missing = list_missing_files(lake.uri(name), version)
        # Delta has many words for a log that cannot be read.
        except Exception as error:
            reason = " ".join(str(error).split())
            yield Finding("wrong", f"table {name}: version {version} cannot be opened ({reason})", BACKUP)
            continue
        if missing:
            yield Finding(
                "wrong", f"table {name}: {len(missing)} files are missing, first {missing[0]}", BACKUP
            )


def _look_for_leftovers(lake: Lake) -> Iterator[Finding]:
    if is_locked(lake.home):
        yield Finding("ok", "a run is writing to it at this moment")
        return
    ahead = [name for name, version in lake.versions.items() if read_version(lake.uri(name)) != version]
    if ahead or scratch_folder(lake.home).exists():
        what = f"in {len(ahead)} tables" if ahead else "passing files"
        yield Finding("warn", f"a run died and left something ({what})", "nothing: the next run undoes it")


def _judge_age(lake: Lake, *, now: datetime) -> Finding:
    last = lake.runs().slice(len(lake.runs()) - 1).to_pylist()[0]
    age = now - last["finished_at"]
    told = f"last finished run: {last['flow']}, {last['finished_at']:%Y-%m-%d %H:%M} UTC"
    if age > STALE:
        return Finding("warn", f"{told}, {age.days} days ago", "see that the schedule and its worker run")
    return Finding("ok", told)


CHECK = Check("lake", 40, look_at_lake)
