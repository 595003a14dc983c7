"""What SQL of a configuration may say: one expression over a row's own columns, or one SELECT that only reads.

An expression is read twice: by sqlglot, which writes it anew, and, as it will run, by the engine's own parser. Of what
the engine sees only `_PARTS` are let through, and of functions only those that make a value of their arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

LONGEST_EXPRESSION = 20_000
EXPRESSIONS = (
    "an expression reads its own row: columns, constants, operators, casts, CASE and functions of single values, "
    "such as lower(name) or split_part(id, '-', 1)"
)
QUOTED = 'a column that is called like a word of SQL stands in "double quotes"'
QUERIES = "it must only read: one SELECT, or WITH … SELECT, without INTO or FOR UPDATE, of its own database"
# The parts of the engine's parse tree that reach nothing but the row.
_PARTS = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "LAMBDA_REF", "OPERATOR",
    }
)  # fmt: skip
# Functions of single values that look beyond their arguments (settings, variables, the catalogue, whoever asks), or
# that exist to fail. All others whose value is the same for the same arguments are allowed, and the day it is.
_BEYOND = re.compile(
    r"__\w+|current_(?!date|time)\w*|session_user|user|getenv|getvariable|in_search_path|txid_current|version|"
    r"pg_\w+|has_\w+_privilege|\w+_description|format_pg_type|format_type|map_to_pg_oid|shobj_description|inet_\w+|"
    r"write_log|parse_duckdb_log_message|json_(de)?serialize_\w+|json_execute_\w+|error|sleep\w*|stats|nextval|"
    r"currval|setseed|add_parquet_key|get_block_size|is_histogram_other_bin|vector_type"
)
_CLOCKS = frozenset(
    {"current_date", "current_timestamp", "current_time", "get_current_timestamp", "now", "today"}
)
_WRITES = (exp.DML, exp.DDL, exp.Into, exp.Lock, exp.Command, exp.Merge, exp.Drop, exp.TruncateTable)
# Functions of databases that reach files, other servers, other programs or the session itself, or wait.
_REACHING = {
    "postgres": r"pg_(read|file|ls)_\w+|pg_stat_file|lo_\w+|loread|lowrite|dblink\w*|"
    r"pg_sleep\w*|pg_(terminate|cancel)_backend|pg_(reload|rotate)_\w+|pg_\w*advisory\w*|pg_notify|pg_logical_\w+|"
    r"pg_create_\w+|pg_drop_\w+|pg_switch_wal|pg_promote|pg_backup_\w+|set_config|(query|table|cursor|"
    r"schema|database)_to_xml\w*|xpath_table|crosstab\w*|file_fdw_\w+",
    "bigquery": r"external_query|external_object_transform|obj\.\w+|session_user|keys\.\w+",
    "snowflake": r"system\$\w+|get_presigned_url|get_stage_location|build_\w+_file_url|infer_schema|result_scan|"
    r"directory",
    "databricks": r"reflect|try_reflect|java_method|read_files|read_kafka|read_kinesis|read_pubsub|http_request|"
    r"remote_query|secret|try_secret|ai_\w+|list_secrets|cloud_files_state",
}


# What sqlglot raises for text that is no SQL: its own errors, and those of a parser that stumbles over it.
PARSER_ERRORS = (sqlglot.errors.SqlglotError, RecursionError, AttributeError, TypeError, KeyError, IndexError)


def parse_expression(sql: str) -> exp.Expression:
    """One SQL expression in DuckDB's dialect.

    Raises:
        ValueError: it is no expression, more than one, or it reaches outside the row.
    """
    if len(sql) > LONGEST_EXPRESSION:
        raise ValueError(f"is longer than an expression may be, {LONGEST_EXPRESSION:,} characters")
    try:
        statements = sqlglot.parse(f"SELECT {sql}\nAS value", read="duckdb")
    except PARSER_ERRORS:
        raise ValueError(f"is not a SQL expression; {EXPRESSIONS}") from None
    tree = statements[0]
    if len(statements) != 1 or not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise ValueError(f"is not one SQL expression; {EXPRESSIONS}")
    more = tree.find_all(exp.Query, exp.From, exp.Table, exp.Star)
    if goes_on(tree) or any(part is not tree for part in more):
        raise ValueError(f"reaches outside its row; {EXPRESSIONS}")
    value = tree.expressions[0]
    return value.this if isinstance(value, exp.Alias) else value


def goes_on(query: exp.Select) -> bool:
    """Whether there is a from, a where or anything else behind what is selected."""
    return any(part for name, part in query.args.items() if name != "expressions")


@lru_cache(maxsize=4096)
def check_expression(sql: str) -> str:
    """The expression itself, if it is one and reads nothing but its own row.

    Raises:
        ValueError: it is not, or it does.
    """
    tree = parse_expression(sql)
    try:
        written = tree.sql(dialect="duckdb", comments=False)
        told = _read_as_engine(written)
    except (duckdb.Error, RecursionError):
        raise ValueError(f"is not a SQL expression; {EXPRESSIONS}") from None
    if told["error"]:
        raise ValueError(f"is not a SQL expression ({told['error_message']}); {QUOTED}; {EXPRESSIONS}")
    names = {name.name.lower() for name in tree.find_all(exp.Identifier)} | _CLOCKS
    for part in _list_parts(told["statements"][0]["node"]["select_list"]):
        if part["class"] not in _PARTS:
            raise ValueError(f"holds a {part['class'].lower()}; {EXPRESSIONS}")
        if part["class"] == "FUNCTION" and part["function_name"].lower() not in _list_functions():
            raise ValueError(f"calls {part['function_name']}(), which is not among them; {EXPRESSIONS}")
        # A word such as session_user is a column to one parser and a function to the other.
        if part["class"] == "COLUMN_REF" and part["column_names"][0].lower() not in names:
            raise ValueError(f"calls {part['column_names'][0]}, which is not among them; {EXPRESSIONS}")
    return sql


def _read_as_engine(expression: str) -> dict[str, Any]:
    query = "SELECT json_serialize_sql(?)"
    row = _engine().cursor().execute(query, [f"SELECT {expression}"]).fetchone()
    told: dict[str, Any] = json.loads(row[0] if row else "{}")
    return told


def _list_parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for inner in node.values():
            yield from _list_parts(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _list_parts(inner)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """A parser; it never runs what it parses, and could reach nothing if it did."""
    return duckdb.connect(
        config={"enable_external_access": "false", "lock_configuration": "true", "threads": "1"}
    )


@cache
def _list_functions() -> frozenset[str]:
    """What the engine calls scalar functions of a value that depends on their arguments alone, less a few."""
    query = (
        "SELECT function_name FROM duckdb_functions() WHERE function_type IN ('scalar', 'macro') "
        "GROUP BY function_name HAVING bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT')"
    )
    rows = _engine().cursor().execute(query)
    names = {name.lower() for (name,) in rows.fetchall()}
    return frozenset(name for name in names if not _BEYOND.fullmatch(name)) | _CLOCKS


def check_query(query: str, *, dialect: str) -> str:
    """The query without a closing semicolon, otherwise to the letter as it was.

    Raises:
        ValueError: it is not one SELECT, it writes, or it calls a function that reaches beyond its database.
    """
    try:
        statements = [s for s in sqlglot.parse(query, read=dialect) if s and not isinstance(s, exp.Semicolon)]
        tokens = sqlglot.tokenize(query, read=dialect)
    except sqlglot.errors.SqlglotError as error:
        reason = " ".join(str(error).split("\n")[0].split())[:300]
        raise ValueError(f"the query cannot be read as {dialect} SQL: {reason}") from None
    except RecursionError:
        raise ValueError("the query is nested too deeply; take it apart with WITH") from None
    except PARSER_ERRORS:
        raise ValueError(f"the query cannot be read as {dialect} SQL; {QUERIES}") from None
    if len(statements) != 1:
        raise ValueError(f"the query holds {len(statements)} statements; {QUERIES}")
    if not isinstance(statements[0], exp.Query) or statements[0].find(*_WRITES):
        raise ValueError(f"the query is no SELECT, or it writes; {QUERIES}")
    for name in _list_calls(statements[0]):
        if re.fullmatch(_REACHING.get(dialect, "(?!)"), name, re.IGNORECASE):
            raise ValueError(f"the query calls {name}(), which reaches beyond its tables; {QUERIES}")
    for token in reversed(tokens):
        if token.token_type is not sqlglot.TokenType.SEMICOLON:
            break
        query = query[: token.start]
    return query


def _list_calls(tree: exp.Expression) -> Iterator[str]:
    for call in tree.find_all(exp.Func):
        yield call.name if isinstance(call, exp.Anonymous) else call.sql_name()
