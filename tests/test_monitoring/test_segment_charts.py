"""Pictures of segments: what is drawn is what was given, names stay text, nothing breaks on little data."""

import numpy as np
import pandas as pd
import pytest

from monitoring.segment_charts import (
    MAP_AXES,
    choose_colours,
    choose_telling_factors,
    draw_heatmap,
    draw_levels,
    draw_segment_map,
    draw_segment_sizes,
    draw_silhouettes,
    title_figure,
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
LEVELS = pd.DataFrame(
    {
        "level": [2, 2, 3, 3, 3],
        "segment": [1, 2, 1, 2, 3],
        "parent": [None, None, 2, 1, 1],
        "name": ["a", EVIL, EVIL, "a", "rest"],
        "share": [0.6, 0.4, 0.4, 0.33333, 0.26667],
    }
)
FIGURES = {
    **{method: draw_segment_map(POINTS, method=method) for method in MAP_AXES},
    "heatmap": draw_heatmap(HEATMAP),
    "sizes": draw_segment_sizes(PROFILES, currency="EUR"),
    "silhouettes": draw_silhouettes(SILHOUETTES),
    "levels": draw_levels(LEVELS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_names_reach_plotly_as_text_and_figures_carry_no_theme(name: str) -> None:
    figure = FIGURES[name]
    assert all(trace.hovertemplate.endswith("<extra></extra>") for trace in figure.data)
    text = title_figure(figure, EVIL).to_json()
    assert "&lt;script" in text
    assert "<script" not in text
    assert "<b>Loyal" not in text
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert "colorway" not in figure.to_plotly_json()["layout"]


def test_a_title_gets_room_of_its_own() -> None:
    titled = title_figure(draw_heatmap(HEATMAP), "Segments")
    plain = draw_heatmap(HEATMAP)
    assert titled.layout.title.text == "Segments"
    assert titled.layout.height - plain.layout.height == titled.layout.margin.t - plain.layout.margin.t > 40


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


def test_axes_differ_by_what_the_map_means() -> None:
    assert len({draw_segment_map(POINTS, method=method).layout.xaxis.title.text for method in MAP_AXES}) == 3
    with pytest.raises(ValueError, match="map method 'mds' is unknown; there are: pca, tsne, umap"):
        draw_segment_map(POINTS, method="mds")


def test_a_map_tells_how_firmly_each_customer_belongs() -> None:
    colours = {"a": "#111111", EVIL: "#222222"}
    first, second = draw_segment_map(POINTS, colours=colours).data
    assert (list(first.x), list(first.customdata), first.marker.color) == (
        [1.0, 3.0],
        [20.0, 100.0],
        "#111111",
    )
    assert (list(second.x), list(second.customdata)) == ([2.0], [50.0])
    assert "belongs there by" in first.hovertemplate
    plain = draw_segment_map(POINTS.drop(columns="strength"), method="umap").data[0]
    assert plain.customdata is None


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
    assert trace.customdata[0][0][1] == "wide"
    assert "standard deviations from the average customer" in trace.hovertemplate


def test_sizes_compare_share_of_customers_and_of_revenue() -> None:
    profiles = pd.DataFrame(
        {"segment_name": ["few", "many"], "size": [100, 300], "share": [0.25, 0.75], "value": [90.0, 10.0]}
    )
    bars = {
        bar.name: dict(zip(bar.y, bar.x, strict=True))
        for bar in draw_segment_sizes(profiles, currency="EUR").data
    }
    # 100 × 90 = 9,000 of 12,000; places count from the bottom.
    assert bars == {"of revenue": {1: 75.0, 0: 25.0}, "of customers": {1: 25.0, 0: 75.0}}
    without_value = draw_segment_sizes(profiles.assign(value=None))
    assert [bar.name for bar in without_value.data] == ["of customers"]


def test_sizes_tell_the_numbers_behind_the_shares() -> None:
    worth, customers = draw_segment_sizes(PROFILES, currency="EUR").data
    assert list(customers.customdata) == ["1,000 customers", "3,000 customers"]
    assert list(worth.customdata) == ["unknown", "12.50 EUR a customer"]


def test_blades_stand_in_the_order_of_the_colours_and_do_not_overlap() -> None:
    figure = draw_silhouettes(SILHOUETTES, colours={"a": "#111111", EVIL: "#222222"})
    small, large = figure.data
    assert (list(small.x), list(large.x)) == ([0.2, 0.6], [-0.1, 0.1, 0.3, 0.5])
    assert max(small.y) < min(large.y)
    assert large.line.color == "#111111"
    assert "4 customers, mean 0.20<br>25 % would fit another better" in large.hovertemplate
    assert list(figure.layout.yaxis.ticktext)[-1] == "a"
    assert figure.layout.annotations[0].text == "mean 0.27"
    other_way = draw_silhouettes(SILHOUETTES, colours={EVIL: "#222222", "a": "#111111"})
    assert other_way.layout.yaxis.ticktext[0] == "a"


def test_levels_are_one_tree_whose_parts_add_up() -> None:
    trace = draw_levels(LEVELS).data[0]
    assert list(trace.ids) == ["all", "2-1", "2-2", "3-1", "3-2", "3-3"]
    assert list(trace.parents) == ["", "all", "all", "2-2", "2-1", "2-1"]
    # What falls into something finer takes its size from that.
    assert list(trace.values) == [0.0, 0.0, 0.0, 40.0, 33.333, 26.667]
    assert list(trace.text)[:3] == ["100.0 %", "60.0 %", "40.0 %"]
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    assert colours["3-2"] == colours["3-3"] == colours["2-1"] != colours["2-2"] == colours["3-1"]


def test_nothing_to_draw_is_an_empty_picture() -> None:
    assert not draw_silhouettes(SILHOUETTES.iloc[:0]).data
    assert not draw_segment_map(POINTS.iloc[:0]).data
    assert list(draw_levels(LEVELS.iloc[:0]).data[0].ids) == ["all"]
