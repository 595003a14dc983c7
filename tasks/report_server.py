"""Serves the report sites to the browser of this machine, and to nobody else."""

from __future__ import annotations

import os
import re
import sys
import webbrowser
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from monitoring.pages.layout.content_policy import choose_policy
from tasks.reports import LATEST, list_weeks

HOST = "127.0.0.1"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Whoever sits at the machine next is not to find the figures in the browser's cache.
    "Cache-Control": "no-store",
}


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
    handler = partial(_ReportHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise OSError(
            f"port {port} cannot be used ({error.strerror}); give another one with --port"
        ) from error


def serve_reports(folder: Path, *, port: int) -> None:
    """Shows the newest report in the browser and serves it until interrupted."""
    with open_server(folder, port=port) as server:
        address = f"http://{HOST}:{server.server_port}/{LATEST}/index.html"
        sys.stderr.write(f"The reports are at {address}; Ctrl-C ends this.\n")
        webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _ReportHandler(SimpleHTTPRequestHandler):
    """Gives out files of published reports, with a strict policy, to pages of this machine."""

    server_version, sys_version = "segmentwerk", ""

    def parse_request(self) -> bool:
        """Refuse, before anything is looked up, who calls this machine by a name of somebody else's choosing."""
        if not super().parse_request():
            return False
        port = self.connection.getsockname()[1]
        # Else a page from elsewhere could have its own name point here and read the reports (DNS rebinding).
        if self.headers.get_all("Host") not in ([f"{HOST}:{port}"], [f"localhost:{port}"]):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, f"This is http://{HOST}:{port}")
            return False
        return True

    def send_head(self) -> Any:
        """What is published: neither what is still being made, under a hidden name, nor what lies behind a link."""
        if self._is_published():
            return super().send_head()
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def _is_published(self) -> bool:
        folder, asked = os.path.realpath(self.directory), self.translate_path(self.path)
        try:
            place = Path(os.path.realpath(asked))
        except ValueError:  # a byte that no path can have
            return False
        hidden = any(part.startswith(".") for part in Path(asked).relative_to(self.directory).parts)
        return place.is_relative_to(folder) and not hidden

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 (the base class's signature)
        """No listing of folders."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Every answer has the same protection, an error too."""
        name = _drop_query(getattr(self, "path", "")).rpartition("/")[2]
        self.send_header("Content-Security-Policy", f"{choose_policy(name)}; frame-ancestors 'none'")
        for header, value in HEADERS.items():
            self.send_header(header, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Nothing: every click would be a line in the terminal."""


def _drop_query(path: str) -> str:
    return re.split("[?#]", path, maxsplit=1)[0]
