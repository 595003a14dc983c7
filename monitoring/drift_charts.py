"""The pictures of drift: how unusual each week was, and the factors that moved most, then and now.

In the house style of `monitoring.charts`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from monitoring.charts import BAD, GREY, frame_figure, name_factor, wrap_label

NOW, USUAL = "#3b7dd8", GREY
BINS = 24
TALL = 120


def draw_timeline(timeline: pd.DataFrame) -> go.Figure:
    """The largest change of each week in units of its usual size, against the limits of this week.

    Args:
        timeline: as_of, score, watch and retrain (the limits, the same in every row), oldest first.
    """
    drawn = timeline.sort_values("as_of")
    limits = drawn.iloc[-1]
    colours = [BAD if score >= limits["watch"] else USUAL for score in drawn["score"]]
    trace = go.Scatter(
        x=drawn["as_of"],
        y=drawn["score"].round(2),
        mode="lines+markers",
        line={"color": USUAL, "width": 1},
        marker={"color": colours, "size": [6] * (len(drawn) - 1) + [12]},
        hovertemplate="week to %{x|%-d %b %Y}: %{y:.1f} times the usual<extra></extra>",
        meta={"x": "Week to", "y": "Times the usual change"},
    )
    figure = frame_figure([trace], height=260)
    for name, lift in (("watch", -6), ("retrain", 6)):
        figure.add_hline(
            y=float(limits[name]),
            line={"color": BAD if name == "retrain" else USUAL, "width": 2, "dash": "dot"},
            annotation_text=name,
            annotation_yshift=lift,
            annotation_position="right",
        )
    figure.update_yaxes(title="times the usual change", rangemode="tozero", nticks=6)
    return figure.update_xaxes(nticks=6).update_layout(margin={"l": 8, "r": 60, "t": 8, "b": 8})


def draw_then_and_now(distributions: pd.DataFrame) -> go.Figure:
    """One row a factor: how customers were spread when the model was trained (grey), and how they are now.

    Args:
        distributions: factor, then, now: equally many quantiles of both, a row each.
    """
    factors = list(dict.fromkeys(distributions["factor"]))
    figure = make_subplots(
        rows=len(factors), cols=1, vertical_spacing=0.34 / max(len(factors), 1),
        subplot_titles=[wrap_label(name_factor(name), 48) for name in factors],
    )  # fmt: skip
    for row, name in enumerate(factors, start=1):
        own = distributions[distributions["factor"] == name]
        edges = _cut(own[["then", "now"]].to_numpy(dtype=float))
        for column, words, colour in (("then", "at training", USUAL), ("now", "this week", NOW)):
            counted, _edges = np.histogram(own[column].dropna(), bins=edges)
            figure.add_trace(
                go.Scatter(
                    x=edges.round(4),
                    y=[*counted.tolist(), 0],
                    text=wrap_label(name_factor(name), 80),
                    mode="lines",
                    fill="tozeroy",
                    line={"color": colour, "width": 2, "shape": "hv"},
                    opacity=0.7,
                    name=words,
                    legendgroup=words,
                    showlegend=row == 1,
                    hovertemplate=f"{words}: %{{y:.0f}} % of customers about %{{x:.3g}}<extra></extra>",
                    meta={"text": "Factor", "name": "When", "x": "From", "y": "Customers (%)"},
                ),
                row=row,
                col=1,
            )
    frame = frame_figure([], height=60 + TALL * len(factors))
    figure.update_layout(frame.layout.to_plotly_json() | {"showlegend": True, "legend": {"orientation": "h"}})
    figure.update_layout(margin_t=28)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    figure.update_yaxes(visible=False, fixedrange=True)
    return figure.update_xaxes(fixedrange=True, automargin=True, nticks=5, zeroline=False, showgrid=False)


def _cut(values: np.ndarray) -> np.ndarray:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)
