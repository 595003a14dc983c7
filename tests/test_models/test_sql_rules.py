"""SQL of a configuration: what reaches beyond its row, or does more than read, is refused; what shops write passes."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.settings import ConfigError, load_settings
from models.mapping import Source, columns_used, expression_sql
from models.own_factors import OwnFactor
from models.sql_rules import EXPRESSIONS, check_expression, check_query, parse_expression
from tasks.simulated_shop import write_config

HOUSE = Path(__file__).parents[2]
STATEMENTS = (
    "1; drop table events", "1; select 2", "drop table events", "install httpfs", "load httpfs",
    "pragma database_list", "attach 'x.db'", "copy (select 1) to 'x'", "set threads = 1",
    "export database 'x'", "call pragma_version()", "", " ", "--", "/* */", "((", "1)", "id as a, ts",
    "a b c", "create table x as select 1", "insert into x values (1)", "1 -- x\n; select 2",
    "1 /* */; attach 'x' as y", "use other", "id; --",
)  # fmt: skip
OUTSIDE = (
    "(select 1)", "(select content from read_text('/etc/passwd'))", "id in (select id from events)",
    "exists (from events)", "a from b", "id from read_csv('x.csv')", "amount where true",
    "amount group by 1", "amount order by 1", "amount limit 1", "amount union select 1",
    "amount qualify true", "distinct amount", "amount into x", "*", "events.*", "columns('.*')",
    "array(select 1)", "(values (1))", "(from events)", "(table events)",
    "case when exists (select 1) then 1 end", "with x as (select 1) select 1", "amount window w as ()",
    "(describe events)", "(show tables)", "(pivot events on x)",
)  # fmt: skip
FUNCTIONS = (
    "read_text('/etc/passwd')", "read_blob('x')", "read_csv('x')", "read_csv_auto('x')", "read_json('x')",
    "read_parquet('x')", "parquet_scan('x')", "parquet_metadata('x')", "glob('*')", "getenv('HOME')",
    "\"getenv\"('HOME')", "GETENV('HOME')", "query('select 1')", "query_table('events')", "sniff_csv('x')",
    "current_setting('home_directory')", "getvariable('x')", "current_database()", "current_schema()",
    "current_user", "session_user", "version()", "pg_read_file('x')", "duckdb_secrets()",
    "duckdb_settings()", "which_secret('s3://x', 's3')", "json_execute_serialized_sql('{}')",
    "json_serialize_sql('select 1')", "nextval('s')", "random()", "uuid()", "gen_random_uuid()",
    "setseed(0.5)", "error('no')", "lo_import('/etc/passwd')", "dblink('host=x', 'select 1')",
    "system('ls')", "no_such_function(id)", "sum(amount)", "count(*)", "max(ts)", "row_number() over ()",
    "sum(amount) over (partition by id)", "lag(id) over (order by ts)", "first(id)", "list(id)",
    "string_agg(id, ',')", "unnest([1, 2])", "generate_series(1, 3)[1]  + sum(1)", "main.read_text('x')",
    "system.main.getenv('HOME')", "lower(getenv('HOME'))", "coalesce(id, read_text('x'))",
    "list_transform([id], x -> getenv(x))", "list_reduce([id], (a, b) -> a || getenv(b))", "id.getenv()",
    "case when getenv('A') = '' then 1 end", "try_cast(getenv('A') as int)", "write_log('x')",
    "txid_current()", "add_parquet_key('a', 'b')", "list_aggregate([1], 'sum') + count(1)", "sleep_ms(1000)",
    "pg_sleep(1)", "$ipad", "$1", "?", ":latest",
)  # fmt: skip
HARMLESS = (
    "id", '"Customer ID"', "1", "'a;b'", "'-- no comment'", "null", "true", "-amount", "amount * 1.19",
    "a % 2", "a // 2", "2 ** 3", "id || '-' || ts", "amount::double", "try_cast(a as integer)",
    "cast(a as decimal(9, 2))", "a is distinct from 'test'", "a <> b", "a in ('x', 'y')", "a not in ('x')",
    "a between 1 and 2", "a like 'x%'", "a ilike '%x'", "a similar to 'x.*'", "a ~ 'x'",
    "case a when 'x' then 1 else 2 end", "case when a > 1 and not b then 1 end", "if(a > 1, 'x', 'y')",
    "coalesce(a, b, 'c')", "nullif(trim(a), '')", "lower(trim(email))", "upper(a)", "split_part(a, '.', 1)",
    "left(a, 3)", "right(a, 3)", "a[1:3]", "substring(a, 2, 3)", "substr(a, 2)", "replace(a, ',', '.')",
    "regexp_replace(a, '[^0-9]', '', 'g')", "regexp_extract(a, '(x)', 1)", "regexp_matches(a, '^x')",
    "starts_with(a, 'C')", "ends_with(a, 'x')", "contains(a, 'x')", "length(a)", "strpos(a, 'x')",
    "lpad(a, 5, '0')", "concat(a, b)", "concat_ws('-', a, b)", "format('{}-{}', a, b)", "printf('%d', 1)",
    "reverse(a)", "sha256(a)", "md5(a)", "hash(a)", "abs(a)", "round(a, 2)", "ceil(a)", "floor(a)",
    "greatest(a, b)", "least(a, b)", "sqrt(a)", "ln(a)", "exp(a)", "power(a, 2)", "sign(a)",
    "strptime(ts, '%d.%m.%Y')", "try_strptime(ts, '%d.%m.%Y')", "strftime(ts, '%Y')", "to_timestamp(a)",
    "epoch_ms(a)", "epoch(ts)", "make_timestamp(a)", "make_date(1, 2, 3)", "date_trunc('day', ts)",
    "date_part('year', ts)", "extract(year from ts)", "year(ts)", "ts + interval 1 day",
    "ts + interval '2 hours'", "ts - ts2", "date_diff('day', ts, ts2)", "date_add(ts, interval 1 day)",
    "ts at time zone 'Europe/Berlin'", "timezone('UTC', ts)", "date '2026-01-01'",
    "timestamp '2026-01-01 10:00'", "now()", "current_date", "current_timestamp", "today()", "age(ts, ts2)",
    "a ->> 'name'", "a -> '$.x'", "json_extract_string(a, '$.x')", "json_extract(a, '$[0].b')", "a.b.c",
    "struct_extract(a, 'b')", "a['b']", "a[1]", "len(a)", "list_contains(a, 'x')", "array_length(a)",
    "list_transform(a, x -> x + 1)", "list_filter(a, lambda x: x > 1)", "list_sum(a)", "list_sort(a)",
    "string_split(a, ',')[1]", "str_split(a, ',')", "[1, 2][1]", "{'a': 1}.a", "map_extract(a, 'x')",
    "url_decode(a)", "translate(a, 'x', 'y')", "strip_accents(a)", "ifnull(a, 0)", "a == 'x'", "a & 1",
    "hex(a)", "chr(65)", "ascii(a)", "isnan(a)", "isfinite(a)", "trunc(a)", "mod(a, 2)",
    "position('x' in a)", "repeat(a, 3)", "range(1, 3)", "bar(a, 0, 1)", "a collate nocase", "1 / 3.0",
    "abs(Quantity::double * UnitPrice::double)", "'2008-02-29 12:00:00'",
)  # fmt: skip


@pytest.mark.parametrize("sql", [*STATEMENTS, *OUTSIDE, *FUNCTIONS])
def test_what_reaches_beyond_its_row_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=re.escape(EXPRESSIONS)) as caught:
        check_expression(sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_shops_write_passes_and_means_the_same_when_written_anew(sql: str) -> None:
    assert check_expression(sql) == sql
    assert check_expression(expression_sql(sql)) == expression_sql(sql)


def test_expressions_have_an_end() -> None:
    with pytest.raises(ValueError, match="longer than"):
        check_expression("1" + " + 1" * 10_000)
    for sql in (
        "(" * 5_000 + "id" + ")" * 5_000,
        "not " * 4_000 + "id",
        "-" + "(-" * 3_000 + "1" + ")" * 3_000,
    ):
        with pytest.raises(ValueError, match="SQL expression"):
            check_expression(sql)


def list_written(config: dict[str, Any]) -> list[str]:
    """Every expression over raw columns in a configuration."""
    found = []
    for source in config["sources"]:
        found += [*source.get("columns", {}).values(), *source.get("keys", {}).values()]
        found += [source["where"]] if "where" in source else []
    return found


def test_every_expression_of_the_examples_and_the_demo_passes(tmp_path: Path) -> None:
    files = [HOUSE / "segmentwerk.toml", *(HOUSE / "examples").glob("*.toml"), write_config(tmp_path)]
    written = [sql for file in files for sql in list_written(tomllib.loads(file.read_text(encoding="utf-8")))]
    assert len(written) > 50
    for sql in written:
        assert check_expression(sql) == sql


@given(
    names=st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_ ]{0,8}", fullmatch=True), min_size=1, max_size=3),
    shape=st.sampled_from(
        (
            "{0}", "lower({0})", "{0} || {1}", "coalesce({0}, {1})", "case when {0} = 'x' then {1} end",
            "{0}::double * 2", "split_part({0}, '-', 1) || {2}", "regexp_replace({0}, '[^a-z]', '', 'g')",
            "nullif(trim({0}), '')",
        )
    ),
)  # fmt: skip
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_column_may_be_used_under_any_name(names: list[str], shape: str) -> None:
    quoted = ['"' + name + '"' for name in (names * 3)[:3]]
    sql = shape.format(*quoted)
    assert check_expression(sql) == sql
    assert columns_used(sql) <= set(names)


@given(st.text(st.characters(exclude_characters="\0"), max_size=40))
@example("{:}")
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_at_all_is_an_expression_or_is_refused(sql: str) -> None:
    refused = find_error(check_expression, sql)
    if refused is not None:
        assert "\n" not in str(refused)
        return
    with duckdb.connect() as con:
        # It is one value of one row, whatever it is; columns that are not there are no fault of its form.
        failed = find_error(con.execute, f"SELECT ({expression_sql(sql)}) FROM (SELECT 1)")
        assert not isinstance(failed, duckdb.ParserException)


def test_text_the_parser_stumbles_over_is_refused_everywhere() -> None:
    with pytest.raises(ValueError, match="is not a SQL expression"):
        parse_expression("{:}")
    with pytest.raises(ValueError, match="cannot be read as duckdb SQL"):
        check_query("SELECT {:}", dialect="duckdb")
    with pytest.raises(ValidationError, match="not one SQL expression"):
        OwnFactor(name="own", expression="{:}", meaning="any")


def find_error(function: Callable[[str], Any], argument: str) -> Exception | None:
    try:
        function(argument)
    except (ValueError, duckdb.Error) as error:
        return error
    return None


@pytest.mark.parametrize("sql", ["1; drop table events", "read_text('/etc/passwd')", "(select 1)"])
@pytest.mark.parametrize("place", ["columns.value", "keys.email", "where"])
def test_the_refusal_names_the_key_and_what_is_allowed(tmp_path: Path, place: str, sql: str) -> None:
    expressions = {"columns.value": "amount", "keys.email": "mail", "where": "true"} | {place: sql}
    config = tmp_path / "shop.toml"
    config.write_text(
        f'[[sources]]\nname = "web"\npath = "x.csv"\nwhere = {json.dumps(expressions["where"])}\n'
        f"[sources.keys]\nemail = {json.dumps(expressions['keys.email'])}\n"
        f"[sources.columns]\nvalue = {json.dumps(expressions['columns.value'])}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    message = str(caught.value)
    assert message.startswith(f"{config}: sources.web.{place} = ")
    assert sql in message
    assert EXPRESSIONS in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "sql", [*OUTSIDE, "read_text('/etc/passwd')", "getenv('HOME')", "sum(amount) over ()"]
)
def test_own_factors_know_nothing_of_it_either(sql: str) -> None:
    with pytest.raises(ValidationError):
        OwnFactor(name="mine", table="orders", expression=sql, meaning="none")


@pytest.mark.parametrize(
    "zone", ["UTC' || getenv('HOME') || '", "", "Mars/Base", "localtime", "../../etc/passwd"]
)
def test_a_time_zone_is_a_name_and_no_sql(zone: str) -> None:
    with pytest.raises(ValidationError, match="not a known timezone"):
        Source(name="web", path="x", keys={"email": "mail"}, timezone=zone)


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        *(
            ("postgres", f"select {call}")
            for call in (
                "pg_read_file('/etc/passwd')", "pg_catalog.pg_read_file('x')", "PG_READ_FILE('x')",
                "\"pg_read_file\"('x')", "pg_read_binary_file('x')", "pg_ls_dir('.')", "pg_stat_file('x')",
                "lo_import('x')", "lo_export(1, 'x')", "lo_get(1)", "dblink('x', 'delete from y')",
                "dblink_exec('x')", "pg_sleep(1000)", "pg_terminate_backend(1)",
                "set_config('transaction_read_only', 'off', true)", "pg_reload_conf()",
                "query_to_xml('delete from x', true, true, '')", "pg_advisory_lock(1)",
                "pg_notify('a', 'b')", "pg_file_write('a', 'b', true)",
            )
        ),
        ("postgres", "select * from pg_read_file('/etc/passwd')"),
        ("postgres", "select * from orders, lateral pg_ls_dir('.')"),
        ("postgres", "select * from dblink('x', 'select 1') as t(a int)"),
        ("postgres", "select (select pg_read_file('x'))"),
        ("postgres", "with a as (select lo_import('x')) select * from a"),
        ("postgres", "select 1; select 2"),
        ("postgres", "with gone as (delete from orders returning *) select * from gone"),
        ("postgres", "with new as (insert into x values (1) returning *) select * from new"),
        ("postgres", "with u as (update x set a = 1 returning *) select * from u"),
        ("postgres", "select * into other from orders"),
        ("postgres", "copy (select 1) to program 'ls'"),
        ("postgres", "set transaction read write"),
        ("postgres", "do $$ begin end $$"),
        ("postgres", "lock table x"),
        ("postgres", "vacuum"),
        ("postgres", "(" * 3_000 + "select 1" + ")" * 3_000),
        ("bigquery", "select * from external_query('c', 'select 1')"),
        ("bigquery", "export data options (uri = 'gs://x/*') as select 1"),
        ("snowflake", "select system$cancel_all_queries(1)"),
        ("snowflake", "select * from table(infer_schema(location => '@x'))"),
        ("databricks", "select reflect('java.lang.System', 'getenv', 'HOME')"),
        ("databricks", "select java_method('java.lang.Runtime', 'x')"),
        ("databricks", "select * from read_files('/etc/passwd')"),
        ("databricks", "select secret('scope', 'key')"),
    ],
)  # fmt: skip
def test_a_query_only_reads_its_own_database(dialect: str, query: str) -> None:
    with pytest.raises(ValueError, match="query") as caught:
        check_query(query, dialect=dialect)
    assert "\n" not in str(caught.value)


def test_parsing_gives_the_value_itself() -> None:
    assert parse_expression("a + 1").sql() == "a + 1"
