"""What all output shares: eighty columns, lines that are folded there, tables whose figures are never cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 80
WORTH_TELLING_S = 2.0
TOLD_REASONS = 3
NO_FIGURE = "–"
_GAP = 2
_NARROWEST = 10  # columns a word is given before a table is told in lines instead


def console() -> Console:
    """Standard output, no wider than eighty columns."""
    out = Console(highlight=False)
    return Console(highlight=False, width=min(out.width, WIDTH))


def plain(text: object) -> str:
    """Text that moves no cursor and starts no line, whatever a name from the data may hold."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def bold(text: object) -> Text:
    """A text in bold."""
    return Text(plain(text), style="bold")


def join(*parts: str | Text) -> Text:
    """One text of several, some of them in a style."""
    return Text.assemble(*(part if isinstance(part, Text) else plain(part) for part in parts))


def show_text(text: str | Text, out: Console, *, indent: int = 0, hang: int | None = None) -> None:
    """A paragraph, folded at the width of the screen; `hang` is the indent of every line but the first."""
    hang = indent if hang is None else hang
    lines = join(text).wrap(out, out.width - max(indent, hang), overflow="fold")
    for place, line in enumerate(lines):
        out.print(Text.assemble(" " * (hang if place else indent), line), soft_wrap=True)


def show_lines(lines: Sequence[str], out: Console) -> None:
    """Indented paragraphs."""
    for line in lines:
        show_text(line, out, indent=2, hang=4)


def show_address(head: str | Text, address: object, out: Console) -> None:
    """A path or an address: in one piece however long it is, for whoever copies it."""
    out.print(join(head, bold(address)), soft_wrap=True)


def show_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    out: Console,
    *,
    figures: Collection[str] = (),
    head: bool = True,
) -> None:
    """A table whose words are folded and whose figures never are.

    Where the screen is too narrow even so, each row is a paragraph that names its figures.

    Args:
        columns: their headings.
        rows: a cell for each of them.
        figures: the headings of columns that stand to the right, in one piece.
        head: whether the headings are shown.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    if _measure(columns, cells, figures) > out.width:
        for row in cells:
            told = (f"{name} {cell}" for name, cell in zip(columns[1:], row[1:], strict=True) if cell)
            show_text(join(bold(row[0]), ": ", ", ".join(told)), out, hang=2)
        return
    table = Table(box=None, pad_edge=False, show_header=head)
    for name in columns:
        is_figure = name in figures
        table.add_column(name, justify="right" if is_figure else "left", no_wrap=is_figure, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    out.print(table)


def _measure(columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Collection[str]) -> int:
    """The columns of the screen a table needs at least."""
    widest = [max(map(cell_len, (name, *(row[place] for row in rows)))) for place, name in enumerate(columns)]
    needed = [
        width if name in figures else min(width, max(_NARROWEST, cell_len(name)))
        for name, width in zip(columns, widest, strict=True)
    ]
    return sum(needed) + _GAP * len(columns)
