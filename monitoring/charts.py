"""The figures of the reports but those of segments: one pure function a figure, a frame in, a Plotly figure out.

Backgrounds are transparent and the mid-tone palette reads on white and on near-black, so a page may tint text
and grid for light, dark or print without touching the data. Every name is escaped: Plotly reads a little HTML
in labels.

A page makes a table of each figure. A trace's `meta` heads the columns, by the arrays they come from (`customdata.1`
is the second field of each entry); the layout's says what the places 0, 1, … of an axis are called. A trace with
`hoverinfo="skip"` is drawn for the eye alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

GREY = "#8b929c"
GOOD, BAD, UNSURE = "#1f9d78", "#c8553d", "#8b929c"
LABEL_WIDTH = 22
DRIFT_FACTORS = 15
_KINDS = {"unknown": "without a value: ", "kpi": "", "source": "events of "}


def write_change(value: float, decimals: int = 1) -> str:
    """A relative change in percent, with its sign, as English writes it."""
    return f"{100 * value:+.{decimals}f} %".replace("-", "−")


def draw_forest(effects: pd.DataFrame, *, write: Callable[[float, int], str] = write_change) -> go.Figure:
    """One row an effect: the estimate a dot, its interval a line, no effect the upright line at zero.

    Args:
        effects: label, estimate, low, high (relative change, 0.1 = 10 %), tone (`good`, `bad`, or anything
            else for neither). An open end of an interval is null: the line then runs to the figure's edge.
        write: a relative change with so many decimals, in the reader's language.
    """
    drawn = effects.iloc[::-1].reset_index(drop=True)
    known = drawn[["estimate", "low", "high"]].to_numpy(dtype=float)
    finite = known[np.isfinite(known)]
    edge = float(np.abs(finite).max()) * 1.15 if finite.size else 1.0
    low = np.where(np.isnan(known[:, 1]), -edge, known[:, 1])
    high = np.where(np.isnan(known[:, 2]), edge, known[:, 2])
    colours = [{"good": GOOD, "bad": BAD}.get(tone, UNSURE) for tone in drawn["tone"]]
    traces: list[go.Scatter] = [
        go.Scatter(
            x=[round(100 * low[i], 2), round(100 * high[i], 2)],
            y=[i, i],
            mode="lines",
            line={"color": colours[i], "width": 3},
            hoverinfo="skip",
        )
        for i in range(len(drawn))
    ]
    traces.append(
        go.Scatter(
            x=(drawn["estimate"].astype(float) * 100).round(2),
            y=list(range(len(drawn))),
            mode="markers",
            marker={"color": colours, "size": 12},
            customdata=[
                [*_round_ends(low, high), _tell_effect(mean, low, high, write)] for mean, low, high in known
            ],
            hovertemplate="%{customdata[2]}<extra></extra>",
            meta={"y": "Name", "x": "Change (%)", "customdata.0": "From (%)", "customdata.1": "To (%)"},
        )
    )
    figure = frame_figure(traces, height=70 + 64 * len(drawn), places={"y": drawn["label"]})
    ticks = _choose_ticks(float(low.min() * 100), float(high.max() * 100))
    figure.update_xaxes(
        tickvals=ticks,
        ticktext=[write(tick / 100, len(f"{tick:g}".partition(".")[2])) if tick else "0" for tick in ticks],
        tickangle=0,
        zeroline=True,
        zerolinewidth=2,
    )
    figure.update_yaxes(visible=False, range=[-0.5, len(drawn) - 0.1])
    # Names stand above their lines, not beside them: on a phone the lines then have the whole width.
    for place, (name, estimate) in enumerate(zip(drawn["label"], known[:, 0], strict=True)):
        figure.add_annotation(
            text=f"{wrap_label(name, 40)} <b>{write(estimate, 1)}</b>",
            x=0,
            xref="paper",
            xanchor="left",
            y=place + 0.2,
            yanchor="bottom",
            align="left",
            showarrow=False,
        )
    return figure


def _round_ends(*ends: float) -> list[float | None]:
    """In per cent; an open end is null."""
    return [None if np.isnan(end) else round(100 * end, 2) for end in ends]


def _tell_effect(estimate: float, low: float, high: float, write: Callable[[float, int], str]) -> str:
    ends = (open_end if np.isnan(end) else write(end, 1) for end, open_end in ((low, "−∞"), (high, "∞")))
    return f"{write(estimate, 1)} ({' … '.join(ends)})"


def draw_drift_scores(drift: pd.DataFrame) -> go.Figure:
    """How far each factor has moved, measured in its own alarm limit: past 1 it counts as changed.

    Methods that return a distance are divided by their threshold; of those that return a p-value the
    logarithms are divided, so that 1 is the limit for both. The 15 furthest moved are drawn.

    Args:
        drift: column, method, score, threshold, drifted (bool).
    """
    measured = drift.assign(strength=measure_drift_strength(drift)).dropna(subset=["strength"])
    drawn = measured.sort_values("strength", ascending=False, kind="stable").head(DRIFT_FACTORS).iloc[::-1]
    places = list(range(len(drawn)))
    trace = go.Bar(
        x=drawn["strength"].round(3),
        y=places,
        orientation="h",
        marker={"color": [BAD if drifted else GREY for drifted in drawn["drifted"]]},
        text=[f"{value:.2f}×" for value in drawn["strength"]],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x:.2f} times the limit<extra></extra>",
        meta={"y": "Name", "x": "Times the alarm limit"},
    )
    names = [name_factor(column) for column in drawn["column"]]
    figure = frame_figure([trace], height=70 + 28 * len(drawn), places={"y": names})
    figure.update_xaxes(title="times the alarm limit", rangemode="tozero", nticks=6)
    figure.update_yaxes(tickvals=places, ticktext=[wrap_label(name, 28) for name in names], showgrid=False)
    figure.add_vline(x=1, line={"color": BAD, "width": 2, "dash": "dot"})
    return figure.update_layout(margin={"l": 8, "r": 44, "t": 8, "b": 8})


def measure_drift_strength(drift: pd.DataFrame) -> pd.Series:
    """Each score in units of its own limit (1 = at the limit, more = further moved); null where unknown."""
    score, threshold = drift["score"].astype(float), drift["threshold"].astype(float)
    is_p_value = drift["method"].astype(str).str.contains(r"p[-_ ]?value|^ks$", case=False, regex=True)
    # A p-value of exactly zero is a number too small for a float, not an infinite distance.
    valid = threshold.where((threshold > 0) & (threshold < 1))
    logarithms = score.clip(lower=1e-12).map(np.log) / valid.map(np.log)
    return logarithms.where(is_p_value, score / threshold.where(threshold > 0)).clip(lower=0)


def name_factor(column: str) -> str:
    """A factor's column, or another watcher's name, as words: `days_since_purchase` → `days since purchase`."""
    kind, _, name = str(column).rpartition(":")
    return _KINDS.get(kind, kind) + name.replace("_", " ")


def _choose_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round numbers between two bounds, zero among them where it lies between, at most `most` of them."""
    low, high = min(low, 0.0), max(high, 0.0)
    exact = max(high - low, 1e-9) / most
    power = 10.0 ** np.floor(np.log10(exact))
    step = float(next(power * nice for nice in (1, 2, 5, 10) if power * nice >= exact))
    return [float(tick * step) for tick in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def wrap_label(text: str, width: int = LABEL_WIDTH) -> str:
    """Text broken into lines of `width` characters, at most three, safe to hand to Plotly."""
    lines = wrap(str(text), width, max_lines=3, placeholder=" …") or [""]
    return "<br>".join(escape(line, quote=False) for line in lines)


def frame_figure(
    traces: Sequence[Any], *, height: int, places: Mapping[str, Iterable[str]] | None = None
) -> go.Figure:
    """A figure in the house style: no template, no background, nothing that traps a scrolling finger.

    Args:
        places: what stands at 0, 1, … of an axis (`x`, `y`), in full.
    """
    named = {
        axis: [escape(str(name), quote=False) for name in names] for axis, names in (places or {}).items()
    }
    figure = go.Figure(
        data=list(traces),
        layout={
            "template": "none",
            "meta": named,
            "height": height,
            "showlegend": False,
            "dragmode": False,
            "hovermode": "closest",
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {
                "family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
                "size": 13,
                "color": GREY,
            },
            "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
        },
    )
    axis = {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": "rgba(139,146,156,0.25)",
        "zeroline": False,
        "zerolinecolor": GREY,
        "ticks": "",
    }
    figure.update_xaxes(**axis)
    return figure.update_yaxes(**axis)
