"""Pages of past weeks without what shows single people, for weeks in which somebody was who asked to be forgotten.

A point on a map, a line in a blade of silhouettes, an example of a refused row: each is one person, and in a figure
nobody can tell whose. So the whole figure goes, with its table; what adds up many people stays.
"""

from __future__ import annotations

import re
from html import escape

from monitoring.pages.layout.words import Words, load_words, mark

SECTIONS = ("map", "fit", "quarantine")
"""The sections of a report that show single people, by the id of their heading."""

RAW_PAGES = ("evidently.html",)
"""Pages of others, which hold whatever they were given."""

REASON = mark(
    "This was withdrawn: it showed single people, and one of them has asked to be forgotten. All other figures "
    "of the week stand."
)

_BARE_PAGE = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>–</title></head>\n<body>'


def withdraw_people(page: str, *, name: str, words: Words | None = None) -> str:
    """The page without what shows single people, and the reason in its place. Doing it again changes nothing.

    Args:
        page: its HTML.
        name: its file's name.
        words: the reader's language; English if not given.
    """
    reason = escape((words or load_words()).gettext(REASON), quote=False)
    if name in RAW_PAGES:
        return f"{_BARE_PAGE}<p>{reason}</p></body></html>\n"
    for section in SECTIONS:
        found = re.compile(
            rf'(<section) (aria-labelledby="{section}">\s*<h2[^>]*>.*?</h2>).*?(</section>)', re.DOTALL
        )
        page = found.sub(rf'\1 class="withdrawn" \2\n<p class="empty">{reason}</p>\n\3', page)
    return page
