"""The report in Chromium: every page loads clean, leads somewhere, is readable by day, by night and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from pypdf import PdfReader
from test_browser.conftest import PHONE, Visit
from test_browser.hostile_week import SCRIPT
from test_monitoring.report_sample import EVIL

from monitoring.pages import load_pages

PAGES = list(load_pages())
AXE = Axe()
MOST_SHEETS = 25
# Words of each page, also of sections that are closed on the screen, without ligatures.
PRINTED = {
    "index": ("Past weeks", "rows came in"),
    "segments": ("Who moved", "Mean silhouette"),
    "roi": ("What to do", "KPIs of control and treatment", "What the words mean"),
    "drift": ("What moved most", "Every factor"),
    "data_health": ("Sources", "Set aside"),
    "audit": ("Who was in production when", "Runs, and the data they left"),
}


def wait_until(page: Page, condition: str) -> None:
    """Asked from outside again and again: under its policy a page evaluates no text, also when a test gives it some."""
    for _attempt in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within ten seconds: {condition}")


def open_everything(page: Page) -> None:
    """Every section unfolded and every figure drawn; of the numbers behind figures those of the first one."""
    page.evaluate("document.querySelectorAll('details:not(.numbers)').forEach((one) => { one.open = true; })")
    page.evaluate(
        "document.querySelectorAll('.numbers').forEach((one, place) => { one.open = place === 0; })"
    )
    wait_until(
        page,
        "[...document.querySelectorAll('.plot')].every((one) => one.querySelector('svg.main-svg')) && "
        "[...document.querySelectorAll('.numbers[open]')].every((one) => one.querySelector('table'))",
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_accessible_by_day_by_night_and_on_a_phone(
    visit: Callable[..., Visit], name: str
) -> None:
    page = visit(name).page
    open_everything(page)
    assert page.locator("h1").inner_text() == load_pages()[name].title
    assert list_dead_ends(page) == []
    find_barriers(page, "by day")
    page.emulate_media(color_scheme="dark")
    find_barriers(page, "by night")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    find_barriers(page, "by night on a phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def list_dead_ends(page: Page) -> list[str]:
    """Links to files that are not there, and to places the page does not have."""
    own, ids = (
        page.url.partition("#")[0],
        page.eval_on_selector_all("[id]", "(all) => all.map((one) => one.id)"),
    )
    links = page.eval_on_selector_all("a[href]", "(links) => links.map((link) => link.href)")
    parts = {link: link.partition("#") for link in links}
    return [
        link
        for link, (file, _, anchor) in parts.items()
        if not Path(file.removeprefix("file://")).is_file() or (file == own and anchor and anchor not in ids)
    ]


def find_barriers(page: Page, when: str) -> None:
    # Else axe fetches the style sheet, which a file may not do.
    found = AXE.run(page, options={"preload": False, "resultTypes": ["violations"]})
    assert found.violations_count == 0, f"{when}: {found.generate_report()}"


def test_by_night_the_page_is_dark_and_figures_follow(visit: Callable[..., Visit]) -> None:
    page = visit("segments").page
    seen = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        wait_until(
            page,
            "getComputedStyle(document.querySelector('.plot text')).fill === getComputedStyle(document.body).color",
        )
        seen[scheme] = [
            measure_light(page.evaluate(f"getComputedStyle(document.body).{part}"))
            for part in ("backgroundColor", "color")
        ]
    (night, bright), (day, dark) = seen["dark"], seen["light"]
    assert night < 0.1 < 0.9 < day
    assert dark < 0.3 < 0.7 < bright


def measure_light(colour: str) -> float:
    """Mean of `rgb(r, g, b)`, 0 (black) to 1."""
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) / 3 / 255


def test_a_link_to_a_campaign_opens_it(visit: Callable[..., Visit]) -> None:
    page = visit("roi").page
    section = page.locator("#campaign-3")
    assert section.get_attribute("open") is None
    page.locator("table[data-name='campaigns'] a[href='#campaign-3']").click()
    wait_until(page, "document.getElementById('campaign-3').open")
    assert section.locator("svg.main-svg").count() > 0


def test_names_that_are_code_stay_text(visit: Callable[..., Visit]) -> None:
    roi, segments, drift = (visit(name).page for name in ("roi", "segments", "drift"))
    for page in (roi, segments, drift):
        open_everything(page)
        assert page.evaluate(
            "[...document.scripts].every((one) => one.src || one.type === 'application/json')"
        )
    assert SCRIPT in roi.locator(".campaign .name").all_inner_texts()
    assert EVIL in roi.locator(".campaign .name").all_inner_texts()
    assert SCRIPT in roi.locator("table[data-name='figure_campaigns'] td").all_inner_texts()
    assert f"Loyal {EVIL}" in segments.locator("table[data-name='figure_sizes'] td").all_inner_texts()
    assert "alert(1)" in "".join(roi.locator(".plot text").all_text_contents())
    factor = f'visits "30" {EVIL}'
    assert drift.locator("table[data-name='drift'] td", has_text=factor).count() == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_to_a4_with_all_its_sections(
    visit: Callable[..., Visit], tmp_path: Path, name: str
) -> None:
    page = visit(name).page
    page.emulate_media(color_scheme="dark")
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    pdf = PdfReader(tmp_path / "page.pdf")
    assert 1 <= len(pdf.pages) <= MOST_SHEETS
    for sheet in pdf.pages:
        assert [round(float(side) / 72 * 25.4) for side in sheet.mediabox[2:]] == [210, 297]
    text = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).split())
    assert [words for words in PRINTED[name] if words not in text] == []
    assert [words for words in ("Save as CSV", "Filter", "The numbers behind") if words in text] == []
    assert page.locator("details[data-opened]").count() == 0
