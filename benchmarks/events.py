"""A year of a shop's events, made by the engine: any size, the same for the same seed, nearly in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

START = date(2025, 1, 6)
TIMEZONE = "Europe/Berlin"
SESSION_EVENTS = 8
EVENTS_PER_CUSTOMER = 50
DUPLICATE_SHARE = BAD_SHARE = 0.005
LATE_SHARE = 0.01
ANONYMOUS_SHARE = 0.3
MERGES_A_WEEK = 0.003
"""Of the customers: how many a week log in on a device for the first time that had browsed anonymously before."""

_KINDS = {
    "page_view": 27, "product_view": 28, "session": 3, "search": 6, "add_to_cart": 8, "checkout": 4,
    "purchase": 5, "refund": 1, "email_sent": 6, "email_open": 3, "email_click": 1, "push_open": 1,
    "ad_impression": 3, "ad_click": 1, "review": 1, "support_ticket": 1, "store_visit": 1,
}  # fmt: skip
_ABOUT_PRODUCTS = ("product_view", "add_to_cart", "purchase", "refund", "review")
_OUTSIDE_SESSIONS = (
    "email_sent",
    "email_open",
    "push_open",
    "ad_impression",
    "support_ticket",
    "store_visit",
)

KEYS = {"email": "email", "cookie": "visitor"}
COLUMNS = {
    "event_id": "id", "occurred_at": "ts", "kind": "action", "value": "amount", "order_id": "order_number",
    "quantity": "pieces", "discount": "rebate", "category": "category", "session_id": "session",
    "duration_s": "seconds", "device": "device", "channel": "channel",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stream:
    """`rows` events of `customers` people over `weeks` weeks; any stretch of it can be written to a file.

    Besides good rows there are duplicates, bad rows of three sorts, events that are told up to three weeks late, and
    sessions that know the cookie alone, some of them on devices whose owner logs in weeks later.
    """

    rows: int
    customers: int
    weeks: int = 52
    seed: int = 1

    def end_of_week(self, week: int) -> date:
        """The last day of the week with that number, from 1."""
        return START + timedelta(weeks=week) - timedelta(days=1)


def write_raw(stream: Stream, path: Path, *, first: int = 0, last: int | None = None) -> None:
    """Events number `first` to `last` (not included) as a source would deliver them: with e-mail and cookie."""
    columns = (
        "id, ts, action, amount, order_number, pieces, rebate, email, visitor, session, seconds, category, device, "
        "channel"
    )
    _copy(stream, columns, path, first=first, last=stream.rows if last is None else last, mess=True)


def write_canonical(stream: Stream, path: Path, *, first: int = 0, last: int | None = None) -> None:
    """The same events as they stand in the lake: pseudonymous, without bad rows or duplicates."""
    columns = (
        "'shop' AS source, id AS event_id, 'c_' || left(md5(customer::VARCHAR), 24) AS customer_id, "
        "ts::TIMESTAMPTZ AS occurred_at, action AS kind, amount AS value, NULL::DOUBLE AS margin, "
        "order_number AS order_id, pieces AS quantity, rebate AS discount, category, session AS session_id, "
        "seconds AS duration_s, device, channel, NULL::VARCHAR AS campaign_id, customer AS link_id"
    )
    _copy(stream, columns, path, first=first, last=stream.rows if last is None else last, mess=False)


def write_config(folder: Path, *, path: str) -> Path:
    """A configuration with one source that maps the raw columns."""
    lines = [
        f'timezone = "{TIMEZONE}"', 'home = "var"', "", "[[sources]]", 'name = "shop"', f'path = "{path}"',
        "[sources.keys]", *(f'{kind} = "{column}"' for kind, column in KEYS.items()),
        "[sources.columns]", *(f'{name} = "{column}"' for name, column in COLUMNS.items()),
    ]  # fmt: skip
    config = folder / "segmentwerk.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


def _copy(stream: Stream, columns: str, path: Path, *, first: int, last: int, mess: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute("SET threads = 2; SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for name, body in _MACROS.items():
            con.execute(f"CREATE TEMP MACRO {name} AS {body.format(seed=stream.seed)}")
        con.execute(
            f"COPY (SELECT {columns} FROM ({_events(stream, first, last, mess=mess)})) TO '{path}' (FORMAT parquet)"
        )


# Each question about an event has a number of its own, so that its answers are independent of the others.
_MACROS = {
    "share(i, question)": "(hash(i, question, {seed}) >> 11)::DOUBLE / (1::BIGINT << 53)::DOUBLE",
    "pick(i, question, n)": "(hash(i, question, {seed}) % n::UBIGINT)::BIGINT",
}


def _events(stream: Stream, first: int, last: int, *, mess: bool) -> str:
    kinds = [kind for kind, weight in _KINDS.items() for _ in range(weight)]
    assert len(kinds) == 100
    span = timedelta(weeks=stream.weeks).total_seconds()
    start = datetime.combine(START, time(), ZoneInfo(TIMEZONE)).astimezone(UTC)
    late_device = f"share(customer, 11) < {MERGES_A_WEEK * stream.weeks}"
    # A duplicate is an event of the last few thousand, told again.
    repeated = f"share(i, 1) < {DUPLICATE_SHARE} AND i > 0" if mess else "false"
    numbered = (
        f"SELECT CASE WHEN {repeated} THEN i - 1 - pick(i, 2, least(i, 5000)) ELSE i END AS event "
        f"FROM range({first}, {last}) r(i)"
    )
    grouped = (
        f"SELECT event, event // {SESSION_EVENTS} AS visit, "
        # Few customers come often, most rarely.
        f"floor({stream.customers} * pow(share(event // {SESSION_EVENTS}, 3), 1.5))::BIGINT AS customer "
        f"FROM ({numbered})"
    )
    told = f"share(event, 5) < {LATE_SHARE} AND event > {stream.rows // 20}"
    timed = (
        f"SELECT *, {_list(kinds)}[1 + pick(event, 4, 100)] AS kind, "
        f"(visit * {SESSION_EVENTS} / {stream.rows} * {span}) AS moment, "
        f"share(visit, 6) < 0.4 AND {late_device} AS on_new_device, "
        f"1 + pick(customer, 12, {stream.weeks}) AS login_week, "
        f"CASE WHEN {told} THEN share(event, 7) * {21 * 86400} ELSE 0 END AS delay FROM ({grouped})"
    )
    faults = "share(event, 8)" if mess else "1"
    return (
        "SELECT customer, 'e' || event AS id, "
        f"CASE WHEN {faults} < {BAD_SHARE / 3} THEN TIMESTAMP '2099-01-01' ELSE {_timestamp(start)} + to_seconds("
        f"greatest(least(moment + (event % {SESSION_EVENTS}) * 40 - delay, {span - 1}), 0)::BIGINT) END AS ts, "
        f"CASE WHEN {faults} BETWEEN {BAD_SHARE / 3} AND {BAD_SHARE * 2 / 3} THEN 'unheard_of' "
        "ELSE kind END AS action, "
        f"CASE WHEN {faults} BETWEEN {BAD_SHARE * 2 / 3} AND {BAD_SHARE} THEN -1.0::DOUBLE "
        "WHEN kind IN ('purchase', 'refund') THEN ((100 + pick(event, 9, 19900)) / 100.0)::DOUBLE END AS amount, "
        "CASE WHEN kind IN ('purchase', 'refund') THEN 'o' || visit END AS order_number, "
        "CASE WHEN kind = 'purchase' THEN (1 + pick(event, 10, 3))::DOUBLE END AS pieces, "
        "CASE WHEN kind = 'purchase' AND share(event, 13) < 0.2 THEN (pick(event, 14, 1000) / 100.0)::DOUBLE "
        "END AS rebate, "
        f"CASE WHEN CASE WHEN on_new_device THEN moment >= (login_week - 1) * {7 * 86400} "
        f"ELSE share(visit, 15) >= {ANONYMOUS_SHARE} END THEN 'user' || customer || '@example.org' END AS email, "
        "'ck' || lpad(customer::VARCHAR, 9, '0') || CASE WHEN on_new_device THEN 'b' ELSE 'a' END AS visitor, "
        f"CASE WHEN kind NOT IN ({_quoted(_OUTSIDE_SESSIONS)}) THEN 's' || visit END AS session, "
        "CASE WHEN kind = 'session' THEN (5 + pick(visit, 16, 900))::DOUBLE END AS seconds, "
        f"CASE WHEN kind IN ({_quoted(_ABOUT_PRODUCTS)}) THEN 'category ' || pick(event, 17, 20) END AS category, "
        "CASE WHEN kind <> 'email_sent' THEN "
        "CASE WHEN on_new_device OR share(visit, 18) < 0.4 THEN 'mobile' ELSE 'desktop' END END AS device, "
        "CASE WHEN kind LIKE 'email%' THEN 'email' WHEN kind = 'store_visit' THEN 'store' "
        f"WHEN share(visit, 19) < 0.3 THEN 'app' ELSE 'web' END AS channel FROM ({timed})"
    )


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'"


def _list(words: list[str]) -> str:
    return f"[{_quoted(words)}]"


def _quoted(words: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)
