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
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.verdicts import read_drift
from monitoring.pages.layout.words import Words, mark, read_part

WEEKS_LISTED = 13


def render_drift(data: ReportData) -> Markup:
    """The page's main part."""
    words, drift = data.words, read_part(data.summary, "drift")
    return render_template(
        "drift.html",
        words=words,
        verdict=read_drift(data.summary, data.drift, words),
        since=describe_duration(data, drift.get("decision")),
        reasons=[_tell_reason(str(reason), data.drift, words) for reason in drift.get("reasons") or ()],
        moved=describe_moved(data.drift, words),
        figure=draw_figure(data.drift, words),
        timeline=show_timeline(data.drift_timeline, words),
        weeks=tabulate_weeks(data.drift_timeline, words),
        distributions=show_distributions(data.distributions, words),
        table=tabulate_drift(data.drift, words),
        missing=explain_missing(drift, words),
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
    day = data.words.format_date(earlier.loc[unbroken, "as_of"].min())
    return data.words.gettext("The verdict has stood since the week to {day}.", day=day)


def describe_moved(drift: pd.DataFrame, words: Words) -> str:
    """How many of the factors moved, and which most."""
    if drift.empty:
        return ""
    ranked = drift.assign(strength=measure_drift_strength(drift)).sort_values("strength", ascending=False)
    moved = [name_factor(column) for column in ranked.loc[ranked["drifted"].astype(bool), "column"]]
    compared = (
        words.ngettext("{count} watched figure", "{count} watched figures", len(drift))
        if _is_calibrated(drift)
        else words.ngettext("{count} factor", "{count} factors", len(drift))
    )
    if not moved:
        return words.gettext("None of {compared} moved past its limit.", compared=compared)
    return words.gettext(
        "{moved} of {compared} moved past the limit: {names}.",
        moved=words.format_count(len(moved)),
        compared=compared,
        names=words.join(moved, limit=5),
    )


def draw_figure(drift: pd.DataFrame, words: Words) -> Figure | None:
    """The furthest moved factors, where any were measured."""
    if drift.empty or not measure_drift_strength(drift).notna().any():
        return None
    how = (
        words.gettext("How far each watched figure has moved, in units of its own alarm limit.")
        if _is_calibrated(drift)
        else words.gettext("How far each factor has moved, in units of its own alarm limit.")
    )
    read = words.gettext(
        "Past the dotted line (1×) it counts as changed and is drawn in red; the furthest moved stand on top."
    )
    return embed_figure(draw_drift_scores(drift), name="drift", caption=words.chain(how, read), words=words)


def show_timeline(timeline: pd.DataFrame, words: Words) -> Figure | None:
    """How unusual each week was, once enough of them are on record."""
    if timeline.empty:
        return None
    caption = words.gettext(
        "The largest change of each week, among everything that is watched, in units of what is usual for it in this "
        "shop. The large dot is this week. Above the line `watch` see whether it lasts; above `retrain` a new model is "
        "made. Both limits are learnt from the weeks before."
    )
    return embed_figure(draw_timeline(timeline), name="drift_timeline", caption=caption, words=words)


def tabulate_weeks(timeline: pd.DataFrame, words: Words) -> Table:
    """The weeks of the picture, newest first."""
    _ = words.gettext
    columns = (
        Column("as_of", _("Week to"), words.format_date),
        Column("score", _("Times the usual change"), words.format_number, kind="number"),
    )
    newest = timeline if timeline.empty else timeline.sort_values("as_of", ascending=False).head(WEEKS_LISTED)
    title = _("The last {count} weeks on record", count=words.format_count(WEEKS_LISTED))
    return build_table(newest, columns, name="drift_weeks", title=title)


def show_distributions(distributions: pd.DataFrame, words: Words) -> Figure | None:
    """The factors that moved most, then and now."""
    if distributions.empty:
        return None
    caption = words.gettext(
        "How customers are spread over the factors that moved most: grey when the model in use was trained, blue this "
        "week. The higher the step, the more customers have that value; where grey and blue part, they have changed."
    )
    return embed_figure(
        draw_then_and_now(distributions), name="drift_distributions", caption=caption, words=words
    )


def tabulate_drift(drift: pd.DataFrame, words: Words) -> Table:
    """Every factor's score beside its threshold, furthest moved first."""
    _ = words.gettext
    columns = (
        Column("column", _("Factor"), name_factor),
        Column("drifted", _("Changed"), words.format_yes_no),
        Column("strength", _("Times the limit"), words.format_number, kind="number"),
        Column("score", _("Score"), words.format_number, kind="number"),
        Column("threshold", _("Threshold"), words.format_number, kind="number"),
        Column("method", _("Method")),
    )
    if len(drift):
        drift = drift.assign(strength=measure_drift_strength(drift))
        drift = drift.sort_values("strength", ascending=False, kind="stable")
    return build_table(drift, columns, name="drift", title=_("All factors, furthest moved first"))


def explain_missing(drift: dict[str, Any], words: Words) -> str:
    """Why there are no scores."""
    reason = drift.get("reason") or words.gettext(
        "drift is measured against the data a model was trained on, and none was in use yet"
    )
    return words.close_sentence(words.explain(words.gettext("no factor was compared this week"), reason))


def _is_calibrated(drift: pd.DataFrame) -> bool:
    """Whether more than factors is watched, by what is usual in this shop."""
    return bool((drift["method"] == CALIBRATED).any())


def _tell_reason(reason: str, drift: pd.DataFrame, words: Words) -> str:
    """The reason as a sentence; one about a single factor begins with its column, which is put in words."""
    factor, colon, rest = reason.partition(": ")
    if len(drift) and factor in set(drift["column"]):
        reason = f"{name_factor(factor)}{colon}{rest}"
    return words.close_sentence(retell(reason, words))


PAGE = Page("drift", mark("Drift"), render_drift, order=4)
