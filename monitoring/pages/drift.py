"""Drift: whether customers still behave as they did when the model was trained, and what moved if not."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.calibration import CALIBRATED
from monitoring.charts import draw_drift_scores, measure_drift_strength, name_factor
from monitoring.drift_charts import draw_then_and_now, draw_timeline
from monitoring.pages import Page, ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.verdicts import DRIFT, UNKNOWN_DRIFT, read_verdict
from monitoring.pages.layout.words import (
    close_sentence,
    format_date,
    format_number,
    format_plural,
    format_yes_no,
    join_words,
    read_part,
)

WEEKS_LISTED = 13


def render_drift(data: ReportData) -> Markup:
    """The page's main part."""
    drift = read_part(data.summary, "drift")
    verdict = read_verdict(drift.get("decision"), DRIFT, unknown=UNKNOWN_DRIFT)
    return render_template(
        "drift.html",
        verdict=verdict,
        since=describe_duration(data, drift.get("decision")),
        reasons=[close_sentence(str(reason)) for reason in drift.get("reasons") or ()],
        moved=describe_moved(data.drift),
        figure=draw_figure(data.drift),
        timeline=show_timeline(data.drift_timeline),
        weeks=tabulate_weeks(data.drift_timeline),
        distributions=show_distributions(data.distributions),
        table=tabulate_drift(data.drift),
        missing=explain_missing(drift),
        has_evidently=bool(data.evidently_html),
    )


def describe_duration(data: ReportData, decision: Any) -> str:
    """Since which week the verdict has stood; nothing where it is new or was not reached before."""
    if not decision or data.history.empty:
        return ""
    days = data.history["as_of"].astype(str).str[:10]
    earlier = data.history.assign(as_of=days)[days < data.as_of.isoformat()].sort_values(
        "as_of", ascending=False
    )
    unbroken = (earlier["drift_decision"] == decision).cummin()
    if not unbroken.any():
        return ""
    return f"The verdict has stood since the week to {format_date(earlier.loc[unbroken, 'as_of'].min())}."


def describe_moved(drift: pd.DataFrame) -> str:
    """How many of the factors moved, and which most."""
    if drift.empty:
        return ""
    ranked = drift.assign(strength=measure_drift_strength(drift)).sort_values("strength", ascending=False)
    moved = [name_factor(column) for column in ranked.loc[ranked["drifted"].astype(bool), "column"]]
    if not moved:
        return f"None of {format_plural(len(drift), name_compared(drift))} moved past its limit."
    share = f"{len(moved)} of {format_plural(len(drift), name_compared(drift))}"
    return f"{share} moved past the limit: {join_words(moved, limit=5)}."


def name_compared(drift: pd.DataFrame) -> str:
    """What a row is: a factor, or whatever else is watched once enough weeks are on record."""
    return "watched figure" if (drift["method"] == CALIBRATED).any() else "factor"


def draw_figure(drift: pd.DataFrame) -> Figure | None:
    """The furthest moved factors, where any were measured."""
    if drift.empty or not measure_drift_strength(drift).notna().any():
        return None
    return embed_figure(
        draw_drift_scores(drift),
        name="drift",
        caption=f"How far each {name_compared(drift)} has moved, in units of its own alarm limit. Past the dotted "
        "line (1×) it counts as changed and is drawn in red; the furthest moved stand on top.",
    )


def show_timeline(timeline: pd.DataFrame) -> Figure | None:
    """How unusual each week was, once enough of them are on record."""
    if timeline.empty:
        return None
    return embed_figure(
        draw_timeline(timeline),
        name="drift_timeline",
        caption="The largest change of each week, among everything that is watched, in units of what is usual for it "
        "in this shop. The large dot is this week. Above the line `watch` see whether it lasts; above `retrain` a new "
        "model is made. Both limits are learnt from the weeks before.",
    )


def tabulate_weeks(timeline: pd.DataFrame) -> Table:
    """The weeks of the picture, newest first."""
    columns = (
        Column("as_of", "Week to", format_date),
        Column("score", "Times the usual change", format_number, kind="number"),
    )
    newest = timeline if timeline.empty else timeline.sort_values("as_of", ascending=False).head(WEEKS_LISTED)
    return build_table(newest, columns, name="drift_weeks", title=f"The last {WEEKS_LISTED} weeks on record")


def show_distributions(distributions: pd.DataFrame) -> Figure | None:
    """The factors that moved most, then and now."""
    if distributions.empty:
        return None
    return embed_figure(
        draw_then_and_now(distributions),
        name="drift_distributions",
        caption="How customers are spread over the factors that moved most: grey when the model in use was trained, "
        "blue this week. The higher the step, the more customers have that value; where grey and blue part, they have "
        "changed.",
    )


def tabulate_drift(drift: pd.DataFrame) -> Table:
    """Every factor's score beside its threshold, furthest moved first."""
    columns = (
        Column("column", "Factor", name_factor),
        Column("drifted", "Changed", format_yes_no),
        Column("strength", "Times the limit", format_number, kind="number"),
        Column("score", "Score", format_number, kind="number"),
        Column("threshold", "Threshold", format_number, kind="number"),
        Column("method", "Method"),
    )
    if len(drift):
        drift = drift.assign(strength=measure_drift_strength(drift))
        drift = drift.sort_values("strength", ascending=False, kind="stable")
    return build_table(drift, columns, name="drift", title="All factors, furthest moved first")


def explain_missing(drift: dict[str, Any]) -> str:
    """Why there are no scores."""
    reason = (
        drift.get("reason")
        or "drift is measured against the data a model was trained on, and none was in use yet"
    )
    return close_sentence(f"no factor was compared this week: {reason}")


PAGE = Page("drift", "Drift", render_drift, order=4)
