"""Every configuration in examples/ loads, and each of its queries is one SELECT that gives what the mapping uses."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlglot
from postgres import Postgres

from flows.settings import Settings, load_settings
from models.mapping import Source, check_columns
from tasks.sources.sql import check_query, read_query

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))
DIALECTS = {"postgresql": "postgres"}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GA4_PROJECT", "my-project")
    monkeypatch.setenv("GA4_DATASET", "analytics_1")
    monkeypatch.setenv("SHOP_DB", "postgresql://reader:secret@127.0.0.1:1/shop")


@pytest.fixture
def shop_tables(postgres: Postgres) -> Iterator[None]:
    postgres.execute("""
        create table customers (id int primary key, email text, phone text, country text, registered_at timestamptz,
            newsletter boolean, newsletter_at timestamptz, updated_at timestamptz);
        create table orders (id int primary key, customer_id int, placed_at timestamptz, total numeric(10, 2),
            discount numeric(10, 2), shipped_at timestamptz, refunded numeric(10, 2), refunded_at timestamptz,
            updated_at timestamptz);
        insert into customers values (7, 'ann@example.com', null, 'DE', '2026-01-01', true, '2026-01-01', '2026-01-01');
        insert into orders values (1, 7, '2026-01-02', 30, 0, null, 0, null, '2026-01-02'),
            (2, 7, '2026-01-03', 50.5, 5, null, 50.5, '2026-01-09', '2026-01-09')""")
    yield
    postgres.execute("drop table orders, customers")


def sql_sources(settings: Settings) -> list[tuple[Source, str, str]]:
    """Each source with a query, its connection and the query."""
    return [
        (source, source.connection.get_secret_value(), source.query)
        for source in settings.sources
        if source.connection and source.query
    ]


def test_there_are_examples() -> None:
    assert {"ga4_bigquery", "hillstrom", "online_retail", "postgres_shop"} <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_and_its_queries_give_what_is_mapped(path: Path) -> None:
    settings = load_settings(path)
    assert settings.sources
    for source, connection, query in sql_sources(settings):
        scheme = urlsplit(connection).scheme
        dialect = DIALECTS.get(scheme, scheme)
        tree = sqlglot.parse_one(check_query(query, dialect=dialect), read=dialect)
        selected = tree.named_selects
        if "*" in selected:  # SELECT * EXCEPT (…) FROM the query above
            selected = [*selected, *tree.ctes[0].this.named_selects]
        check_columns(source, selected)
        assert source.watermark is None or source.watermark in selected


def test_the_shops_queries_run(
    postgres: Postgres, shop_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB", postgres.url)
    [path] = [path for path in EXAMPLES if path.stem == "postgres_shop"]
    kinds: list[str] = []
    for source, connection, query in sql_sources(load_settings(path)):
        rows = read_query(connection=connection, query=query, watermark=source.watermark)
        [found] = list(rows)
        check_columns(source, found.column_names)
        kinds += found["kind"].to_pylist() if "kind" in found.column_names else [source.table]
        [newest] = list(
            read_query(
                connection=connection, query=query, watermark=source.watermark, since=rows.latest_watermark
            )
        )
        assert (source.name, newest.num_rows) in (("orders", 2), ("customers", 1))
    assert sorted(kinds) == ["customers", "purchase", "purchase", "refund"]
