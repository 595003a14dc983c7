"""Forgetting a person: out of every lake table and its history, out of every copy, and never let in again.

It is done in an order in which the person can be found until everything is gone. First the hashed keys join
`suppressions`, and that is put on record; from them alone follows every name the person has had. Then come the copies
(exports, reports, models), then the tables, then their history. Whatever dies on the way is finished by the next run,
which does all of it again for everybody in `suppressions`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow
import pyarrow.compute
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.export_erasure import Copy, erase_from_exports
from tasks.forgotten import Forgotten, find_forgotten, find_keys, list_suppressed, select_refused
from tasks.lake import ERASING_FLOW, Lake, Run
from tasks.logs import get_logger
from tasks.model_erasure import erase_from_models
from tasks.places import Places
from tasks.registry import open_registry
from tasks.report_erasure import erase_from_reports

UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, without anything that says who it was.

    Attributes:
        rows: what went, by table of the lake; `exports`, rows of files; `models`, training points; `reports`, pages.
        exports: every place that anything had been handed on to by then, and what was done there: copies that
            others have made of it are not ours to delete.
    """

    receipt_id: str
    erased_at: datetime
    rows: Mapping[str, int]
    exports: tuple[Copy, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "receipt_id": self.receipt_id,
            "erased_at": self.erased_at.isoformat(),
            "rows": dict(self.rows),
            "exports": [asdict(copy) | {"sentence": copy.describe()} for copy in self.exports],
        }


@task(name="ask for erasure", cache_policy=NO_CACHE, persist_result=False)
def request_erasure(lake: Lake, run: Run, *, key_kind: str, key_hash: str) -> None:
    """Put the person's hashed keys among those that are never let in again, and that on record.

    From here on the person will be forgotten, whatever becomes of this run.

    Raises:
        LookupError: nobody known holds the key, and nobody erased did; or so many do that it names nobody.
    """
    own = find_keys(lake, key_kind=key_kind, key_hash=key_hash)
    known = list_suppressed(lake)
    if own.empty and key_hash not in known:
        raise LookupError(f"nobody known holds this {key_kind}; check how it is written, and its kind")
    new = own[~own["key_hash"].isin(known)].assign(erased_at=_now())
    if len(new):
        lake.append("suppressions", pyarrow.Table.from_pandas(new, preserve_index=False))
    lake.commit(run, {UNFINISHED: True})


@task(name="forget customer", cache_policy=NO_CACHE, persist_result=False)
def erase_customer(lake: Lake, run: Run, *, places: Places) -> Receipt:
    """Take everybody in `suppressions` out of every copy and every table that has customers.

    What earlier versions of the tables held is removed by `purge_history`, once this run is on record.
    """
    forgotten = find_forgotten(lake)
    exports = erase_from_exports(lake, places, forgotten)
    rows = {
        "exports": sum(copy.rows for copy in exports),
        "reports": erase_from_reports(lake, places, forgotten),
        "models": _erase_from_models(lake, places, forgotten),
    }
    # Last, since it is by the tables that the person is found in all the others.
    rows |= erase_rows(lake, forgotten)
    get_logger().info("erased a person from %d tables", sum(1 for count in rows.values() if count))
    kept = {name: count for name, count in sorted(rows.items()) if count}
    return Receipt(run.run_id, _now(), kept, exports)


def finish_erasure(lake: Lake, *, places: Places) -> None:
    """Carry out what a run that died had only begun."""
    for row in lake.runs().to_pylist():
        if row["flow"] != ERASING_FLOW or UNFINISHED not in json.loads(row["summary"]):
            continue
        run = Run(row["run_id"], row["flow"], row["as_of"], row["started_at"])
        receipt = erase_customer.fn(lake, run, places=places)
        lake.commit(run, receipt.to_dict())
        lake.purge_history(run, receipt.to_dict())


def erase_rows(lake: Lake, forgotten: Forgotten) -> dict[str, int]:
    """Take people out of every table of the lake; the rows there were, by table."""
    rows = {
        "quarantine": _remove_refused(lake, forgotten.key_hashes),
        "merges": _remove_merges(lake, forgotten.people["customer_id"]),
    }
    tables = [
        name
        for name in sorted(lake.versions)
        if "customer_id" in lake.schema(name).names and name != "merges"
    ]
    return rows | {name: lake.remove_customers(name, forgotten.people) for name in tables}


def _erase_from_models(lake: Lake, places: Places, forgotten: Forgotten) -> int:
    # A shop that has computed no factors has no models, and needs no registry for it.
    if not lake.has("features"):
        return 0
    registry = open_registry(lake.home, tracking_uri=places.tracking_uri)
    return erase_from_models(registry, lake, forgotten.names)


def _remove_merges(lake: Lake, names: pyarrow.ChunkedArray) -> int:
    if not lake.has("merges"):
        return 0
    merges = lake.table("merges").to_pyarrow()
    theirs = pyarrow.compute.or_(
        pyarrow.compute.is_in(merges["customer_id"], value_set=names),
        pyarrow.compute.is_in(merges["old_customer_id"], value_set=names),
    )
    kept = merges.filter(pyarrow.compute.invert(theirs))
    if len(kept) < len(merges):
        lake.overwrite("merges", kept)
    return len(merges) - len(kept)


def _remove_refused(lake: Lake, key_hashes: tuple[str, ...]) -> int:
    """Take the rows out of quarantine that came with one of the keys."""
    if not lake.has("quarantine") or not key_hashes:
        return 0
    con = lake.engine.con
    theirs = select_refused(lake, key_hashes)
    row = con.execute(f"SELECT count(*) FROM ({theirs})").fetchone()
    if row and row[0]:
        kept = con.execute(
            f"SELECT * FROM {lake.relation('quarantine')} ANTI JOIN ({theirs}) USING (source, row_hash)"
        )
        lake.overwrite("quarantine", kept.to_arrow_table())
    return int(row[0]) if row else 0


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
