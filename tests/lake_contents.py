"""What is in a lake, table by table, so that two lakes can be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tasks.lake import open_lake

# Times and ids of the run that wrote a row: two runs that did the same differ in these, and in nothing else.
OF_THE_RUN = frozenset(
    {
        "run_id", "started_at", "finished_at", "versions", "taken_in_at", "first_seen_at", "erased_at", "decided_at",
        "merged_at", "snapshot_id",
    }
)  # fmt: skip


def read_contents(home: Path) -> dict[str, pd.DataFrame]:
    """Every table of the lake at `home` as its last finished run left it, in an order of its own.

    Left out are the columns `OF_THE_RUN`. Paths of delivered files are told from the shop's folder on, so that a
    copy of a shop compares equal.
    """
    lake = open_lake(str(home))
    return {
        name: _arrange(lake.table(name).to_pandas(), folder=home.parent) for name in sorted(lake.versions)
    }


def assert_same_contents(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    """The same tables with the same rows: floats to 1e-9, everything else exactly."""
    assert sorted(found) == sorted(expected)
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(found[name], frame, rtol=1e-9, atol=1e-9, check_dtype=False, obj=name)


def list_runs(home: Path) -> list[dict[str, object]]:
    """The finished runs, oldest first, with their summaries read; how long they took is left out."""
    runs = open_lake(str(home)).runs().to_pylist()
    for run in runs:
        run["summary"] = json.loads(run["summary"])
        run["summary"].pop("seconds", None)
    return runs


def _arrange(frame: pd.DataFrame, *, folder: Path) -> pd.DataFrame:
    kept = frame[[name for name in sorted(frame.columns) if name not in OF_THE_RUN]].copy()
    for name in kept.select_dtypes(["object", "string"]):
        kept[name] = kept[name].map(
            lambda text: text.replace(f"{folder}/", "") if isinstance(text, str) else text
        )
    # Text of every column, as not every type can be sorted; floats rounded, as their last digits may differ.
    keys = kept.apply(lambda column: column.round(6) if column.dtype.kind == "f" else column).astype(str)
    order = keys.sort_values(list(keys.columns), kind="stable").index if len(keys.columns) else keys.index
    return kept.loc[order].reset_index(drop=True)
