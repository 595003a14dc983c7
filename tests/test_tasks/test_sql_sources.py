"""Queries as sources, on a real PostgreSQL: every type, flat memory, the watermark, and no secret in any message."""

import contextlib
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote

import duckdb
import psycopg
import pyarrow as pa
import pytest
from postgres import PASSWORD, USER, Postgres

from models.sql_rules import check_query
from tasks.databases import postgresql
from tasks.sources import SourceError
from tasks.sources.sql import QueryRows, Watermark, ask_since, name_query, parse_mark, read_query

TYPES = """select * from (values (1, true), (2, null)) as v(line, flag), lateral (select
    line::int2 as small, line::int4 as whole, line::int8 as large, 1.5::float4 as single, 'NaN'::float8 as double,
    (case line when 1 then 'NaN' end)::numeric(10, 2) as money, 19.99::numeric(10, 2) as price,
    12345678901234567890.12::numeric(30, 2) as precise, 1.000000000000000000000001::numeric as free,
    'ä😀' || repeat('x', line) as words, '5b0e7a5e-3f3c-4a55-9f0a-7d8ad3f9c001'::uuid as id,
    '{"a": [1, null]}'::jsonb as document, array['a', 'b'] as list,
    timestamptz '2026-03-29 03:30:00.123456+02' as moment, timestamp '2026-01-02 03:04:05' as local,
    date '2026-01-02' as day, 'infinity'::timestamptz as forever, '0044-03-15 BC'::date as ides,
    null::timestamptz as never, interval '1 day' as span, '\\x00ff'::bytea as bytes, null as nothing) as typed"""


@pytest.fixture
def orders(postgres: Postgres) -> Iterator[str]:
    """A table of 50 orders, an hour apart."""
    postgres.execute("""
        create table orders as select g as id, (g * 1.5)::numeric(10, 2) as amount,
            timestamptz '2026-01-01 00:00:00.5+00' + g * interval '1 hour' as updated_at
        from generate_series(1, 50) g""")
    yield "select id, amount, updated_at from orders"
    postgres.execute("drop table orders")


def read(
    server: Postgres, query: str, *, watermark: str | None = None, since: str | None = None
) -> tuple[pa.Table, QueryRows]:
    rows = read_query(connection=server.url, query=query, watermark=watermark, since=since)
    return pa.concat_tables(list(rows)), rows


def message(url: str, query: str = "select 1 as one", **options: str) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_query(connection=url, query=query, **options))
    text = str(caught.value)
    assert "\n" not in text
    assert PASSWORD not in text
    assert quote(PASSWORD, safe="") not in text
    return text


def test_every_type_arrives_and_duckdb_reads_it(postgres: Postgres) -> None:
    rows, _ = read(postgres, TYPES)
    kinds = {field.name: str(field.type) for field in rows.schema}
    assert kinds["large"] == "int64"
    assert kinds["price"] == "double"
    assert kinds["precise"] == "decimal128(30, 2)"
    assert kinds["moment"] == "timestamp[us, tz=UTC]"
    assert {kinds[name] for name in ("free", "id", "document", "list", "span", "bytes", "nothing")} == {
        "string"
    }
    first, second = rows.to_pylist()
    assert (first["flag"], second["flag"]) == (True, None)
    assert math.isnan(first["money"])
    assert math.isnan(first["double"])
    assert second["money"] is None
    assert first["price"] == 19.99
    assert first["precise"] == Decimal("12345678901234567890.12")
    assert first["free"] == "1.000000000000000000000001"
    assert second["words"] == "ä😀xx"
    assert first["document"] == '{"a": [1, null]}'
    assert first["moment"] == datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    assert first["local"] == datetime(2026, 1, 2, 3, 4, 5)
    assert first["day"] == date(2026, 1, 2)
    assert (first["forever"].year, first["ides"], first["never"]) == (9999, date(1, 1, 1), None)
    assert duckdb.connect().from_arrow(rows).to_arrow_table().num_rows == 2


def test_the_servers_own_settings_do_not_matter(postgres: Postgres) -> None:
    postgres.execute(f"""alter role {USER} set datestyle = 'SQL, DMY'; alter role {USER} set timezone = 'Asia/Tokyo';
        alter role {USER} set client_encoding = 'LATIN1'; alter role {USER} set extra_float_digits = 0""")
    try:
        rows, _ = read(
            postgres, "select timestamptz '2026-02-01 12:00+00' as at, 0.1::float8 + 0.2 as sum, '€' as sign"
        )
    finally:
        postgres.execute(f"alter role {USER} reset all")
    assert rows.to_pylist() == [{"at": datetime(2026, 2, 1, 12, tzinfo=UTC), "sum": 0.1 + 0.2, "sign": "€"}]


def test_an_empty_result_still_names_its_columns(postgres: Postgres) -> None:
    rows, read_rows = read(postgres, "select 1 as id where false", watermark="id")
    assert (rows.num_rows, rows.column_names, read_rows.latest_watermark) == (0, ["id"], None)


@pytest.mark.parametrize(
    "query",
    [
        "select distinct on (kind) kind, at from (values ('a', 1), ('a', 2)) v(kind, at) order by kind, at desc",
        """select '{"a": {"b": "x"}}'::jsonb #>> '{a,b}' as b, '{"k": 1}'::jsonb ->> 'k' as k,
            '100%' like '%0\\%' as p""",
        "select g as n, count(*) filter (where g > 1) over () as c from generate_series(1, 3) as g",
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 3) select * from r",
        "select 1 as \"a;b\", ';' as c; -- the end",
        "/* first */ select $$it's$$ as quoted, E'a\\nb' as escaped, '{1,2}'::int[] @> array[1] as contained ;;",
    ],
)
def test_the_databases_own_dialect_passes_to_the_letter(postgres: Postgres, query: str) -> None:
    plain, _ = read(postgres, query)
    assert plain.num_rows > 0
    assert query.startswith(check_query(query, dialect="postgres"))


@pytest.mark.parametrize(
    "query",
    [
        "drop table orders",
        "select 1; drop table orders",
        "copy orders to stdout",
        "select * into other from orders",
        "with gone as (delete from orders returning *) select * from gone",
        "select * from orders for update",
        "update orders set id = 1",
        "call f()",
        "explain select 1",
        "-- nothing",
        "select from where (",
    ],
)
def test_only_one_select_is_accepted_before_anyone_connects(query: str) -> None:
    with pytest.raises(SourceError, match="query"):
        read_query(connection="postgresql://nobody@127.0.0.1:1/none", query=query)


def test_a_query_cannot_write_even_through_a_function(postgres: Postgres) -> None:
    postgres.execute("""create table notes (note text);
        create function note_down() returns int language sql as $$ insert into notes values ('x') returning 1 $$""")
    try:
        assert "read-only" in message(postgres.url, "select note_down() as one")
        with psycopg.connect(postgres.url) as client, pytest.raises(psycopg.Error):
            # Should a second statement ever get past the parser, the server takes one at a time.
            list(postgresql.stream(client, "select 1 as one; commit; insert into notes values ('y')"))
        assert postgres.execute("select * from notes") == []
    finally:
        postgres.execute("drop function note_down; drop table notes")


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        (
            "bigquery",
            "select * except (a), (select value from unnest(p) where key = 'k') as k from `p.d.e_*`",
        ),
        (
            "snowflake",
            "select v:a.b::string as b from t, lateral flatten(input => t.v) qualify rank() over (order by b) = 1",
        ),
        (
            "databricks",
            "select v:a.b as b, try_cast(c as int) as c from catalog.db.t lateral view explode(d) as e",
        ),
    ],
)
def test_the_warehouses_dialects_are_read_and_only_read(dialect: str, query: str) -> None:
    assert check_query(f"{query};\n", dialect=dialect) == query
    with pytest.raises(ValueError, match="must only read"):
        check_query("create table t as select 1 as one", dialect=dialect)


def test_a_function_that_writes_is_refused_by_the_database(postgres: Postgres) -> None:
    postgres.execute("create sequence numbers")
    assert "read-only transaction" in message(postgres.url, "select nextval('numbers') as n")


def test_rows_come_again_from_the_watermark_on(postgres: Postgres, orders: str) -> None:
    everything, first = read(postgres, orders, watermark="updated_at")
    assert (everything.num_rows, first.latest_watermark) == (50, "2026-01-03T02:00:00.500000+00:00")
    # A tie that was committed late, a row without a time, one that is older, and a new one.
    postgres.execute("""insert into orders values (51, 1, '2026-01-03 02:00:00.5+00'), (52, 1, null),
        (53, 1, '2026-01-01 12:00+00'), (54, 1, '2026-01-03 02:00:00.500001+00')""")
    more, second = read(postgres, orders, watermark="updated_at", since=first.latest_watermark)
    assert sorted(more["id"].to_pylist()) == [50, 51, 52, 54]
    assert second.latest_watermark == "2026-01-03T02:00:00.500001+00:00"
    same, third = read(postgres, orders + ";", watermark="updated_at", since=second.latest_watermark)
    assert (sorted(same["id"].to_pylist()), third.latest_watermark) == ([52, 54], second.latest_watermark)


@pytest.mark.parametrize(
    ("column", "latest", "left"),
    [
        ("id", "50", 1),
        ("updated_at::date", "2026-01-03", 3),
        ("updated_at at time zone 'Europe/Berlin'", "2026-01-03T03:00:00.500000", 1),
        ("(id * 1000000000000)::numeric(20, 2)", "50000000000000.00", 1),
    ],
)
def test_a_watermark_of_every_ordered_type(
    postgres: Postgres, orders: str, column: str, latest: str, left: int
) -> None:
    query = f'select {column} as "Mark of it" from orders'
    _, first = read(postgres, query, watermark="Mark of it")
    assert first.latest_watermark == latest
    again, second = read(postgres, query, watermark="Mark of it", since=latest)
    assert (again.num_rows, second.latest_watermark) == (left, latest)


def test_a_time_that_lies_ahead_does_not_hide_what_is_still_to_come(postgres: Postgres, orders: str) -> None:
    postgres.execute("insert into orders values (60, 1, '2099-01-01'), (61, 1, 'infinity')")
    everything, rows = read(postgres, orders, watermark="updated_at")
    assert (everything.num_rows, rows.latest_watermark) == (52, "2026-01-03T02:00:00.500000+00:00")


def test_a_watermark_keeps_the_highest_of_all_batches() -> None:
    mark = Watermark("at", "2026-01-05", now=datetime(2026, 6, 1, tzinfo=UTC))
    for days in ([date(2026, 1, 1), None], [date(2026, 2, 1), date(2026, 1, 1)], [date(2027, 1, 1)], [None]):
        mark.see(pa.record_batch({"AT": pa.array(days, pa.date32())}))
    assert mark.text == "2026-02-01"
    assert parse_mark("2026-02-01") == date(2026, 2, 1)


def test_an_unusable_watermark_names_the_remedy(postgres: Postgres, orders: str) -> None:
    assert "watermark column 'changed' not found; the query gives: id, amount" in message(
        postgres.url, orders, watermark="changed"
    )
    assert "must be a timestamp, a date or a whole number" in message(
        postgres.url, orders, watermark="amount"
    )
    assert "is no watermark" in message(postgres.url, orders, watermark="id", since="1) or (1=1")
    assert "is no watermark" in message(postgres.url, orders, watermark="id", since="NaN")
    assert "the query fails: " in message(postgres.url, orders, watermark="id", since="2026-01-01")


@pytest.mark.parametrize(
    ("scheme", "moment", "local"),
    [
        (
            "postgresql",
            "CAST('2026-01-01 10:00:00+00:00' AS TIMESTAMPTZ)",
            "CAST('2026-01-01 10:00:00' AS TIMESTAMP)",
        ),
        (
            "bigquery",
            "CAST('2026-01-01 10:00:00+00:00' AS TIMESTAMP)",
            "CAST('2026-01-01 10:00:00' AS DATETIME)",
        ),
        (
            "snowflake",
            "CAST('2026-01-01 10:00:00+00:00' AS TIMESTAMPTZ)",
            "CAST('2026-01-01 10:00:00' AS TIMESTAMPNTZ)",
        ),
        (
            "databricks",
            "CAST('2026-01-01 10:00:00+00:00' AS TIMESTAMP)",
            "CAST('2026-01-01 10:00:00' AS TIMESTAMP_NTZ)",
        ),
    ],
)
def test_a_watermark_is_written_in_each_dialect(scheme: str, moment: str, local: str) -> None:
    dialect = "postgres" if scheme == "postgresql" else scheme
    for mark, written in (
        ("2026-01-01T10:00:00+00:00", moment),
        ("2026-01-01T10:00:00", local),
        ("41", "41"),
    ):
        statement = ask_since("select 1 as at -- end", "at", parse_mark(mark), dialect=dialect)
        assert statement == (
            f"SELECT * FROM (\nselect 1 as at -- end\n) AS source_rows\nWHERE source_rows.at >= {written} "
            "OR source_rows.at IS NULL"
        )


def test_names_tell_deliveries_apart_and_keep_secrets() -> None:
    name = name_query("postgresql://ann:s3cret@db.example.com:5433/shop?sslkey=tok3n", "select 1")
    assert name.startswith("postgresql://db.example.com:5433/shop#")
    assert not any(secret in name for secret in ("ann", "s3cret", "tok3n"))
    assert name == name_query("postgres://ben:other@db.example.com:5433/shop", "select 1\n")
    others = [
        ("postgresql://db.example.com:5433/shop", "select 2"),
        ("postgresql://db.example.com:5433/till", "select 1"),
        ("postgresql://db.example.com/shop", "select 1"),
        ("databricks://token:dapi1@dbc.example.com?http_path=/sql/1", "select 1"),
        ("databricks://token:dapi1@dbc.example.com?http_path=/sql/2", "select 1"),
    ]
    assert len({name, *(name_query(*other) for other in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    "connection",
    [
        "host=db password=s3cret",
        "postgresql://u:s3#cret@h/d",
        "postgresql://u:s3/cret@h/d",
        "postgresql://u:p:s3cret/d",
    ],
)
def test_a_connection_string_that_is_none_is_not_shown(connection: str) -> None:
    with pytest.raises(SourceError, match="percent-encoded") as caught:
        read_query(connection=connection, query="select 1")
    assert not any(part in str(caught.value) for part in ("s3", "cret"))


def test_who_cannot_connect_learns_why(postgres: Postgres) -> None:
    wrong = postgres.url.replace(quote(PASSWORD, safe="+"), "guessed42")
    text = message(wrong)
    assert "cannot connect" in text
    assert "password authentication failed" in text
    assert "guessed42" not in text
    assert "refused" in message("postgresql://u:opens@127.0.0.1:1/shop")
    assert "there is no reader for 'oracle://'" in message("oracle://u:opens@h/shop")


def test_options_of_the_client_library_may_follow(postgres: Postgres) -> None:
    rows = read_query(
        connection=f"{postgres.url}?application_name=weekly&connect_timeout=5",
        query="select current_setting('application_name') as name",
    )
    assert next(rows)["name"].to_pylist() == ["weekly"]


def test_wide_rows_are_fetched_a_few_at_a_time(postgres: Postgres) -> None:
    query = "select g as id, repeat('x', 1000000) as wide from generate_series(1, 600) g"
    with contextlib.closing(postgresql.connect(postgres.url)) as client:
        sizes = [batch.num_rows for batch in postgresql.stream(client, query)]
    assert sizes[0] == 100
    assert sum(sizes) == 600
    assert max(sizes[1:]) < 50


@pytest.mark.parametrize(
    ("connection", "library", "package"),
    [
        ("bigquery://project/dataset", "google", "segmentwerk[bigquery]"),
        ("snowflake://u:p@account/db/schema", "snowflake", "segmentwerk[snowflake]"),
        ("databricks://token:t@host?http_path=/sql", "databricks", "segmentwerk[databricks]"),
        ("postgresql://u:p@host/db", "psycopg", "psycopg[binary]"),
    ],
)
def test_a_missing_client_library_names_the_package(
    connection: str, library: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("tasks.databases.", "ibis.backends."))]:
        monkeypatch.delitem(sys.modules, name)
    for name in (library, f"{library}.cloud", f"{library}.connector", f"{library}.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    text = message(connection)
    assert "is missing" in text
    assert f"pip install '{package}'" in text


def test_a_query_that_fails_says_why_without_personal_data(postgres: Postgres) -> None:
    assert 'relation "missing" does not exist' in message(postgres.url, "select * from missing")
    text = message(postgres.url, "select 'ann@example.com'::int as n")
    assert "the query fails: invalid input syntax" in text
    assert "ann@example.com" not in text
    assert "two columns are called 'id'" in message(postgres.url, 'select 1 as id, 2 as "ID"')
    assert "n::double precision" in message(postgres.url, "select 'NaN'::numeric(30, 2) as n")


def test_a_connection_that_drops_in_the_middle_is_an_error_not_an_end(postgres: Postgres) -> None:
    rows = read_query(
        connection=postgres.url,
        query="select g as id from generate_series(1, 500000) g",
        watermark="id",
        chunk_rows=1,
    )
    first = next(rows)
    postgres.execute("""select pg_terminate_backend(pid) from pg_stat_activity
        where pid <> pg_backend_pid() and state = 'idle in transaction'""")
    with pytest.raises(SourceError, match=f"reading stopped after {first.num_rows:,} rows, run it again"):
        list(rows)


def test_reading_that_is_given_up_leaves_no_connection(postgres: Postgres) -> None:
    rows = read_query(
        connection=postgres.url, query="select g as id from generate_series(1, 100000) g", chunk_rows=1
    )
    next(rows)
    rows.close()
    others = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    for _ in range(100):
        [(open_connections,)] = postgres.execute(others)
        if not open_connections:
            break
    assert open_connections == 0


@pytest.mark.long
def test_memory_does_not_grow_with_the_rows(postgres: Postgres) -> None:
    few, many = (peak_of_reading(postgres, rows=rows) for rows in (100_000, 1_000_000))
    assert many <= 1.5 * few
    # The bound can fail: what 900,000 such rows take as one table is more than half of the peak.
    table, _ = read(postgres, WIDE.format(rows=100_000))
    assert 9 * table.nbytes > 0.5 * few


WIDE = """select g as id, md5(g::text) || md5(g::text) as words, g * 1.5::float8 as amount,
    (g * 0.01)::numeric(10, 2) as price, timestamptz '2026-01-01' + g * interval '1 second' as at,
    repeat('x', 200) as more from generate_series(1, {rows}) g"""


def peak_of_reading(server: Postgres, *, rows: int) -> int:
    """Peak resident memory in bytes of a process that reads so many rows and keeps none.

    Not `ru_maxrss`: a child inherits its parent's.
    """
    code = f"""
import sys
from tasks.sources.sql import read_query
chunks = read_query(connection=sys.stdin.read(), query={WIDE.format(rows=rows)!r}, chunk_rows=50_000)
assert sum(chunk.num_rows for chunk in chunks) == {rows}
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=server.url, capture_output=True, text=True, check=True
    )
    return int(done.stdout)
