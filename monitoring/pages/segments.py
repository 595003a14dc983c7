"""Segments: who the customers are, what sets each group apart, and why this model was chosen to say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from monitoring.charts import name_factor
from monitoring.pages import Page, ReportData, fits_none
from monitoring.pages.layout import render_template
from monitoring.pages.layout.migration import Movement, read_movement
from monitoring.pages.layout.retelling import retell
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.verdicts import PROMOTION, UNKNOWN_PROMOTION, Verdict, read_verdict
from monitoring.pages.layout.words import MISSING, Words, format_text, mark, read_part
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


@dataclass(frozen=True, slots=True)
class Card:
    """One segment at a glance."""

    name: str
    colour: str
    size: str
    share: str
    value: str
    reasons: tuple[tuple[str, str], ...]
    rule: str
    lineage: str


def render_segments(data: ReportData) -> Markup:
    """The page's main part."""
    words, _ = data.words, data.words.gettext
    return render_template(
        "segments.html",
        words=words,
        cards=list_cards(data),
        figures=draw_figures(data),
        maps=draw_maps(data),
        sizes=tabulate_sizes(data),
        movement=show_movement(data),
        mapped=tabulate_map(data),
        heatmap=tabulate_heatmap(data.heatmap, words),
        fits=tabulate_silhouettes(data.silhouettes, words),
        levels=tabulate_levels(data.levels, words),
        facts=list_model_facts(data),
        chosen=explain_choice(data),
        candidates=tabulate_candidates(data.candidates, words, algorithms=data.algorithms),
        missing=explain_missing(data),
    )


def list_cards(data: ReportData) -> tuple[Card, ...]:
    """The segments, largest first; customers who fit none come last."""
    if data.profiles.empty:
        return ()
    words, _ = data.words, data.words.gettext
    ordered = _order_segments(data.profiles)
    colours = _colour_segments(data.profiles)
    return tuple(
        Card(
            name=str(row["segment_name"]),
            colour=colours[row["segment_name"]],
            size=words.format_count(row["size"]),
            share=words.format_share(row["share"]),
            value=words.format_money(row["value"]),
            reasons=tuple((name_factor(factor), str(effect)) for factor, effect in row["reasons"]),
            rule="" if format_text(row["rule"]) == MISSING else str(row["rule"]),
            lineage="" if format_text(row["lineage"]) == MISSING else str(row["lineage"]),
        )
        for row in ordered.to_dict("records")
    )


def draw_figures(data: ReportData) -> dict[str, Figure]:
    """The figures there is data for, by name."""
    words, _ = data.words, data.words.gettext
    figures: dict[str, Figure] = {}
    if len(data.profiles):
        figures["sizes"] = embed_figure(
            draw_segment_sizes(_order_segments(data.profiles), currency=data.currency),
            name="sizes",
            words=words,
            caption=_(
                "Each segment's share of all customers, and of the revenue of the last 180 days. A revenue bar longer "
                "than the customer bar marks a segment that carries more than its number."
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
        frame = frame.assign(revenue_share=revenue / revenue.sum() if revenue.sum() > 0 else None)
    columns = (
        Column("segment_name", _("Segment")),
        Column("size", _("Customers"), words.format_count, kind="number"),
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


def list_model_facts(data: ReportData) -> tuple[tuple[str, str, str], ...]:
    """What can be said about the model trained this week: a name, a figure, what it means."""
    words, _ = data.words, data.words.gettext
    training = read_part(data.summary, "training")
    promotion = read_part(data.summary, "promotion")
    if not training.get("algorithm"):
        return ()
    champion = format_text(promotion.get("champion_version"))
    return (
        (
            _("In use"),
            MISSING if champion == MISSING else _("Version {version}", version=champion),
            _name_decision(promotion.get("decision"), words),
        ),
        (
            _("Algorithm"),
            _name_algorithm(training["algorithm"], data.algorithms),
            _("of the model trained this week"),
        ),
        (
            _("Stability"),
            words.format_number(training.get("stability")),
            _("1: the same segments whichever customers are left out; 0: by chance"),
        ),
        (
            _("Separation"),
            words.format_number(training.get("separation")),
            _("how far the segments stand apart; more is better"),
        ),
        (
            _("Silhouette"),
            words.format_number(training.get("silhouette")),
            _("−1 to 1: how much closer to one's own segment"),
        ),
        (
            _("In no segment"),
            words.format_share(training.get("outlier_share")),
            _("customers unlike any group"),
        ),
    )


def explain_choice(data: ReportData) -> str:
    """Why the chosen model was chosen, in two sentences; nothing where no model was trained."""
    words, _ = data.words, data.words.gettext
    training = read_part(data.summary, "training")
    if not training.get("algorithm"):
        return ""
    algorithm = _name_algorithm(training["algorithm"], data.algorithms)
    segments = words.ngettext("{count} segment", "{count} segments", training.get("segments"))
    opening = _("{algorithm} with {segments} was chosen.", algorithm=algorithm, segments=segments)
    tried, chosen = data.candidates, pd.DataFrame()
    if len(tried):
        fits = tried["admissible"].astype(bool)
        alike = (tried["algorithm"] == training["algorithm"]) & (
            tried["segments"] == training.get("segments")
        )
        chosen = tried[fits & alike]
        opening = words.ngettext(
            "{count} candidate was compared and {fit} met every requirement; {algorithm} with {segments} was chosen.",
            "{count} candidates were compared and {fit} met every requirement; {algorithm} with {segments} was chosen.",
            len(tried),
            fit=words.format_count(fits.sum()),
            algorithm=algorithm,
            segments=segments,
        )
    if len(chosen) and (reason := format_text(chosen.iloc[0]["reason"])) != MISSING:
        opening = words.chain(opening, words.close_sentence(reason))
    decision = read_part(data.summary, "promotion")
    verdict = read_verdict(decision.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION, words=words)
    reasons = words.join((retell(str(reason), words) for reason in decision.get("reasons") or ()), limit=4)
    closing = words.close_sentence(words.explain(verdict.meaning.rstrip(".。"), reasons))
    return words.chain(opening, closing) if closing else opening


def tabulate_candidates(candidates: pd.DataFrame, words: Words, *, algorithms: Mapping[str, str]) -> Table:
    """Every model that was compared."""
    _ = words.gettext
    columns = (
        Column("algorithm", _("Algorithm"), lambda name: _name_algorithm(name, algorithms)),
        Column("segments", _("Segments"), words.format_count, kind="number"),
        Column("silhouette", _("Silhouette"), words.format_number, kind="number"),
        Column("stability", _("Stability"), words.format_number, kind="number"),
        Column("separation", _("Separation"), words.format_number, kind="number"),
        Column("outlier_share", _("In no segment"), words.format_share, kind="number"),
        Column("smallest_share", _("Smallest segment"), words.format_share, kind="number"),
        Column("admissible", _("Admissible"), words.format_yes_no),
        Column("reason", _("Why")),
    )
    return build_table(candidates, columns, name="candidates", title=_("Models compared this week"))


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


def _count_customers(count: int, words: Words) -> str:
    return words.ngettext("{count} customer", "{count} customers", count)


def _name_algorithm(algorithm: Any, known: Mapping[str, str]) -> str:
    return known.get(str(algorithm), format_text(algorithm))


def _name_decision(decision: Any, words: Words) -> str:
    return read_verdict(decision, PROMOTION, unknown=Verdict(MISSING, "", ""), words=words).word


PAGE = Page("segments", mark("Segments"), render_segments, order=2)
