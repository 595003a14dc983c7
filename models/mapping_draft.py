"""A first guess at what the columns of a file mean, for `segmentwerk init`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.mapping import LONGEST_NAME

_HEAD = """\
# Drafted from the columns of {path}: {columns}.
# Read it through, try `segmentwerk check --preview 5`, then `segmentwerk weekly`.
# Every key there is stands in segmentwerk.toml of the project.

currency = "EUR"
timezone = "UTC"                     # the shop's own: its days and weeks are counted there
home = "var"                         # lake, models and reports

[[sources]]
name = {name}
path = {path_literal}
timezone = "UTC"                     # of times in the file that name no zone
max_bad_share = 0.05                 # more bad rows than this stop the run

[sources.keys]                       # who it was: kind = SQL expression
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration to read through: its text, what was guessed, and what its owner has to fill in."""

    text: str
    guesses: Mapping[str, str]
    open: Sequence[str]


def draft_mapping(name: str, path: str, columns: Sequence[str]) -> Draft:
    """Draft a configuration for one file of orders or events.

    Args:
        name: what to call the source.
        path: the file, as the configuration will name it.
        columns: the file's columns.
    """
    guesses = guess_columns(columns)
    keys = {
        target.removeprefix("keys."): column
        for target, column in guesses.items()
        if target.startswith("keys.")
    }
    mapped = _map_columns({t: c for t, c in guesses.items() if not t.startswith("keys.")})
    missing = []
    lines = [f"{kind} = {_literal(_quote(column))}" for kind, column in keys.items()]
    if not keys:
        missing.append("[sources.keys]: which column says who the customer is?")
        lines.append('# customer = "…"                     # which column says who the customer is?')
    lines += [
        "",
        "[sources.columns]                    # canonical column = SQL expression over the file's columns",
    ]
    lines += [f"{target} = {_literal(expression)}" for target, expression in mapped.items()]
    if "occurred_at" not in mapped:
        missing.append("occurred_at: which column says when it happened?")
        lines.append('# occurred_at = "…"                  # which column says when it happened?')
    unused = [column for column in columns if column not in guesses.values()]
    if unused:
        lines += ["", f"# not used: {_one_line(', '.join(unused))}"]
    head = _HEAD.format(
        path=_one_line(path),
        columns=_one_line(", ".join(columns)),
        name=_literal(_one_line(name)[:LONGEST_NAME]),
        path_literal=_literal(path),
    )
    return Draft(head + "\n".join(lines) + "\n", guesses, tuple(missing))


def _map_columns(guesses: Mapping[str, str]) -> dict[str, str]:
    """Expressions for the guessed columns; a negative number of pieces or sum is money given back."""
    numbers = {
        t: f"{_quote(c)}::double" for t, c in guesses.items() if t in ("quantity", "value", "unit_price")
    }
    mapped = {t: _quote(c) for t, c in guesses.items() if t != "unit_price"}
    if "value" not in numbers and {"quantity", "unit_price"} <= numbers.keys():
        mapped["value"] = f"abs({numbers['quantity']} * {numbers['unit_price']})"
    elif "value" in numbers:
        mapped["value"] = f"abs({numbers['value']})"
    if "quantity" in numbers:
        mapped["quantity"] = f"abs({numbers['quantity']})"
    if "kind" not in mapped:
        signed = numbers.get("quantity") or numbers.get("value")
        mapped["kind"] = (
            f"case when {signed} < 0 then 'refund' else 'purchase' end" if signed else "'purchase'"
        )
    return mapped


def _literal(text: str) -> str:
    """A TOML string; JSON would write an emoji as two halves, which TOML does not read."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _quote(column: str) -> str:
    """A column name as SQL: plain where it can be."""
    return (
        column if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column) else '"' + column.replace('"', '""') + '"'
    )


def guess_columns(columns: Iterable[str]) -> dict[str, str]:
    """Guess the canonical columns of an orders or events file from its column names.

    Returns:
        Canonical column → the file's column, one each, in the file's order; identity keys are called
        `keys.email`, `keys.customer` and so on, and a price a piece `unit_price`.
    """
    guesses: dict[str, str] = {}
    for name in columns:
        words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
        for target, pattern in _GUESSES.items():
            if target not in guesses and re.fullmatch(pattern, words):
                guesses[target] = name
                break
    return guesses


_GUESSES = {
    "keys.email": r"(e_?mail|.*_email|email_address)",
    "keys.phone": r"(phone|mobile|telephone|phone_number)",
    "keys.customer": r"(customer|client|user|account|member|buyer)(_?(id|no|number|key))?",
    "keys.cookie": r"(cookie|visitor|anonymous|client_cookie)(_?id)?",
    "keys.loyalty_card": r"(loyalty|card).*",
    "event_id": r"(id|event_id|row_id|line_id|uuid)",
    "order_id": r"(order|invoice|receipt|transaction|basket|purchase)(_?(id|no|number))?",
    "occurred_at": r"(ts|time|timestamp|date|datetime|created(_at)?|occurred_at|.*_(date|time|at)|.*date)",
    "kind": r"(kind|event|action|event_(type|name)|type)",
    "quantity": r"(quantity|qty|units|count|items)",
    "unit_price": r"(unit_price|price|item_price)",
    "value": r"(value|amount|total|revenue|sum|turnover|sales|.*_(amount|total|value))",
    "discount": r"(discount|.*_discount|discount_.*|rebate)",
    "margin": r"(margin|profit|contribution)",
    "category": r"(category|department|product_(group|category|type)|.*_category)",
    "device": r"(device|device_type|platform)",
    "channel": r"(channel|source|medium)",
    "session_id": r"(session|session_id|visit_id)",
    "duration_s": r"(duration(_s|_seconds)?|seconds|dwell.*)",
    "campaign_id": r"(campaign|campaign_id|utm_campaign)",
}
