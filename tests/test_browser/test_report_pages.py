"""The report in Chromium: every page loads clean, leads somewhere, is readable by day, by night and on a phone."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from pypdf import PdfReader
from test_browser.conftest import PHONE, Visit
from test_browser.hostile_week import SCRIPT
from test_monitoring.report_sample import EVIL

from monitoring.pages import load_pages
from tasks.reports import open_server

PAGES = list(load_pages())
AXE = Axe()
# What is asked of a site that is served to others: nothing inline, nothing from elsewhere. Plotly makes its own style.
STRICT = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def open_everything(page: Page) -> None:
    """Every section unfolded and every figure drawn; of the numbers behind figures those of the first one."""
    page.evaluate("document.querySelectorAll('details:not(.numbers)').forEach((one) => { one.open = true; })")
    page.evaluate(
        "document.querySelectorAll('.numbers').forEach((one, place) => { one.open = place === 0; })"
    )
    page.wait_for_function(
        "[...document.querySelectorAll('.plot')].every((one) => one.querySelector('svg.main-svg')) && "
        "[...document.querySelectorAll('.numbers[open]')].every((one) => one.querySelector('table'))"
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_accessible_by_day_by_night_and_on_a_phone(
    visit: Callable[..., Visit], name: str
) -> None:
    page = visit(name).page
    open_everything(page)
    assert page.locator("h1").inner_text() == load_pages()[name].title
    find_barriers(page, "by day")
    page.emulate_media(color_scheme="dark")
    find_barriers(page, "by night")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    find_barriers(page, "by night on a phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def find_barriers(page: Page, when: str) -> None:
    # Else axe fetches the style sheet, which a file may not do.
    found = AXE.run(page, options={"preload": False, "resultTypes": ["violations"]})
    assert found.violations_count == 0, f"{when}: {found.generate_report()}"


def test_by_night_the_page_is_dark_and_figures_follow(visit: Callable[..., Visit]) -> None:
    page = visit("segments").page
    page.emulate_media(color_scheme="dark")
    read = (
        "() => ({page: getComputedStyle(document.body).backgroundColor, "
        "text: getComputedStyle(document.querySelector('#sizes ~ .figure text, .plot text')).fill})"
    )
    dark = page.evaluate(read)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"({read})().text !== '{dark['text']}'")
    light = page.evaluate(read)
    assert measure_light(dark["page"]) < 0.1 < 0.9 < measure_light(light["page"])
    assert measure_light(light["text"]) < 0.3 < 0.7 < measure_light(dark["text"])


def measure_light(colour: str) -> float:
    """Mean of `rgb(r, g, b)`, 0 (black) to 1."""
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) / 3 / 255


def test_every_link_opens(visit: Callable[..., Visit]) -> None:
    for name in PAGES:
        page = visit(name).page
        for address in page.eval_on_selector_all("a[href]", "(links) => links.map((link) => link.href)"):
            file, _, anchor = address.partition("#")
            assert Path(file.removeprefix("file://")).is_file(), address
            assert not anchor or file != page.url or page.locator(f"[id='{anchor}']").count() == 1, address


def test_a_link_to_a_campaign_opens_it(visit: Callable[..., Visit]) -> None:
    page = visit("roi").page
    section = page.locator("#campaign-3")
    assert section.get_attribute("open") is None
    page.locator("table[data-name='campaigns'] a[href='#campaign-3']").click()
    page.wait_for_function("document.getElementById('campaign-3').open")
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


def test_a_page_prints_to_a4_with_all_its_sections(visit: Callable[..., Visit], tmp_path: Path) -> None:
    page = visit("roi").page
    page.emulate_media(color_scheme="dark")
    page.pdf(path=tmp_path / "roi.pdf", prefer_css_page_size=True)
    pdf = PdfReader(tmp_path / "roi.pdf")
    width, height = (float(side) / 72 * 25.4 for side in pdf.pages[0].mediabox[2:])
    assert (round(width), round(height)) == (210, 297)
    assert 3 <= len(pdf.pages) <= 25
    text = " ".join(sheet.extract_text() for sheet in pdf.pages)
    assert "What to do" in text
    assert "KPIs of control and treatment" in text  # in a section that is closed on the screen
    assert "Save as CSV" not in text
    assert page.locator("#campaign-2").get_attribute("open") is None


@pytest.mark.parametrize("name", PAGES)
def test_a_printed_page_is_light_and_short(visit: Callable[..., Visit], tmp_path: Path, name: str) -> None:
    page = visit(name).page
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert len(PdfReader(tmp_path / "page.pdf").pages) <= 25


def test_the_served_site_is_the_same_and_needs_nothing_inline(
    visit: Callable[..., Visit], reports: Path
) -> None:
    with open_server(reports, port=0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/latest"
        try:
            for name in PAGES:
                opened = visit(name, folder=address)
                local = visit(name)
                assert opened.page.locator("main").inner_text() == local.page.locator("main").inner_text()
                opened.page.route("**/*.html", demand_strictness)
                opened.page.reload()
                open_everything(opened.page)
        finally:
            server.shutdown()
            thread.join()


def demand_strictness(route) -> None:  # type: ignore[no-untyped-def]
    answer = route.fetch()
    route.fulfill(response=answer, headers=answer.headers | {"Content-Security-Policy": STRICT})
