"""What all pages share: the frame around them, words and numbers, tables and figures, style and script.

Templates are found beside the pages (every folder of `monitoring.pages`) and here. Everything a template is
given is escaped; `_` in it says a text in the reader's language, `chain` two of them one after the other.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import monitoring.pages as pages
from monitoring.pages.layout.content_policy import embed_policy
from monitoring.pages.layout.tables import embed_json
from monitoring.pages.layout.words import Words, load_words, mark

FOLDER = Path(__file__).parent
ASSETS = ("site.css", "tables.js", "numbers.js", "site.js", "one_page.css")
SCRIPT_TEXTS = {
    "filter": mark("Filter"),
    "rows": mark("{all} rows"),
    "someRows": mark("{shown} of {all} rows"),
    "none": mark("No rows match."),
    "save": mark("Save as CSV"),
    "saveSome": mark("Save these rows as CSV"),
    "noPlotly": mark("This figure cannot be drawn: plotly.min.js is missing beside this page."),
    "name": mark("Series"),
    "x": mark("Across"),
    "y": mark("Upwards"),
    "z": mark("Value"),
    "labels": mark("Name"),
    "parents": mark("Lies in"),
    "values": mark("Value"),
    "link.source": mark("From"),
    "link.target": mark("To"),
    "link.value": mark("Value"),
}
"""What the site's scripts say; the last ones head the columns of a figure's numbers."""


def render_template(template: str, *, words: Words | None = None, **values: Any) -> Markup:
    """A template filled in: HTML in which every value, and every text, has been escaped.

    Args:
        words: the reader's language; English if not given.

    Raises:
        jinja2.UndefinedError: the template asks for a value that was not given.
    """
    environment = _open_templates(tuple(pages.__path__), words or load_words())
    html = environment.get_template(template).render(**values)
    return Markup(html)  # noqa: S704 (rendered with autoescape)


def read_assets() -> dict[str, str]:
    """Style and script of the site by file name."""
    return {name: (FOLDER / name).read_text(encoding="utf-8") for name in ASSETS}


@cache
def _open_templates(folders: tuple[str, ...], words: Words) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([*folders, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    said = {name: words.gettext(text) for name, text in SCRIPT_TEXTS.items()}
    environment.globals.update(
        {
            "_": words.gettext,
            "chain": words.chain,
            "content_policy": embed_policy(),
            "script_texts": embed_json(json.dumps(said)),
        }
    )
    environment.filters["date"] = words.format_date
    return environment
