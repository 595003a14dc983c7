"""Texts in a CSV that a spreadsheet would run as formulas: a quote before them makes them texts again.

Rule and remedy: OWASP, CSV Injection. The report's pages do the same when they save a table (`tables.js`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import ibis

FORMULA = r"^[=+@\t\r-]"
NUMBER = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$"
_QUOTE = "'"


def guard_texts(column: pa.Array) -> pa.Array:
    """The column with a quote before each text that begins like a formula and is no number; others as they are."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return column
    is_formula = pc.and_not(
        pc.match_substring_regex(column, FORMULA), pc.match_substring_regex(column, NUMBER)
    )
    quoted = pc.binary_join_element_wise(pa.scalar(_QUOTE, column.type), column, pa.scalar("", column.type))
    return pc.if_else(is_formula, quoted, column)


def guard_text(text: ibis.expr.types.StringValue) -> ibis.expr.types.StringValue:
    """The same as an expression of the engine."""
    import ibis

    is_formula = text.re_search(FORMULA) & ~text.re_search(NUMBER)
    return is_formula.ifelse(ibis.literal(_QUOTE) + text, text)
