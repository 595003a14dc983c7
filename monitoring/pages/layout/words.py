"""Numbers, dates and lists as a reader expects them in running English text.

A figure that cannot be had is shown as a dash, never as a zero, `None` or `nan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from math import isfinite
from numbers import Real
from typing import Any

import pandas as pd

from monitoring.metrics import Unit

MISSING = "–"
SPACE = "\N{NO-BREAK SPACE}"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "UAH": "₴", "TRY": "₺"}


def read_number(value: Any) -> float | None:
    """The value as a finite float; `None` for anything that is not one (text, null, NaN, infinity, true)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = float(value)
    return number if isfinite(number) else None


def format_text(value: Any) -> str:
    """Text as it stands; a dash for what is missing."""
    return MISSING if _is_missing(value) or value == "" else str(value)


def format_number(value: Any) -> str:
    """Three figures for small numbers, whole and grouped from 100 on: 0.041, 12.3, 45,120."""
    number = read_number(value)
    if number is None:
        return MISSING
    size = abs(number)
    if 0 < size < 0.001:
        return f"≈{SPACE}0"
    decimals = 0 if size == 0 or size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return _sign(f"{number:,.{decimals}f}")


def format_count(value: Any) -> str:
    """A number of things: 45,120."""
    number = read_number(value)
    return MISSING if number is None else _sign(f"{number:,.0f}")


def format_share(value: Any) -> str:
    """A part of one as a percentage: 0.0057 → 0.57 %, 0.342 → 34.2 %."""
    number = read_number(value)
    if number is None:
        return MISSING
    percent = number * 100
    decimals = 0 if percent in (0, 100) else 2 if abs(percent) < 10 else 1
    return _sign(f"{percent:,.{decimals}f}{SPACE}%")


def format_money(value: Any, currency: str) -> str:
    """An amount in the shop's currency: €12.40, €45,120, CHF 310."""
    number = read_number(value)
    if number is None:
        return MISSING
    amount = f"{abs(number):,.2f}" if abs(number) < 100 else f"{abs(number):,.0f}"
    return f"{'−' if number < 0 else ''}{SYMBOLS.get(currency, currency + SPACE)}{amount}"


def format_value(value: Any, unit: Unit, currency: str) -> str:
    """A figure in its own unit."""
    number = read_number(value)
    if number is not None and unit in ("share", "ratio"):
        return _sign(f"{number * 100:,.{2 if unit == 'share' else 1}f}{SPACE}%")
    return format_money(value, currency) if unit == "money" else format_number(value)


def format_change(value: Any, unit: Unit, currency: str) -> str:
    """A difference with its sign; of two shares in percentage points."""
    number = read_number(value)
    if number is None:
        return MISSING
    shown = (
        f"{abs(number) * 100:.2f} points" if unit == "share" else format_value(abs(number), unit, currency)
    )
    return f"{_direction(number)}{shown}"


def format_relative(value: Any) -> str:
    """A relative change: +11.8 %."""
    number = read_number(value)
    return MISSING if number is None else f"{_direction(number)}{abs(number) * 100:,.1f}{SPACE}%"


def format_interval(low: Any, high: Any, show: Callable[[Any], str]) -> str:
    """An interval, its ends written by `show`: +0.8 to +5.1 points; an open end is said in words."""
    start, end = show(low), show(high)
    if MISSING in (start, end):
        if start == end:
            return MISSING
        return f"at least {start}" if end == MISSING else f"at most {end}"
    return f"{start.removesuffix(' points')} to {end}"


def format_p_value(value: Any) -> str:
    """A p-value: three decimals, and nothing finer than < 0.001."""
    number = read_number(value)
    if number is None:
        return MISSING
    return "< 0.001" if number < 0.001 else f"{number:.3f}"


def format_yes_no(value: Any) -> str:
    """A truth as a word; a dash where it is not known."""
    return {True: "yes", False: "no"}.get(value, MISSING) if not _is_missing(value) else MISSING


def format_date(value: Any) -> str:
    """A day in words: 16 November 2026. Text that is no ISO date stays as it is."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value[:10])
        except ValueError:
            return format_text(value)
    return (
        f"{value.day}{SPACE}{value:%B}{SPACE}{value:%Y}"
        if isinstance(value, date) and not _is_missing(value)
        else MISSING
    )


def format_plural(count: Any, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 row, 2,300 rows."""
    return f"{format_count(count)} {one if read_number(count) == 1 else many or one + 's'}"


def join_words(words: Iterable[str], *, limit: int = 3) -> str:
    """A list as text: `a, b and c`; past the limit `a, b, c and 4 more`."""
    every = [str(word) for word in words]
    shown = every[:limit]
    if len(every) > limit:
        return f"{', '.join(shown)} and {len(every) - limit} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def read_part(summary: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A part of the run's summary; empty where the run has none."""
    part = summary.get(key)
    return dict(part) if isinstance(part, Mapping) else {}


def close_sentence(text: str) -> str:
    """The text with a capital at its head and a full stop at its end."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def _sign(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text


def _direction(number: float) -> str:
    return "+" if number > 0 else "−" if number < 0 else "±"


def _is_missing(value: Any) -> bool:
    # NaN and NaT differ from themselves; comparing NA gives neither true nor false.
    return value is None or value is pd.NA or (not isinstance(value, list | tuple) and value != value)
