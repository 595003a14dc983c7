"""The row of a campaign among all campaigns: what it added in money, what it cost, and what is not known."""

from typing import Any

import pytest
from report_sample import make_campaign, make_metric

from monitoring.pages.layout.campaign_tables import sum_cost, sum_revenue, tabulate_campaigns
from monitoring.pages.layout.campaigns import Campaign, read_campaigns
from monitoring.pages.layout.words import load_words

WORDS = load_words(currency="EUR")


def read(**fields: Any) -> Campaign:
    (campaign,) = read_campaigns({"campaigns": [make_campaign(**fields)]}, words=WORDS)
    return campaign


def make_revenue(*gains: float | None) -> dict[str, Any]:
    revenue = make_metric(10.0, 12.0)
    arms = dict(zip(("letter", "call"), gains, strict=False))
    return revenue | {
        "arms": {"control": 10.0} | dict.fromkeys(arms, 12.0),
        "lift": {arm: revenue["lift"]["treatment"] | {"absolute": gain} for arm, gain in arms.items()},
    }


def make_two_arms(*gains: float | None, **fields: Any) -> Campaign:
    metrics = make_campaign()["metrics"] | {"revenue": make_revenue(*gains)}
    customers = {"control": 1000, "letter": 300, "call": 40}
    return read(metrics=metrics, customers=customers, **fields)


def test_revenue_is_added_up_over_the_treated_of_every_arm() -> None:
    assert sum_revenue(make_two_arms(2.5, -1.0)) == pytest.approx(300 * 2.5 - 40)


@pytest.mark.parametrize("gains", [(2.5, None), (None, None)])
def test_revenue_is_not_known_where_an_arms_is_not(gains: tuple[float | None, ...]) -> None:
    assert sum_revenue(make_two_arms(*gains)) is None


def test_revenue_that_was_not_measured_is_not_known() -> None:
    assert sum_revenue(read()) is None


@pytest.mark.parametrize(
    ("costs", "total"),
    [
        ({"control": None, "letter": 100.0, "call": 20.0}, 120.0),
        ({"control": 5.0, "letter": 100.0, "call": 0.0}, 100.0),
        ({"control": None, "letter": 100.0, "call": None}, None),
        ({"control": 5.0}, None),
        ({}, None),
    ],
)
def test_cost_is_that_of_all_treated(costs: dict[str, float | None], total: float | None) -> None:
    assert sum_cost(read(costs=costs)) == total


def test_a_row_says_what_a_campaign_came_to() -> None:
    table = tabulate_campaigns({"campaign-1": make_two_arms(2.5, -1.0)}, WORDS)
    shown = {column.source: cell for column, cell in zip(table.columns, table.rows[0], strict=True)}
    assert (shown["revenue"].text, shown["revenue"].value) == ("+€710", "710")
    assert (shown["cost"].text, shown["cost"].value) == ("€1,204", "1204.5")
    assert (shown["cac"].text, shown["cac"].value) == ("€41.12", "41.12")
    assert shown["campaign"].href == "#campaign-1"


def test_a_column_that_no_campaign_fills_is_left_out() -> None:
    table = tabulate_campaigns({"campaign-1": read()}, WORDS)
    sources = {column.source for column in table.columns}
    assert {"cac", "cost"} <= sources
    assert "revenue" not in sources
