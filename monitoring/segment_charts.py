"""Pictures of the segments with titles and axes of their own, for where no caption stands beside them.

Drawn like the figures of `monitoring.charts`: a frame in, a Plotly figure out, colours by segment, escaped names.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from monitoring.charts import (
    GREY,
    choose_colours,
    draw_heatmap,
    draw_segment_map,
    frame_figure,
    wrap_label,
)

TITLE_ROOM = 64
MAPS = {
    "pca": ("Customers by how they differ most", "main difference (no unit)", "second difference (no unit)"),
    "tsne": ("Customers beside those who are like them (t-SNE)", "only closeness means anything", ""),
    "umap": ("Customers beside those who are like them (UMAP)", "only closeness means anything", ""),
}


def draw_customer_map(
    points: pd.DataFrame, *, method: str, colours: Mapping[str, str] | None = None
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
    if method not in MAPS:
        raise ValueError(f"map method '{method}' is unknown; there are: {', '.join(MAPS)}")
    figure = draw_segment_map(points, colours=colours)
    if "strength" in points:
        for trace in figure.data:
            # Traces carry escaped names, and hold their customers in the order of the frame.
            rows = points["segment_name"].map(lambda name: escape(name, quote=False)) == trace.name
            trace.customdata = (points.loc[rows, "strength"] * 100).round().to_numpy()
            trace.hovertemplate = f"{trace.name}<br>belongs there by %{{customdata:.0f}} %<extra></extra>"
    title, across, upwards = MAPS[method]
    figure.update_layout(height=figure.layout.height + TITLE_ROOM, legend={"y": -0.1})
    return _title_figure(figure, title, across=across, upwards=upwards)


def draw_factor_heatmap(heatmap: pd.DataFrame) -> go.Figure:
    """How far each segment lies from the average customer, factor by factor, in standard deviations.

    Args:
        heatmap: index segment_name, one column a factor, standardised means; the 24 most telling are drawn.
    """
    figure = draw_heatmap(heatmap)
    figure.data[0].update(
        showscale=True,
        colorbar={"title": {"text": "standard<br>deviations"}, "thickness": 10, "outlinewidth": 0},
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}: %{z:+.2f} standard deviations from the average "
        "customer<extra></extra>",
    )
    figure = _title_figure(
        figure, "What sets each segment apart", across="segment", upwards="reaction factor"
    )
    return figure.update_layout(height=figure.layout.height + TITLE_ROOM, margin={"t": 2 * TITLE_ROOM})


def draw_size_and_value(
    profiles: pd.DataFrame, *, currency: str, colours: Mapping[str, str] | None = None
) -> go.Figure:
    """How many customers each segment has, beside what one of them is worth.

    Args:
        profiles: segment_name, size (customers), share (0–1), value (mean revenue of a customer; null where
            unknown), the segment to stand on top first.
        currency: code of the value's currency.
        colours: colour by segment name; chosen in the order given where not given.
    """
    names = list(profiles["segment_name"])
    chosen = colours or choose_colours(names)
    drawn = profiles.iloc[::-1]
    places = list(range(len(drawn)))
    size, value = drawn["size"].astype(float), drawn["value"].astype(float)
    shares = [f"{share * 100:.1f} %" for share in drawn["share"]]
    common = {
        "y": places,
        "orientation": "h",
        "marker": {"color": [chosen[name] for name in drawn["segment_name"]]},
        "textposition": "outside",
        "cliponaxis": False,
    }
    labels = [wrap_label(name, 80) for name in drawn["segment_name"]]
    customers = go.Bar(
        x=size,
        text=shares,
        customdata=np.column_stack([labels, shares]),
        hovertemplate="%{customdata[0]}<br>%{x:,.0f} customers, %{customdata[1]} of all<extra></extra>",
        **common,
    )
    prices = ["unknown" if np.isnan(one) else f"{one:,.0f} {escape(currency, quote=False)}" for one in value]
    worth = go.Bar(
        x=value.fillna(0.0),
        xaxis="x2",
        text=prices,
        customdata=np.column_stack([labels, prices]),
        hovertemplate="%{customdata[0]}<br>revenue of a customer: %{customdata[1]}<extra></extra>",
        **common,
    )
    figure = frame_figure([customers, worth], height=130 + TITLE_ROOM + 44 * len(drawn))
    axis = {
        "rangemode": "tozero",
        "fixedrange": True,
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "nticks": 4,
    }
    figure.update_layout(
        xaxis={**axis, "domain": [0.0, 0.4], "title": "customers"},
        xaxis2={
            **axis,
            "domain": [0.54, 0.9],
            "anchor": "y",
            "title": f"revenue of a customer, {escape(currency, quote=False)}",
        },
    )
    figure.update_yaxes(
        tickvals=places, ticktext=[wrap_label(name) for name in drawn["segment_name"]], showgrid=False
    )
    return _title_figure(figure, "How large each segment is, and what a customer in it is worth")


def draw_silhouettes(silhouettes: pd.DataFrame, *, colours: Mapping[str, str] | None = None) -> go.Figure:
    """Each segment as a blade of its customers, the best placed on top; left of zero they fit another better.

    Args:
        silhouettes: one row a sampled customer: segment_name, silhouette (−1 to 1).
        colours: colour by segment name; chosen by order of size where not given.
    """
    names = list(silhouettes["segment_name"].value_counts().index)
    chosen = colours or choose_colours(names)
    gap = max(1, len(silhouettes) // 50)
    traces, centres, bottom = [], [], 0
    for name in reversed(names):
        values = np.sort(silhouettes.loc[silhouettes["segment_name"] == name, "silhouette"].to_numpy())
        traces.append(_draw_blade(name, values, bottom=bottom, colour=chosen[name]))
        centres.append(bottom + (len(values) - 1) / 2)
        bottom += len(values) + gap
    figure = frame_figure(traces, height=130 + TITLE_ROOM + 64 * len(names))
    figure.update_xaxes(zeroline=True, zerolinewidth=2, nticks=8)
    figure.update_yaxes(
        tickvals=centres, ticktext=[wrap_label(name) for name in reversed(names)], showgrid=False
    )
    if len(silhouettes):
        mean = float(silhouettes["silhouette"].mean())
        figure.add_vline(
            x=mean,
            line={"color": GREY, "width": 2, "dash": "dot"},
            annotation={"text": f"mean {mean:.2f}".replace("-", "−"), "font": {"color": GREY}},
        )
    return _title_figure(
        figure,
        "How well customers fit their segment",
        across="← would fit another segment better · fits its own →",
    )


def _draw_blade(name: str, values: np.ndarray, *, bottom: int, colour: str) -> go.Scatter:
    """One segment's silhouettes, ascending, as a filled outline between them and zero."""
    label = wrap_label(name, 80)
    misplaced = f"{np.mean(values < 0) * 100:.0f} % would fit another better"
    return go.Scatter(
        x=values.round(3),
        y=bottom + np.arange(len(values)),
        mode="lines",
        fill="tozerox",
        line={"color": colour, "width": 1},
        hovertemplate=f"{label}<br>{len(values):,} customers, mean {values.mean():.2f}<br>{misplaced}"
        "<extra></extra>",
    )


def _title_figure(figure: go.Figure, title: str, *, across: str = "", upwards: str = "") -> go.Figure:
    """The figure with a title, and titles of its axes where given."""
    figure.update_layout(
        title={
            "text": title,
            "x": 0.0,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "top",
            "pad": {"t": 12, "l": 8},
        },
        margin={"t": TITLE_ROOM},
    )
    if across:
        figure.update_xaxes(title={"text": across, "standoff": 8})
    if upwards:
        figure.update_yaxes(title={"text": upwards, "standoff": 8})
    return figure
