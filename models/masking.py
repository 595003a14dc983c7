"""What names a person directly: how it is recognised in a canonical column, and masked in a row that is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

# RE2 (DuckDB) and Python read these alike.
# Addresses in the query of a URL are encoded: %40 is the sign in the middle of one, %2B the plus before a number.
EMAIL = r"[A-Za-z0-9._%+\-]+(?:@|%40)[A-Za-z0-9.\-]+\.[A-Za-z]{2,}"
PHONE = r"(?:\+|%2[Bb])\d[\d ()/.\-]{6,}\d"
# Without a country code only a number that is written like one: a bare run of digits may be an order or a product.
NATIONAL_PHONE = r"^\s*(?:\(?0\d{1,5}\)?[ /\-]\d[\d \-]{4,}\d|\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4})\s*$"
URI = r"\b\w+://\S+"
# Only where a word begins: else Python would try at each of a million letters, and read all that follow each time.
_EMAIL = re.compile(rf"(?<![A-Za-z0-9._%+\-]){EMAIL}")

# An address or a number with its country has one of these in it …
MARKS = "@+%"
# … and a number without begins with a blank, a bracket or a digit, all of which sort before this, and has one of these.
BEFORE_LETTERS = ":"
SEPARATORS = " /.-"
# The value of a shorter key stands in other words by chance.
SHORTEST_KEY = 4


def looks_like_identifier(values: pd.Series) -> pd.Series:
    """True where a text holds an e-mail address or a phone number; false where there is no text."""
    # As in the engine, what is cheap to see keeps the patterns away from nearly every row.
    marked = np.zeros(len(values), dtype=bool)
    for mark in MARKS:
        marked |= values.str.contains(mark, regex=False, na=False).to_numpy(dtype=bool)
    marked |= (values < BEFORE_LETTERS).fillna(False).to_numpy(dtype=bool)
    found = np.zeros(len(values), dtype=bool)
    pattern = f"{EMAIL}|{PHONE}|{NATIONAL_PHONE}"
    found[marked] = values[marked].str.contains(pattern, regex=True, na=False).to_numpy(dtype=bool)
    return pd.Series(found, index=values.index)


def identifier_sql(column: str) -> str:
    """SQL that is true where a text column holds an e-mail address or a phone number."""
    # The plain searches keep the patterns away from nearly every row.
    marked = " OR ".join(f"contains({column}, '{mark}')" for mark in MARKS)
    return (
        f"(({marked}) AND regexp_matches({column}, '{EMAIL}|{PHONE}')) OR "
        f"({column} < '{BEFORE_LETTERS}' AND regexp_matches({column}, '{NATIONAL_PHONE}'))"
    )


def mask_patterns(text: str) -> str:
    """SQL of a JSON text in which e-mail addresses and phone numbers are replaced, wherever they stand."""
    for pattern, mask in ((EMAIL, "<e-mail>"), (PHONE, "<phone>")):
        text = f"regexp_replace({text}, '{pattern}', '{mask}', 'g')"
    return text


def mask_whole(value: str) -> str:
    """SQL of a value as JSON, in which a number that is written like a phone's, and whatever goes on over several
    lines, gives way to a mask: behind a stray quote stand other people's rows."""
    text = f"({value})::VARCHAR"
    return (
        f"CASE WHEN regexp_matches({text}, '{NATIONAL_PHONE}') THEN to_json('<phone>') "
        f"WHEN contains({text}, chr(10)) THEN to_json('<lines>') ELSE to_json({value}) END"
    )


def mask_name(name: str) -> str:
    """The name of a column, or its type, in which e-mail addresses and phone numbers are replaced."""
    return re.sub(f"{PHONE}|{NATIONAL_PHONE}", "<phone>", _EMAIL.sub("<e-mail>", name))


def mask_text(text: str) -> str:
    """A text for people, on one line, in which e-mail addresses, phone numbers and URIs (which may hold a password)
    are replaced."""
    return mask_name(re.sub(URI, "<address>", " ".join(text.split())))


def mask_value(text: str, value: str, *, kind: str) -> str:
    """SQL of a text in which an identity key's own value is replaced; very short values would tear other words."""
    return f"CASE WHEN length({value}) >= {SHORTEST_KEY} THEN replace({text}, {value}, '<{kind}>') ELSE {text} END"
