"""Forgetting a person: out of every lake table and its history, and never let in again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

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
def erase_customer(lake: Lake, *, key_kind: str, key_hash: str, receipt_id: str) -> Receipt:
    """Take whoever holds the identity key out of every table that has customers.

    The hashed keys are kept in `suppressions`, so that the next delivery does not bring the person back. What
    earlier versions of the tables held is removed by `purge_history`, once this run is on record.

    Raises:
        LookupError: nobody known holds the key, and nobody erased did.
    """
    keys = _find_keys(lake, kind=key_kind, key=key_hash)
    now = datetime.now(UTC).replace(microsecond=0)
    if keys.empty:
        if key_hash not in list_suppressed(lake):
            raise LookupError(f"nobody known holds this {key_kind}; check how it is written, and its kind")
        return Receipt(receipt_id, now, {})
    people = pyarrow.table({"customer_id": pyarrow.array(keys["customer_id"].unique(), pyarrow.string())})
    suppressed = keys.assign(erased_at=now)[["key_kind", "key_hash", "erased_at"]]
    tables = [name for name in sorted(lake.versions) if "customer_id" in lake.table(name).columns]
    rows = {name: lake.remove_customers(name, people) for name in tables}
    lake.append("suppressions", pyarrow.Table.from_pandas(suppressed, preserve_index=False))
    get_logger().info("erased a person from %d tables", sum(1 for count in rows.values() if count))
    return Receipt(receipt_id, now, {name: count for name, count in rows.items() if count})


def list_suppressed(lake: Lake) -> set[str]:
    """The hashed keys of people who were erased."""
    if not lake.has("suppressions"):
        return set()
    return set(lake.table("suppressions").key_hash.to_pyarrow().to_pylist())


def _find_keys(lake: Lake, *, kind: str, key: str) -> pd.DataFrame:
    if not lake.has("identities"):
        return pd.DataFrame(columns=["key_kind", "key_hash", "customer_id"])
    known = lake.table("identities")
    owner = known.filter((known.key_kind == kind) & (known.key_hash == key)).customer_id
    return known.filter(known.customer_id.isin(owner)).to_pandas()
