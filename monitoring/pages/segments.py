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
from monitoring.pages.layout.campaigns import read_campaigns
from monitoring.pages.layout.evidence import Evidence, list_evidence
from monitoring.pages.layout.migration import Movement, read_movement
from monitoring.pages.layout.tables import Column, Figure, Table, build_table, embed_figure
from monitoring.pages.layout.tenures import list_tenures
from monitoring.pages.layout.trend import Trend, read_trend
from monitoring.pages.layout.verdicts import PROMOTION, UNKNOWN_PROMOTION, Verdict, read_verdict
from monitoring.pages.layout.words import (
    MISSING,
    close_sentence,
    format_count,
    format_date,
    format_money,
    format_number,
    format_plural,
    format_share,
    format_text,
    format_yes_no,
    join_words,
    read_part,
)
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
    "pca": "The axes are the two directions in which customers differ most (principal components) and have no unit: "
    "read the distances, not the positions. Segments may overlap here and be apart in other factors.",
    "tsne": "By t-SNE: who lies beside whom means something, how far groups lie from each other does not.",
    "umap": "By UMAP: who lies beside whom means something, how far groups lie from each other does not.",
}


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
    return render_template(
        "segments.html",
        cards=list_cards(data),
        hidden=explain_hidden(data),
        strangers=name_strangers(data),
        figures=draw_figures(data),
        maps=draw_maps(data),
        sizes=tabulate_sizes(data),
        movement=show_movement(data),
        mapped=tabulate_map(data),
        heatmap=tabulate_heatmap(data.heatmap),
        fits=tabulate_silhouettes(data.silhouettes),
        levels=tabulate_levels(data.levels),
        facts=list_model_facts(data),
        tenure=explain_tenure(data),
        chosen=explain_choice(data),
        candidates=tabulate_candidates(data.candidates, algorithms=data.algorithms),
        missing=explain_missing(data),
    )


def list_cards(data: ReportData) -> tuple[Card, ...]:
    """The segments, largest first; customers who fit none come last."""
    if data.profiles.empty:
        return ()
    ordered = _order_segments(data.profiles)
    colours = _colour_segments(data.profiles)
    campaigns = read_campaigns(data.summary)
    return tuple(
        Card(
            name=str(row["segment_name"]),
            colour=colours[row["segment_name"]],
            size=_show_size(row, data.smallest_group),
            trend=read_trend(data.sizes, segment_id=row["segment_id"], as_of=data.as_of),
            share=format_share(row["share"]),
            value=format_money(row["value"], data.currency),
            reasons=tuple((name_factor(factor), str(effect)) for factor, effect in row["reasons"]),
            rule="" if format_text(row["rule"]) == MISSING else str(row["rule"]),
            plays=_list_plays(data, int(row["segment_id"]), str(row["segment_name"])),
            evidence=list_evidence(campaigns, segment_id=int(row["segment_id"]), currency=data.currency),
            lineage="" if format_text(row["lineage"]) == MISSING else str(row["lineage"]),
        )
        for row in ordered.to_dict("records")
    )


def explain_hidden(data: ReportData) -> str:
    """Why cards lack figures; nothing where none does."""
    marks = set(data.profiles["hidden"]) if "hidden" in data.profiles else set()
    if not marks - {""}:
        return ""
    few = f"Of groups of fewer than {data.smallest_group} people no figures are shown."
    beside = " So that their size does not follow by subtraction, the next smallest are shown without theirs."
    return few + (beside if "beside" in marks else "")


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
    named = join_words((f"“{name}”" for name in strangers), limit=8)
    return f"The playbook also speaks of {named}, which no segment is now."


def draw_figures(data: ReportData) -> dict[str, Figure]:
    """The figures there is data for, by name."""
    figures: dict[str, Figure] = {}
    sized = data.profiles.dropna(subset=["size"]) if len(data.profiles) else data.profiles
    if len(sized):
        figures["sizes"] = embed_figure(
            draw_segment_sizes(_order_segments(sized), currency=data.currency),
            name="sizes",
            caption="Each segment's share of all customers, and of the revenue of the last 180 days. A "
            "revenue bar longer than the customer bar marks a segment that carries more than its "
            "number."
            + (" Revenue is that of the segments shown." if len(sized) < len(data.profiles) else ""),
        )
    if len(data.heatmap):
        factors = len(data.heatmap.columns)
        scope = (
            f"The {HEATMAP_FACTORS} of {factors} factors in which the segments differ most"
            if factors > HEATMAP_FACTORS
            else f"All {factors} factors"
        )
        figures["heatmap"] = embed_figure(
            draw_heatmap(_order_heatmap(data)),
            name="heatmap",
            caption="How far each segment lies from the average customer, in standard deviations: orange "
            f"above, blue below, clear is average. {scope}, the most telling first.",
        )
    if len(data.silhouettes):
        figures["silhouettes"] = embed_figure(
            draw_silhouettes(data.silhouettes, colours=_colour_names(data, data.silhouettes["segment_name"])),
            name="silhouettes",
            caption=f"{format_plural(len(data.silhouettes), 'customer')}, a line each, by how much closer they are to "
            "their own segment than to the next (silhouette): a broad blade is a segment that stands apart, and "
            "whoever lies left of zero is nearer to another one.",
        )
    if len(data.levels):
        figures["levels"] = embed_figure(
            draw_levels(data.levels),
            name="levels",
            caption="The same customers at several levels of detail: each column is the same tree of customers, cut "
            "where it has few branches and where it has many, and what lies beside a segment is what it falls "
            "into. A tree's cuts need not be the segments in use.",
        )
    return figures


def draw_maps(data: ReportData) -> tuple[Figure, ...]:
    """A figure a map, in the order given."""
    return tuple(
        embed_figure(
            draw_segment_map(points, method=method, colours=_colour_names(data, points["segment_name"])),
            name=f"map_{method}",
            caption=f"{format_plural(len(points), 'customer')}, each a dot; two that lie close behave alike. "
            + MAP_CAPTIONS[method],
        )
        for method, points in data.maps.items()
        if len(points)
    )


def show_movement(data: ReportData) -> Movement | None:
    """Who changed segment since the week before; nothing where the weeks were not compared."""
    return read_movement(data, colours=_colour_segments(data.profiles) if len(data.profiles) else {})


def tabulate_sizes(data: ReportData) -> Table:
    """The numbers behind the bars: one row a segment."""
    frame = _order_segments(data.profiles) if len(data.profiles) else data.profiles
    if len(frame):
        revenue = frame["size"].astype(float) * frame["value"].astype(float)
        shown = [_show_size(row, data.smallest_group) for row in frame.to_dict("records")]
        counts = [told if pd.isna(count) else count for told, count in zip(shown, frame["size"], strict=True)]
        frame = frame.assign(
            size=pd.Series(counts, frame.index, dtype=object),
            revenue_share=revenue / revenue.sum() if revenue.sum() > 0 else None,
        )
    columns = (
        Column("segment_name", "Segment"),
        Column(
            "size", "Customers", lambda one: one if isinstance(one, str) else format_count(one), kind="number"
        ),
        Column("share", "Share of customers", format_share, kind="number"),
        Column("value", "Revenue each", lambda value: format_money(value, data.currency), kind="number"),
        Column("revenue_share", "Share of revenue", format_share, kind="number"),
    )
    return build_table(frame, columns, name="sizes", title="Number and revenue of each segment")


def tabulate_map(data: ReportData) -> Table:
    """Who is on the map: one row a segment."""
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
        Column("segment_name", "Segment"),
        Column("customers", "Customers drawn", format_count, kind="number"),
        Column("x", "Centre, across", format_number, kind="number"),
        Column("y", "Centre, upwards", format_number, kind="number"),
        Column("strength", "Mean strength", format_number, kind="number"),
    )
    ordered = frame.sort_values("customers", ascending=False, kind="stable").reset_index()
    return build_table(ordered, columns, name="mapped", title="Segments on the first map")


def tabulate_silhouettes(silhouettes: pd.DataFrame) -> Table:
    """The numbers behind the blades: one row a segment."""
    columns = (
        Column("segment_name", "Segment"),
        Column("customers", "Customers drawn", format_count, kind="number"),
        Column("mean", "Mean silhouette", format_number, kind="number"),
        Column("misplaced", "Nearer to another", format_share, kind="number"),
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
    return build_table(ordered, columns, name="fits", title="How well customers fit their segment")


def tabulate_levels(levels: pd.DataFrame) -> Table:
    """Every segment at every level."""
    columns = (
        Column("level", "Segments at this level", format_count, kind="number"),
        Column("segment", "Number", format_count, kind="number"),
        Column("parent", "Lies in number", format_count, kind="number"),
        Column("name", "Segment"),
        Column("share", "Share of customers", format_share, kind="number"),
    )
    return build_table(levels, columns, name="levels", title="Segments at every level")


def tabulate_heatmap(heatmap: pd.DataFrame) -> Table:
    """The numbers behind the heatmap: one row a factor."""
    turned = heatmap.T
    turned.columns = [f"segment {place}" for place in range(len(turned.columns))]
    frame = turned.reset_index(names="factor")
    segments = [
        Column(key, str(name), format_number, kind="number")
        for key, name in zip(turned.columns, heatmap.index, strict=True)
    ]
    columns = (Column("factor", "Factor", name_factor), *segments)
    return build_table(
        frame, columns, name="segment_factors", title="Standardised mean of each factor by segment"
    )


def list_model_facts(data: ReportData) -> tuple[tuple[str, str, str], ...]:
    """What can be said about the model in use, or the one trained this week: a name, a figure, what it means."""
    training = data.champion or read_part(data.summary, "training")
    promotion = read_part(data.summary, "promotion")
    if not training.get("algorithm"):
        return ()
    champion = format_text(promotion.get("champion_version"))
    since = _find_since(data)
    return (
        (
            "In use",
            MISSING if champion == MISSING else f"Version {champion}",
            f"since {format_date(since)}" if since is not None else _name_decision(promotion.get("decision")),
        ),
        (
            "Algorithm",
            _name_algorithm(training["algorithm"], data.algorithms),
            "of the model in use" if data.champion else "of the model trained this week",
        ),
        (
            "Stability",
            format_number(training.get("stability")),
            "1: the same segments whichever customers are left out; 0: by chance",
        ),
        (
            "Separation",
            format_number(training.get("separation")),
            "how far the segments stand apart; more is better",
        ),
        (
            "Silhouette",
            format_number(training.get("silhouette")),
            "−1 to 1: how much closer to one's own segment",
        ),
        ("In no segment", format_share(training.get("outlier_share")), "customers unlike any group"),
    )


def explain_tenure(data: ReportData) -> str:
    """Since when the model has been in use and why it was chosen then; nothing where that is not on record."""
    since = _find_since(data)
    if since is None:
        return ""
    version = read_part(data.summary, "promotion")["champion_version"]
    name = ""
    if data.champion:
        algorithm = _name_algorithm(data.champion["algorithm"], data.algorithms)
        name = f", {algorithm} with {format_plural(data.champion.get('segments'), 'segment')},"
    opening = f"Version {version}{name} has been in use since {format_date(since)}."
    decision = data.promotions[data.promotions["decided_at"] == since].iloc[-1]
    if str(decision["as_of"]) == str(data.as_of):
        return opening  # the week's own choice, which is told anyway
    reasons = decision["reasons"]
    told = "; ".join(map(str, reasons)) if isinstance(reasons, list | tuple) else format_text(reasons)
    return (
        f"{opening} It was chosen then because: {close_sentence(told)}"
        if told not in ("", MISSING)
        else opening
    )


def explain_choice(data: ReportData) -> str:
    """Why the chosen model was chosen, in two sentences; nothing where no model was trained."""
    training = read_part(data.summary, "training")
    if not training.get("algorithm"):
        return ""
    algorithm = _name_algorithm(training["algorithm"], data.algorithms)
    name = f"{algorithm} with {format_plural(training.get('segments'), 'segment')}"
    tried, chosen = data.candidates, pd.DataFrame()
    if len(tried):
        fits = tried["admissible"].astype(bool)
        alike = (tried["algorithm"] == training["algorithm"]) & (
            tried["segments"] == training.get("segments")
        )
        chosen = tried[fits & alike]
        opening = (
            f"{format_plural(len(tried), 'candidate was', 'candidates were')} compared and "
            f"{format_count(fits.sum())} met every requirement; {name} was chosen."
        )
    else:
        opening = f"{name} was chosen."
    reason = format_text(chosen.iloc[0]["reason"]) if len(chosen) else MISSING
    decision = read_part(data.summary, "promotion")
    reasons = join_words((str(reason) for reason in decision.get("reasons") or ()), limit=4)
    verdict = read_verdict(decision.get("decision"), PROMOTION, unknown=UNKNOWN_PROMOTION)
    closing = f"{verdict.meaning.rstrip('.')}: {reasons}." if reasons else verdict.meaning
    return " ".join(
        part for part in (opening, "" if reason == MISSING else close_sentence(reason), closing) if part
    )


def tabulate_candidates(candidates: pd.DataFrame, *, algorithms: Mapping[str, str]) -> Table:
    """Every model that was compared."""
    columns = (
        Column("algorithm", "Algorithm", lambda name: _name_algorithm(name, algorithms)),
        Column("segments", "Segments", format_count, kind="number"),
        Column("silhouette", "Silhouette", format_number, kind="number"),
        Column("stability", "Stability", format_number, kind="number"),
        Column("separation", "Separation", format_number, kind="number"),
        Column("outlier_share", "In no segment", format_share, kind="number"),
        Column("smallest_share", "Smallest segment", format_share, kind="number"),
        Column("admissible", "Admissible", format_yes_no),
        Column("reason", "Why"),
    )
    return build_table(candidates, columns, name="candidates", title="Models compared this week")


def explain_missing(data: ReportData) -> str:
    """Why there are no segments to show."""
    training = read_part(data.summary, "training")
    reason = training.get("reason") or "no model is in use and none was trained this week"
    return close_sentence(f"there are no segments to show: {reason}")


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


def _show_size(row: Mapping[Any, Any], smallest: int) -> str:
    """A segment's customers, or why they are not told."""
    told = {"small": f"fewer than {smallest}", "beside": "not shown"}
    return told.get(row.get("hidden", ""), format_count(row["size"]))


def _list_plays(data: ReportData, segment_id: int, name: str) -> tuple[tuple[str, str], ...]:
    play = find_play(data.playbook, segment_id=segment_id, name=name)
    if play is None:
        return ()
    said = (("Message", play.message), ("Channel", play.channel), ("Offer", play.offer))
    return tuple((label, text) for label, text in said if text)


def _find_since(data: ReportData) -> Any:
    """When the model in use was put there, the last time; None where that is not on record."""
    tenures = list_tenures(data.promotions)
    version = str(read_part(data.summary, "promotion").get("champion_version"))
    current = tenures.loc[tenures["version"].astype(str) == version, "since"]
    return None if current.empty else current.iloc[0]


def _name_algorithm(algorithm: Any, known: Mapping[str, str]) -> str:
    return known.get(str(algorithm), format_text(algorithm))


def _name_decision(decision: Any) -> str:
    return read_verdict(decision, PROMOTION, unknown=Verdict(MISSING, "", "")).word


PAGE = Page("segments", "Segments", render_segments, order=2)
