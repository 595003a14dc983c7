"""Pictures of the segments: one pure function a figure, a frame in, a Plotly figure out.

In the house style of `monitoring.charts`: the palette reads on white and on near-black, names are escaped. Captions
stand beside the figures on a page; `title_figure` is for where none does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from monitoring.charts import GREY, frame_figure, name_factor, wrap_label

PALETTE = (
    "#3b7dd8", "#e08a1e", "#1f9d78", "#c8553d", "#8a63d2", "#c2558f", "#6b8e23", "#1f9bb5", "#a5793b",
    "#5d6fa8",
)  # fmt: skip
SYMBOLS = (
    "circle",
    "diamond",
    "square",
    "triangle-up",
    "cross",
    "star",
    "hexagon",
    "triangle-down",
    "pentagon",
)
HEATMAP_FACTORS = 24
TITLE_ROOM = 64
MAP_AXES = {
    "pca": ("main difference", "second difference"),
    "tsne": ("t-SNE: only closeness means anything", ""),
    "umap": ("UMAP: only closeness means anything", ""),
}


def choose_colours(names: Sequence[str], *, outliers: Sequence[str] = ()) -> dict[str, str]:
    """One colour a segment, in the order given, the same in every figure; outliers are grey."""
    coloured = [name for name in dict.fromkeys(names) if name not in outliers]
    colours = {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(coloured)}
    return colours | dict.fromkeys(outliers, GREY)


def title_figure(figure: go.Figure, title: str) -> go.Figure:
    """The figure with a title over it and the room for one."""
    top = (figure.layout.margin.t or 0) + TITLE_ROOM
    place = {"x": 0.0, "xanchor": "left", "y": 1.0, "yanchor": "top", "pad": {"t": 12, "l": 8}}
    text = wrap_label(title, 80)
    return figure.update_layout(
        title={"text": text, **place}, height=figure.layout.height + TITLE_ROOM, margin={"t": top}
    )


def draw_segment_map(
    points: pd.DataFrame, *, method: str = "pca", colours: Mapping[str, str] | None = None
) -> go.Figure:
    """Customers as dots on a plane; two that lie close behave alike.

    Args:
        points: one row a sampled customer: x, y (standard scores), segment_name, and perhaps strength (0–1),
            how firmly they belong there.
        method: how the places were found: `pca`, `tsne` or `umap`.
        colours: colour by segment name; chosen by order of size where not given.

    Raises:
        ValueError: the method is unknown.
    """
    if method not in MAP_AXES:
        raise ValueError(f"map method '{method}' is unknown; there are: {', '.join(MAP_AXES)}")
    names = list(points["segment_name"].value_counts().index) if len(points) else []
    colours = colours or choose_colours(names)
    order = sorted(names, key=list(colours).index)
    traces = [
        _draw_dots(points[points["segment_name"] == name], name, colours[name], SYMBOLS[place % len(SYMBOLS)])
        for place, name in enumerate(order)
    ]
    figure = frame_figure(traces, height=540)
    hidden = {"showticklabels": False, "showgrid": False}
    across, upwards = MAP_AXES[method]
    figure.update_xaxes(title={"text": across, "standoff": 4}, **hidden)
    figure.update_yaxes(title={"text": upwards, "standoff": 4}, **hidden)
    return figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": -0.08, "yanchor": "top", "itemsizing": "constant"},
    )


def _draw_dots(points: pd.DataFrame, name: str, colour: str, symbol: str) -> go.Scatter:
    """A segment's customers, with how firmly they belong there where that is known."""
    label = escape(name, quote=False)
    columns = {"name": "Segment", "x": "Across", "y": "Upwards"}
    known: dict[str, Any] = {"hovertemplate": f"{label}<extra></extra>", "meta": columns}
    if "strength" in points:
        known = {
            "meta": columns | {"customdata": "Belongs there by (%)"},
            "customdata": (points["strength"] * 100).round().to_numpy(),
            "hovertemplate": f"{label}<br>belongs there by %{{customdata:.0f}} %<extra></extra>",
        }
    marker = {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.6}
    x, y = points["x"].round(2), points["y"].round(2)
    return go.Scatter(x=x, y=y, name=label, mode="markers", marker=marker, **known)


def draw_heatmap(heatmap: pd.DataFrame) -> go.Figure:
    """How far each segment's mean lies from the mean of all customers, in standard deviations.

    Args:
        heatmap: index segment_name, one column a factor, standardised means. Of many factors the 24 in which
            the segments differ most are drawn, the most telling first.
    """
    chosen = choose_telling_factors(heatmap)
    values = chosen.to_numpy(dtype=float)
    rows, columns = list(chosen.columns), list(chosen.index)
    limit = float(np.clip(np.nanmax(np.abs(values)), 1.0, 3.0)) if np.isfinite(values).any() else 1.0
    text = [
        ["" if np.isnan(v) else f"{v:+.1f}".replace("-", "−") if v else "0.0" for v in row]
        for row in values.T.round(1) + 0.0
    ]
    trace = go.Heatmap(
        z=values.T.round(2),
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        text=text,
        texttemplate="%{text}" if len(columns) <= 12 else "",
        textfont={"size": 11},
        customdata=[
            [[wrap_label(c, 80), wrap_label(r, 80)] for c in columns] for r in map(name_factor, rows)
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}: %{z:+.2f} standard deviations from the "
        "average customer<extra></extra>",
        zmin=-limit,
        zmax=limit,
        # Clear in the middle, so that an average cell takes the colour of the page, be it light or dark.
        colorscale=[
            [0.0, "rgba(59,125,216,0.75)"],
            [0.5, "rgba(59,125,216,0)"],
            [0.5, "rgba(224,138,30,0)"],
            [1.0, "rgba(224,138,30,0.75)"],
        ],
        showscale=False,
        xgap=2,
        ygap=2,
        meta={"y": "Factor", "x": "Segment", "z": "Standard deviations from the average customer"},
    )
    places = {"x": columns, "y": map(name_factor, rows)}
    figure = frame_figure([trace], height=130 + 26 * len(rows), places=places)
    figure.update_xaxes(
        tickvals=trace.x, ticktext=[wrap_label(c, 14) for c in columns], side="top", showgrid=False
    )
    figure.update_yaxes(
        tickvals=trace.y,
        ticktext=[wrap_label(name_factor(r)) for r in rows],
        autorange="reversed",
        showgrid=False,
    )
    return figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8})


def choose_telling_factors(heatmap: pd.DataFrame, *, limit: int = HEATMAP_FACTORS) -> pd.DataFrame:
    """The columns in which the segments differ most, widest spread first."""
    if heatmap.empty:
        return heatmap
    spread = heatmap.max() - heatmap.min()
    return heatmap[list(spread.sort_values(ascending=False, kind="stable").index[:limit])]


def draw_segment_sizes(profiles: pd.DataFrame, *, currency: str = "") -> go.Figure:
    """Each segment's share of the customers beside its share of the revenue.

    Args:
        profiles: segment_name, size (customers), share (0–1), value (mean revenue of a customer; null where
            unknown), the segment to stand on top first.
        currency: code of the value's currency.
    """
    ordered = profiles.iloc[::-1]
    size, value = ordered["size"].astype(float), ordered["value"].astype(float)
    revenue = size * value
    bars = [("of customers", "#8ab0e6", ordered["share"].astype(float), _tell_sizes(size))]
    if revenue.sum() > 0:
        bars.insert(0, ("of revenue", "#e08a1e", revenue / revenue.sum(), _tell_values(value, currency)))
    places = list(range(len(ordered)))
    traces = [
        go.Bar(
            x=(share * 100).round(2),
            y=places,
            name=name,
            orientation="h",
            marker={"color": colour},
            text=["" if np.isnan(s) else f"{s * 100:.0f} %" for s in share],
            textposition="outside",
            cliponaxis=False,
            customdata=told,
            hovertemplate=f"%{{x:.1f}} % {name}: %{{customdata}}<extra></extra>",
            meta={"y": "Segment", "name": "Share", "x": "Per cent", "customdata": "Amount"},
        )
        for name, colour, share, told in bars
    ]
    figure = frame_figure(traces, height=90 + 48 * len(ordered), places={"y": ordered["segment_name"]})
    figure.update_xaxes(showticklabels=False, showgrid=False, rangemode="tozero")
    figure.update_yaxes(
        tickvals=places, ticktext=[wrap_label(name) for name in ordered["segment_name"]], showgrid=False
    )
    return figure.update_layout(
        barmode="group",
        bargap=0.35,
        showlegend=True,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "reversed"},
        margin={"l": 8, "r": 40, "t": 30, "b": 8},
    )


def _tell_sizes(size: pd.Series) -> list[str]:
    return [f"{customers:,.0f} customers" for customers in size]


def _tell_values(value: pd.Series, currency: str) -> list[str]:
    unit = escape(f" {currency}".rstrip(), quote=False)
    return ["unknown" if np.isnan(one) else f"{one:,.2f}{unit} a customer" for one in value]


def draw_silhouettes(silhouettes: pd.DataFrame, *, colours: Mapping[str, str] | None = None) -> go.Figure:
    """Each segment as a blade of its customers, the best placed on top; left of zero they fit another better.

    Args:
        silhouettes: one row a sampled customer: segment_name, silhouette (−1 to 1).
        colours: colour by segment name; chosen by order of size where not given. Segments stand in its order.
    """
    names = list(silhouettes["segment_name"].value_counts().index)
    chosen = colours or choose_colours(names)
    ordered = sorted(names, key=list(chosen).index, reverse=True)
    gap = max(1, len(silhouettes) // 50)
    traces, centres, bottom = [], [], 0
    for name in ordered:
        values = np.sort(silhouettes.loc[silhouettes["segment_name"] == name, "silhouette"].to_numpy())
        traces.append(_draw_blade(name, values, bottom=bottom, colour=chosen[name]))
        centres.append(bottom + (len(values) - 1) / 2)
        bottom += len(values) + gap
    figure = frame_figure(traces, height=110 + 58 * len(names))
    across = "← fits another better · fits its own →"
    figure.update_xaxes(
        zeroline=True, zerolinewidth=2, nticks=6, tickangle=0, title={"text": across, "standoff": 8}
    )
    figure.update_yaxes(tickvals=centres, ticktext=[wrap_label(name) for name in ordered], showgrid=False)
    if len(silhouettes):
        mean = float(silhouettes["silhouette"].mean())
        figure.add_vline(
            x=mean,
            line={"color": GREY, "width": 2, "dash": "dot"},
            annotation={"text": f"mean {mean:.2f}".replace("-", "−"), "yanchor": "bottom"},
        )
    return figure.update_layout(margin={"t": 30})


def _draw_blade(name: str, values: np.ndarray, *, bottom: int, colour: str) -> go.Scatter:
    """One segment's silhouettes, ascending, as a filled outline between them and zero."""
    label = wrap_label(name, 80)
    misplaced = f"{np.mean(values < 0) * 100:.0f} % would fit another better"
    return go.Scatter(
        x=values.round(3),
        y=bottom + np.arange(len(values)),
        name=label,
        mode="lines",
        fill="tozerox",
        line={"color": colour, "width": 1},
        hovertemplate=f"{label}<br>{len(values):,} customers, mean {values.mean():.2f}<br>{misplaced}"
        "<extra></extra>",
        meta={"name": "Segment", "x": "Silhouette"},
    )


def draw_levels(levels: pd.DataFrame) -> go.Figure:
    """One tree of customers cut at several heights: coarse segments on the left, what each falls into beside it.

    Args:
        levels: one row a segment, coarser ones first: level (how many segments there are at it), segment (its
            number there), parent (the number of the coarser segment it lies in, null at the coarsest level),
            name, share (0–1 of all customers).
    """
    known = list(levels["level"].unique())
    coarser = dict(zip(known[1:], known, strict=False))
    ids, parents = ["all"], [""]
    for level, segment, parent in levels[["level", "segment", "parent"]].itertuples(index=False):
        ids.append(f"{level}-{segment}")
        parents.append(f"{coarser[level]}-{int(parent)}" if level in coarser else "all")
    colours = {"all": "rgba(0,0,0,0)"}
    for place, (one, parent) in enumerate(zip(ids[1:], parents[1:], strict=True)):
        colours[one] = soften_colour(PALETTE[place % len(PALETTE)]) if parent == "all" else colours[parent]
    names, shares = ["All customers", *levels["name"]], [1.0, *levels["share"]]
    trace = go.Icicle(
        ids=ids,
        parents=parents,
        labels=[wrap_label(name, 26) for name in names],
        # Only what falls into nothing finer has a size of its own: sums of rounded parts may exceed a whole.
        values=[
            0.0 if one in parents else round(share * 100, 4) for one, share in zip(ids, shares, strict=True)
        ],
        branchvalues="remainder",
        sort=False,
        text=[f"{share * 100:.1f} %" for share in shares],
        customdata=[wrap_label(name, 80) for name in names],
        texttemplate="%{label}<br>%{text}",
        hovertemplate="%{customdata}<br>%{text} of the customers<extra></extra>",
        marker={
            "colors": [colours[one] for one in ids],
            "line": {"width": 1, "color": "rgba(255,255,255,0.6)"},
        },
        leaf={"opacity": 1.0},
        tiling={"orientation": "h"},
        meta={"customdata": "Segment", "parents": "Lies in", "text": "Share of the customers"},
        pathbar={"visible": False},
    )
    figure = frame_figure([trace], height=120 + 48 * max(known, default=0))
    return figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})


def soften_colour(colour: str, *, opacity: float = 0.45) -> str:
    """A colour (#rrggbb) the page shines through, so that its own colour of text can be read on it."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
