"""The week as a mail: the sentences and the link, as plain text and as simple HTML."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.pages import ReportData
from monitoring.pages.layout import render_template
from monitoring.pages.layout.one_page import link_report, list_sentences
from monitoring.pages.layout.words import SPACE, format_date


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: a subject of one line, a body of plain text, the same as HTML, and the link in both, if any."""

    subject: str
    text: str
    html: str
    link: str


def write_letter(data: ReportData) -> Letter:
    """What people get who want to hear of every week's report."""
    sentences, link = list_sentences(data), link_report(data)
    told = [f"- {sentence.happened} {sentence.action}".rstrip() for sentence in sentences]
    paragraphs = ["\n".join(told), f"The full report: {link}" if link else ""]
    text = "\n\n".join(part for part in paragraphs if part)
    subject = f"{data.title}: the week to {format_date(data.as_of)}"
    html = render_template("letter.html", data=data, sentences=sentences, link=link)
    # Not every mail program knows the space that does not break.
    return Letter(subject.replace(SPACE, " "), text.replace(SPACE, " "), str(html), link)
