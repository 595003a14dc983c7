"""The figures: what is drawn is what was given, names stay text, nothing breaks on little data."""

import json

import numpy as np
import pandas as pd
import pytest

from monitoring.charts import (
    choose_colours,
    choose_telling_factors,
    draw_drift_scores,
    draw_forest,
    draw_heatmap,
    draw_segment_map,
    draw_segment_sizes,
    measure_drift_strength,
    name_factor,
)

EVIL = "<b>Loyal</b> & <script>alert(1)</script>"


def test_colours_are_distinct_stable_and_grey_for_outliers() -> None:
    names = [f"segment {place}" for place in range(10)]
    colours = choose_colours([*names, "odd"], outliers=("odd",))
    assert len({colours[name] for name in names}) == 10
    assert colours == choose_colours([*names, "odd"], outliers=("odd",))
    assert colours["odd"] not in {colours[name] for name in names}
    assert colours["segment 0"] == choose_colours(names[:2])["segment 0"]


def test_map_draws_every_customer_once_under_their_segment() -> None:
    points = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [4.0, 5.0, 6.0], "segment_name": ["a", "b", "a"]})
    figure = draw_segment_map(points, colours={"a": "#111111", "b": "#222222"})
    drawn = {
        trace.name: (list(trace.x), list(trace.y), trace.marker.color, trace.marker.symbol)
        for trace in figure.data
    }
    assert drawn["a"][:3] == ([1.0, 3.0], [4.0, 6.0], "#111111")
    assert drawn["b"][:3] == ([2.0], [5.0], "#222222")
    assert drawn["a"][3] != drawn["b"][3]


def test_names_reach_plotly_as_text() -> None:
    points = pd.DataFrame({"x": [1.0], "y": [2.0], "segment_name": [EVIL]})
    heatmap = pd.DataFrame({"factor": [0.5]}, index=[EVIL])
    profiles = pd.DataFrame({"segment_name": [EVIL], "size": [3], "share": [1.0], "value": [2.0]})
    effects = pd.DataFrame({"label": [EVIL], "estimate": [0.1], "low": [0.0], "high": [0.2], "tone": [""]})
    figures = (
        draw_segment_map(points),
        draw_heatmap(heatmap),
        draw_segment_sizes(profiles),
        draw_forest(effects),
    )
    for figure in figures:
        text = figure.to_json()
        assert "&lt;script" in text
        assert "<script" not in text
        assert "<b>Loyal" not in text


def test_heatmap_keeps_the_most_telling_factors_first() -> None:
    heatmap = pd.DataFrame(
        {"flat": [0.1, 0.1], "wide": [-1.0, 2.0], "some": [0.0, 1.0]}, index=["one", "two"]
    )
    assert list(choose_telling_factors(heatmap)) == ["wide", "some", "flat"]
    assert list(choose_telling_factors(heatmap, limit=1)) == ["wide"]
    trace = draw_heatmap(heatmap).data[0]
    assert np.array(trace.z).tolist() == [[-1.0, 2.0], [0.0, 1.0], [0.1, 0.1]]
    assert [list(row) for row in trace.text] == [["−1.0", "+2.0"], ["0.0", "+1.0"], ["+0.1", "+0.1"]]
    assert (trace.zmin, trace.zmax) == (-2.0, 2.0)


def test_sizes_compare_share_of_customers_and_of_revenue() -> None:
    profiles = pd.DataFrame(
        {"segment_name": ["few", "many"], "size": [100, 300], "share": [0.25, 0.75], "value": [90.0, 10.0]}
    )
    bars = {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in draw_segment_sizes(profiles).data}
    # 100 × 90 = 9,000 of 12,000; places count from the bottom.
    assert bars == {"of revenue": {1: 75.0, 0: 25.0}, "of customers": {1: 25.0, 0: 75.0}}
    without_value = draw_segment_sizes(profiles.assign(value=None))
    assert [bar.name for bar in without_value.data] == ["of customers"]


def test_forest_draws_interval_and_direction() -> None:
    effects = pd.DataFrame(
        {
            "label": ["gain", "loss", "open"],
            "estimate": [0.2, -0.1, 0.05],
            "low": [0.1, -0.2, 0.01],
            "high": [0.3, -0.05, None],
            "tone": ["good", "bad", ""],
        }
    )
    figure = draw_forest(effects)
    *lines, dots = figure.data
    assert [list(line.x) for line in lines[1:]] == [[-20.0, -5.0], [10.0, 30.0]]
    assert lines[0].x[0] == 1.0
    assert lines[0].x[1] > 30.0
    assert list(dots.x) == [5.0, -10.0, 20.0]
    assert len(set(dots.marker.color)) == 3
    assert [note.text for note in figure.layout.annotations] == [
        "open <b>+5.0 %</b>",
        "loss <b>−10.0 %</b>",
        "gain <b>+20.0 %</b>",
    ]
    ticks = list(figure.layout.xaxis.tickvals)
    assert 0 in ticks
    assert len(ticks) <= 7


def test_drift_is_measured_in_units_of_the_limit_for_distances_and_p_values() -> None:
    drift = pd.DataFrame(
        {
            "column": ["distance", "p_value", "calm", "limitless"],
            "method": ["Wasserstein distance (normed)", "K-S p_value", "K-S p_value", "PSI"],
            "score": [0.3, 0.0025, 1.0, 0.2],
            "threshold": [0.1, 0.05, 0.05, 0.0],
            "drifted": [True, True, False, False],
        }
    )
    strength = measure_drift_strength(drift).tolist()
    assert strength[:3] == pytest.approx([3.0, 2.0, 0.0])
    assert np.isnan(strength[3])
    bars = draw_drift_scores(drift).data[0]
    assert list(bars.x) == [0.0, 2.0, 3.0]
    assert bars.marker.color[0] != bars.marker.color[2]
    assert bars.marker.color[1] == bars.marker.color[2]


def test_a_p_value_of_zero_is_far_but_finite() -> None:
    drift = pd.DataFrame({"column": ["a"], "method": ["p_value"], "score": [0.0], "threshold": [0.05]})
    assert 1 < measure_drift_strength(drift).item() < 100


def test_figures_carry_no_theme_of_their_own() -> None:
    points = pd.DataFrame({"x": [1.0], "y": [2.0], "segment_name": ["a"]})
    layout = json.loads(draw_segment_map(points).to_json())["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert "colorway" not in layout


def test_a_factor_is_named_in_words() -> None:
    assert name_factor("days_since_purchase") == "days since purchase"
