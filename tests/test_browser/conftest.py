"""Chromium on the report site: what a page asks for and complains of is looked at after every visit."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from test_browser.hostile_week import make_last_week, make_week

from tasks.reports import write_reports

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESKTOP, PHONE = (1280, 900), (360, 740)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page being looked at: what it has asked for, and what it has complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def list_strangers(self) -> list[str]:
        """Addresses outside this machine that the page has asked for."""
        return [address for address in self.requests if not _is_here(address)]


# Not for the session: while Playwright runs, nothing else in the process may run an event loop, and flows do.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two weeks' reports, the newer one hostile."""
    folder = tmp_path_factory.mktemp("browser") / "reports"
    write_reports(make_last_week(), folder=folder)
    write_reports(make_week(), folder=folder)
    return folder


@pytest.fixture
def visit(chromium: Browser, reports: Path) -> Iterator[Callable[..., Visit]]:
    """Opens a page of the newest week. After the test nothing may have come from elsewhere or gone wrong."""
    visits: list[Visit] = []

    def open_page(name: str, *, folder: str | None = None) -> Visit:
        context = chromium.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
        visit = Visit(context.new_page())
        visits.append(visit)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("requestfailed", lambda request: visit.complaints.append(f"failed: {request.url}"))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("dialog", lambda dialog: (visit.complaints.append("a dialog"), dialog.dismiss()))
        visit.page.on(
            "console",
            lambda message: message.type in ("error", "warning") and visit.complaints.append(message.text),
        )
        visit.page.goto(f"{folder or (reports / 'latest').as_uri()}/{name}.html")
        return visit

    yield open_page
    for visit in visits:
        visit.page.context.close()
        assert visit.list_strangers() == []
        assert visit.complaints == []


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("file", "data", "blob") or parts.hostname == "127.0.0.1"
