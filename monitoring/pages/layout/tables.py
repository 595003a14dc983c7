"""Tables and figures as a template shows them: what is read, beside the exact value sorted and saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

from monitoring.pages.layout.words import Words, format_text, mark, read_number

FIGURE_TEXTS = (
    mark("Name"),
    mark("Change (%)"),
    mark("From (%)"),
    mark("To (%)"),
    mark("Times the alarm limit"),
    mark("times the alarm limit"),
    mark("times the usual change"),
    mark("Week to"),
    mark("Times the usual change"),
    mark("Factor"),
    mark("When"),
    mark("From"),
    mark("Customers (%)"),
    mark("Segment"),
    mark("Standard deviations from the average customer"),
    mark("Share"),
    mark("Per cent"),
    mark("Amount"),
    mark("Silhouette"),
    mark("Lies in"),
    mark("Share of the customers"),
)
"""What figures call their axes and the columns of their numbers; `monitoring.charts` and its like write English."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a shown table: where it comes from, its heading, how a value is written, how it is set."""

    source: str
    title: str
    show: Callable[[Any], str] = format_text
    kind: Literal["text", "phrase", "note", "number", "code"] = "text"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is read (`text`), what is sorted and saved (`value`), a link, the colour of a badge (`tone`)."""

    text: str
    value: str
    href: str | None = None
    tone: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be shown: `name` becomes the file name of its CSV."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure ready to be shown: its JSON, what it shows and how to read it."""

    name: str
    json: Markup
    caption: str


def build_table(frame: pd.DataFrame, columns: Sequence[Column], *, name: str, title: str) -> Table:
    """The frame's rows in the order given, each value beside its exact form."""
    if frame.empty:
        return Table(name, title, tuple(columns), ())
    values = [frame[column.source].tolist() for column in columns]
    rows = (
        tuple(build_cell(value, column) for value, column in zip(row, columns, strict=True))
        for row in zip(*values, strict=True)
    )
    return Table(name, title, tuple(columns), tuple(rows))


def build_cell(value: Any, column: Column) -> Cell:
    """One value as its column shows it."""
    return Cell(column.show(value), write_exact(value))


def write_exact(value: Any) -> str:
    """The value with nothing rounded; empty where it is missing."""
    number = read_number(value)
    if number is not None:
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    text = format_text(value)
    return "" if text == "–" or text in ("nan", "NaT", "<NA>", "inf", "-inf") else text


def embed_figure(figure: Any, *, name: str, caption: str, words: Words) -> Figure:
    """A Plotly figure as JSON, the headings of its numbers and the titles of its axes in the reader's language."""
    for trace in figure.data:
        if trace.meta:
            trace.meta = {path: words.gettext(heading) for path, heading in trace.meta.items()}
    figure.for_each_xaxis(lambda axis: _translate_title(axis, words))
    figure.for_each_yaxis(lambda axis: _translate_title(axis, words))
    return Figure(name, embed_json(figure.to_json()), caption)


def embed_json(text: str) -> Markup:
    """JSON in which no character can close the element it stands in."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (escaped just above)


def _translate_title(axis: Any, words: Words) -> None:
    if axis.title.text:
        axis.title.text = words.gettext(axis.title.text)
