"""Tidy tables for BI tools, each as Parquet and as CSV, with a data dictionary.

`path` is a folder; the tables of a week stand in `<path>/<as_of>/`, all of them or none. `segments`,
`segment_profiles` and `features` hold the week itself, `runs` and `campaign_results` every run up to it. What the
shop's own factors mean is read from a table `own_factors` (factor, meaning), if there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.destinations import Destination, Export, replace_folder, require_table

if TYPE_CHECKING:
    import ibis
    import pandas as pd

WEEKLY_TABLES = ("segments", "segment_profiles", "features")
MEANINGS: Mapping[str, str] = {
    "as_of": "last day taken into account",
    "customer_id": "pseudonym of the customer",
    "segment_id": "number of the segment; 0 and -1: in no segment, and valuable or dormant",
    "segment_name": "name of the segment",
    "strength": "how firmly the customer belongs to the segment, 0 to 1",
    "is_outlier": "whether the customer is unlike any segment",
    "reason_1": "the factor that did most to place the customer in this segment rather than in the next",
    "reason_2": "the factor that did second most; empty: no other did",
    "reason_3": "the factor that did third most; empty: no other did",
    "model_version": "version of the model that assigned the segment",
    "size": "customers in the segment",
    "share": "part of all customers that is in the segment, 0 to 1",
    "value": "mean revenue of a customer of the segment in the last 180 days, in the shop's currency",
    "profile": "what sets the segment apart, as JSON",
    "rule": "the segment's rule in words",
    "lineage": "what became of the segment since the model before",
    "run_id": "the run",
    "flow": "the flow that ran",
    "started_at": "when the run started, UTC",
    "finished_at": "when the run ended, UTC",
    "customers": "customers in the run",
    "rows_read": "rows the sources held",
    "rows_accepted": "rows taken in for the first time",
    "rows_duplicate": "rows that were known already",
    "rows_quarantined": "rows set aside as unusable",
    "drift_decision": "none, watch, retrain or data_fault",
    "promotion_decision": "first, promote, keep or blocked",
    "champion_version": "version of the model in use after the run",
    "campaign_id": "the campaign",
    "campaign_name": "name of the campaign",
    "decision": "ship, stop, continue, inconclusive or invalid",
    "metric": "the KPI",
    "arm": "the treatment group",
    "control": "the KPI in the control group",
    "treatment": "the KPI in the treatment group",
    "absolute": "what the campaign added: the difference to control",
    "low": "lower end of the interval of `absolute`; empty: open",
    "high": "upper end of the interval of `absolute`; empty: open",
    "relative": "the difference as a part of control's value",
    "relative_low": "lower end of the interval of `relative`",
    "relative_high": "upper end of the interval of `relative`",
    "p_value": "probability of a difference this large by chance alone",
    "reason": "why a figure is missing, and what else to know about it",
}
LIFT = ("absolute", "low", "high", "relative", "relative_low", "relative_high", "p_value")
RUN_COLUMNS = {
    "run_id": "string", "flow": "string", "as_of": "date", "started_at": "timestamp('UTC')",
    "finished_at": "timestamp('UTC')", "customers": "int64", "rows_read": "int64", "rows_accepted": "int64",
    "rows_duplicate": "int64", "rows_quarantined": "int64", "drift_decision": "string",
    "promotion_decision": "string", "champion_version": "string",
}  # fmt: skip
RESULT_COLUMNS = {
    "as_of": "date", "run_id": "string", "campaign_id": "string", "campaign_name": "string",
    "decision": "string", "metric": "string", "arm": "string", "control": "float64", "treatment": "float64",
    **dict.fromkeys(LIFT, "float64"), "reason": "string",
}  # fmt: skip


def write_bi(tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> tuple[Path, ...]:
    """Write the week's tables; the files written, the data dictionary last.

    Raises:
        LookupError: a table is missing.
    """
    tidy = build_tables(tables, export, as_of)
    target = export.path / as_of.isoformat()
    with replace_folder(target) as fresh:
        for name, table in tidy.items():
            table.to_parquet(fresh / f"{name}.parquet")
            table.to_csv(fresh / f"{name}.csv")
        describe_tables(tidy, own=_read_own_factors(tables)).to_csv(
            fresh / "data_dictionary.csv", index=False
        )
    names = [f"{name}.{ending}" for name in tidy for ending in ("parquet", "csv")]
    return tuple(target / name for name in [*names, "data_dictionary.csv"])


def build_tables(tables: Mapping[str, ibis.Table], export: Export, as_of: date) -> dict[str, ibis.Table]:
    """The tables as they are written, by name."""
    weekly = {name: require_table(tables, name, export=export) for name in WEEKLY_TABLES}
    runs = require_table(tables, "runs", export=export)
    records = runs.filter(runs.as_of <= as_of).order_by("finished_at").to_pandas().to_dict("records")
    return {
        **{name: table.filter(table.as_of == as_of) for name, table in weekly.items()},
        "runs": _build_table([_flatten_run(record) for record in records], RUN_COLUMNS),
        "campaign_results": _build_table(
            [row for record in records for row in _flatten_campaigns(record)], RESULT_COLUMNS
        ),
    }


def describe_tables(
    tables: Mapping[str, ibis.Table], *, own: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The data dictionary: table, column, type, meaning; `own` are the meanings of the shop's own factors."""
    import pandas as pd

    from models.factors import list_factors

    meanings = (
        {factor.name: factor.describe() for factor in list_factors()} | dict(MEANINGS) | dict(own or {})
    )
    rows = [
        (name, column, str(dtype), meanings.get(column, ""))
        for name, table in tables.items()
        for column, dtype in table.schema().items()
    ]
    return pd.DataFrame(rows, columns=["table", "column", "type", "meaning"])


def _read_own_factors(tables: Mapping[str, ibis.Table]) -> dict[str, str]:
    if "own_factors" not in tables:
        return {}
    rows = tables["own_factors"].to_pyarrow().to_pylist()
    return {row["factor"]: row["meaning"] for row in rows}


def _build_table(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> ibis.Table:
    """A table of exactly these columns and types, also where there are no rows."""
    import ibis
    import pyarrow

    schema = ibis.schema(columns)
    return ibis.memtable(pyarrow.Table.from_pylist(rows, schema=schema.to_pyarrow()))


def _flatten_run(record: Mapping[str, Any]) -> dict[str, Any]:
    summary = json.loads(record["summary"] or "{}")
    ingest, drift, promotion = (summary.get(part) or {} for part in ("ingest", "drift", "promotion"))
    return {
        **{column: record[column] for column in ("run_id", "flow", "as_of", "started_at", "finished_at")},
        "customers": summary.get("customers"),
        "rows_read": ingest.get("read"),
        "rows_accepted": ingest.get("accepted"),
        "rows_duplicate": ingest.get("duplicates"),
        "rows_quarantined": ingest.get("quarantined"),
        "drift_decision": drift.get("decision"),
        "promotion_decision": promotion.get("decision"),
        "champion_version": promotion.get("champion_version"),
    }


def _flatten_campaigns(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a campaign, metric and treatment arm."""
    campaigns = json.loads(record["summary"] or "{}").get("campaigns")
    for campaign in campaigns if isinstance(campaigns, list) else ():
        for metric, result in (campaign.get("metrics") or {}).items():
            levels = result.get("arms") or {}
            for arm, lift in (result.get("lift") or {}).items():
                yield {
                    "as_of": record["as_of"],
                    "run_id": record["run_id"],
                    "campaign_id": campaign["campaign_id"],
                    "campaign_name": campaign.get("name"),
                    "decision": campaign.get("decision"),
                    "metric": metric,
                    "arm": arm,
                    "control": levels.get("control"),
                    "treatment": levels.get(arm),
                    **{part: lift.get(part) for part in LIFT},
                    "reason": result.get("reason"),
                }


DESTINATION = Destination("bi", "tidy tables as Parquet and CSV, with a data dictionary", write_bi)
