"""From raw sources to typed, checked rows in passing files, before anything is written to the lake.

A source is read in the engine and streamed: what it holds never lies in memory or on disk as a whole. The passing
files are pseudonymous: canonical columns, the number of the row's key set (`_link`), the faults, and of bad rows the
masked raw row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from models.identity import hmac_pads
from models.keys import LINK_KEYS, IdentitySettings, join_links, select_links
from models.mapping import (
    RATES,
    MissingColumn,
    Source,
    check_columns,
    check_required,
    expression_sql,
    list_expressions,
    map_rows,
    quote_name,
    read_columns,
)
from models.masking import mask_name
from models.schemas import EVENT_KINDS, SCHEMAS, list_source_columns
from tasks.sources import Scan, SchemaBreakError, SourceError, first_line, quote

# Clocks differ by minutes; what lies hours ahead was read in the wrong time zone.
CLOCK_TOLERANCE = timedelta(hours=1)
_JSON_NUMBERS = {"BIGINT", "UBIGINT", "DOUBLE"}
# Names that the rows get on their way; a source's own columns must be called otherwise.
_RESERVED = re.compile(r"_(row|link|stored|source_row|filtered|reasons|raw|k\d+|unread_.*)", re.IGNORECASE)
_STORED = ("_stored", "_row")
# Read once and deleted: looking for repeated values would cost more than it saves.
_PASSING = "COMPRESSION lz4_raw, ROW_GROUP_SIZE 122880, DICTIONARY_SIZE_LIMIT 1000"
_MARKS = {
    "_link": "BIGINT",
    "_filtered": "BOOLEAN",
    "_bad": "BOOLEAN",
    "_reasons": "VARCHAR[]",
    "_raw": "VARCHAR",
    "_row": "BIGINT",
    "_source": "VARCHAR",
    "_file": "VARCHAR",
    "_columns": "VARCHAR",
    "_told_at": "TIMESTAMPTZ",
    # Set where a source has no event ids of its own.
    "_content": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class ShopRules:
    """What holds for every source of a shop when its rows are read."""

    secret: bytes
    timezone: str = "UTC"
    currency: str = "EUR"
    kinds: tuple[str, ...] = EVENT_KINDS
    identity: IdentitySettings = field(default_factory=IdentitySettings)


@dataclass(frozen=True, slots=True)
class StagedDelivery:
    """What became of one delivery.

    Attributes:
        read, filtered, bad: its rows.
        columns: what it came with, name to type.
        swallowed: lines that are no rows of their own, because a quoted value goes on over them.
    """

    read: int
    filtered: int
    bad: int
    columns: dict[str, str]
    swallowed: int = 0


@dataclass(slots=True)
class Staging:
    """The passing files of one run, by canonical table."""

    con: duckdb.DuckDBPyConnection
    folder: Path
    rules: ShopRules
    latest: datetime = field(default_factory=lambda: datetime.now(UTC) + CLOCK_TOLERANCE)
    files: dict[str, list[str]] = field(default_factory=dict)
    # Conditions, by table, of rows that are not let in.
    barred: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE new_links "
            "(source VARCHAR, link_id BIGINT, key_kind VARCHAR, key_hash VARCHAR)"
        )
        self.con.execute("CREATE OR REPLACE TEMP TABLE forgotten_links (link_id BIGINT)")

    def add(
        self,
        source: Source,
        scans: Iterable[Scan],
        *,
        file: str,
        told_at: datetime,
        known_columns: dict[str, str] | None = None,
    ) -> StagedDelivery:
        """Read one delivery, scan by scan.

        Args:
            source: the mapping.
            scans: how to read it, once or in stretches.
            file: what the delivery is called.
            told_at: when it was made; the time of statements that carry none.
            known_columns: what earlier deliveries had, where one may leave columns out.

        Raises:
            SourceError: it cannot be read, or an expression does not fit it.
        """
        read = filtered = bad = swallowed = 0
        columns: dict[str, str] = {}
        for scan in scans:
            try:
                if scan.rows:
                    columns = self._stage(
                        source, scan, file=file, told_at=told_at, known=known_columns or {}, rows=read
                    )
                    counts = self._count(self.files[source.table][-1])
                    read, filtered, bad = (a + b for a, b in zip((read, filtered, bad), counts, strict=True))
                lost = self._stage_lost(source, scan, file=file) if scan.lost else 0
                read, bad = read + lost, bad + lost
                if scan.lines:
                    row = self.con.execute(scan.lines).fetchone()
                    swallowed = max(0, int(row[0] if row else 0) - read)
            except duckdb.Error as error:
                raise self._explain(source, error, file=file) from error
            except MissingColumn as error:
                raise SchemaBreakError(f"{error} (in {file})") from error
            except ValueError as error:
                raise SourceError(f"{error} (in {file})") from error
        return StagedDelivery(read=read, filtered=filtered, bad=bad, columns=columns, swallowed=swallowed)

    def show(self, source: Source, scan: Scan, *, rows: int) -> Any:
        """What the first rows become: a frame of canonical columns, `_keys` and the reasons they would be refused."""
        first = replace(scan, rows=f"SELECT * FROM ({scan.rows}) LIMIT {int(rows)}")
        try:
            columns = self._open(source, first, known={}, rows=0)
            mapped = self._map(source, columns)
            links = "SELECT link_id, any_value(keys) AS keys FROM source_links GROUP BY link_id"
            query = (
                f"SELECT m.*, coalesce(l.keys, []) AS _keys FROM ({mapped}) m "
                f"LEFT JOIN ({links}) l ON l.link_id = m._link ORDER BY _row"
            )
            return self.con.execute(query, _named(query, latest=self.latest)).df()
        except duckdb.Error as error:
            raise self._explain(source, error, file="its newest delivery") from error

    def _explain(self, source: Source, error: duckdb.Error, *, file: str) -> SourceError:
        """What cannot be read: the file, or an expression, which is named, if it fails where the file does not."""
        told = f"sources.{source.name}: cannot read {file}: {first_line(error)}; deliver it again"
        try:
            self.con.execute("SELECT count(COLUMNS(*)) FROM filled_rows")
        except duckdb.Error:
            return SourceError(told)
        for target, expression in list_expressions(source).items():
            try:
                self.con.execute(f"SELECT count({expression_sql(expression)}) FROM filled_rows")
            except duckdb.Error as own:
                place = f"columns.{target}" if target in source.columns else target
                return SourceError(
                    f'sources.{source.name}.{place} = "{expression}": {first_line(own)} (in {file}); '
                    "change the expression, or see docs/ingestion.md for what one may hold"
                )
        return SourceError(told)

    def finish(self) -> None:
        """Give every canonical table a relation `staged_<table>` of its rows with their marks, but for those whose
        link is in `forgotten_links`, and those that are `barred`."""
        for table in SCHEMAS:
            # Events are many and stay in their files; the others are few, and are checked against each other.
            kind = "VIEW" if table == "events" else "TABLE"
            self.con.execute(f"CREATE OR REPLACE TEMP {kind} staged_{table} AS {self._select_staged(table)}")

    def _select_staged(self, table: str) -> str:
        wanted = {c.name: c.type for c in list_source_columns(table)} | _MARKS
        empty = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in wanted.items())
        rows = f"SELECT {empty} WHERE false"
        if self.files.get(table):
            files = ", ".join(quote(file) for file in self.files[table])
            rows += (
                f" UNION ALL BY NAME SELECT * FROM read_parquet([{files}], union_by_name = true) "
                "WHERE coalesce(_link, 0) NOT IN (FROM forgotten_links)"
            )
            if table in self.barred:
                rows += f" AND NOT ({self.barred[table]})"
        return rows

    def remove(self) -> None:
        """Delete the passing files."""
        for files in self.files.values():
            for file in files:
                Path(file).unlink(missing_ok=True)

    def _open(self, source: Source, scan: Scan, *, known: dict[str, str], rows: int) -> dict[str, str]:
        """Make `linked_rows` of a scan: its rows, numbered, with the number of their key set."""
        stored = scan.stored_keys
        self.con.execute("DROP VIEW IF EXISTS filled_rows")
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW raw_rows AS {scan.rows}")
        columns = _described(self.con, "raw_rows")
        missing = {n: kind for n, kind in known.items() if n.lower() not in {c.lower() for c in columns}}
        check_columns(source, (*columns, *missing))
        if missing and source.table == "events":
            check_required(source, columns)
        # Whatever else a source has is not even looked at, so it may be called as it likes.
        read = _columns_needed(source)
        needed = [name for name in columns if name.lower() in read]
        for name in needed:
            if _RESERVED.fullmatch(name):
                raise SourceError(
                    f"sources.{source.name}: a column is called '{name}', a name that is needed here; rename it"
                )
        brought = (*(["_stored"] if stored else []), *(["_row"] if scan.numbered else []))
        values = [quote_name(name) for name in (*needed, *brought)]
        values += [f"NULL::{kind} AS {quote_name(name)}" for name, kind in missing.items()]
        self.con.execute(
            f"CREATE OR REPLACE TEMP VIEW filled_rows AS SELECT {', '.join(values) or 'NULL AS nothing'} FROM raw_rows"
        )
        code = self.rules.identity.calling_code
        if source.identity_keys or stored:
            links = select_links(source, relation="filled_rows", calling_code=code, stored=stored)
            inner, outer = hmac_pads(self.rules.secret)
            query = f"CREATE OR REPLACE TEMP TABLE source_links AS {links}"
            self.con.execute(query, _named(query, ipad=inner, opad=outer))
        else:
            self.con.execute(
                f"CREATE OR REPLACE TEMP TABLE source_links AS SELECT 0 AS link_id, []::{LINK_KEYS} AS keys WHERE false"
            )
        number = "" if scan.numbered else f", {rows} + row_number() OVER () AS _row"
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW numbered_rows AS SELECT *{number} FROM filled_rows")
        linked = join_links(
            source, relation="numbered_rows", links="source_links", calling_code=code, stored=stored
        )
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW linked_rows AS {linked}")
        return columns

    def _map(self, source: Source, columns: Iterable[str]) -> str:
        mapped = {name: expression_sql(expression) for name, expression in source.columns.items()}
        typed = (
            ", ".join(f'{expression} AS "{name}"' for name, expression in mapped.items()) or "NULL AS nothing"
        )
        return map_rows(
            source, relation="linked_rows", columns=columns,
            types=_described(self.con, f"(SELECT {typed} FROM linked_rows)"),
            kinds=self.rules.kinds, currency=self.rules.currency,
        )  # fmt: skip

    def _stage(
        self, source: Source, scan: Scan, *, file: str, told_at: datetime, known: dict[str, str], rows: int
    ) -> dict[str, str]:
        needed = _columns_needed(source)
        columns = self._open(
            source, scan, known={n: k for n, k in known.items() if n.lower() in needed}, rows=rows
        )
        mapped = self._map(source, _described(self.con, "filled_rows"))
        kept = mask_names({name: kind for name, kind in columns.items() if name.lower() in needed})
        marks = (
            f"{quote(source.name)} AS _source, {quote(file)} AS _file, {quote(json.dumps(kept))} AS _columns, "
            f"TIMESTAMPTZ '{told_at.isoformat()}' AS _told_at"
        )
        # Where rows bring their place along, they may be written in any order, by every core.
        self.con.execute(f"SET preserve_insertion_order = {'false' if scan.numbered else 'true'}")
        self._write(source.table, f"SELECT *, {marks} FROM ({mapped})", latest=self.latest)
        self.con.execute("SET preserve_insertion_order = true")
        self.con.execute(
            "INSERT INTO new_links SELECT DISTINCT $source, s.link_id, s.key.kind, s.key.hash FROM "
            "(SELECT link_id, unnest(keys) AS key FROM source_links) s ANTI JOIN "
            "(SELECT link_id FROM new_links WHERE source = $source) k ON k.link_id = s.link_id",
            {"source": source.name},
        )
        self.con.execute("DROP TABLE source_links")
        return columns

    def _write(self, table: str, query: str, **parameters: Any) -> None:
        files = self.files.setdefault(table, [])
        path = str(self.folder / f"{table}-{len(files)}.parquet")
        copy = f"COPY ({query}) TO {quote(path)} (FORMAT parquet, {_PASSING})"
        self.con.execute(copy, _named(copy, **parameters))
        files.append(path)

    def _count(self, path: str) -> tuple[int, int, int]:
        row = self.con.execute(
            "SELECT count(*), count(*) FILTER (_filtered), count(*) FILTER (_bad) "
            f"FROM read_parquet({quote(path)})"
        ).fetchone()
        return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)

    def _stage_lost(self, source: Source, scan: Scan, *, file: str) -> int:
        """Lines that are no rows go to quarantine too, without their text: it may hold anything."""
        inner, outer = hmac_pads(self.rules.secret)
        digest = "sha256($opad || unhex(sha256($ipad || encode(line))))"
        self._write(
            source.table,
            f"SELECT [reason] AS _reasons, true AS _bad, false AS _filtered, NULL::BIGINT AS _link, "
            f"{quote(source.name)} AS _source, {quote(file)} AS _file, json_object('characters', length(line), "
            f"'digest', {digest})::VARCHAR AS _raw FROM ({scan.lost})",
            ipad=inner, opad=outer,
        )  # fmt: skip
        return self._count(self.files[source.table][-1])[0]


def prepare_rates(con: duckdb.DuckDBPyConnection, *, known: str | None, latest: datetime) -> None:
    """The table `daily_rates` that money is converted with: each currency's rate on every day since its first.

    Args:
        con: the engine, with `staged_rates`.
        known: a relation of the rates the lake has.
        latest: the last moment a rate is needed for.
    """
    told = (
        "SELECT upper(currency) AS currency, day, rate, 1 AS age FROM staged_rates "
        "WHERE NOT _bad AND NOT _filtered"
    )
    if known:
        told += f" UNION ALL SELECT upper(currency), day, rate, 0 FROM {known}"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {RATES} AS SELECT currency, unnest(generate_series(day::TIMESTAMP, until, "
        "INTERVAL 1 DAY))::DATE AS day, rate FROM (SELECT *, coalesce(lead(day) OVER (PARTITION BY currency "
        "ORDER BY day) - 1, $last::DATE)::TIMESTAMP AS until FROM (SELECT currency, day, arg_max(rate, age) AS rate "
        f"FROM ({told}) GROUP BY currency, day))",
        {"last": latest.date()},
    )


def _described(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = con.execute(f"DESCRIBE FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in described if name not in _STORED}


def _columns_needed(source: Source) -> set[str]:
    return {name.lower() for name in read_columns(source)}


def _named(query: str, **parameters: Any) -> dict[str, Any]:
    """Those of the parameters that the query names: DuckDB refuses others."""
    return {name: value for name, value in parameters.items() if f"${name}" in query}


def describe_columns(
    source: Source, columns: dict[str, str], *, known: dict[str, str], sparse: bool
) -> Iterator[str]:
    """In what a delivery's columns differ from those before.

    In a sparse format a row leaves out what it does not have, and a number's type says how large it happens to be:
    only a column that the mapping reads is missed there, and numbers are numbers.
    """
    needed = _columns_needed(source)
    columns, known = mask_names(columns), mask_names(known)
    for name, kind in columns.items():
        if name not in known:
            yield f"sources.{source.name}: new column '{name}' ({kind})"
        elif known[name] != kind and not (sparse and {known[name], kind} <= _JSON_NUMBERS):
            yield f"sources.{source.name}: column '{name}' was {known[name]} and is now {kind}"
    for name in known:
        if name not in columns and (not sparse or name.lower() in needed):
            yield f"sources.{source.name}: column '{name}' is missing"


def mask_names(columns: dict[str, str]) -> dict[str, str]:
    """Columns with their types, in which whatever names a person is masked: JSON has been seen with such fields."""
    return {mask_name(name): mask_name(kind) for name, kind in columns.items()}


def sort_sources(sources: Sequence[Source]) -> list[Source]:
    """Sources in the order they build on each other: money needs rates, assignments need campaigns."""
    order = ("rates", "campaigns", "customers", "consents", "events", "assignments", "costs")
    return sorted(sources, key=lambda source: order.index(source.table))
