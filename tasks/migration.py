"""Who changed segment since the week before, and whether they moved or the model did; kept in `migrations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.migration import (
    IDS,
    Migration,
    describe_flows,
    distinguish_names,
    find_notable_flows,
    measure_migration,
)
from tasks.lake import WEEKLY_FLOW, Lake, use_present_names
from tasks.logs import get_logger
from tasks.registry import LoadedModel
from tasks.scoring import Scored

_MIGRATIONS = pyarrow.schema(
    [
        ("as_of", pyarrow.date32()),
        ("previous_as_of", pyarrow.date32()),
        ("before_id", pyarrow.int64()),
        ("between_id", pyarrow.int64()),
        ("after_id", pyarrow.int64()),
        ("customers", pyarrow.int64()),
        ("before_name", pyarrow.string()),
        ("between_name", pyarrow.string()),
        ("after_name", pyarrow.string()),
        ("before_version", pyarrow.string()),
        ("after_version", pyarrow.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class TracedMigration:
    """A week's migration with its words.

    Attributes:
        flows: those of `migration`, with before_name, between_name and after_name.
        sentences: the notable flows, the largest first.
        before_version, after_version: the models of the week before and of this one.
    """

    previous_as_of: date
    migration: Migration
    flows: pd.DataFrame
    sentences: tuple[str, ...]
    before_version: str
    after_version: str

    def to_dict(self) -> dict[str, Any]:
        found = self.migration
        shares = {
            "moved": found.moved,
            "moved_by_customers": found.moved_by_customers,
            "moved_by_model": found.moved_by_model,
        }
        rows = self.flows.astype(object)
        return {
            "previous_as_of": str(self.previous_as_of),
            "before_version": self.before_version,
            "after_version": self.after_version,
            "common": found.common,
            "joined": found.joined,
            "left": found.left,
            **{name: None if np.isnan(share) else round(share, 6) for name, share in shares.items()},
            "sentences": list(self.sentences),
            "flows": rows.where(rows.notna(), None).to_dict("records"),
        }


@task(name="trace migration", cache_policy=NO_CACHE, persist_result=False)
def trace_migration(
    lake: Lake, factors: pd.DataFrame, scored: Scored, champion: LoadedModel | None, *, as_of: date
) -> TracedMigration | None:
    """Compare this week's segments with those of the last weekly run before it, and write the flows.

    Args:
        factors: this week's, by customer_id.
        scored: where this week's model puts the same customers.
        champion: the model of the week before, as this week found it.

    Returns:
        None, and a line in the log, where the weeks cannot be compared: there was none before, no model, or a factor
        that model looks at is unknown of all customers in one of them.
    """
    past = find_past_week(lake, as_of=as_of)
    if champion is None or past is None:
        get_logger().info("migration: there is no earlier week to compare with")
        return None
    segmenter = champion.segmenter
    known = read_past_factors(lake, as_of=past, names=segmenter.factors)
    missing = [name for name in segmenter.factors if _is_unknown(name, known) or _is_unknown(name, factors)]
    if missing:
        get_logger().warning(
            "migration: the weeks to %s and %s cannot be compared by model version %s: nobody has %s in one of them",
            past, as_of, champion.version, ", ".join(missing),
        )  # fmt: skip
        return None
    after = scored.assignment["segment_id"]
    migration = measure_migration(
        before=segmenter.assign(known)["segment_id"],
        between=after if champion.version == scored.version else segmenter.assign(factors)["segment_id"],
        after=after,
    )
    names = _list_names(lake, champion, scored, past=past)
    traced = TracedMigration(
        previous_as_of=past,
        migration=migration,
        flows=_name_flows(migration.flows, names),
        sentences=describe_flows(
            find_notable_flows(migration), names, model_changed=champion.version != scored.version
        ),
        before_version=champion.version,
        after_version=scored.version,
    )
    _store(lake, traced, as_of=as_of)
    get_logger().info(
        "migration: of %d customers known since %s %.1f%% changed segment",
        migration.common, past, 100 * migration.moved,
    )  # fmt: skip
    return traced


def find_past_week(lake: Lake, *, as_of: date) -> date | None:
    """The last day before `as_of` that a weekly run was for and whose factors are still there.

    Factors of other days are those of daily runs: a week is compared with a week.
    """
    runs = lake.runs().select(["flow", "as_of"]).to_pylist()
    weeks = {run["as_of"] for run in runs if run["flow"] == WEEKLY_FLOW and run["as_of"] < as_of}
    if not weeks or not lake.has("features"):
        return None
    days = lake.table("features").select("as_of").distinct().to_pyarrow()["as_of"]
    return max(weeks & set(days.cast(pyarrow.date32()).to_pylist()), default=None)


def read_past_factors(lake: Lake, *, as_of: date, names: Sequence[str]) -> pd.DataFrame:
    """Those of the named factors that were computed for a day, by customer_id, under the customers' present names.

    Where several turned out to be one, the row of the one whose name is left stands for all.
    """
    features = lake.table("features")
    kept = [name for name in names if name in features.columns]
    rows = features.filter(features.as_of == ibis.literal(as_of))
    rows = rows.select("customer_id", *kept, was=rows.customer_id)
    if lake.has("renames"):
        rows = use_present_names(rows, lake.table("renames"))
    frame = rows.to_pandas()
    frame = frame.assign(renamed=frame["was"] != frame["customer_id"]).sort_values(["renamed", "was"])
    return frame.drop_duplicates("customer_id").set_index("customer_id").sort_index()[kept]


def _is_unknown(name: str, factors: pd.DataFrame) -> bool:
    # A column that came into the table later reads as empty in the weeks before.
    return name not in factors.columns or bool(factors[name].isna().all())


def _list_names(lake: Lake, champion: LoadedModel, scored: Scored, *, past: date) -> dict[int, str]:
    """The segments' names by id: as they are called now, else as they were called last."""
    profiles = lake.table("segment_profiles")
    earlier = profiles.filter(profiles.as_of == ibis.literal(past)).to_pandas()
    names = dict(champion.segmenter.names)
    for known in (earlier, scored.profiles):
        names |= dict(zip(known["segment_id"].astype(int), known["segment_name"].astype(str), strict=True))
    return distinguish_names(names)


def _name_flows(flows: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    named = {
        column.replace("_id", "_name"): [
            None if pd.isna(i) else names.get(int(i), f"segment {i}") for i in flows[column]
        ]
        for column in IDS
    }
    return flows.assign(
        **{name: pd.Series(words, flows.index, dtype=object) for name, words in named.items()}
    )


def _store(lake: Lake, traced: TracedMigration, *, as_of: date) -> None:
    rows = traced.flows.assign(
        as_of=as_of,
        previous_as_of=traced.previous_as_of,
        before_version=traced.before_version,
        after_version=traced.after_version,
    )[_MIGRATIONS.names]
    table = pyarrow.Table.from_pandas(rows, schema=_MIGRATIONS, preserve_index=False)
    lake.overwrite("migrations", table, where=f"as_of = '{as_of}'")
