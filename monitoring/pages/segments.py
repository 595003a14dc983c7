"""Segments: who the customers are, what sets each group apart, and why this model was chosen to say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.charts import name_factor
from monitoring.pages import Page, ReportData, fits_none
from monitoring.pages.layout import render_template
from monitoring.pages.layout.campaigns import read_campaigns
from monitoring.pages.layout.evidence import Evidence, list_evidence
from monitoring.pages.layout.migration import Movement, read_movement
from monitoring.pages.layout.model_facts import (
    explain_choice,
    explain_tenure,
    list_model_facts,
    tabulate_candidates,
)
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.trend import Trend, read_trend
from monitoring.pages.layout.words import MISSING, Words, format_text, mark, read_part
from monitoring.playbook import find_play, list_strangers
from monitoring.segment_charts import (
    HEATMAP_FACTORS,
    choose_colours,
    draw_heatmap,
    draw_levels,
    draw_segment_map,
    draw_segment_sizes,
    draw_silhouettes,
)

MAP_CAPTIONS = {
    "pca": mark(
        "The axes are the two directions in which customers differ most (principal components) and have no unit: "
        "read the distances, not the positions. Segments may overlap here and be apart in other factors."
    ),
    "tsne": mark(
        "By t-SNE: who lies beside whom means something, how far groups lie from each other does not."
    ),
    "umap": mark(
        "By UMAP: who lies beside whom means something, how far groups lie from each other does not."
    ),
}
UNCHANGED = "kept"  # a segment that is what it was: nothing to tell


@dataclass(frozen=True, slots=True)
class Card:
    """One segment at a glance.

    Attributes:
        plays: what the owner wants done: what it is, and how it is called.
        evidence: what campaigns have done here. With neither, nothing has been tested.
    """

    name: str
    colour: str
    size: str
    trend: Trend
    share: str
    value: str
    reasons: tuple[tuple[str, str], ...]
    rule: str
    plays: tuple[tuple[str, str], ...]
    evidence: tuple[Evidence, ...]
    lineage: str


def render_segments(data: ReportData) -> Markup:
    """The page's main part."""
    words, _ = data.words, data.words.gettext
    return render_template(
        "segments.html",
        words=words,
        cards=list_cards(data),
        hidden=explain_hidden(data),
        strangers=name_strangers(data),
        figures=draw_figures(data),
        maps=draw_maps(data),
        sizes=tabulate_sizes(data),
        movement=show_movement(data),
        mapped=tabulate_map(data),
        heatmap=tabulate_heatmap(data.heatmap, words),
        fits=tabulate_silhouettes(data.silhouettes, words),
        levels=tabulate_levels(data.levels, words),
        facts=list_model_facts(data),
        tenure=explain_tenure(data),
        chosen=explain_choice(data),
        candidates=tabulate_candidates(data.candidates, words, algorithms=data.algorithms),
        missing=explain_missing(data),
    )


def list_cards(data: ReportData) -> tuple[Card, ...]:
    """The segments, largest first; customers who fit none come last."""
    if data.profiles.empty:
        return ()
    words = data.words
    ordered = _order_segments(data.profiles)
    colours = _colour_segments(data.profiles)
    campaigns = read_campaigns(data.summary, words=words)
    return tuple(
        Card(
            name=str(row["segment_name"]),
            colour=colours[row["segment_name"]],
            size=_show_size(row, data.smallest_group, words),
            trend=read_trend(data.sizes, words, segment_id=row["segment_id"], as_of=data.as_of),
            share=words.format_share(row["share"]),
            value=words.format_money(row["value"]),
            reasons=tuple((name_factor(factor), str(effect)) for factor, effect in row["reasons"]),
            rule="" if format_text(row["rule"]) == MISSING else str(row["rule"]),
            plays=_list_plays(data, int(row["segment_id"]), str(row["segment_name"])),
            evidence=list_evidence(campaigns, words, segment_id=int(row["segment_id"])),
            lineage="" if format_text(row["lineage"]) in (MISSING, UNCHANGED) else str(row["lineage"]),
        )
        for row in ordered.to_dict("records")
    )


def explain_hidden(data: ReportData) -> str:
    """Why cards lack figures; nothing where none does."""
    marks = set(data.profiles["hidden"]) if "hidden" in data.profiles else set()
    if not marks - {""}:
        return ""
    words, _ = data.words, data.words.gettext
    few = _(
        "Of groups of fewer than {count} people no figures are shown.",
        count=words.format_count(data.smallest_group),
    )
    beside = _(
        "So that their size does not follow by subtraction, the next smallest are shown without theirs."
    )
    return words.chain(few, beside if "beside" in marks else "")


def name_strangers(data: ReportData) -> str:
    """Which sections of the playbook mean no segment; nothing where each does."""
    if data.profiles.empty:
        return ""
    segments = zip(
        data.profiles["segment_id"].astype(int), data.profiles["segment_name"].astype(str), strict=True
    )
    strangers = list_strangers(data.playbook, segments)
    if not strangers:
        return ""
    words, _ = data.words, data.words.gettext
    named = words.join((_("“{name}”", name=name) for name in strangers), limit=8)
    return _("The playbook also speaks of {names}, which no segment is now.", names=named)


def draw_figures(data: ReportData) -> dict[str, Figure]:
    """The figures there is data for, by name."""
    words, _ = data.words, data.words.gettext
    figures: dict[str, Figure] = {}
    sized = data.profiles.dropna(subset=["size"]) if len(data.profiles) else data.profiles
    if len(sized):
        figures["sizes"] = embed_figure(
            draw_segment_sizes(_order_segments(sized), currency=data.currency),
            name="sizes",
            words=words,
            caption=words.chain(
                _(
                    "Each segment's share of all customers, and of the revenue of the last 180 days. A revenue bar "
                    "longer than the customer bar marks a segment that carries more than its number."
                ),
                _("Revenue is that of the segments shown.") if len(sized) < len(data.profiles) else "",
            ),
        )
    if len(data.heatmap):
        factors = len(data.heatmap.columns)
        scope = (
            _(
                "The {shown} of {total} factors in which the segments differ most, the most telling first.",
                shown=words.format_count(HEATMAP_FACTORS),
                total=words.format_count(factors),
            )
            if factors > HEATMAP_FACTORS
            else _("All {total} factors, the most telling first.", total=words.format_count(factors))
        )
        figures["heatmap"] = embed_figure(
            draw_heatmap(_order_heatmap(data)),
            name="heatmap",
            words=words,
            caption=words.chain(
                _(
                    "How far each segment lies from the average customer, in standard deviations: orange above, blue "
                    "below, clear is average. Read down a column to see what a segment is like."
                ),
                scope,
            ),
        )
    if len(data.silhouettes):
        figures["silhouettes"] = embed_figure(
            draw_silhouettes(data.silhouettes, colours=_colour_names(data, data.silhouettes["segment_name"])),
            name="silhouettes",
            words=words,
            caption=_(
                "{customers}, a line each, by how much closer they are to their own segment than to the next "
                "(silhouette): a broad blade is a segment that stands apart, and whoever lies left of zero is nearer "
                "to another one.",
                customers=_count_customers(len(data.silhouettes), words),
            ),
        )
    if len(data.levels):
        figures["levels"] = embed_figure(
            draw_levels(data.levels),
            name="levels",
            words=words,
            caption=_(
                "The same customers at several levels of detail: each column is the same tree of customers, cut where "
                "it has few branches and where it has many, and what lies beside a segment is what it falls into. A "
                "tree's cuts need not be the segments in use."
            ),
        )
    return figures


def draw_maps(data: ReportData) -> tuple[Figure, ...]:
    """A figure a map, in the order given."""
    words, _ = data.words, data.words.gettext
    return tuple(
        embed_figure(
            draw_segment_map(points, method=method, colours=_colour_names(data, points["segment_name"])),
            name=f"map_{method}",
            words=words,
            caption=words.chain(
                _(
                    "{customers}, each a dot; two that lie close behave alike.",
                    customers=_count_customers(len(points), words),
                ),
                _(MAP_CAPTIONS[method]),
            ),
        )
        for method, points in data.maps.items()
        if len(points)
    )


def show_movement(data: ReportData) -> Movement | None:
    """Who changed segment since the week before; nothing where the weeks were not compared."""
    return read_movement(data, colours=_colour_segments(data.profiles) if len(data.profiles) else {})


def tabulate_sizes(data: ReportData) -> Table:
    """The numbers behind the bars: one row a segment."""
    words, _ = data.words, data.words.gettext
    frame = _order_segments(data.profiles) if len(data.profiles) else data.profiles
    if len(frame):
        revenue = frame["size"].astype(float) * frame["value"].astype(float)
        shown = [_show_size(row, data.smallest_group, words) for row in frame.to_dict("records")]
        counts = [told if pd.isna(count) else count for told, count in zip(shown, frame["size"], strict=True)]
        frame = frame.assign(
            size=pd.Series(counts, frame.index, dtype=object),
            revenue_share=revenue / revenue.sum() if revenue.sum() > 0 else None,
        )
    columns = (
        Column("segment_name", _("Segment")),
        Column("size", _("Customers"), partial(_show_count, words=words), kind="number"),
        Column("share", _("Share of customers"), words.format_share, kind="number"),
        Column("value", _("Revenue each"), words.format_money, kind="number"),
        Column("revenue_share", _("Share of revenue"), words.format_share, kind="number"),
    )
    return build_table(frame, columns, name="sizes", title=_("Number and revenue of each segment"))


def tabulate_map(data: ReportData) -> Table:
    """Who is on the map: one row a segment."""
    words, _ = data.words, data.words.gettext
    points = next((points for points in data.maps.values() if len(points)), pd.DataFrame())
    if points.empty:
        return build_table(points, (), name="mapped", title="")
    firm = points["strength"] if "strength" in points else pd.Series(float("nan"), index=points.index)
    frame = (
        points.assign(strength=firm)
        .groupby("segment_name", sort=False)
        .agg(customers=("x", "size"), x=("x", "mean"), y=("y", "mean"), strength=("strength", "mean"))
    )
    columns = (
        Column("segment_name", _("Segment")),
        Column("customers", _("Customers drawn"), words.format_count, kind="number"),
        Column("x", _("Centre, across"), words.format_number, kind="number"),
        Column("y", _("Centre, upwards"), words.format_number, kind="number"),
        Column("strength", _("Mean strength"), words.format_number, kind="number"),
    )
    ordered = frame.sort_values("customers", ascending=False, kind="stable").reset_index()
    return build_table(ordered, columns, name="mapped", title=_("Segments on the first map"))


def tabulate_silhouettes(silhouettes: pd.DataFrame, words: Words) -> Table:
    """The numbers behind the blades: one row a segment."""
    _ = words.gettext
    columns = (
        Column("segment_name", _("Segment")),
        Column("customers", _("Customers drawn"), words.format_count, kind="number"),
        Column("mean", _("Mean silhouette"), words.format_number, kind="number"),
        Column("misplaced", _("Nearer to another"), words.format_share, kind="number"),
    )
    if silhouettes.empty:
        return build_table(silhouettes, columns, name="fits", title="")
    by_segment = silhouettes.groupby("segment_name")["silhouette"]
    frame = pd.DataFrame(
        {
            "customers": by_segment.size(),
            "mean": by_segment.mean(),
            "misplaced": by_segment.apply(lambda values: float((values < 0).mean())),
        }
    )
    ordered = frame.sort_values("mean", ascending=False, kind="stable").reset_index()
    return build_table(ordered, columns, name="fits", title=_("How well customers fit their segment"))


def tabulate_levels(levels: pd.DataFrame, words: Words) -> Table:
    """Every segment at every level."""
    _ = words.gettext
    columns = (
        Column("level", _("Segments at this level"), words.format_count, kind="number"),
        Column("segment", _("Number"), words.format_count, kind="number"),
        Column("parent", _("Lies in number"), words.format_count, kind="number"),
        Column("name", _("Segment")),
        Column("share", _("Share of customers"), words.format_share, kind="number"),
    )
    return build_table(levels, columns, name="levels", title=_("Segments at every level"))


def tabulate_heatmap(heatmap: pd.DataFrame, words: Words) -> Table:
    """The numbers behind the heatmap: one row a factor."""
    _ = words.gettext
    turned = heatmap.T
    turned.columns = [f"segment {place}" for place in range(len(turned.columns))]
    frame = turned.reset_index(names="factor")
    segments = [
        Column(key, str(name), words.format_number, kind="number")
        for key, name in zip(turned.columns, heatmap.index, strict=True)
    ]
    columns = (Column("factor", _("Factor"), name_factor), *segments)
    return build_table(
        frame, columns, name="segment_factors", title=_("Standardised mean of each factor by segment")
    )


def explain_missing(data: ReportData) -> str:
    """Why there are no segments to show."""
    words, _ = data.words, data.words.gettext
    training = read_part(data.summary, "training")
    reason = training.get("reason") or _("no model is in use and none was trained this week")
    return words.close_sentence(words.explain(_("there are no segments to show"), reason))


def _colour_segments(profiles: pd.DataFrame) -> dict[str, str]:
    ordered = _order_segments(profiles)
    outliers = ordered.loc[fits_none(ordered["segment_id"]), "segment_name"]
    return choose_colours(list(ordered["segment_name"]), outliers=tuple(outliers))


def _order_segments(profiles: pd.DataFrame) -> pd.DataFrame:
    """Largest first; customers who fit no segment come last."""
    ordered = profiles.assign(_fits_none=fits_none(profiles["segment_id"]))
    ordered = ordered.sort_values(["_fits_none", "size"], ascending=[True, False], kind="stable")
    return ordered.drop(columns="_fits_none")


def _order_heatmap(data: ReportData) -> pd.DataFrame:
    """Segments from left to right as the cards stand, unknown ones last."""
    known = list(_order_segments(data.profiles)["segment_name"]) if len(data.profiles) else []
    names = [name for name in known if name in data.heatmap.index]
    return data.heatmap.loc[[*names, *(name for name in data.heatmap.index if name not in names)]]


def _colour_names(data: ReportData, segment_names: pd.Series) -> Mapping[str, str]:
    known = _colour_segments(data.profiles) if len(data.profiles) else {}
    names = segment_names.value_counts().index
    return known | {name: colour for name, colour in choose_colours(list(names)).items() if name not in known}


def _show_size(row: Mapping[Any, Any], smallest: int, words: Words) -> str:
    """A segment's customers, or why they are not told."""
    few = words.gettext("fewer than {count}", count=words.format_count(smallest))
    told = {"small": few, "beside": words.gettext("not shown")}
    return told.get(row.get("hidden", ""), words.format_count(row["size"]))


def _show_count(count: Any, words: Words) -> str:
    """A number of customers; in words already where it is not shown."""
    return count if isinstance(count, str) else words.format_count(count)


def _list_plays(data: ReportData, segment_id: int, name: str) -> tuple[tuple[str, str], ...]:
    play, _ = find_play(data.playbook, segment_id=segment_id, name=name), data.words.gettext
    if play is None:
        return ()
    said = ((_("Message"), play.message), (_("Channel"), play.channel), (_("Offer"), play.offer))
    return tuple((label, text) for label, text in said if text)


def _count_customers(count: int, words: Words) -> str:
    return words.ngettext("{count} customer", "{count} customers", count)


PAGE = Page("segments", mark("Segments"), render_segments, order=2)
