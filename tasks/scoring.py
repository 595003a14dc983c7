"""Every customer's segment with the champion of the day, and what the segments are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pyarrow
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.outliers import DORMANT_SEGMENT
from models.profiles import profile_segments
from models.segmenter import REASON_COLUMNS, Segmenter
from tasks.lake import Lake
from tasks.logs import get_logger

VALUE_FACTOR = "revenue_180d"
_SEGMENTS = pyarrow.schema(
    [
        ("as_of", pyarrow.date32()),
        ("customer_id", pyarrow.string()),
        ("segment_id", pyarrow.int64()),
        ("segment_name", pyarrow.string()),
        ("strength", pyarrow.float64()),
        ("is_outlier", pyarrow.bool_()),
        *((column, pyarrow.string()) for column in REASON_COLUMNS),
        ("model_version", pyarrow.string()),
    ]
)
_PROFILES = pyarrow.schema(
    [
        ("as_of", pyarrow.date32()),
        ("segment_id", pyarrow.int64()),
        ("segment_name", pyarrow.string()),
        ("size", pyarrow.int64()),
        ("share", pyarrow.float64()),
        ("value", pyarrow.float64()),
        ("profile", pyarrow.string()),
        ("rule", pyarrow.string()),
        ("lineage", pyarrow.string()),
        ("model_version", pyarrow.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Scored:
    """The customers' segments and the segments' profiles, as written to the lake.

    Attributes:
        assignment: by customer_id, as `Segmenter.explain` gives it, under the names the profiles have.
        profiles: one row a segment, with its lineage state.
        version: the model version that placed them.
    """

    assignment: pd.DataFrame
    profiles: pd.DataFrame
    version: str

    def to_dict(self) -> list[dict[str, Any]]:
        shown = self.profiles[["segment_id", "segment_name", "size", "share", "value", "rule", "lineage"]]
        return [
            {str(name): None if isinstance(v, float) and pd.isna(v) else v for name, v in row.items()}
            for row in shown.to_dict("records")
        ]


@task(name="score customers", cache_policy=NO_CACHE, persist_result=False)
def score_customers(
    lake: Lake,
    segmenter: Segmenter,
    factors: pd.DataFrame,
    *,
    as_of: date,
    version: str,
    states: Mapping[int, str],
    owner_names: Mapping[int, str],
) -> Scored:
    """Assign every customer of `factors`, profile the segments, and write both under `as_of`."""
    assignment = segmenter.explain(factors)
    profiles = profile_segments(
        factors, assignment, value=VALUE_FACTOR, owner_names=owner_names, earlier_names=segmenter.names
    )
    profiles = hide_single(profiles)
    profiles["lineage"] = [states.get(int(segment), "kept") for segment in profiles["segment_id"]]
    names = profiles.set_index("segment_id")["segment_name"]
    assignment = assignment.assign(segment_name=assignment["segment_id"].map(names))
    store_assignment(lake, "segments", assignment, as_of=as_of, version=version)
    _store(lake, "segment_profiles", profiles, _PROFILES, as_of=as_of, version=version)
    dormant = int((assignment["segment_id"] == DORMANT_SEGMENT).sum())
    get_logger().info(
        "scored %d customers with version %s; %d in no segment, of whom %d dormant",
        len(assignment), version, int(assignment["is_outlier"].sum()), dormant,
    )  # fmt: skip
    return Scored(assignment, profiles, version)


def hide_single(profiles: pd.DataFrame) -> pd.DataFrame:
    """The profiles without the figures of segments of one: these are a person's, and outlive the person's rows."""
    single = profiles["size"] == 1
    reasons = [[] if one else told for one, told in zip(single, profiles["reasons"], strict=True)]
    return profiles.assign(
        value=profiles["value"].mask(single),
        profile=profiles["profile"].mask(single, "{}"),
        rule=profiles["rule"].mask(single, ""),
        reasons=pd.Series(reasons, index=profiles.index, dtype=object),
    )


def store_assignment(lake: Lake, table: str, assignment: pd.DataFrame, *, as_of: date, version: str) -> None:
    """Write where a model places each customer, in place of what the table holds for that day.

    Args:
        assignment: by customer_id, as `Segmenter.explain` gives it.
    """
    _store(lake, table, assignment.reset_index(), _SEGMENTS, as_of=as_of, version=version)


def _store(
    lake: Lake, table: str, frame: pd.DataFrame, schema: pyarrow.Schema, *, as_of: date, version: str
) -> None:
    rows = frame.assign(as_of=as_of, model_version=version)[schema.names]
    lake.overwrite(
        table,
        pyarrow.Table.from_pandas(rows, schema=schema, preserve_index=False),
        where=f"as_of = '{as_of}'",
    )
