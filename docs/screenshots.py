"""Pictures of the report's main pages for the README: `python -m docs.screenshots REPORT [FOLDER]`."""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PAGES = ("index", "segments", "roi", "drift")
SIZE = (1280, 900)


def find_chromium() -> str:
    """Path of the browser.

    Raises:
        LookupError: there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise LookupError(
            f"no browser: none of {', '.join(NAMES)} is on the path; install Debian's `chromium`"
        )
    return found


def take_screenshots(report: Path, *, folder: Path) -> list[Path]:
    """The top of each main page of a report as a PNG, by day, at the width of a desk.

    Raises:
        LookupError: there is no browser, or no such report.
    """
    if missing := [name for name in PAGES if not (report / f"{name}.html").is_file()]:
        raise LookupError(f"{report} has no {missing[0]}.html; `segmentwerk demo` makes a report")
    folder.mkdir(parents=True, exist_ok=True)
    width, height = SIZE
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        for name in PAGES:
            page.goto((report.resolve() / f"{name}.html").as_uri())
            page.wait_for_load_state("networkidle")
            _write_small(page.screenshot(), folder / f"{name}.png")
        browser.close()
    return [folder / f"{name}.png" for name in PAGES]


def _write_small(png: bytes, path: Path) -> None:
    """In 256 colours, among them the rare ones: a third of the size, and nobody sees it."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    report, *folder = map(Path, sys.argv[1:])
    try:
        written = take_screenshots(report, folder=folder[0] if folder else Path(__file__).parent / "images")
    except LookupError as reason:
        sys.exit(str(reason))
    sys.stdout.write("".join(f"{path} {path.stat().st_size // 1000} kB\n" for path in written))
