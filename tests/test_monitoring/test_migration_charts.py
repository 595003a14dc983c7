"""Streams of customers: what flows in flows out, names are whole and stay text, the model has a column of its own."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd

from monitoring.migration_charts import STAGES, draw_migration

EVIL = "<b>Loyal</b> & <script>alert(1)</script>"
LONG = (
    "Loyal high spenders who answer e-mails and buy in the app, with a name of more than three lines of text "
    * 2
)
Flow = tuple[str | None, str | None, str | None, int]


def list_flows(*rows: Flow) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*STAGES, "customers"])


FLOWS = list_flows(
    ("a", "a", "a", 90), (EVIL, EVIL, EVIL, 40), ("a", EVIL, EVIL, 7), ("a", "a", "c", 5), ("a", "c", "a", 2),
    (None, "a", "c", 3), (EVIL, None, None, 1),
)  # fmt: skip


def read_links(flows: pd.DataFrame, *, model_changed: bool) -> dict[tuple[str, str], int]:
    """Customers by the labels of both ends, with the column each stands in."""
    (trace,) = draw_migration(flows, model_changed=model_changed).data
    ends = [f"{label.split(':')[0]}@{x:.1f}" for label, x in zip(trace.node.label, trace.node.x, strict=True)]
    pairs = zip(trace.link.source, trace.link.target, trace.link.value, strict=True)
    return {(ends[source], ends[target]): value for source, target, value in pairs}


def test_the_customers_part_and_the_models_part_stand_beside_each_other() -> None:
    plain = FLOWS.replace(EVIL, "b")
    links = read_links(plain, model_changed=True)
    assert links == {
        ("a@0.0", "a@0.5"): 95, ("b@0.0", "b@0.5"): 40, ("a@0.0", "b@0.5"): 7, ("a@0.0", "c@0.5"): 2,
        ("Joined@0.0", "a@0.5"): 3, ("b@0.0", "Left@0.5"): 1,
        ("a@0.5", "a@1.0"): 90, ("b@0.5", "b@1.0"): 47, ("a@0.5", "c@1.0"): 8, ("c@0.5", "a@1.0"): 2,
    }  # fmt: skip


def test_without_a_new_model_there_are_two_columns() -> None:
    links = read_links(FLOWS.replace(EVIL, "b"), model_changed=False)
    assert links == {
        ("a@0.0", "a@1.0"): 92, ("b@0.0", "b@1.0"): 40, ("a@0.0", "b@1.0"): 7, ("a@0.0", "c@1.0"): 5,
        ("Joined@0.0", "c@1.0"): 3, ("b@0.0", "Left@1.0"): 1,
    }  # fmt: skip
    headings = [note.text for note in draw_migration(FLOWS, model_changed=False).layout.annotations]
    assert headings == ["<b>Last week</b>", "<b>This week</b>"]
    assert len(draw_migration(FLOWS, model_changed=True).layout.annotations) == 3


def test_what_stays_is_paler_than_what_moves() -> None:
    (trace,) = draw_migration(FLOWS, model_changed=False, colours={"a": "#111111"}).data
    colours = dict(zip(trace.link.customdata, trace.link.color, strict=True))
    assert colours["92 customers stayed in<br>a"] == "rgba(17,17,17,0.18)"
    assert colours["5 customers<br>a →<br>c"] == "rgba(17,17,17,0.6)"
    assert (
        "1 customer<br>&lt;b&gt;Loyal&lt;/b&gt; &amp; &lt;script&gt;alert(1)&lt;/script&gt; →<br>Left"
        in colours
    )


def test_names_are_whole_and_reach_plotly_as_text() -> None:
    figure = draw_migration(FLOWS.replace("c", LONG), model_changed=True, earlier=EVIL)
    (trace,) = figure.data
    assert any(label.replace("<br>", " ") == f"{LONG}:\N{NO-BREAK SPACE}8" for label in trace.node.label)
    text = figure.to_json()
    assert "&lt;script" in text
    assert "<script" not in text
    assert "<b>Loyal" not in text
    assert trace.link.hovertemplate.endswith("<extra></extra>")
    assert trace.node.hovertemplate.endswith("<extra></extra>")
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_segments_stand_in_the_order_of_the_colours_and_who_came_or_went_last() -> None:
    colours = {EVIL: "#222222", "a": "#111111"}
    (trace,) = draw_migration(FLOWS, model_changed=False, colours=colours).data
    first = [label for label, x in zip(trace.node.label, trace.node.x, strict=True) if x < 0.5]
    assert [label.split(":")[0][:6] for label in first] == ["&lt;b&", "a", "Joined"]
    assert list(trace.node.color)[:2] == ["#222222", "#111111"]


def test_twelve_segments_neither_overlap_nor_leave_the_figure() -> None:
    rng = np.random.default_rng(5)
    names = [f"Segment number {n} of twelve, with a name of some length" for n in range(12)]
    rows: list[Flow] = [(a, b, c, int(rng.integers(1, 500))) for a in names for b in names for c in names[:3]]
    figure = draw_migration(list_flows(*rows), model_changed=True)
    (trace,) = figure.data
    height = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    entering, leaving = Counter[int](), Counter[int]()
    for source, target, value in zip(trace.link.source, trace.link.target, trace.link.value, strict=True):
        leaving[source] += value
        entering[target] += value
    sizes = entering | leaving
    total = sum(row[3] for row in rows)
    room = height - 11 * trace.node.pad
    for x in sorted(set(trace.node.x)):
        column = [n for n, place in enumerate(trace.node.x) if place == x]
        edges = [(trace.node.y[n] * height, sizes[n] / total * room / 2) for n in column]
        assert edges[0][0] - edges[0][1] >= -0.1
        assert edges[-1][0] + edges[-1][1] <= height + 0.1
        for (above, half), (below, other) in pairwise(edges):
            assert below - other - (above + half) >= trace.node.pad - 0.5
    lines = max(label.count("<br>") + 1 for label in trace.node.label)
    assert trace.node.pad >= 16 * lines


def test_nothing_to_draw_is_an_empty_picture() -> None:
    (trace,) = draw_migration(FLOWS.iloc[:0], model_changed=True).data
    assert not trace.node.label
    assert not trace.link.value
