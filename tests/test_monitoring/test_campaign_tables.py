"""The row of a campaign among all campaigns: what it added in money, what it cost, and what is not known."""

from typing import Any

import pytest
from report_sample import make_campaign, make_metric

from monitoring.pages.layout.campaign_tables import find_revenue, tabulate_campaigns
from monitoring.pages.layout.campaigns import Campaign, read_campaigns
from monitoring.pages.layout.words import load_words

WORDS = load_words(currency="EUR")


def read(**fields: Any) -> Campaign:
    (campaign,) = read_campaigns({"campaigns": [make_campaign(**fields)]}, words=WORDS)
    return campaign


def make_two_arms(decision: str = "ship", **arms: dict[str, float]) -> Campaign:
    """Two treatments, each with what it did to conversion; the call cost more, and its customers spent less."""
    plain = make_metric(0.1, 0.12)

    def compare(**lifts: dict[str, float]) -> dict[str, Any]:
        empty = plain["lift"]["treatment"]
        return plain | {"arms": {"control": 0.1} | dict.fromkeys(lifts, 0.12),
                        "lift": {arm: empty | lift for arm, lift in lifts.items()}}  # fmt: skip

    metrics = {
        "conversion": compare(**arms),
        "revenue": compare(call={"absolute": -1.0}, letter={"absolute": 2.5}),
        "roi": compare(call={"absolute": -0.8}, letter={"absolute": 2.0}),
        "cac": compare(call={"absolute": 90.0}, letter={"absolute": 41.12}),
    }
    return read(
        decision=decision,
        metrics=metrics,
        customers={"control": 1000, "call": 40, "letter": 300},
        costs={"control": None, "call": 900.0, "letter": 100.5},
    )


BETTER = {"absolute": 0.03, "low": 0.01, "high": 0.05, "p_value": 0.004}
UNSURE = {"absolute": 0.001, "low": -0.005, "high": 0.006, "p_value": 0.7}
WORSE = {"absolute": -0.03, "low": -0.05, "high": -0.01, "p_value": 0.001}


@pytest.mark.parametrize(
    ("decision", "call", "letter", "lead"),
    [
        ("ship", UNSURE, BETTER, "letter"),
        ("ship", WORSE, BETTER, "letter"),
        ("stop", WORSE, UNSURE, "call"),
        ("inconclusive", UNSURE, UNSURE | {"p_value": 0.2}, "letter"),
    ],
)
def test_the_leading_treatment_is_the_one_the_decision_speaks_of(
    decision: str, call: dict[str, float], letter: dict[str, float], lead: str
) -> None:
    assert make_two_arms(decision, call=call, letter=letter).lead_arm == lead


def test_a_row_holds_the_leading_treatments_figures_alone() -> None:
    table = tabulate_campaigns({"campaign-1": make_two_arms(call=UNSURE, letter=BETTER)}, WORDS)
    shown = {column.source: cell for column, cell in zip(table.columns, table.rows[0], strict=True)}
    values = {name: cell.value for name, cell in shown.items()}
    assert shown["kpi"].text == "Conversion (letter)"
    assert (values["absolute"], values["interval"]) == ("0.03", "0.01..0.05")
    assert (values["revenue"], values["cost"], values["roi"], values["cac"]) == ("750", "100.5", "2", "41.12")
    assert shown["cac"].text == "€41.12"
    assert shown["campaign"].href == "#campaign-1"


def test_revenue_that_was_not_measured_is_not_known() -> None:
    assert find_revenue(read()) is None


def test_a_column_that_no_campaign_fills_is_left_out() -> None:
    table = tabulate_campaigns({"campaign-1": read()}, WORDS)
    sources = {column.source for column in table.columns}
    assert {"cac", "cost"} <= sources
    assert "revenue" not in sources
