"""A campaign's treatment group as rows of the shop's own contact list, for a tool that sends.

The list is hashed at the door, exactly as ingestion hashes keys, and only in the memory of this run: what is written
goes where the owner says, and nothing of the list goes anywhere under the lake's home. Before it is written it is
proved that nobody of the control group or the hold-out is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import ibis
from ibis import _

from models.identity import hmac_pads
from models.keys import hash_sql, normalise_key
from models.mapping import quote_name
from models.masking import mask_name
from monitoring.experiments import CONTROL, read_campaigns
from tasks.assignments import mark_consent
from tasks.destinations import Export, replace_file
from tasks.engines import connect_engine
from tasks.holdout import find_quarters, read_quarters
from tasks.lake import Lake
from tasks.sources import Scan, SourceError, find_reader, first_line, quote
from tasks.sources.opening import check_whole
from tasks.staging import ShopRules


class ContactListError(ValueError):
    """The contact list cannot be joined, or may not be written where the export says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """What became of the rows of a contact list.

    Attributes:
        path: the file that was written.
        listed: rows of the list.
        written: rows of customers who are to be addressed.
        unmatched: rows whose key belongs to no customer.
        elsewhere: rows of customers who are in no arm that was asked for.
        without_consent: rows of the arm's customers who may not be sent marketing.
        withheld: rows of the arm's customers who are, by this or another of their keys, also in control or held out.
        unreadable: lines of the list that are no rows.
        assigned: customers in the arms that were asked for.
        reached: those of them who have a row in the file.
    """

    path: Path
    listed: int
    written: int
    unmatched: int
    elsewhere: int
    without_consent: int
    withheld: int
    unreadable: int
    assigned: int
    reached: int

    def to_dict(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in self.__slots__ if name != "path"}
        return counts | {"sentence": self.describe()}

    def describe(self) -> str:
        """One plain sentence."""
        told = {
            "match no customer": self.unmatched,
            "are in no arm that was asked for": self.elsewhere,
            "have no consent to marketing": self.without_consent,
            "are kept back, as a key of theirs is also of control or the hold-out": self.withheld,
            "could not be read": self.unreadable,
        }
        rest = "".join(f"; {count:,} {what}" for what, count in told.items() if count)
        return (
            f"{self.written:,} of {self.listed:,} rows written, for {self.reached:,} of {self.assigned:,} customers; "
            f"nobody of control or the hold-out is among them{rest}"
        )


def write_contacts(
    lake: Lake, export: Export, as_of: date, *, base: str, rules: ShopRules, consent_default: bool
) -> Contacts:
    """Write the rows of the list whose customers are in the campaign's treatment arms.

    Args:
        lake: for reading.
        export: with `campaign`, `join` and `key`; its `path` is complete.
        as_of: in the file's name, where `path` is a folder.
        base: what a relative list is relative to.
        rules: how keys are hashed, and the shop's timezone.
        consent_default: what holds for those who were never asked.

    Raises:
        LookupError: the campaign has not been drawn, or has no such arm.
        ContactListError: the list cannot be read, the file would lie within the lake's home, or somebody of
            control or the hold-out would be in it.
    """
    named = export.path.suffix.lower() == ".csv"
    target = export.path if named else export.path / f"{export.name}_{as_of}.csv"
    source = Path(base) / str(export.join)
    _refuse_place(target, source, home=lake.home, export=export)
    with _open_engine(lake, target) as own:
        try:
            _select_groups(own, export, timezone=rules.timezone, consent_default=consent_default)
            scan = _read_list(own.engine.con, source, export, calling_code=rules.identity.calling_code)
            _judge_keys(own, export, secret=rules.secret)
            prove_contacts(own, export, timezone=rules.timezone)
            counts = _count_rows(own.engine.con, export, lost=scan.lost)
            with replace_file(target) as fresh:
                query = (
                    f"SELECT list.* EXCLUDE ({_values(export)}) {_judged(export)} WHERE {_written(export)}"
                )
                # Addresses in the clear: made for their owner alone, before there is anything in it.
                fresh.touch(mode=0o600)
                target_options = "FORMAT csv, HEADER true, USE_TMP_FILE false"
                own.engine.con.execute(f"COPY ({query}) TO {quote(str(fresh))} ({target_options})")
        except (OSError, duckdb.Error, SourceError) as error:
            # What the engine says of a row may quote the row.
            raise ContactListError(f"exports.{export.name}: {export.join}: {first_line(error)}") from None
    return Contacts(path=target, **counts)


def prove_contacts(own: Lake, export: Export, *, timezone: str) -> None:
    """Hold who was chosen against the assignment and the hold-out, by every key and link there is.

    Args:
        own: with `chosen`, the hashes of the keys that are to be written, in its engine.
        export: which campaign, and which kind of key.
        timezone: the shop's.

    Raises:
        ContactListError: a key is of somebody in control or the hold-out, or of nobody in the arms asked for.
    """
    con = own.engine.con
    own.engine.create_table(
        "must_not", _select_kept_back(own, export, timezone=timezone), temp=True, overwrite=True
    )
    holders = f"SELECT key_hash, customer_id FROM {own.relation('identities')} WHERE key_kind = $kind"
    if own.has("links"):
        holders += (
            f" UNION ALL SELECT key_hash, customer_id FROM {own.relation('links')} WHERE key_kind = $kind"
        )
    (wrong, right) = con.execute(
        "SELECT count(DISTINCT hash) FILTER (customer_id IN (SELECT customer_id FROM must_not)), "
        "count(DISTINCT hash) FILTER (customer_id IN (SELECT customer_id FROM treated)) "
        f"FROM chosen JOIN ({holders}) ON key_hash = hash",
        {"kind": export.key},
    ).fetchone()
    chosen = _count(con, "chosen")
    if wrong or right != chosen:
        raise ContactListError(
            f"exports.{export.name}: nothing was written: of {chosen:,} keys {wrong:,} are of control or hold-out "
            f"customers and {chosen - right:,} of nobody in the arms of campaign '{export.campaign}'"
        )


def _refuse_place(target: Path, source: Path, *, home: str, export: Export) -> None:
    place = target.resolve()
    if "://" not in home and place.is_relative_to(Path(home).resolve()):
        raise ContactListError(
            f"exports.{export.name}: {target} lies within home, where no address is kept; choose another path"
        )
    if place == source.resolve():
        raise ContactListError(f"exports.{export.name}: {target} is the list itself; choose another path")
    if not source.is_file():
        raise ContactListError(f"exports.{export.name}: there is no file {source}")


@contextmanager
def _open_engine(lake: Lake, target: Path) -> Iterator[Lake]:
    """The lake in an engine of its own, which spills beside the target: addresses do not go to the home."""
    target.parent.mkdir(parents=True, exist_ok=True)
    spill = target.with_name(f".{target.stem}.{uuid4().hex}.spill")
    spill.mkdir(mode=0o700)
    engine = connect_engine(lake.settings, scratch=str(spill))
    try:
        yield replace(lake, engine=engine, _analytics=None)
    finally:
        engine.disconnect()
        shutil.rmtree(spill, ignore_errors=True)


def _select_groups(own: Lake, export: Export, *, timezone: str, consent_default: bool) -> None:
    """Tables `treated` (customer_id, consents) and `withheld`: control, hold-out and whoever shares a key with them.

    And a view `bonds` of every key that is followed, with its customers.
    """
    for table in ("assignments", "campaigns", "identities"):
        if not own.has(table):
            raise LookupError(
                f"exports.{export.name}: no campaign has been drawn yet; run `segmentwerk plan`"
            )
    ours = own.table("assignments").filter(_.campaign_id == export.campaign)
    arms = sorted(ours.arm.to_pyarrow().unique().to_pylist())
    if not arms:
        raise LookupError(
            f"exports.{export.name}: campaign '{export.campaign}' has not been drawn; "
            f"run `segmentwerk plan {export.campaign}` first"
        )
    wanted = [arm for arm in arms if arm != CONTROL and export.arm in (None, arm)]
    if not wanted:
        there = ", ".join(arms)
        raise LookupError(
            f"exports.{export.name}: campaign '{export.campaign}' has no arm '{export.arm}'; it has: {there}"
        )
    treated = ours.filter(_.arm.isin(wanted)).select("customer_id").distinct()
    engine = own.engine
    engine.create_table("treated", mark_consent(own, treated, consent_default=consent_default), temp=True)
    engine.create_table("kept_back", _select_kept_back(own, export, timezone=timezone), temp=True)
    identities = own.relation("identities")
    bonds = f"SELECT key_kind, key_hash, customer_id FROM {identities} WHERE NOT shared"
    if own.has("links"):
        # A key too many people share, such as a tablet in the shop, makes nobody known.
        bonds += (
            f" UNION ALL SELECT key_kind, key_hash, customer_id FROM {own.relation('links')} ANTI JOIN "
            f"(SELECT key_kind, key_hash FROM {identities} WHERE shared) USING (key_kind, key_hash)"
        )
    engine.con.execute(f"CREATE TEMP VIEW bonds AS {bonds}")
    engine.con.execute(
        "CREATE TEMP TABLE withheld AS SELECT customer_id FROM kept_back UNION "
        "SELECT customer_id FROM bonds SEMI JOIN (SELECT key_kind, key_hash FROM bonds SEMI JOIN kept_back "
        "USING (customer_id)) USING (key_kind, key_hash)"
    )


def _select_kept_back(own: Lake, export: Export, *, timezone: str) -> ibis.Table:
    """Who must not be addressed: the campaign's control group, and the hold-outs of the quarters it touches."""
    ours = own.table("assignments").filter(_.campaign_id == export.campaign)
    control = ours.filter(_.arm == CONTROL).select("customer_id")
    rows = own.table("campaigns").filter(_.campaign_id == export.campaign).to_pandas()
    if rows.empty:
        raise LookupError(
            f"exports.{export.name}: nothing is known of campaign '{export.campaign}' but its arms"
        )
    (campaign,) = read_campaigns(rows)
    held_out = read_quarters(own, find_quarters(campaign, timezone=timezone))
    return control.union(held_out, distinct=True)


def _read_list(
    con: duckdb.DuckDBPyConnection, source: Path, export: Export, *, calling_code: str | None
) -> Scan:
    """A view `list` of the file's rows, with the value of each of their keys as it is hashed."""
    check_whole(str(source))
    scan = find_reader(source.name).scan(con, str(source))
    if not scan.rows:
        raise SourceError("it holds no rows")
    columns = [name for name, *_kind in con.execute(f"DESCRIBE {scan.rows}").fetchall() if name != "_row"]
    there = {name.lower(): name for name in columns}
    values = []
    for number, (kind, column) in enumerate(export.listed_keys.items()):
        if column.lower() not in there:
            listed = ", ".join(mask_name(name) for name in columns)
            raise SourceError(f"there is no column '{column}'; it has: {listed}")
        name = quote_name(there[column.lower()])
        values.append(f"{normalise_key(kind, name, calling_code=calling_code)} AS _k{number}")
    chosen = ", ".join([*map(quote_name, columns), *values])
    con.execute(f"CREATE TEMP VIEW list AS SELECT {chosen} FROM ({scan.rows})")
    return scan


def _judge_keys(own: Lake, export: Export, *, secret: bytes) -> None:
    """Tables `verdicts0`, `verdicts1` …, one a kind of key, of what is known of each value; and `chosen`."""
    inner, outer = hmac_pads(secret)
    for number, kind in enumerate(export.listed_keys):
        # Each value is hashed once, however often it is listed.
        own.engine.con.execute(
            f"CREATE TEMP TABLE verdicts{number} AS WITH listed AS MATERIALIZED "
            f"(SELECT DISTINCT _k{number} AS value FROM list WHERE _k{number} IS NOT NULL), "
            f"hashed AS MATERIALIZED (SELECT value, {hash_sql(kind, 'value')} AS hash FROM listed) "
            "SELECT value, hash, any_value(t.customer_id) AS treated, "
            "coalesce(bool_and(t.consents), false) AS consents, "
            "bool_or(w.customer_id IS NOT NULL) AS withheld FROM hashed "
            "JOIN bonds b ON b.key_kind = $kind AND b.key_hash = hash "
            "LEFT JOIN treated t ON t.customer_id = b.customer_id "
            "LEFT JOIN withheld w ON w.customer_id = b.customer_id GROUP BY value, hash",
            {"ipad": inner, "opad": outer, "kind": kind},
        )
    own.engine.con.execute(
        "CREATE TEMP TABLE chosen AS SELECT value, hash FROM verdicts0 "
        "WHERE treated IS NOT NULL AND consents AND NOT withheld"
    )


def _values(export: Export) -> str:
    return ", ".join(f"_k{number}" for number in range(len(export.listed_keys)))


def _judged(export: Export) -> str:
    """SQL of the list's rows with what is known of each of their keys."""
    joins = [f"LEFT JOIN verdicts{n} v{n} ON v{n}.value = list._k{n}" for n in range(len(export.listed_keys))]
    return f"FROM list {' '.join(joins)} LEFT JOIN chosen ON chosen.value = list._k0"


def _withheld(export: Export) -> str:
    return " OR ".join(f"coalesce(v{n}.withheld, false)" for n in range(len(export.listed_keys)))


def _written(export: Export) -> str:
    return f"chosen.value IS NOT NULL AND NOT ({_withheld(export)})"


def _count_rows(con: duckdb.DuckDBPyConnection, export: Export, *, lost: str | None) -> dict[str, int]:
    written, arm = _written(export), "v0.treated IS NOT NULL"
    counts = {
        "listed": "count(*)",
        "written": f"count(*) FILTER ({written})",
        "unmatched": "count(*) FILTER (v0.value IS NULL)",
        "elsewhere": f"count(*) FILTER (v0.value IS NOT NULL AND NOT {arm})",
        "withheld": f"count(*) FILTER ({arm} AND ({_withheld(export)}))",
        "without_consent": f"count(*) FILTER ({arm} AND NOT ({_withheld(export)}) AND NOT v0.consents)",
        "reached": f"count(DISTINCT v0.treated) FILTER ({written})",
    }
    row = con.execute(f"SELECT {', '.join(counts.values())} {_judged(export)}").fetchone()
    found = dict(zip(counts, map(int, row or ()), strict=True))
    unreadable = _count(con, f"({lost})") if lost else 0
    return found | {"unreadable": unreadable, "assigned": _count(con, "treated")}


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
