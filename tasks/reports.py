"""Writes the week's report as a folder that opens by double-click: `<as_of>/`, and `latest/`, the newest.

A report is made in two steps, so that nothing of a failed run is ever seen: `prepare_reports` writes it under
a hidden name, `publish_reports` puts it in its place once the run is on record. `write_reports` does both.
"""

from __future__ import annotations

import os
import shutil
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from monitoring.pages import ReportData, render_site
from monitoring.pages.layout import read_assets
from monitoring.pages.layout.letter import Letter, write_letter
from monitoring.pages.layout.one_page import ONE_PAGE
from tasks.destinations import replace_folder, swap_folder

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class PreparedReports:
    """A finished site nobody sees yet: the folder it stands in, the one it is meant for, and the week as a mail."""

    prepared: Path
    target: Path
    letter: Letter

    @property
    def index(self) -> Path:
        """The first page, once published."""
        return self.target / "index.html"

    @property
    def one_page(self) -> Path:
        """The week on one page for print, once published."""
        return self.target / ONE_PAGE


def write_reports(data: ReportData, *, folder: Path) -> Path:
    """The week's site, whole or not at all; the path of its index page.

    A site already there for the same week is replaced. `latest` becomes a copy of the newest week there is,
    which is another one where an earlier week is reported again.
    """
    return publish_reports(prepare_reports(data, folder=folder))


def prepare_reports(data: ReportData, *, folder: Path) -> PreparedReports:
    """The week's site under a hidden name, with links to the past weeks that stand in the folder.

    What a run that failed has left behind for the same week is removed.
    """
    from plotly.offline import get_plotlyjs

    week = data.as_of.isoformat()
    past = tuple(name for name in list_weeks(folder) if name < week)
    files = render_site(replace(data, past_weeks=past)) | read_assets() | {"plotly.min.js": get_plotlyjs()}
    for left_behind in folder.glob(f".{week}.*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    prepared = folder / f".{week}.{uuid4().hex}"
    prepared.mkdir(parents=True)
    try:
        for name, text in files.items():
            (prepared / name).write_text(text, encoding="utf-8", newline="\n")
    except BaseException:
        shutil.rmtree(prepared, ignore_errors=True)
        raise
    return PreparedReports(prepared, folder / week, write_letter(data))


def publish_reports(reports: PreparedReports) -> Path:
    """Puts a prepared site in its place and refreshes `latest`; the path of its index page."""
    swap_folder(reports.prepared, reports.target)
    refresh_latest(reports.target.parent)
    return reports.index


def list_weeks(folder: Path) -> tuple[str, ...]:
    """The weeks a folder holds reports of, as ISO dates, newest first."""
    if not folder.is_dir():
        return ()
    return tuple(sorted((path.name for path in folder.iterdir() if _is_report(path)), reverse=True))


def refresh_latest(folder: Path) -> None:
    """Makes `latest` the same as the newest week, its files stored once where the disk allows it."""
    newest = next(iter(list_weeks(folder)), None)
    if newest is not None:
        # Sites are replaced, never edited, so both names may share one file.
        copy_site(folder / newest, folder / LATEST, place=link_or_copy)


def copy_site(source: Path, target: Path, *, place: Callable[[Path, Path], Any]) -> None:
    """A copy of a site's folder that appears all at once; `place` makes each file."""
    with replace_folder(target) as fresh:
        for path in sorted(source.iterdir()):
            place(path, fresh / path.name)


def link_or_copy(source: Path, target: Path) -> None:
    """The file under another name: stored once where the disk allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def open_server(folder: Path, *, port: int) -> ThreadingHTTPServer:
    """A server of the reports for this machine alone; port 0 takes a free one.

    Raises:
        LookupError: there are no reports.
        OSError: the port is taken.
    """
    if not list_weeks(folder):
        raise LookupError(f"no reports in {folder}; run `segmentwerk weekly` first")
    return listen(folder, port=port)


def listen(folder: Path, *, port: int) -> ThreadingHTTPServer:
    """The same for a folder whose reports may be still to come.

    Raises:
        OSError: the port is taken.
    """
    handler = partial(_QuietHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise OSError(
            f"port {port} cannot be used ({error.strerror}); give another one with --port"
        ) from error


def serve_reports(folder: Path, *, port: int) -> None:
    """Shows the newest report in the browser and serves it until interrupted."""
    with open_server(folder, port=port) as server:
        address = f"http://127.0.0.1:{server.server_port}/{LATEST}/index.html"
        sys.stderr.write(f"The reports are at {address}; Ctrl-C ends this.\n")
        webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _QuietHandler(SimpleHTTPRequestHandler):
    def send_head(self) -> Any:
        """Nothing from outside the folder, whatever dots, links or bytes lead there."""
        try:
            place = Path(os.path.realpath(self.translate_path(self.path)))
        except ValueError:  # a byte that no path can have
            place = Path()
        if not place.is_relative_to(os.path.realpath(self.directory)):
            self.send_error(404)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Nothing: every click would be a line in the terminal."""


def _is_report(path: Path) -> bool:
    try:
        date.fromisoformat(path.name)
    except ValueError:
        return False
    return (path / "index.html").is_file()
