"""What a model was trained on, kept as rows: Delta's own versions do not outlive a request to be forgotten."""

from __future__ import annotations

import hashlib
from datetime import date

import ibis
import pandas as pd
import pyarrow

from tasks.lake import Lake
from tasks.registry import LoadedModel


def identify_snapshot(
    factors: pd.DataFrame, *, as_of: date, recipe: str, champion_version: str | None
) -> str:
    """A name for a training: the same rows, recipe and champion give the same one."""
    rows = pd.util.hash_pandas_object(factors, index=True).to_numpy().tobytes()
    about = f"{as_of}|{','.join(factors.columns)}|{recipe}|{champion_version}".encode()
    return hashlib.sha256(about + rows).hexdigest()[:16]


def store_snapshot(lake: Lake, factors: pd.DataFrame, *, snapshot_id: str) -> None:
    """Keep the rows under their name; those already kept are left as they are."""
    if lake.has("snapshots"):
        kept = lake.table("snapshots")
        if kept.filter(kept.snapshot_id == snapshot_id).limit(1).count().execute():
            return
    rows = pyarrow.Table.from_pandas(
        factors.reset_index().assign(snapshot_id=snapshot_id), preserve_index=False
    )
    lake.append("snapshots", rows)


def read_snapshot(lake: Lake, model: LoadedModel | None) -> pd.DataFrame | None:
    """The rows a model was trained on, by customer_id; None for no model, or where they are gone."""
    if model is None or not lake.has("snapshots"):
        return None
    rows = lake.table("snapshots").filter(ibis._.snapshot_id == model.tags["snapshot_id"])
    frame = rows.drop("snapshot_id").to_pandas().set_index("customer_id")
    return None if frame.empty else frame
