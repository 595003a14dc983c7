"""A first guess at what the columns of a file mean, for `segmentwerk init`."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
