"""Pictures of segments: titles, axes and hover texts say what is seen, and what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest

from monitoring.charts import choose_colours
from monitoring.segment_charts import (
    MAPS,
    draw_customer_map,
    draw_factor_heatmap,
    draw_silhouettes,
    draw_size_and_value,
)

EVIL = "<b>Loyal</b> & <script>alert(1)</script>"
POINTS = pd.DataFrame(
    {
        "x": [1.0, 2.0, 3.0],
        "y": [4.0, 5.0, 6.0],
        "segment_name": ["a", EVIL, "a"],
        "strength": [0.2, 0.5, 1.0],
    }
)
HEATMAP = pd.DataFrame({"orders_90d": [0.5, -1.5], "aov": [0.1, 0.2]}, index=["a", EVIL])
PROFILES = pd.DataFrame(
    {"segment_name": ["a", EVIL], "size": [3000, 1000], "share": [0.75, 0.25], "value": [12.5, None]}
)
SILHOUETTES = pd.DataFrame(
    {"segment_name": ["a"] * 4 + [EVIL] * 2, "silhouette": [0.5, -0.1, 0.3, 0.1, 0.2, 0.6]}
)
FIGURES = (
    *(draw_customer_map(POINTS, method=method) for method in MAPS),
    draw_factor_heatmap(HEATMAP),
    draw_size_and_value(PROFILES, currency="EUR"),
    draw_silhouettes(SILHOUETTES),
)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.layout.title.text)
def test_every_picture_says_what_it_shows_and_keeps_names_text(figure) -> None:  # type: ignore[no-untyped-def]
    assert len(figure.layout.title.text) > 10
    assert figure.layout.xaxis.title.text
    assert all(trace.hovertemplate.endswith("<extra></extra>") for trace in figure.data)
    text = figure.to_json()
    assert "&lt;script" in text
    assert "<script" not in text
    assert "<b>Loyal" not in text
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_titles_differ_by_what_the_map_means() -> None:
    assert len({draw_customer_map(POINTS, method=method).layout.title.text for method in MAPS}) == 3
    with pytest.raises(ValueError, match="map method 'mds' is unknown; there are: pca, tsne, umap"):
        draw_customer_map(POINTS, method="mds")


def test_a_map_tells_how_firmly_each_customer_belongs() -> None:
    colours = {"a": "#111111", EVIL: "#222222"}
    first, second = draw_customer_map(POINTS, method="pca", colours=colours).data
    assert (list(first.x), list(first.customdata), first.marker.color) == (
        [1.0, 3.0],
        [20.0, 100.0],
        "#111111",
    )
    assert (list(second.x), list(second.customdata)) == ([2.0], [50.0])
    assert "belongs there by" in first.hovertemplate
    plain = draw_customer_map(POINTS.drop(columns="strength"), method="umap").data[0]
    assert plain.customdata is None


def test_the_heatmap_has_a_scale_in_words() -> None:
    figure = draw_factor_heatmap(HEATMAP)
    trace = figure.data[0]
    assert np.array(trace.z).tolist() == [[0.5, -1.5], [0.1, 0.2]]
    assert trace.showscale
    assert "standard" in trace.colorbar.title.text
    assert trace.customdata[0][0][1] == "orders 90d"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("segment", "reaction factor")


def test_size_and_value_stand_side_by_side_in_the_segments_colour() -> None:
    figure = draw_size_and_value(PROFILES, currency="EUR")
    customers, worth = figure.data
    # Places count from the bottom, the first segment stands on top.
    assert (list(customers.x), list(customers.text)) == ([1000.0, 3000.0], ["25.0 %", "75.0 %"])
    assert (list(worth.x), list(worth.text)) == ([0.0, 12.5], ["unknown", "12 EUR"])
    colours = choose_colours(["a", EVIL])
    assert list(customers.marker.color) == list(worth.marker.color) == [colours[EVIL], colours["a"]]
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0]
    assert figure.layout.xaxis2.title.text == "revenue of a customer, EUR"


def test_blades_are_sorted_largest_segment_on_top_and_do_not_overlap() -> None:
    figure = draw_silhouettes(SILHOUETTES, colours={"a": "#111111", EVIL: "#222222"})
    small, large = figure.data
    assert (list(small.x), list(large.x)) == ([0.2, 0.6], [-0.1, 0.1, 0.3, 0.5])
    assert max(small.y) < min(large.y)
    assert large.line.color == "#111111"
    assert "4 customers, mean 0.20<br>25 % would fit another better" in large.hovertemplate
    assert list(figure.layout.yaxis.ticktext)[-1] == "a"
    assert figure.layout.annotations[0].text == "mean 0.27"


def test_nothing_to_draw_is_an_empty_picture() -> None:
    assert not draw_silhouettes(SILHOUETTES.iloc[:0]).data
    assert not draw_customer_map(POINTS.iloc[:0], method="pca").data
    assert draw_size_and_value(PROFILES.iloc[:0], currency="EUR").data[0].x is not None
