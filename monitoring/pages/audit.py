"""Audit: which model was in production when, who decided that, and on what data each run was made."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.tables import Column, Table, build_table
from monitoring.pages.layout.tenures import list_tenures
from monitoring.pages.layout.verdicts import PROMOTION, UNKNOWN_PROMOTION, read_verdict
from monitoring.pages.layout.words import Words, format_text, mark

NO_DECISION = mark("No decision about a model is on record yet.")
NO_RUN = mark("No run is on record yet.")


def render_audit(data: ReportData) -> Markup:
    """The page's main part."""
    words, tenures = data.words, list_tenures(data.promotions)
    return render_template(
        "audit.html",
        words=words,
        lead=describe_tenure(tenures, words),
        tenures=tabulate_tenures(tenures, words),
        promotions=tabulate_promotions(data.promotions, words),
        runs=tabulate_runs(data.runs, words),
        no_decision=words.gettext(NO_DECISION),
        no_run=words.gettext(NO_RUN),
    )


def describe_tenure(tenures: pd.DataFrame, words: Words) -> str:
    """One sentence on the model in use."""
    if tenures.empty:
        return words.gettext(NO_DECISION)
    now = tenures.iloc[0]
    told = words.gettext(
        "Version {version} has been in production since {day}.",
        version=now["version"],
        day=words.format_date(now["since"]),
    )
    if len(tenures) < 2:
        return told
    before = words.gettext("It took over from version {version}.", version=tenures.iloc[1]["version"])
    return words.chain(told, before)


def tabulate_tenures(tenures: pd.DataFrame, words: Words) -> Table:
    """Who was in production when."""
    _ = words.gettext
    columns = (
        Column("version", _("Version")),
        Column("since", _("Since"), words.format_date),
        Column(
            "until", _("Until"), lambda moment: _("today") if pd.isna(moment) else words.format_date(moment)
        ),
        Column("weeks", _("Weeks decided"), words.format_count, kind="number"),
    )
    return build_table(tenures, columns, name="tenures", title=_("Models in production, newest first"))


def tabulate_promotions(promotions: pd.DataFrame, words: Words) -> Table:
    """What was decided about models, newest first."""
    _ = words.gettext
    columns = (
        Column("as_of", _("Week to"), words.format_date),
        Column("decision", _("Decision"), partial(_name_decision, words=words)),
        Column("reasons", _("Reasons"), partial(_join_reasons, words=words)),
        Column("challenger_version", _("New model")),
        Column("previous_version", _("In use before")),
        Column("champion_version", _("In use after")),
    )
    if len(promotions):
        promotions = promotions.sort_values("decided_at", ascending=False, kind="stable")
    title = _("Decisions about models, newest first")
    return build_table(promotions, columns, name="promotions", title=title)


def tabulate_runs(runs: pd.DataFrame, words: Words) -> Table:
    """What ran, with the model and the data it left, newest first."""
    _ = words.gettext
    columns = (
        Column("finished_at", _("Finished"), words.format_date),
        Column("flow", _("Flow")),
        Column("as_of", _("Week to"), words.format_date),
        Column("champion_version", _("Model")),
        Column("versions", _("Versions of tables"), kind="note"),
        Column("run_id", _("Run"), kind="code"),
    )
    # By their place on record: a clock that jumped dates them in another order.
    runs = runs.iloc[::-1]
    return build_table(runs, columns, name="runs", title=_("Runs on record, newest first"))


def _name_decision(decision: Any, words: Words) -> str:
    if decision == "rollback":
        return words.gettext("Rolled back")
    return read_verdict(decision, PROMOTION, unknown=UNKNOWN_PROMOTION, words=words).word


def _join_reasons(reasons: Any, words: Words) -> str:
    text = "; ".join(map(str, reasons)) if isinstance(reasons, list | tuple) else format_text(reasons)
    return retell(text, words)


PAGE = Page("audit", mark("Audit"), render_audit, order=6)
