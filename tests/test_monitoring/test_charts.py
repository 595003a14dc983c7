"""The figures: what is drawn is what was given, names stay text, nothing breaks on little data."""

import json

import numpy as np
import pandas as pd
import pytest

from monitoring.charts import (
    draw_drift_scores,
    draw_forest,
    measure_drift_strength,
    name_factor,
)

EVIL = "<b>Loyal</b> & <script>alert(1)</script>"


def test_names_reach_plotly_as_text() -> None:
    effects = pd.DataFrame({"label": [EVIL], "estimate": [0.1], "low": [0.0], "high": [0.2], "tone": [""]})
    drift = pd.DataFrame(
        {"column": [EVIL], "method": ["PSI"], "score": [0.3], "threshold": [0.1], "drifted": [True]}
    )
    for figure in (draw_forest(effects), draw_drift_scores(drift)):
        text = figure.to_json()
        assert "&lt;script" in text
        assert "<script" not in text
        assert "<b>Loyal" not in text


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
    effects = pd.DataFrame({"label": ["a"], "estimate": [0.1], "low": [0.0], "high": [0.2], "tone": [""]})
    layout = json.loads(draw_forest(effects).to_json())["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert "colorway" not in layout


def test_a_factor_is_named_in_words() -> None:
    assert name_factor("days_since_purchase") == "days since purchase"
