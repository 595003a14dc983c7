"""Tables in Chromium: sorted, filtered and saved, by mouse and by keyboard; a table behind every figure."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page
from test_browser.conftest import Visit
from test_browser.hostile_week import FACTORS, WEEKS, make_week
from test_monitoring.report_sample import EVIL

from monitoring.charts import name_factor
from monitoring.value_charts import draw_deciles

FIGURES = {
    "segments": {
        "sizes", "migration", "map_pca", "heatmap", "silhouettes", "levels",
    },
    "drift": {"drift", "drift_timeline", "drift_distributions"},
}  # fmt: skip


def find_table(page: Page, name: str) -> Locator:
    """The table with the bar over it."""
    return page.locator(".table", has=page.locator(f"table[data-name='{name}']"))


def read_shown(table: Locator, column: int) -> list[str]:
    """The cells of a column that are to be seen."""
    found: list[str] = table.locator("tbody tr:visible").evaluate_all(
        f"(rows) => rows.map((row) => row.cells[{column}].innerText)"
    )
    return found


def save_table(page: Page, table: Locator) -> tuple[str, list[list[str]]]:
    """The name of the file the button gives, and its fields."""
    with page.expect_download() as saved:
        table.locator(".save").click()
    text = Path(saved.value.path()).read_bytes().decode("utf-8-sig")
    return saved.value.suggested_filename, list(csv.reader(io.StringIO(text)))


def test_a_table_is_sorted_by_its_headings(visit: Callable[..., Visit]) -> None:
    table = find_table(visit("drift").page, "drift")
    heading = table.locator("th", has_text="Times the limit")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    strengths = [float(text) for text in read_shown(table, 2)]
    assert strengths == sorted(strengths, reverse=True)
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [float(text) for text in read_shown(table, 2)] == sorted(strengths)
    table.locator("th button").first.click()
    assert table.locator("th[aria-sort]").count() == 1
    names = read_shown(table, 0)
    assert names.index("factor 2") < names.index("factor 10")


def test_a_table_is_filtered_as_one_types_and_what_is_shown_is_saved(visit: Callable[..., Visit]) -> None:
    page = visit("drift").page
    table = find_table(page, "drift")
    count = table.locator("output")
    assert count.inner_text() == f"{FACTORS} rows"
    box = table.get_by_label("Filter")
    box.press_sequentially("YES Fáctor", delay=0)
    drift = make_week().drift
    wanted = [
        name
        for name, moved in zip(drift["column"], drift["drifted"], strict=True)
        if "factor" in name and moved
    ]
    assert wanted
    assert sorted(read_shown(table, 0)) == sorted(map(name_factor, wanted))
    assert count.inner_text() == f"{len(wanted)} of {FACTORS} rows"
    name, (head, *rows) = save_table(page, table)
    assert name == "drift.csv"
    assert head[:3] == ["Factor", "Changed", "Times the limit"]
    assert sorted(row[0] for row in rows) == sorted(wanted)
    scores = {row[0]: float(row[3]) for row in rows}
    assert scores == pytest.approx(drift.set_index("column").loc[wanted, "score"].to_dict(), rel=1e-11)
    box.fill("nothing of the kind")
    assert count.inner_text() == f"0 of {FACTORS} rows"
    assert table.get_by_text("No rows match.").is_visible()
    assert table.locator(".save").is_disabled()
    box.press("Escape")
    assert count.inner_text() == f"{FACTORS} rows"
    assert len(read_shown(table, 0)) == FACTORS
    assert not table.get_by_text("No rows match.").is_visible()


def test_the_bar_over_a_table_is_reached_by_keyboard_and_says_whose_it_is(
    visit: Callable[..., Visit],
) -> None:
    page = visit("data_health").page
    table = find_table(page, "quarantine")
    table.get_by_label("Filter").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "scroll"
    for tool in (table.get_by_label("Filter"), table.locator(".save")):
        title = page.locator(f"[id='{tool.get_attribute('aria-describedby')}']")
        assert title.inner_text() == table.locator(".title").inner_text() != ""
    assert find_table(page, "sources").get_by_label("Filter").count() == 0, "two rows need no filter"


def test_a_csv_keeps_formulas_text_and_signs_and_accents_are_found(visit: Callable[..., Visit]) -> None:
    page = visit("roi").page
    table = find_table(page, "campaigns")
    assert table.get_by_label("Filter").count() == 0
    _, rows = save_table(page, table)
    assert EVIL in [row[0] for row in rows]
    assert "'=1+1" in page.evaluate("quoteField('=1+1')")
    assert page.evaluate("quoteField('-1.5')") == '"-1.5"'
    assert page.evaluate("foldText('Éclair −5\\u00a0%')") == "eclair -5 %"


@pytest.mark.parametrize("name", FIGURES)
def test_behind_every_figure_stands_its_table(visit: Callable[..., Visit], name: str) -> None:
    page = visit(name).page
    for figure in page.locator(".numbers").all():
        assert figure.locator("table").count() == 0
        figure.locator("summary").click()
        figure.locator("table").wait_for()
    shown = page.locator(".numbers table").evaluate_all("(tables) => tables.map((one) => one.dataset.name)")
    assert set(shown) == {f"figure_{figure}" for figure in FIGURES[name]}
    week = make_week()
    heads = {table: find_table(page, table).locator("th").all_inner_texts() for table in shown}
    if name == "drift":
        assert heads["figure_drift"] == ["Name", "Times the alarm limit"]
        assert heads["figure_drift_distributions"] == ["Factor", "When", "From", "Customers (%)"]
        weeks = find_table(page, "figure_drift_timeline")
        assert read_shown(weeks, 0)[-1] == week.as_of.isoformat()
        assert len(read_shown(weeks, 1)) == WEEKS
        return
    assert heads["figure_levels"] == ["Segment", "Lies in", "Share of the customers"]
    assert heads["figure_heatmap"] == ["Factor", "Segment", "Standard deviations from the average customer"]
    assert heads["figure_map_pca"] == ["Segment", "Across", "Upwards", "Belongs there by (%)"]
    streams = find_table(page, "figure_migration")
    flows = [tuple(row) for row in zip(*(read_shown(streams, place) for place in (1, 2, 3)), strict=True)]
    assert ("Window shoppers", f"Loyal {EVIL}", "24") in flows
    sizes = find_table(page, "figure_sizes")
    told = [tuple(row) for row in zip(*(read_shown(sizes, place) for place in (0, 1, 2)), strict=True)]
    assert (f"Loyal {EVIL}", "of customers", "57.14") in told
    saved, rows = save_table(page, sizes)
    assert saved == "figure_sizes.csv"
    assert len(rows) == 1 + len(told)


def test_a_figure_of_packed_numbers_or_without_words_of_its_own_has_a_table_too(
    visit: Callable[..., Visit],
) -> None:
    page = visit("index").page

    def tabulate(figure: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
        found = page.evaluate("(figure) => tabulateFigure(figure)", figure)
        return (
            [column["title"] for column in found["columns"]],
            [[cell["value"] for cell in row] for row in found["rows"]],
        )

    packed = {"dtype": "f8", "bdata": "AAAAAAAA8D8AAAAAAAAEQA=="}  # 1.0 and 2.5
    plain = {"type": "bar", "name": "a &amp; b", "x": ["one", "two"], "y": packed}
    layout = {"yaxis": {"title": {"text": "Euro"}}}
    assert tabulate({"data": [plain], "layout": layout}) == (
        ["Series", "Across", "Euro"],
        [["a & b", "one", "1"], ["a & b", "two", "2.5"]],
    )
    square = {"dtype": "i1", "bdata": "AQIDBA==", "shape": "2, 2"}
    assert tabulate({"data": [{"type": "heatmap", "z": square}], "layout": {}})[1] == [
        ["0", "0", "1"], ["0", "1", "2"], ["1", "0", "3"], ["1", "1", "4"],
    ]  # fmt: skip
    deciles = pd.DataFrame({"decile": [1, 2], "predicted": [8, 5], "actual": [9, 4], "customers": 50})
    assert tabulate(json.loads(draw_deciles(deciles, unit="EUR").to_json())) == (
        ["Tenth of customers", "What", "Mean EUR", "Customers"],
        [
            ["1", "came", "9", "50"],
            ["2", "came", "4", "50"],
            ["1", "foretold", "8", ""],
            ["2", "foretold", "5", ""],
        ],
    )
