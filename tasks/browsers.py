"""Prints a page as PDF by a browser that is on the machine: Chromium, Chrome or Edge."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "microsoft-edge-stable", "msedge",
)  # fmt: skip
USUAL_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/snap/bin/chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-extensions", "--disable-dev-shm-usage", "--no-pdf-header-footer",
)  # fmt: skip
TIMEOUT_S = 60.0


class BrowserError(RuntimeError):
    """A page cannot be printed; the message says why and what to do."""


def find_browser(given: str | None = None) -> str:
    """The program: the one given by path or name, or the first of those usually there.

    Raises:
        BrowserError: there is none.
    """
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise BrowserError(f"[report] browser = '{given}' is no program that can be run; give its path")
        return found
    for name in (*NAMES, *USUAL_PLACES):
        if found := shutil.which(name):
            return found
    raise BrowserError(
        "no browser was found to print the PDF with; install Chromium, Chrome or Edge, or give its path in "
        "[report] browser"
    )


def print_page(page: Path, *, browser: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """The page as a PDF.

    Raises:
        BrowserError: the browser does not start, takes too long, or leaves no PDF.
    """
    with TemporaryDirectory(prefix="segmentwerk-print-", ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "page.pdf"
        # Chromium's sandbox refuses to run as root; the page is the project's own and needs no network.
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [
            browser, *FLAGS, *sandbox, f"--user-data-dir={folder}/profile", f"--print-to-pdf={target}",
            page.resolve().as_uri(),
        ]  # fmt: skip
        said = _run(command, timeout_s=timeout_s)
        if not target.is_file() or not target.read_bytes().startswith(b"%PDF"):
            raise BrowserError(f"{browser} printed no PDF: {said or 'it gave no reason'}")
        return target.read_bytes()


def _run(command: list[str], *, timeout_s: float) -> str:
    """Run to the end, with all it has started; the last line it said."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise BrowserError(f"{command[0]} does not start: {error.strerror}") from None
    try:
        _, said = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        raise BrowserError(
            f"{command[0]} had not printed the PDF after {timeout_s:g} s; see that it starts on this machine"
        ) from None
    except BaseException:
        _end(process)
        raise
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """A browser is many processes, of which the first does not always take the others along."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
