"""Texts, numbers, dates and lists in the reader's language.

A figure that cannot be had is shown as a dash, never as a zero, `None` or `nan`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from gettext import NullTranslations
from math import isfinite
from numbers import Real
from typing import Any

import pandas as pd
from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol

from monitoring.metrics import Unit
from monitoring.pages.layout.catalogues import SOURCE, find_locale, load_catalogue

MISSING = "–"
SPACE = "\N{NO-BREAK SPACE}"
ENDINGS = ".!?…。！？"
# The product's own English writes 34.2 % with a space, as the SI does; other locales have a habit of their own.
PERCENT = {"en_001": f"#,##0{SPACE}%"}


def mark(text: str) -> str:
    """The text itself; the catalogues learn that it is one to translate where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Words:
    """How a reader is spoken to: what is said in their language, and how figures are written in it.

    Attributes:
        locale: of numbers and dates.
        currency: ISO code of all money.
        catalogue: the texts by their English form.
    """

    locale: Locale
    currency: str
    catalogue: NullTranslations

    @property
    def tag(self) -> str:
        """The language as HTML names it."""
        return self.locale.language if self.locale.territory == "001" else str(self.locale).replace("_", "-")

    @property
    def is_english(self) -> bool:
        return self.locale.language == SOURCE

    def gettext(self, text: str, **values: Any) -> str:
        """The text in the reader's language, `{names}` in it filled in; one that nobody translated as it stands."""
        said = self.catalogue.gettext(text) if text else ""
        return said.format(**values) if values else said

    def ngettext(self, one: str, many: str, count: Any, **values: Any) -> str:
        """The same for a number of things: the form the language has for `count`, which fills in `{count}`."""
        number = read_number(count)
        form = self.catalogue.ngettext(one, many, int(abs(number)) if number is not None else 0)
        return form.format(count=self.format_count(count), **values)

    def format_number(self, value: Any) -> str:
        """Three figures for small numbers, whole and grouped from 100 on: 0.041, 12.3, 45,120."""
        number = read_number(value)
        if number is None:
            return MISSING
        size = abs(number)
        if 0 < size < 0.001:
            return f"≈{SPACE}0"
        return self._decimal(
            number, 0 if size == 0 or size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
        )

    def format_decimals(self, value: Any, decimals: int) -> str:
        """A number with so many decimals."""
        number = read_number(value)
        return MISSING if number is None else self._decimal(number, decimals)

    def format_count(self, value: Any) -> str:
        """A number of things: 45,120."""
        return self.format_decimals(value, 0)

    def format_share(self, value: Any) -> str:
        """A part of one as a percentage: 0.0057 → 0.57 %, 0.342 → 34.2 %."""
        number = read_number(value)
        if number is None:
            return MISSING
        return self.format_percent(number, 0 if number in (0, 1) else 2 if abs(number) < 0.1 else 1)

    def format_percent(self, value: Any, decimals: int) -> str:
        """A part of one as a percentage with so many decimals."""
        number = read_number(value)
        if number is None:
            return MISSING
        pattern = PERCENT.get(str(self.locale)) or self.locale.percent_formats[None].pattern
        return _tidy(format_percent(number, format=_round_to(pattern, decimals), locale=self.locale))

    def format_level(self, confidence: float) -> str:
        """How sure an interval is: 95 %, 99.5 %."""
        percent = f"{confidence * 100:g}"
        return self.format_percent(confidence, len(percent.partition(".")[2]))

    def format_money(self, value: Any) -> str:
        """An amount in the shop's currency: €12.40, €45,120, CHF 310."""
        number = read_number(value)
        if number is None:
            return MISSING
        pattern = self.locale.currency_formats["standard"].pattern
        if get_currency_symbol(self.currency, locale=self.locale)[-1].isalpha():
            # Unicode's locale data ask for a space between letters and digits, Babel leaves it out.
            pattern = pattern.replace("¤#", f"¤{SPACE}#")
        pattern = _round_to(pattern, 2 if abs(number) < 100 else 0)
        return _tidy(
            format_currency(number, self.currency, format=pattern, locale=self.locale, currency_digits=False)
        )

    def format_value(self, value: Any, unit: Unit) -> str:
        """A figure in its own unit."""
        if unit in ("share", "ratio"):
            return self.format_percent(value, 2 if unit == "share" else 1)
        return self.format_money(value) if unit == "money" else self.format_number(value)

    def format_change(self, value: Any, unit: Unit) -> str:
        """A difference with its sign; of two shares in percentage points."""
        shown = self._bare_change(value, unit)
        return (
            self.gettext("{change} points", change=shown) if unit == "share" and shown != MISSING else shown
        )

    def format_relative(self, value: Any, decimals: int = 1) -> str:
        """A relative change: +11.8 %."""
        number = read_number(value)
        return MISSING if number is None else _direct(number, self.format_percent(abs(number), decimals))

    def format_interval(self, low: Any, high: Any, show: Callable[[Any], str]) -> str:
        """An interval, its ends written by `show`: 1.2 to 3.4; an open end is said in words."""
        start, end = show(low), show(high)
        if start == end == MISSING:
            return MISSING
        if end == MISSING:
            return self.gettext("at least {bound}", bound=start)
        if start == MISSING:
            return self.gettext("at most {bound}", bound=end)
        return self.gettext("{low} to {high}", low=start, high=end)

    def format_change_interval(self, low: Any, high: Any, unit: Unit) -> str:
        """An interval of a difference, its unit said once: +0.81 to +5.05 points."""
        shown = self.format_interval(low, high, lambda end: self._bare_change(end, unit))
        return (
            self.gettext("{change} points", change=shown) if unit == "share" and shown != MISSING else shown
        )

    def format_p_value(self, value: Any) -> str:
        """A p-value: three decimals, and nothing finer than < 0.001."""
        number = read_number(value)
        if number is None:
            return MISSING
        return f"< {self._decimal(0.001, 3)}" if number < 0.001 else self._decimal(number, 3)

    def tell_p_value(self, value: Any) -> str:
        """The same inside a sentence: p = 0.043, p < 0.001."""
        shown = self.format_p_value(value)
        return f"p {shown}" if shown.startswith("<") else f"p = {shown}"

    def format_yes_no(self, value: Any) -> str:
        """A truth as a word; a dash where it is not known."""
        word = "" if _is_missing(value) else {True: mark("yes"), False: mark("no")}.get(value, "")
        return self.gettext(word) or MISSING

    def format_date(self, value: Any) -> str:
        """A day in words: 16 November 2026. Text that is no ISO date stays as it is."""
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value[:10])
            except ValueError:
                return format_text(value)
        if not isinstance(value, date) or _is_missing(value):
            return MISSING
        return format_date(value, "long", locale=self.locale).replace(" ", SPACE)

    def join(self, words: Iterable[str], *, limit: int = 3) -> str:
        """A list as text: `a, b and c`; past the limit `a, b, c and 4 more`."""
        every = [str(word) for word in words]
        more = len(every) - limit
        rest = [self.ngettext("{count} more", "{count} more", more)] if more > 0 else []
        return format_list([*every[:limit], *rest], locale=self.locale) if every else ""

    def close_sentence(self, text: str) -> str:
        """The text with a capital at its head and a full stop at its end."""
        text = text.strip()
        if not text:
            return text
        text = text[0].upper() + text[1:]
        return text if text[-1] in ENDINGS else self.gettext("{sentence}.", sentence=text)

    def chain(self, first: str, second: str) -> str:
        """Two sentences one after the other; the second may be empty."""
        if not second:
            return first
        return self.gettext("{first} {second}", first=first, second=second)

    def explain(self, what: str, why: Any) -> str:
        """What is the case and, after a colon, why; the first alone where there is no reason."""
        return self.gettext("{what}: {why}", what=what, why=why) if why else what

    def _bare_change(self, value: Any, unit: Unit) -> str:
        number = read_number(value)
        if number is None:
            return MISSING
        size = abs(number)
        return _direct(
            number, self._decimal(size * 100, 2) if unit == "share" else self.format_value(size, unit)
        )

    def _decimal(self, number: float, decimals: int) -> str:
        pattern = _round_to(self.locale.decimal_formats[None].pattern, decimals)
        return _tidy(format_decimal(number, format=pattern, locale=self.locale))


@cache
def load_words(language: str = SOURCE, *, currency: str = "EUR") -> Words:
    """The words of a language.

    Raises:
        ValueError: there are no texts in that language.
    """
    locale = find_locale(language)
    return Words(locale, currency, load_catalogue(locale.language))


def read_number(value: Any) -> float | None:
    """The value as a finite float; `None` for anything that is not one (text, null, NaN, infinity, true)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = float(value)
    return number if isfinite(number) else None


def format_text(value: Any) -> str:
    """Text as it stands; a dash for what is missing."""
    return MISSING if _is_missing(value) or value == "" else str(value)


def read_part(summary: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A part of the run's summary; empty where the run has none."""
    part = summary.get(key)
    return dict(part) if isinstance(part, Mapping) else {}


def _round_to(pattern: str, decimals: int) -> str:
    """A number pattern of Unicode's with so many decimals."""
    digits = "0." + "0" * decimals if decimals else "0"
    return re.sub(r"0(\.[0#]+)?", digits, pattern, count=1)


def _tidy(text: str) -> str:
    return text.replace("-", "−").replace(" ", SPACE)


def _direct(number: float, shown: str) -> str:
    return ("+" if number > 0 else "−" if number < 0 else "±") + shown


def _is_missing(value: Any) -> bool:
    # NaN and NaT differ from themselves; comparing NA gives neither true nor false.
    return value is None or value is pd.NA or (not isinstance(value, list | tuple) and value != value)
