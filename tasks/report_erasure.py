"""Taking people out of reports: figures that show single people are withdrawn from the weeks somebody was part of."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis

from models.masking import mask_text
from monitoring.pages.layout.withdrawal import withdraw_people
from monitoring.pages.layout.words import Words, load_words
from tasks.destinations import replace_file
from tasks.export_ledger import Exported
from tasks.forgotten import Forgotten, select_refused
from tasks.lake import Lake
from tasks.logs import get_logger
from tasks.places import Places
from tasks.reports import LATEST, list_weeks, refresh_latest


@dataclass(frozen=True, slots=True)
class Weeks:
    """Some of the weeks of a report site: those `named`, as ISO dates, and all before a day, if there is one."""

    named: frozenset[str]
    before: date | None = None

    def include(self, week: str) -> bool:
        """Whether a week, as an ISO date, is among them."""
        return week in self.named or (self.before is not None and date.fromisoformat(week) < self.before)


EVERY_WEEK = Weeks(frozenset(), before=date.max)


def erase_from_reports(lake: Lake, places: Places, forgotten: Forgotten) -> int:
    """Withdraw what shows single people from every week that one of these was, or may have been, part of.

    Returns:
        how many pages were changed.
    """
    remove_prepared(places.reports)
    weeks = find_weeks(lake, forgotten)
    changed = withdraw_weeks(places.reports, weeks=weeks, words=load_words(places.language))
    if changed:
        refresh_latest(places.reports)
    return changed


def find_weeks(lake: Lake, forgotten: Forgotten) -> Weeks:
    """The weeks that one of the people was, or may have been, part of."""
    if lake.has("quarantine") and forgotten.key_hashes:
        refused = lake.engine.con.execute(f"{select_refused(lake, forgotten.key_hashes)} LIMIT 1").fetchone()
        # A refused row of theirs may be the example that any week shows.
        if refused:
            return EVERY_WEEK
    if not lake.has("features") or not forgotten.names:
        return Weeks(frozenset())
    days = lake.table("features").select("as_of", "customer_id")
    theirs = days.semi_join(ibis.memtable(forgotten.people), "customer_id").select("as_of").distinct()
    found = {str(day) for day in theirs.to_pyarrow()["as_of"].to_pylist()}
    first = days.as_of.min().to_pyarrow().as_py()
    # Of weeks from before the oldest factors that are kept nobody can say.
    return Weeks(frozenset(found), before=first if found else None)


def withdraw_weeks(folder: Path, *, weeks: Weeks, words: Words) -> int:
    """Withdraw from the pages of weeks in a folder, each replaced whole; how many were changed."""
    changed = 0
    for week in filter(weeks.include, list_weeks(folder)):
        for file in sorted((folder / week).glob("*.html")):
            page = file.read_text(encoding="utf-8")
            fresh = withdraw_people(page, name=file.name, words=words)
            if fresh != page:
                with replace_file(file) as target:
                    target.write_text(fresh, encoding="utf-8", newline="\n")
                changed += 1
    return changed


def withdraw_published(one: Exported, *, weeks: Weeks, language: str) -> int | None:
    """The same where the site was published; how many pages, or None where it cannot be reached."""
    words = load_words(language)
    if not one.is_uri:
        folder = Path(one.place)
        if not folder.is_dir():
            return None
        changed = withdraw_weeks(folder, weeks=weeks, words=words)
        if changed:
            refresh_latest(folder)
        return changed
    from tasks.object_stores import open_store, rewrite_pages

    def withdraw(week: str, name: str, page: str) -> str:
        # `latest` is a copy of some week: which one, nobody can see there.
        there = week == LATEST or weeks.include(week)
        return (
            withdraw_people(page, name=name, words=words) if there and weeks != Weeks(frozenset()) else page
        )

    try:
        return rewrite_pages(open_store(one.place, **one.options), withdraw)
    except Exception as error:  # each kind of store has errors of its own
        get_logger().warning(
            "%s could not be reached: %s", one.place, mask_text(" ".join(str(error).split()))
        )
        return None


def remove_prepared(folder: Path) -> None:
    """Take away sites that runs which died have left half done, hidden."""
    for left in folder.glob(f".????-??-??.{'?' * 32}*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in folder.glob(f".{LATEST}.{'?' * 32}*"):
        shutil.rmtree(left, ignore_errors=True)


def drop_weeks(folder: Path, *, before: date) -> int:
    """Delete the reports of weeks before a day, but for the newest; how many."""
    old = [week for week in list_weeks(folder)[1:] if date.fromisoformat(week) < before]
    for week in old:
        shutil.rmtree(folder / week)
    return len(old)
