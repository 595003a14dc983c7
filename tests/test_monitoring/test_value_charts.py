"""The picture of lifetime values shows the numbers it is given."""

from __future__ import annotations

import pandas as pd

from monitoring.value_charts import draw_deciles

DECILES = pd.DataFrame(
    {"decile": [2, 1, 3], "predicted": [2.0, 5.0, 1.0], "actual": [2.5, 4.0, 0.5], "customers": [10, 11, 10]}
)


def test_deciles_show_what_came_and_what_was_foretold_the_best_first() -> None:
    came, foretold = draw_deciles(DECILES, unit="EUR").data
    assert (came.type, foretold.type) == ("bar", "scatter")
    assert list(came.x) == list(foretold.x) == ["1", "2", "3"]
    assert list(came.y) == [4.0, 2.5, 0.5]
    assert list(foretold.y) == [5.0, 2.0, 1.0]
    assert list(came.customdata) == [11, 10, 10]


def test_a_unit_is_escaped_and_may_be_left_out() -> None:
    figure = draw_deciles(DECILES, unit="<b>EUR</b>")
    assert "<b>EUR" not in figure.to_json().encode().decode("unicode_escape")
    assert draw_deciles(DECILES).layout.yaxis.title.text == "a customer"
