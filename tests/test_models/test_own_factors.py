"""Factors of a configuration: worked out by hand, and refused in one line where they cannot be one."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.expressions import translate_expression
from models.own_factors import OwnFactor
from tests.test_models.test_factors import build_rollups, compute_frame


def build_factor(expression: str, **more: object) -> OwnFactor:
    return OwnFactor.model_validate({"name": "own", "expression": expression, "meaning": "any", **more})


@pytest.mark.parametrize(
    ("table", "window", "expression", "expected"),
    [
        ("activity", None, "sum(revenue)", [130, 0, 0, None]),
        # The window of 30 days begins 29 days before as_of.
        ("activity", 30, "sum(revenue)", [0, 0, 0, None]),
        ("activity", 31, "sum(revenue) / count(*)", [15, 0, 0, None]),
        ("activity", None, "sum(revenue) / sum(carts)", [130 / 4, None, None, None]),
        ("activity", None, "count_if(product_views > 1 and not carts = 2)", [1, 1, 0, None]),
        ("orders", None, "max(case when discount > 0 then revenue end)", [40, None, None, None]),
        ("orders", None, "count(distinct day)", [3, None, None, None]),
        ("sessions", None, "avg(coalesce(duration_s, 0))", [80 / 3, 30, None, None]),
        ("categories", 180, "sum(if(category in ('tea', 'cake'), interactions, 0))", [4, 2, None, None]),
    ],
)
def test_an_expression_is_what_one_counts_by_hand(
    table: str, window: int | None, expression: str, expected: list[float | None]
) -> None:
    own = build_factor(expression, table=table, window=window)
    found = compute_frame(build_rollups(), own=[own])["own"]
    np.testing.assert_allclose(found, [np.nan if e is None else e for e in expected], equal_nan=True)


def test_with_trials_it_is_a_shrunk_rate() -> None:
    own = build_factor("count_if(bounced)", table="sessions", trials="count(*)", window=180)
    found = compute_frame(build_rollups(), own=[own])
    pd.testing.assert_series_equal(found["own"], found["bounce_rate"], check_names=False)


def test_customers_without_rows_have_what_is_missing() -> None:
    own = build_factor("sum(revenue)", missing=0.0)
    assert compute_frame(build_rollups(), own=[own])["own"].to_dict() == {
        "anna": 130,
        "bert": 0,
        "cleo": 0,
        "dora": 0,
    }


def test_attributes_of_customers_are_read() -> None:
    attributes = ['{"age": 31, "band": "18-29"}', '{"age":"44"}', "no JSON", '{"age": "inf"}']
    age = build_factor("try_cast(attributes ->> 'age' as double)", table="customers", name="age")
    young = build_factor(
        "case attributes ->> 'band' when '18-29' then 1 else 0 end", table="customers", name="young"
    )
    found = compute_frame(build_rollups(), own=[age, young], attributes=attributes)
    np.testing.assert_allclose(found["age"], [31, 44, np.nan, np.nan], equal_nan=True)
    assert found["young"].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"expression": "sum(revenue"}, "not one SQL expression"),
        ({"expression": "sum(revenue); sum(carts)"}, "not one SQL expression"),
        ({"expression": "sum(revenue) from orders"}, "not one SQL expression"),
        ({"expression": "sum(profit)"}, "there is no column 'profit'; there are: customer_id, day, events, "),
        (
            {"expression": "count_if(read_text('/etc/passwd') = '')"},
            "is not understood; allowed are columns, ",
        ),
        ({"expression": "(select 1)"}, "is not understood; allowed are columns, "),
        ({"expression": "revenue"}, "it must be an aggregate, such as sum"),
        ({"expression": "1"}, "it must be an aggregate, such as sum"),
        ({"expression": "max(day)"}, "a factor is a number, this is a date"),
        ({"expression": "sum(revenue + 'a')"}, "do not go together like this"),
        ({"expression": "sum(sum(revenue))"}, "do not go together like this"),
        ({"expression": "count(*)", "trials": "carts"}, "it must be an aggregate, such as sum"),
        ({"expression": "sum(acquisition_cost)", "table": "customers"}, "it may not aggregate"),
        ({"expression": "acquisition_cost", "table": "customers", "window": 30}, "leave window out"),
        ({"expression": "acquisition_cost", "table": "customers", "trials": "1"}, "no trials to count"),
        ({"expression": "count(*)", "name": "aov"}, "there is such a factor or column already"),
        ({"expression": "count(*)", "table": "events"}, "Input should be 'activity', 'orders'"),
    ],
)
def test_what_cannot_be_a_factor_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        build_factor(**given)
    assert message in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize("expression", ["ln(x)", "sqrt(x)", "1 / x", "try_cast(text as double)"])
def test_no_value_makes_an_expression_fail(expression: str) -> None:
    table = ibis.memtable(pd.DataFrame({"x": [0.0, -1.0, np.nan], "text": ["a", "", None]}))
    found = table.select(value=translate_expression(expression, table)).to_pandas()["value"]
    assert len(found) == 3
