"""Forgetting a person: out of every lake table and its history, and never let in again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.compute
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.bi_files import remove_customers
from tasks.lake import Lake
from tasks.logs import get_logger


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, without anything that says who it was."""

    receipt_id: str
    erased_at: datetime
    rows: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        return {"receipt_id": self.receipt_id, "erased_at": self.erased_at.isoformat(), "rows": self.rows}


@task(name="forget customer", cache_policy=NO_CACHE, persist_result=False)
def erase_customer(
    lake: Lake, *, key_kind: str, key_hash: str, receipt_id: str, exported: Sequence[Path] = ()
) -> Receipt:
    """Take whoever holds the identity key out of every table that has customers.

    `exported` are folders with tables for BI, which have some too.

    The hashed keys are kept in `suppressions`, so that the next delivery does not bring the person back. What
    earlier versions of the tables held is removed by `purge_history`, once this run is on record.

    Raises:
        LookupError: nobody known holds the key, and nobody erased did; or so many do that it names nobody.
    """
    keys = _find_keys(lake, kind=key_kind, key=key_hash)
    now = datetime.now(UTC).replace(microsecond=0)
    if keys["shared"].astype(bool).to_numpy()[(keys["key_hash"] == key_hash).to_numpy()].any():
        raise LookupError(
            f"this {key_kind} is shared by so many people that it names nobody; give another key of the person"
        )
    # A shared key is other people's as well.
    own = keys.loc[~keys["shared"].astype(bool), ["key_kind", "key_hash"]]
    own = _add_refused_keys(lake, own, named=(key_kind, key_hash))
    if own.empty:
        if key_hash not in list_suppressed(lake):
            raise LookupError(f"nobody known holds this {key_kind}; check how it is written, and its kind")
        return Receipt(receipt_id, now, {})
    people = _find_names(lake, keys["customer_id"].unique().tolist())
    suppressed = own.assign(erased_at=now)
    rows = {
        "quarantine": _remove_refused(lake, own["key_hash"].tolist()),
        "merges": _remove_merges(lake, people),
    }
    tables = [
        name
        for name in sorted(lake.versions)
        if "customer_id" in lake.schema(name).names and name != "merges"
    ]
    # Files first: should the run die after them, the person is still known and can be forgotten again.
    rows |= {"exports": sum(remove_customers(folder, people["customer_id"]) for folder in exported)}
    rows |= {name: lake.remove_customers(name, people) for name in tables}
    lake.append("suppressions", pyarrow.Table.from_pandas(suppressed, preserve_index=False))
    get_logger().info("erased a person from %d tables", sum(1 for count in rows.values() if count))
    return Receipt(receipt_id, now, {name: count for name, count in sorted(rows.items()) if count})


def _find_names(lake: Lake, customers: list[str]) -> pyarrow.Table:
    """The customers, and those who turned out to be them: tables of past days know them by these names."""
    names = set(customers)
    if lake.has("merges"):
        merges = lake.table("merges").filter(lambda t: t.change == "merge").to_pandas()
        while True:
            found = set(merges.loc[merges["customer_id"].isin(names), "old_customer_id"]) - names
            if not found:
                break
            names |= found
    return pyarrow.table({"customer_id": pyarrow.array(sorted(names), pyarrow.string())})


def _remove_merges(lake: Lake, people: pyarrow.Table) -> int:
    if not lake.has("merges"):
        return 0
    merges = lake.table("merges").to_pyarrow()
    names = people["customer_id"]
    theirs = pyarrow.compute.or_(
        pyarrow.compute.is_in(merges["customer_id"], value_set=names),
        pyarrow.compute.is_in(merges["old_customer_id"], value_set=names),
    )
    kept = merges.filter(pyarrow.compute.invert(theirs))
    if len(kept) < len(merges):
        lake.overwrite("merges", kept)
    return len(merges) - len(kept)


def _remove_refused(lake: Lake, key_hashes: list[str]) -> int:
    """Take the rows out of quarantine that came with one of the keys."""
    if not lake.has("quarantine") or not key_hashes:
        return 0
    con = lake.engine.con
    con.register("erased_keys", pyarrow.table({"key_hash": pyarrow.array(key_hashes, pyarrow.string())}))
    theirs = (
        f"SELECT source, row_hash FROM {lake.relation('quarantine')} q "
        "WHERE EXISTS (SELECT 1 FROM erased_keys e WHERE contains(q.keys, e.key_hash))"
    )
    row = con.execute(f"SELECT count(*) FROM ({theirs})").fetchone()
    if row and row[0]:
        kept = con.execute(
            f"SELECT * FROM {lake.relation('quarantine')} ANTI JOIN ({theirs}) USING (source, row_hash)"
        )
        lake.overwrite("quarantine", kept.to_arrow_table())
    return int(row[0]) if row else 0


def _add_refused_keys(lake: Lake, own: pd.DataFrame, *, named: tuple[str, str]) -> pd.DataFrame:
    """The person's keys, with those that stand beside them in quarantine and beside nobody else's."""
    if not lake.has("quarantine"):
        return own
    told = lake.table("quarantine")["keys"].to_pyarrow().to_pylist()
    rows = [{(key["kind"], key["hash"]) for key in json.loads(keys)} for keys in told if keys]
    found = set(own.itertuples(index=False, name=None))
    if any(named in row for row in rows):
        found.add(named)
    beside = set().union(*(row for row in rows if row & found)) - found - _list_known_keys(lake)
    while stray := {key for row in rows if not row <= found | beside for key in row & beside}:
        beside -= stray
    return pd.DataFrame(sorted(found | beside), columns=["key_kind", "key_hash"], dtype="str")


def _list_known_keys(lake: Lake) -> set[tuple[str, str]]:
    if not lake.has("identities"):
        return set()
    known = lake.table("identities").select("key_kind", "key_hash").to_pandas()
    return set(known.itertuples(index=False, name=None))


def list_suppressed(lake: Lake) -> set[str]:
    """The hashed keys of people who were erased."""
    if not lake.has("suppressions"):
        return set()
    return set(lake.table("suppressions").key_hash.to_pyarrow().to_pylist())


def _find_keys(lake: Lake, *, kind: str, key: str) -> pd.DataFrame:
    if not lake.has("identities"):
        return pd.DataFrame(columns=["key_kind", "key_hash", "customer_id", "shared"])
    known = lake.table("identities")
    owner = known.filter((known.key_kind == kind) & (known.key_hash == key)).customer_id
    return known.filter(known.customer_id.isin(owner)).to_pandas()
