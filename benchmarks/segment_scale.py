"""What segments cost, from ten thousand customers to a million and from 20 factors to 300."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measure import measure_module

if TYPE_CHECKING:
    import plotly.graph_objects as go

CUSTOMERS = (10_000, 100_000, 1_000_000)
FACTORS = (20, 40, 100, 300)
USUAL_FACTORS = 40
MOST_VALUES = 60_000_000  # customers × factors; more do not fit beside the rest in a small machine


@dataclass(frozen=True, slots=True)
class Size:
    """One measurement, in a process of its own.

    Attributes:
        training: seconds of search and fit.
        peak_bytes: most memory at a time, with the factors themselves; None where the system does not tell.
        figures: see `benchmarks.segment_fitting.run`.
    """

    customers: int
    factors: int
    training: float
    peak_bytes: int | None
    figures: Mapping[str, float]


def measure_growth(customers: Sequence[int], factors: Sequence[int]) -> Iterator[Size]:
    """Every number of customers with the usual number of factors, and every number of factors with the middle number
    of customers.
    """
    usual = USUAL_FACTORS if USUAL_FACTORS in factors else factors[0]
    middle = sorted(customers)[(len(customers) - 1) // 2]
    wanted = [(many, usual) for many in customers] + [(middle, many) for many in factors if many != usual]
    for some, many in wanted:
        if some * many <= MOST_VALUES:
            yield measure_size(some, many)


def measure_size(customers: int, factors: int) -> Size:
    """Search, fit and scoring of so many customers."""
    cost = measure_module("benchmarks.segment_fitting", [str(customers), str(factors)])
    figures: dict[str, float] = json.loads(cost.output.splitlines()[-1])
    return Size(customers, factors, figures["search"] + figures["fit"], cost.peak_bytes, figures)


def draw_growth(sizes: Sequence[Size]) -> go.Figure:
    """Seconds of search and fit, and peak memory, by customers and by factors, on logarithmic axes."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    usual = sizes[0].factors
    middle = next((size.customers for size in sizes if size.factors != usual), None)
    panels = (
        ("customers", [size for size in sizes if size.factors == usual], f"customers, {usual} factors"),
        (
            "factors",
            [size for size in sizes if size.customers == middle],
            f"factors, {middle or 0:,} customers",
        ),
    )
    figure = make_subplots(rows=1, cols=2, specs=[[{"secondary_y": True}] * 2])
    for column, (attribute, shown, title) in enumerate(panels, start=1):
        across = [
            getattr(size, attribute) for size in sorted(shown, key=lambda size: getattr(size, attribute))
        ]
        ordered = sorted(shown, key=lambda size: getattr(size, attribute))
        seconds = go.Scatter(
            x=across, y=[size.training for size in ordered], name="search + fit, seconds", mode="lines+markers",
            line={"color": "#3b7dd8"}, showlegend=column == 1,
        )  # fmt: skip
        memory = go.Scatter(
            x=across, y=[(size.peak_bytes or 0) / 2**20 for size in ordered], name="peak memory, MiB",
            mode="lines+markers", line={"color": "#e08a1e"}, showlegend=column == 1,
        )  # fmt: skip
        figure.add_trace(seconds, row=1, col=column)
        figure.add_trace(memory, row=1, col=column, secondary_y=True)
        figure.update_xaxes(
            type="log",
            title=title,
            tickvals=across,
            ticktext=[f"{one:,}" for one in across],
            row=1,
            col=column,
        )
    figure.update_yaxes(rangemode="tozero", title="seconds", secondary_y=False)
    figure.update_yaxes(rangemode="tozero", title="MiB", showgrid=False, secondary_y=True)
    legend = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 1.05, "yanchor": "bottom"}
    return figure.update_layout(
        template="plotly_white",
        title="What segments cost",
        legend=legend,
        height=400,
        margin={"t": 90, "b": 60},
    )
