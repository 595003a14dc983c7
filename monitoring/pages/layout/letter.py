"""The week as a mail: the sentences and the link, as plain text and as simple HTML."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.pages import ReportData
from monitoring.pages.index import list_sentences
from monitoring.pages.layout import render_template
from monitoring.pages.layout.one_page import link_report
from monitoring.pages.layout.words import SPACE
from monitoring.suppression import suppress_small_groups


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: a subject of one line, a body of plain text, the same as HTML, and the link in both, if any.

    `without_pdf` says in the reader's language that the week on one page is not attached.
    """

    subject: str
    text: str
    html: str
    link: str
    without_pdf: str


def write_letter(data: ReportData) -> Letter:
    """What people get who want to hear of every week's report; small groups are hidden, as on the pages."""
    shown = suppress_small_groups(data, smallest=data.smallest_group)
    words, sentences, link = data.words, list_sentences(shown), link_report(data)
    told = [f"- {words.chain(sentence.happened, sentence.action)}" for sentence in sentences]
    full = words.gettext("The full report")
    text = "\n\n".join(["\n".join(told), *([f"{full}: {link}"] if link else [])])
    subject = words.gettext("{shop}: the week to {day}", shop=data.title, day=words.format_date(data.as_of))
    html = render_template(
        "letter.html", words=words, tag=words.tag, data=data, sentences=sentences, link=link
    )
    missing = words.gettext("The week on one page is not attached this time: it could not be printed.")
    # Not every mail program knows the space that does not break.
    return Letter(subject.replace(SPACE, " "), text.replace(SPACE, " "), str(html), link, missing)
