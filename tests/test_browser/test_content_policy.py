"""The pages work under the policies they are served with and hold, and these keep them from reaching anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page
from test_browser.conftest import Visit
from test_browser.hostile_week import make_week
from test_browser.test_report_pages import PAGES, open_everything
from test_monitoring.test_drift import draw_factors

from monitoring.comparison import measure_drift
from monitoring.drift_settings import DriftSettings
from monitoring.pages.layout.content_policy import EVIDENTLY_POLICY, PAGE_POLICY
from tasks.report_server import open_server
from tasks.reports import write_reports

# A request of a page to the server it is from: what a policy forbids never leaves.
REACH_OUT = "fetch('/latest/site.css').then(() => 'answered', () => 'refused')"
LOAD_SCRIPT = """() => new Promise((tell) => {
  const script = document.createElement('script');
  script.src = 'data:text/javascript,document.title="run"';
  script.onload = () => tell('run');
  script.onerror = () => tell('refused');
  document.head.append(script);
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report with Evidently's own page."""
    then, now = (draw_factors(300, seed, columns=["aov"]) for seed in (1, 2))
    measured = measure_drift(then, now, settings=DriftSettings(), seed=0)
    folder = tmp_path_factory.mktemp("site") / "reports"
    write_reports(replace(make_week(), evidently_html=measured.html), folder=folder)
    return folder


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    with open_server(site, port=0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/latest"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page whose complaints do not matter."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_served_page_works_under_its_policy(visit: Callable[..., Visit], served: str, name: str) -> None:
    page = visit(name, folder=served).page
    open_everything(page)
    assert page.locator("table").count() == page.locator(".save").count() > 0


@pytest.mark.parametrize("place", ["disk", "server"])
def test_evidently_s_page_draws_its_figures_and_asks_nobody(
    visit: Callable[..., Visit], site: Path, served: str, place: str
) -> None:
    folder = served if place == "server" else (site / "latest").as_uri()
    visited = visit("evidently", folder=folder)
    visited.page.locator("svg.main-svg").first.wait_for()
    assert "aov" in visited.page.locator("body").inner_text()
    assert [
        address for address in visited.requests if not address.startswith((folder, "data:", "blob:"))
    ] == []


@pytest.mark.parametrize("name", ["index", "evidently", "one_page"])
def test_a_page_reaches_nobody(page: Page, served: str, name: str) -> None:
    answer = page.goto(f"{served}/{name}.html")
    assert answer is not None
    policy = EVIDENTLY_POLICY if name == "evidently" else PAGE_POLICY
    assert answer.headers["content-security-policy"].startswith(policy)
    assert page.evaluate(REACH_OUT) == "refused"
    assert page.evaluate(LOAD_SCRIPT) == "refused"


@pytest.mark.parametrize("name", ["index", "evidently", "one_page"])
def test_a_page_holds_its_policy_for_other_servers(page: Page, served: str, name: str) -> None:
    def strip_headers(route):  # type: ignore[no-untyped-def]
        answer = route.fetch()
        told = {n: v for n, v in answer.headers.items() if n != "content-security-policy"}
        route.fulfill(response=answer, headers=told)

    page.route("**/*.html", strip_headers)
    answer = page.goto(f"{served}/{name}.html")
    assert answer is not None
    assert "content-security-policy" not in answer.headers
    assert page.evaluate(REACH_OUT) == "refused"
    assert page.evaluate(LOAD_SCRIPT) == "refused"


def test_no_site_may_show_the_reports_in_a_frame(page: Page, served: str, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe src="{served}/index.html"></iframe>')
    page.goto(frame.as_uri())
    # That the frame was refused is told a moment after the page around it has loaded.
    for _attempt in range(200):
        if page.frames[1].url:
            break
        page.wait_for_timeout(50)
    assert page.frames[1].url == "chrome-error://chromewebdata/"
