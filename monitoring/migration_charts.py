"""The picture of who went from which segment to which: a frame of flows in, a Plotly figure out.

In the house style of `monitoring.charts`; colours are those of `monitoring.segment_charts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from textwrap import wrap
from typing import TypeAlias

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from monitoring.charts import GREY, frame_figure
from monitoring.segment_charts import choose_colours, soften_colour

STAGES = ("before_name", "between_name", "after_name")
JOINED, LEFT = "Joined", "Left"
LABEL_WIDTHS = {2: 30, 3: 20}  # characters, by how many columns share the width of a phone held upright
HEADING_WIDTH = 22
LINE = 17  # pixels a line of a label takes
LEAST = 24  # pixels of the height a segment of usual size gets, beside the gap to the next
HEAD, FOOT = 56, 16
MOVED, STAYED = 0.6, 0.18  # opacity: most customers stay, and those who do not are what is looked for

# A segment's name in one of the columns; None are those who joined (first column) or left (second).
_Node: TypeAlias = tuple[int, str | None]


def draw_migration(
    flows: pd.DataFrame,
    *,
    model_changed: bool,
    colours: Mapping[str, str] | None = None,
    earlier: str = "Last week",
    later: str = "This week",
) -> go.Figure:
    """Customers as streams from the segments they were in to those they are in; those who stay are pale.

    Where the model changed there is a column between: this week's customers as the old model sees them. Whatever
    changes on the way to it the customers did; whatever changes after it, the model.

    Args:
        flows: one row a path: before_name, between_name, after_name (of segments; the first is missing for who
            joined, the others for who left) and customers.
        model_changed: whether the two weeks had different models.
        colours: colour by segment name, in the order the segments are to stand in; those not in it follow.
        earlier, later: what the two weeks are called.
    """
    stages = STAGES if model_changed else (STAGES[0], STAGES[-1])
    streams = _count_streams(flows, stages)
    names = [*(colours or {}), *(name for _, *ends in streams for name in ends if name)]
    known = choose_colours(names) | dict(colours or {})
    sizes = _measure_nodes(streams, order=[*known, None])
    labels = [_label_node(node, size, width=LABEL_WIDTHS[len(stages)]) for node, size in sizes.items()]
    gap = LINE * max((label.count("<br>") + 1 for label in labels), default=1)
    height = max(Counter(stage for stage, _ in sizes).values(), default=0) * (LEAST + gap)
    places = {node: place for place, node in enumerate(sizes)}
    middle = [f"{later}, by the old model", f"{later}, by the new model"] if model_changed else [later]
    headings = [earlier, *middle]
    steps = [escape(f"{origin} → {goal}", quote=False) for origin, goal in pairwise(headings)]
    trace = go.Sankey(
        arrangement="fixed",
        node={
            "label": labels,
            "customdata": [escape(_name_node(node), quote=False) for node in sizes],
            "x": [_keep_inside(stage / (len(stages) - 1)) for stage, _ in sizes],
            "y": [_keep_inside(middle) for middle in _stack_nodes(sizes, gap=gap / max(height, 1))],
            "color": [known.get(name or "", GREY) for _, name in sizes],
            "pad": gap,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        link={
            "source": [places[stage, origin] for stage, origin, _ in streams],
            "target": [places[stage + 1, goal] for stage, _, goal in streams],
            "value": list(streams.values()),
            "label": [steps[stage] for stage, *_ in streams],
            "color": [
                soften_colour(known.get(origin or "", GREY), opacity=STAYED if origin == goal else MOVED)
                for _, origin, goal in streams
            ],
            "customdata": [_tell_stream(*stream, customers) for stream, customers in streams.items()],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        meta={
            "link.label": "Weeks",
            "link.source": "From",
            "link.target": "To",
            "link.value": "Customers",
        },
    )
    figure = frame_figure([trace], height=HEAD + height + FOOT)
    figure.update_layout(margin={"t": HEAD, "b": FOOT})
    return _head_columns(figure, headings)


def _count_streams(flows: pd.DataFrame, stages: Sequence[str]) -> Counter[tuple[int, str | None, str | None]]:
    """Customers by column and by name on its side and on the next one's, where they are in at least one of them."""
    counted: Counter[tuple[int, str | None, str | None]] = Counter()
    for stage, ends in enumerate(pairwise(stages)):
        for *names, customers in flows[[*ends, "customers"]].itertuples(index=False):
            origin, goal = (None if pd.isna(name) else str(name) for name in names)
            if origin is not None or goal is not None:
                counted[stage, origin, goal] += int(customers)
    return counted


def _measure_nodes(
    streams: Mapping[tuple[int, str | None, str | None], int], *, order: Sequence[str | None]
) -> dict[_Node, int]:
    """Customers of every segment in every column, in the order given."""
    entering, leaving = Counter[_Node](), Counter[_Node]()
    for (stage, origin, goal), customers in streams.items():
        leaving[stage, origin] += customers
        entering[stage + 1, goal] += customers
    sizes = entering | leaving
    return {node: sizes[node] for node in sorted(sizes, key=lambda node: (node[0], order.index(node[1])))}


def _stack_nodes(sizes: Mapping[_Node, int], *, gap: float) -> list[float]:
    """The middle of every node, 0–1 from the top: one below the other in each column, `gap` between."""
    columns = {stage: [n for (s, _), n in sizes.items() if s == stage] for stage, _ in sizes}
    scale = min(((1 - gap * (len(column) - 1)) / sum(column) for column in columns.values()), default=0.0)
    middles: list[float] = []
    for column in columns.values():
        heights = np.array(column) * scale
        middles += (np.cumsum(heights + gap) - gap - heights / 2).tolist()
    return middles


def _keep_inside(place: float) -> float:
    """Plotly takes a place of 0 for none, and one of 1 for one too many."""
    return round(min(max(place, 0.001), 0.999), 4)


def _label_node(node: _Node, size: int, *, width: int) -> str:
    return _wrap_whole(f"{_name_node(node)}:\N{NO-BREAK SPACE}{size:,}", width)


def _name_node(node: _Node) -> str:
    stage, name = node
    return name if name is not None else JOINED if stage == 0 else LEFT


def _wrap_whole(text: str, width: int) -> str:
    """Text in as many lines as it takes: what streams are named by is never cut off."""
    return "<br>".join(escape(line, quote=False) for line in wrap(text, width))


def _tell_stream(stage: int, origin: str | None, goal: str | None, customers: int) -> str:
    who = f"{customers:,} customer{'' if customers == 1 else 's'}"
    ends = [escape(_name_node(node), quote=False) for node in ((stage, origin), (stage + 1, goal))]
    return f"{who} stayed in<br>{ends[0]}" if origin == goal else f"{who}<br>{ends[0]} →<br>{ends[1]}"


def _head_columns(figure: go.Figure, headings: Sequence[str]) -> go.Figure:
    for place, heading in enumerate(headings):
        side = "left" if place == 0 else "right" if place == len(headings) - 1 else "center"
        figure.add_annotation(
            text=f"<b>{_wrap_whole(heading, HEADING_WIDTH)}</b>",
            align=side,
            x=place / (len(headings) - 1),
            xanchor=side,
            y=1,
            yanchor="bottom",
            yshift=8,
            xref="paper",
            yref="paper",
            showarrow=False,
        )
    return figure
