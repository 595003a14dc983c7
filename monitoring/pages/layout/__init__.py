"""What all pages share: the frame around them, words and numbers, tables and figures, style and script.

Templates are found beside the pages (every folder of `monitoring.pages`) and here. Everything a template is
given is escaped.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import monitoring.pages as pages
from monitoring.pages.layout.words import format_date

FOLDER = Path(__file__).parent
ASSETS = ("site.css", "site.js", "one_page.css")


def render_template(template: str, **values: Any) -> Markup:
    """A template filled in: HTML in which every value has been escaped.

    Raises:
        jinja2.UndefinedError: the template asks for a value that was not given.
    """
    html = _open_templates(tuple(pages.__path__)).get_template(template).render(**values)
    return Markup(html)  # noqa: S704 (rendered with autoescape)


def read_assets() -> dict[str, str]:
    """Style and script of the site by file name."""
    return {name: (FOLDER / name).read_text(encoding="utf-8") for name in ASSETS}


@cache
def _open_templates(folders: tuple[str, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([*folders, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = format_date
    return environment
