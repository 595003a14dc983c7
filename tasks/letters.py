"""Sends the week's report to people: its sentences and the link, by mail with the week on one page as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from monitoring.notices import Notification
from monitoring.pages.layout.letter import Letter
from tasks.browsers import BrowserError, find_browser, print_page
from tasks.logs import get_logger
from tasks.mail import Attachment, Email
from tasks.notifications import send_through
from tasks.reports import PreparedReports


@task(name="send report", cache_policy=NO_CACHE, persist_result=False)
def send_report(
    report: PreparedReports, *, to: Sequence[Notification], browser: str | None
) -> tuple[str, ...]:
    """Send the report, which is on record and published by now, to whoever wants every week's.

    Args:
        browser: what prints the page; None looks for one on the machine.

    Returns:
        the blocks it could not be sent through; why stands in the log.
    """
    blocks = [notification.block for notification in to if "report" in notification.on]
    if not blocks:
        return ()
    if not report.letter.link:
        get_logger().warning(
            "the week's report goes out without a link; say in [report] address where the published site is reached"
        )
    takes_files = any(name.startswith(f"{Email.get_block_type_slug()}/") for name in blocks)
    pages = _print_report(report, browser=browser) if takes_files else ()
    send = partial(_send_letter, report.letter, pages)
    return tuple(name for name in blocks if not send_through(name, send, subject=report.letter.subject))


def _print_report(report: PreparedReports, *, browser: str | None) -> tuple[Attachment, ...]:
    """The week on one page as a PDF; nothing, and a warning, where it cannot be printed."""
    try:
        content = print_page(report.one_page, browser=find_browser(browser))
    except (BrowserError, OSError) as error:
        get_logger().warning("the report goes out without its PDF: %s", error)
        return ()
    return (Attachment(f"{report.target.name}.pdf", "application/pdf", content),)


def _send_letter(letter: Letter, pages: tuple[Attachment, ...], block: Any) -> None:
    if not isinstance(block, Email):
        block.notify(letter.text, subject=letter.subject)
        return
    missing = "" if pages else letter.without_pdf
    block.send_letter(
        f"{letter.text}\n\n{missing}".strip(),
        subject=letter.subject,
        html=letter.html.replace("</body>", f"<p>{missing}</p>\n</body>") if missing else letter.html,
        attachments=pages,
    )
