"""Configurations as a generator changes them: one that uses every section, and ways to spoil it."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from datetime import date
from typing import Any

from hypothesis import strategies as st

BASE: dict[str, Any] = {
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "home": "var",
    "extra_kinds": ["lesson_finished"],
    "sources": [
        {
            "name": "shop", "path": "in/*.csv", "where": "kind <> 'test'", "timezone": "UTC", "max_bad_share": 0.5,
            "keys": {"email": "mail", "phone": "nullif(category, 'shoes')"},
            "columns": {
                "event_id": "id", "occurred_at": "ts", "kind": "case kind when 'buy' then 'purchase' else kind end",
                "value": "amount::double", "category": "category",
            },
        },
        {
            "name": "spent", "table": "costs", "path": "costs.csv",
            "columns": {"campaign_id": "campaign", "day": "day", "amount": "amount"},
        },
    ],
    "identity": {"max_people_per_key": 20, "calling_code": "49"},
    "engine": {"name": "duckdb", "memory": "1500MB", "threads": 1},
    "features": {
        "outcome_days": 90, "consent_default": True,
        "factors": [{
            "name": "weekend_rate", "table": "orders", "window": 180, "expression": "count_if(isodow(day) >= 6)",
            "trials": "count(*)", "meaning": "orders at the weekend", "unit": "share", "missing": 0.0,
        }],
    },
    "training": {"algorithms": ["kmeans"], "segments_min": 4, "segments_max": 7, "trials": 40, "seed": 0},
    "promotion": {"min_gain": 0.01, "wins_needed": 2, "approval": "automatic"},
    "drift": {"thresholds": "calibrated", "watch_at": 2.0, "retrain_at": 4.0},
    "retraining": {"every_days": 7},
    "measurement": {"churn_days": 60, "alpha": 0.05, "decide_on": "difference", "discounts": "in_value"},
    "holdout": {"share": 0.05},
    "report": {"title": "A shop", "language": "en", "maps": ["pca"], "smallest_group": 10,
               "address": "https://reports.example.org/shop"},
    "segments": {"names": {"1": "Regulars"}},
    "playbook": {"1": {"offer": "early access"}},
    "campaigns": [{
        "campaign_id": "spring", "name": "Spring", "starts_at": date(2027, 3, 1), "ends_at": date(2027, 3, 28),
        "segments": [1, "Regulars"], "rule": "orders_90d >= 1 and aov > 40",
        "arms": {"control": 0.2, "letter": 0.4, "call": 0.4}, "primary_metric": "conversion", "smallest_effect": 0.01,
    }],
    "exports": [
        {"name": "warehouse", "destination": "bi", "path": "out/bi"},
        {"name": "regulars", "destination": "audience", "path": "out/regulars.csv", "segments": ["1"]},
        {"name": "site", "destination": "publish", "path": "s3://bucket/shop", "options": {"block": "a/b"}},
    ],
    "notifications": [{"block": "slack-webhook/marketing", "on": ["promote"]}],
}  # fmt: skip
ODD: tuple[Any, ...] = (
    "", " ", "x", "\n", "\0", "\u202e", "🎉", "x" * 3_000, "'", '"', "$ipad", "${NOT_SET_ANYWHERE}",
    "${HOME:-", "../..", "/", "/dev/null", "/proc/self/mem", "~", "s3://", "file:///etc/passwd",
    "ftp://nowhere.invalid/x", "in/a.csv", "in", "**/*", "[", "con", "*", 0, -1, 1, 2**31, 2**63 - 1, 0.0,
    -0.5, 1e308, math.inf, math.nan, True, False, [], {}, [[]], [""], [0], {"a": 1}, {"": ""}, [{}],
    date(1, 1, 1), date(9999, 12, 31), "2027-03-01", "0", "1e400", "nan", "UTC", "utc", "EUR", "eur",
    "localtime", "\x7f",
)  # fmt: skip
# Nothing of these may be run, whatever place they stand in.
SQL = (
    "1; drop table events", "(select 1)", "amount from events", "*", "((", "--", "/*", "''", "id id",
    "id, ts", "$latest", "?", "$1", "read_text('/etc/passwd')", "getenv('HOME')",
    "current_setting('home_directory')", "query('select 1')", "sum(amount)", "row_number() over ()",
    "amount::integer[]", "no_such_column", "no_such_function(id)", "id + ts", "lower(1, 2, 3)",
    "try_cast(id as geometry)", "regexp_matches(id, '(')", "strptime(ts, '%')", "error('no')", "nan",
    "count(*)", "unnest([1, 2])", "id[1:", "(" * 60 + "id" + ")" * 60, "(" * 3_000 + "id" + ")" * 3_000,
    "1" + " + 1" * 3_000, "id collate nocase", "x -> x", "list_transform([id], x -> x || ts)[1]",
    "{'a': id}.a", "columns('.*')", "case when", "cast(id as)", "interval '1' day", "date '2026-13-45'",
    "exists (from events)", "id in (from events)",
)  # fmt: skip
NAMES = (
    "x",
    "name",
    "path",
    "NAME",
    "",
    "a.b",
    "table",
    "base",
    "sources",
    "model_config",
    "__class__",
    "query",
    "🎉",
    "-",
)
VARIABLES = (
    "CURRENCY", "TIMEZONE", "HOME", "SOURCES", "TRAINING", "TRAINING__SEGMENTS_MAX", "TRAINING__NONE",
    "REPORT__LANGUAGE", "MEASUREMENT__ALPHA", "BASE", "EXTRA_KINDS", "CAMPAIGNS", "ENGINE__THREADS",
    "PLAYBOOK", "CAMPAIGNS_FILE", "SEGMENTS__NAMES", "NOTHING", "_", "FEATURES__FACTORS", "SOURCES__0__NAME",
    "PSEUDONYM_KEY", "HOLDOUT__SHARE",
)  # fmt: skip
odd_values = st.sampled_from(ODD) | st.sampled_from(SQL) | st.text(max_size=8) | st.integers() | st.floats()


def write_toml(value: Any) -> str:
    """A value in TOML; a table inline."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{quote_toml(str(key))} = {write_toml(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(write_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return quote_toml(value) if isinstance(value, str) else str(value)


def quote_toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_config(config: dict[str, Any]) -> str:
    return "".join(f"{quote_toml(key)} = {write_toml(value)}\n" for key, value in config.items())


def list_places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within a configuration."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*way, key)
        yield from list_places(one, (*way, key))


def find(config: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        config = config[key]
    return config


PLACES = tuple(list_places(BASE))
SQL_PLACES = tuple(
    way
    for way in PLACES
    if {"columns", "keys"} & set(way[2:-1]) or way[-1] in ("where", "rule", "expression", "trials")
)


@st.composite
def odd_configs(draw: st.DrawFn) -> str:
    """The text of a configuration: values replaced, removed, repeated or renamed, and now and then the text cut."""
    config = copy.deepcopy(BASE)
    for _ in range(draw(st.integers(1, 2))):
        way = draw(st.sampled_from(PLACES) | st.sampled_from(SQL_PLACES))
        try:
            holder = find(config, way[:-1])
            _spoil(draw, holder, way[-1], in_sql=way in SQL_PLACES)
        except (KeyError, IndexError, TypeError):  # it went with what was spoilt before
            continue
    text = write_config(config)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(
            st.sampled_from(("", "]", '"', "=", "\n[x", "[[sources]]\n", "\ufeff", "[" * 2_000, "1" * 5_000))
        )
        text += draw(st.sampled_from(("", text[at:], "\n" + text)))
    return text


def _spoil(draw: st.DrawFn, holder: Any, key: Any, *, in_sql: bool) -> None:
    kind = draw(
        st.sampled_from(("replace", "replace", "replace", "remove", "repeat", "rename", "add", "wrap"))
    )
    if kind == "remove":
        del holder[key]
    elif kind == "repeat" and isinstance(holder, list):
        holder.append(holder[key])
    elif kind == "rename" and isinstance(holder, dict):
        holder[draw(st.sampled_from(NAMES))] = holder.pop(key)
    elif kind == "add" and isinstance(holder[key], dict):
        holder[key][draw(st.sampled_from(NAMES))] = draw(odd_values)
    elif kind == "wrap":
        holder[key] = draw(st.sampled_from(([holder[key]], {"a": holder[key]}, [holder[key]] * 2)))
    else:
        holder[key] = draw(st.sampled_from(SQL) if in_sql else odd_values)


odd_variables = st.dictionaries(
    st.sampled_from(VARIABLES).map(lambda name: f"SEGMENTWERK_{name}"),
    st.sampled_from(
        (
            "",
            "x",
            "{",
            "[]",
            "{}",
            "null",
            "7",
            "-1",
            "nan",
            "USD",
            "de",
            "UTC",
            "\u202e",
            '{"1": "a"}',
            "x" * 999,
        )
    ),
    max_size=2,
)
