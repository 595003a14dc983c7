"""The picture of lifetime values: what was foretold of customers beside what they did.

In the house style of `monitoring.charts`.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from monitoring.charts import GREY, frame_figure, wrap_label

ACTUAL, FORETOLD = "#3b7dd8", GREY


def draw_deciles(deciles: pd.DataFrame, *, unit: str = "") -> go.Figure:
    """A tenth of the customers each: the bar is what they did on average, the dot what was foretold of them.

    Args:
        deciles: decile (1 is the tenth of whom most was foretold), predicted and actual (means a customer), customers.
        unit: what the means are of, such as `EUR` or `purchases`.
    """
    drawn = deciles.sort_values("decile")
    places = [str(decile) for decile in drawn["decile"]]
    unit = wrap_label(unit)
    label = f" {unit}" if unit else ""
    columns = {"x": "Tenth of customers", "name": "What", "y": f"Mean{label}"}
    actual = go.Bar(
        x=places,
        y=drawn["actual"].round(4),
        name="came",
        marker={"color": ACTUAL},
        opacity=0.7,
        customdata=drawn["customers"],
        hovertemplate=f"came: %{{y:,.2f}}{label} a customer, %{{customdata:,}} customers<extra></extra>",
        meta=columns | {"customdata": "Customers"},
    )
    foretold = go.Scatter(
        x=places,
        y=drawn["predicted"].round(4),
        name="foretold",
        mode="lines+markers",
        line={"color": FORETOLD, "width": 2, "dash": "dot"},
        marker={"size": 10},
        hovertemplate=f"foretold: %{{y:,.2f}}{label} a customer<extra></extra>",
        meta=columns,
    )
    figure = frame_figure([actual, foretold], height=320)
    figure.update_xaxes(title="tenth of customers, the best foretold first", type="category", showgrid=False)
    figure.update_yaxes(title=f"{unit} a customer".strip(), rangemode="tozero", nticks=6)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12})
