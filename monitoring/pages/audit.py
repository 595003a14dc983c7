"""Audit: which model was in production when, who decided that, and on what data each run was made."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.tables import Column, Table, build_table
from monitoring.pages.layout.tenures import list_tenures
from monitoring.pages.layout.verdicts import PROMOTION, UNKNOWN_PROMOTION, read_verdict
from monitoring.pages.layout.words import format_count, format_date, format_text

NO_DECISION = "No decision about a model is on record yet."
NO_RUN = "No run is on record yet."


def render_audit(data: ReportData) -> Markup:
    """The page's main part."""
    tenures = list_tenures(data.promotions)
    return render_template(
        "audit.html",
        lead=describe_tenure(tenures),
        tenures=tabulate_tenures(tenures),
        promotions=tabulate_promotions(data.promotions),
        runs=tabulate_runs(data.runs),
        no_decision=NO_DECISION,
        no_run=NO_RUN,
    )


def describe_tenure(tenures: pd.DataFrame) -> str:
    """One sentence on the model in use."""
    if tenures.empty:
        return NO_DECISION
    now = tenures.iloc[0]
    before = f" It took over from version {tenures.iloc[1]['version']}." if len(tenures) > 1 else ""
    return f"Version {now['version']} has been in production since {format_date(now['since'])}.{before}"


def tabulate_tenures(tenures: pd.DataFrame) -> Table:
    """Who was in production when."""
    columns = (
        Column("version", "Version"),
        Column("since", "From", format_date),
        Column("until", "Until", lambda moment: "today" if pd.isna(moment) else format_date(moment)),
        Column("weeks", "Weeks decided", format_count, kind="number"),
    )
    return build_table(tenures, columns, name="tenures", title="Models in production, newest first")


def tabulate_promotions(promotions: pd.DataFrame) -> Table:
    """What was decided about models, newest first."""
    columns = (
        Column("as_of", "Week to", format_date),
        Column("decision", "Decision", _name_decision),
        Column("reasons", "Reasons", _join_reasons),
        Column("challenger_version", "New model"),
        Column("previous_version", "In use before"),
        Column("champion_version", "In use after"),
    )
    if len(promotions):
        promotions = promotions.sort_values("decided_at", ascending=False, kind="stable")
    return build_table(promotions, columns, name="promotions", title="Decisions about models, newest first")


def tabulate_runs(runs: pd.DataFrame) -> Table:
    """What ran, with the model and the data it left, newest first."""
    columns = (
        Column("finished_at", "Finished", format_date),
        Column("flow", "Flow"),
        Column("as_of", "Week to", format_date),
        Column("champion_version", "Model"),
        Column("versions", "Versions of tables", kind="note"),
        Column("run_id", "Run", kind="code"),
    )
    if len(runs):
        runs = runs.sort_values("finished_at", ascending=False, kind="stable")
    return build_table(runs, columns, name="runs", title="Runs on record, newest first")


def _name_decision(decision: Any) -> str:
    if decision == "rollback":
        return "Rolled back"
    return read_verdict(decision, PROMOTION, unknown=UNKNOWN_PROMOTION).word


def _join_reasons(reasons: Any) -> str:
    return "; ".join(map(str, reasons)) if isinstance(reasons, list | tuple) else format_text(reasons)


PAGE = Page("audit", "Audit", render_audit, order=6)
