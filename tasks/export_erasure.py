"""Taking people out of what was handed on: files are written beside the old ones and put in their place.

Everything that anything was ever written to is visited: what the configuration names, and what the record of exports
does. What cannot be reached now is owed: `settle_exports` tries again at every run, by the keys in `suppressions`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from glob import escape
from pathlib import Path

import duckdb
import pyarrow

from models.identity import hmac_pads
from models.keys import hash_sql, normalise_key
from models.mapping import quote_name
from tasks.bi_files import count_customers, remove_customers
from tasks.destinations import Export, replace_file
from tasks.export_ledger import AUDIENCE, BI, CONTACTS, MAP, PUBLISH, Exported, describe_export, list_exported
from tasks.forgotten import Forgotten, find_forgotten
from tasks.lake import Lake
from tasks.places import Places
from tasks.report_erasure import EVERY_WEEK, Weeks, find_weeks, withdraw_published
from tasks.sources import SourceError, find_reader, quote
from tasks.staging import ShopRules

REMOVED, GONE, OWED, UNREADABLE, YOURS = "removed", "not there", "owed", "not readable", "yours to delete"
_OWED = pyarrow.schema([("name", pyarrow.string()), ("kind", pyarrow.string()), ("place", pyarrow.string())])


@dataclass(frozen=True, slots=True)
class Copy:
    """A place that something had been handed on to, and what became of the people there.

    Attributes:
        name, kind, place: as on record (`tasks.export_ledger.Exported`).
        first_written, last_written: when it was written to; None where that was before there was a record.
        state: `removed`, they are not in it now; `not there`, the file is gone from where it was; `owed`, it cannot be
            reached now, and every run tries again; `not readable`, somebody has changed it; `yours to delete`, a
            picture that a person asked for.
        rows: how many were removed.
    """

    name: str
    kind: str
    place: str
    first_written: str | None
    last_written: str | None
    state: str
    rows: int = 0

    def describe(self) -> str:
        """One plain sentence."""
        when = f", written {self.first_written} to {self.last_written}" if self.first_written else ""
        meaning = {
            REMOVED: f"{self.rows:,} row(s) or page(s) changed; copies made of it are yours to pursue",
            GONE: "the file is not there any more; if it was moved, delete the person where it went",
            OWED: "it cannot be reached now; each run tries again",
            UNREADABLE: "it can no longer be read as it was written; delete the person in it",
            YOURS: "a picture of customers, without ids; delete it",
        }
        return f"{self.kind} '{self.name}' in {self.place}{when}: {meaning[self.state]}"


@dataclass(frozen=True, slots=True)
class _Match:
    """A SQL condition on rows of a file, over a table `removed` of these values."""

    condition: str
    values: tuple[str, ...]

    def name_pads(self, secret: bytes) -> dict[str, bytes]:
        """The padded keys, where the condition hashes something."""
        inner, outer = hmac_pads(secret)
        return {"ipad": inner, "opad": outer} if "$ipad" in self.condition else {}


def erase_from_exports(lake: Lake, places: Places, forgotten: Forgotten) -> tuple[Copy, ...]:
    """Take people out of every place anything was handed on to, and say what was done where."""
    written: dict[tuple[str, str], list[date]] = {}
    for one in list_exported(lake):
        written.setdefault((one.kind, one.place), []).append(one.written_at.date())
    weeks = find_weeks(lake, forgotten)
    visited = [_erase_place(one, places, forgotten, weeks=weeks) for one in list_targets(lake, places)]
    # What is not there and never was written to is not missed.
    copies = [c for c in visited if (c.kind, c.place) in written or c.state not in (GONE, OWED)]
    _remember_owed(lake, copies)
    return tuple(_date_copy(copy, written.get((copy.kind, copy.place), [])) for copy in copies)


def _date_copy(copy: Copy, days: Sequence[date]) -> Copy:
    """The same with its days; of what was written before there was a record nobody knows them."""
    return replace(copy, first_written=str(min(days)), last_written=str(max(days))) if days else copy


def settle_exports(lake: Lake, places: Places) -> int:
    """Try again what could not be reached when somebody was forgotten; how many places are still owed."""
    owed = list_owed(lake)
    if not owed:
        return 0
    targets = [one for one in list_targets(lake, places) if (one.kind, one.place) in owed]
    forgotten = find_forgotten(lake)
    # In which weeks they were is not known any more: it may have been any.
    copies = [_erase_place(one, places, forgotten, weeks=EVERY_WEEK) for one in targets]
    _remember_owed(lake, copies)
    return sum(copy.state == OWED for copy in copies)


def find_in_exports(lake: Lake, places: Places, person: Forgotten) -> list[tuple[Exported, int]]:
    """The exports that can be read now and have rows of the person, and how many."""
    counted = [
        (one, _count_rows(one, places, person))
        for one in list_targets(lake, places)
        if one.kind not in (PUBLISH, MAP) and Path(one.place).exists()
    ]
    return [(one, count) for one, count in counted if count]


def _count_rows(one: Exported, places: Places, person: Forgotten) -> int:
    """How many rows of a file are the person's; none of one that cannot be read."""
    try:
        if one.kind == BI:
            return count_customers(Path(one.place), person.people["customer_id"])
        with duckdb.connect() as con:
            match = _match(one, places.rules, person)
            return _scan_rows(con, Path(one.place), match, places.rules)[1]
    except (duckdb.Error, pyarrow.ArrowInvalid, SourceError, OSError):
        return 0


def list_owed(lake: Lake) -> dict[tuple[str, str], str]:
    """Kind and place of what could not be reached yet, with its name."""
    if not lake.has("owed_erasures"):
        return {}
    rows = lake.table("owed_erasures").to_pyarrow().to_pylist()
    return {(row["kind"], row["place"]): row["name"] for row in rows}


def list_targets(lake: Lake, places: Places) -> list[Exported]:
    """Every place that the configuration or the record names, each once."""
    today = datetime.now(UTC).date()
    named = [one for export in places.exports for one in _expand(export, today)]
    # The record knows the columns of lists, and files whose names the configuration does not give away.
    found = {(one.kind, one.place): one for one in (*named, *list_exported(lake))}
    return [found[key] for key in sorted(found)]


def _expand(export: Export, today: date) -> list[Exported]:
    """What a section means: of an audience in a folder, every file of it."""
    one = describe_export(export, today)
    if export.destination != AUDIENCE or export.path.suffix.lower() == ".csv":
        return [one]
    files = sorted(export.path.glob(f"{export.name}_????-??-??.csv"))
    return [replace(one, place=str(file.resolve())) for file in files]


def _erase_place(one: Exported, places: Places, forgotten: Forgotten, *, weeks: Weeks) -> Copy:
    copy = Copy(one.name, one.kind, one.place, None, None, REMOVED)
    if one.kind == PUBLISH:
        pages = withdraw_published(one, weeks=weeks, language=places.language)
        return replace(copy, state=OWED) if pages is None else replace(copy, rows=pages)
    try:
        return _erase_files(one, copy, places, forgotten)
    # What the engine says of a row may quote the row.
    except (duckdb.Error, pyarrow.ArrowInvalid, SourceError):
        return replace(copy, state=UNREADABLE)
    except OSError:
        return replace(copy, state=OWED)


def _erase_files(one: Exported, copy: Copy, places: Places, forgotten: Forgotten) -> Copy:
    place = Path(one.place)
    _remove_leftovers(place)
    if not place.exists():
        return replace(copy, state=OWED if _may_be_unmounted(place) else GONE)
    if one.kind == MAP:
        return replace(copy, state=YOURS)
    if one.kind == BI:
        return replace(copy, rows=remove_customers(place, forgotten.people["customer_id"]))
    return replace(copy, rows=_remove_rows(place, _match(one, places.rules, forgotten), places.rules))


def _may_be_unmounted(place: Path) -> bool:
    """Whether the drive it lies on may not be there now: what stands for it then is no folder, or an empty one."""
    return not place.parent.is_dir() or not any(place.parent.iterdir())


def _remove_leftovers(place: Path) -> None:
    """Take away what writers that were killed have left beside a file, half done."""
    for left in place.parent.glob(f".{escape(place.stem)}.{'?' * 32}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _match(one: Exported, rules: ShopRules, people: Forgotten) -> _Match:
    """What tells the rows of people in a file."""
    if one.kind == CONTACTS:
        return _match_keys(one, rules, people.key_hashes)
    return _Match("customer_id IN (FROM removed)", people.names)


def _match_keys(one: Exported, rules: ShopRules, key_hashes: tuple[str, ...]) -> _Match:
    code = rules.identity.calling_code
    hashes = [
        hash_sql(kind, f"({normalise_key(kind, quote_name(column), calling_code=code)})")
        for kind, column in one.keys.items()
    ]
    matched = " OR ".join(f"coalesce({hashed} IN (FROM removed), false)" for hashed in hashes)
    return _Match(matched, key_hashes)


def _remove_rows(file: Path, match: _Match, rules: ShopRules) -> int:
    """Write a CSV anew without the rows that are matched; how many these were."""
    with duckdb.connect() as con:
        rows, count = _scan_rows(con, file, match, rules)
        if count:
            with replace_file(file) as fresh:
                copy = f"COPY (SELECT * FROM ({rows}) WHERE NOT ({match.condition})) TO {quote(str(fresh))}"
                con.execute(f"{copy} (FORMAT csv, HEADER true)", match.name_pads(rules.secret))
    return count


def _scan_rows(
    con: duckdb.DuckDBPyConnection, file: Path, match: _Match, rules: ShopRules
) -> tuple[str, int]:
    """SQL of the rows of a CSV, and how many of them are matched.

    Raises:
        SourceError: there are lines in it that are no rows; writing it anew would lose them.
    """
    con.register("removed", pyarrow.table({"removed": pyarrow.array(match.values, pyarrow.string())}))
    scan = find_reader(file.name).scan(con, str(file))
    if not scan.rows:
        return "", 0
    query = f"SELECT count(*) FROM ({scan.rows}) WHERE {match.condition}"
    # All of the answer: what was refused is known when the last row has been read.
    ((count,),) = con.execute(query, match.name_pads(rules.secret)).fetchall()
    if scan.lost and con.execute(f"SELECT 1 FROM ({scan.lost}) LIMIT 1").fetchone():
        raise SourceError(f"{file}: some of its lines are no rows")
    return scan.rows, int(count)


def _remember_owed(lake: Lake, copies: Sequence[Copy]) -> None:
    """Those of the visited places that could not be reached are owed; others that were are not any more."""
    before = list_owed(lake)
    visited = {(copy.kind, copy.place): copy for copy in copies}
    left = {key: name for key, name in before.items() if key not in visited}
    owed = left | {key: copy.name for key, copy in visited.items() if copy.state == OWED}
    if owed != before:
        rows = [{"name": name, "kind": kind, "place": place} for (kind, place), name in sorted(owed.items())]
        lake.overwrite("owed_erasures", pyarrow.Table.from_pylist(rows, schema=_OWED))
