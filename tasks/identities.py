"""Who is who, brought up to date in the lake: links to customers, and histories to those they belong to.

The customer of a row follows from its link, the set of keys it came with, and from all links that hang together with
it. So a new link only concerns the component it touches; that is resolved anew, whole (`models/identity.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow

from models.identity import CUSTOMER_PREFIX, partition_links
from models.schemas import PERSON_TABLES
from tasks.lake import BATCH_ROWS, Lake
from tasks.months import PARTITIONED, month_sql

GOOD = "NOT _filtered AND NOT _bad"
_CUSTOMER = f"'{CUSTOMER_PREFIX}' || left(o.key_hash, 24) AS customer_id"


@dataclass(frozen=True, slots=True)
class IdentityChanges:
    """What new links did to the customers there were.

    Attributes:
        moved: names under which events or rollups were rewritten; a plain merge rewrites none.
        merges: customers who turned out to be another.
        splits: customers part of whose history turned out to be another's.
        shared: kinds of the keys that are now known to join too many people, one entry a key.
    """

    moved: tuple[str, ...] = ()
    merges: int = 0
    splits: int = 0
    shared: tuple[str, ...] = ()


def resolve_customers(lake: Lake, *, max_people: int) -> IdentityChanges:
    """Find the customer of every good staged row and move what changed hands.

    Leaves `link_customers` (link_id, customer_id) of the staged links, `moves` (link_id, old_customer_id,
    customer_id) of known links that changed hands, and `customer_changes` and `identity_merges`, what that came to,
    in the engine.
    """
    con = lake.engine.con
    _select_new_links(lake)
    if _count(con, "fresh_links"):
        _resolve_region(lake, max_people=max_people)
        shared = tuple(
            kind for (kind,) in con.execute("SELECT key_kind FROM newly_shared ORDER BY ALL").fetchall()
        )
        _write_back(lake)
        _drop_region(con)
    else:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE moves (link_id BIGINT, old_customer_id VARCHAR, customer_id VARCHAR)"
        )
        shared = ()
    known = lake.relation("links") if lake.has("links") else "fresh_links"
    customer = "customer_id" if lake.has("links") else "NULL::VARCHAR AS customer_id"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE link_customers AS "
        f"SELECT DISTINCT link_id, {customer} FROM {known} SEMI JOIN good_links USING (link_id)"
    )
    _name_changes(lake)
    moved = _settle_changes(lake)
    changes = dict(con.execute("SELECT change, count(*) FROM customer_changes GROUP BY change").fetchall())
    return IdentityChanges(
        moved=moved,
        merges=changes.get("merge", 0), splits=changes.get("split", 0), shared=shared,
    )  # fmt: skip


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _select_new_links(lake: Lake) -> None:
    """`good_links` of the staged rows that may come in, and `fresh_links`, those of them never seen in their source."""
    con = lake.engine.con
    staged = " UNION ALL ".join(
        f"SELECT _link AS link_id FROM staged_{t} WHERE {GOOD}" for t in PERSON_TABLES
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE good_links AS SELECT DISTINCT link_id FROM ({staged}) WHERE link_id IS NOT NULL"
    )
    known = ""
    if lake.has("links"):
        known = f"ANTI JOIN (SELECT DISTINCT source, link_id FROM {lake.relation('links')}) USING (source, link_id)"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE fresh_links AS SELECT DISTINCT source, link_id "
        f"FROM new_links SEMI JOIN good_links USING (link_id) {known}"
    )


def _resolve_region(lake: Lake, *, max_people: int) -> None:
    """Partition the components that new links touch: `region_keys` and `region_people`, keys and links with their
    customers, and `edges` between the two.

    Hashes are long, so each is held once, in `key_codes`; all else goes by codes.
    """
    con = lake.engine.con
    fresh = "FROM new_links SEMI JOIN fresh_links USING (source, link_id)"
    columns = "source, link_id, key_kind, key_hash"
    region, last = f"SELECT {columns} {fresh}", 0
    ages = "SELECT '' AS key_kind, '' AS key_hash, 0 AS since, false AS shared WHERE false"
    if lake.has("links"):
        links, identities = (lake.relation(name) for name in ("links", "identities"))
        ages = f"FROM {identities}"
        con.execute(
            "CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT component "
            f"FROM {links} SEMI JOIN (SELECT key_kind, key_hash {fresh}) USING (key_kind, key_hash)"
        )
        region += f" UNION SELECT {columns} FROM {links} SEMI JOIN touched USING (component)"
        last = con.execute(f"SELECT max(since) FROM {identities}").fetchone()[0]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE key_codes AS SELECT row_number() OVER (ORDER BY key_hash, key_kind) - 1 AS code, "
        "key_kind, key_hash, coalesce(since, $now)::BIGINT AS since, "
        f"coalesce(shared, false) AS was_shared FROM (SELECT DISTINCT key_kind, key_hash FROM ({region})) "
        f"LEFT JOIN ({ages}) USING (key_kind, key_hash)",
        {"now": (last or 0) + 1},
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE link_codes AS SELECT row_number() OVER (ORDER BY link_id) - 1 AS code, link_id "
        f"FROM (SELECT DISTINCT link_id FROM ({region}))"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE edges AS SELECT source, l.code AS link, k.code AS key "
        f"FROM ({region}) JOIN link_codes l USING (link_id) JOIN key_codes k USING (key_kind, key_hash)"
    )
    edges = con.execute("SELECT DISTINCT link, key FROM edges").fetchnumpy()
    ages_by_code = con.execute("SELECT since FROM key_codes ORDER BY code").fetchnumpy()["since"]
    found = partition_links(
        np.asarray(edges["link"]),
        np.asarray(edges["key"]),
        age=np.asarray(ages_by_code),
        max_people=max_people,
    )
    _register(con, "key_people", person=found.person, shared=found.shared)
    _register(con, "link_people", person=found.link_person, component=found.component)
    con.execute(
        "CREATE OR REPLACE TEMP VIEW region_keys AS SELECT k.key_kind, k.key_hash, "
        f"{_CUSTOMER}, k.since, p.shared, k.was_shared FROM key_codes k "
        "JOIN key_people p ON p.code = k.code JOIN key_codes o ON o.code = p.person"
    )
    con.execute(
        "CREATE OR REPLACE TEMP VIEW region_people AS SELECT l.code AS link, l.link_id, c.link_id AS component, "
        f"{_CUSTOMER} FROM link_codes l JOIN link_people p ON p.code = l.code "
        "JOIN key_codes o ON o.code = p.person JOIN link_codes c ON c.code = p.component"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE newly_shared AS SELECT key_kind FROM region_keys WHERE shared AND NOT was_shared"
    )


def _register(con: duckdb.DuckDBPyConnection, name: str, **columns: np.ndarray) -> None:
    length = len(next(iter(columns.values())))
    con.register(name, pyarrow.table({"code": np.arange(length), **columns}))


def _write_back(lake: Lake) -> None:
    """`links` and `identities` with the region resolved anew, and `moves`: known links that changed hands."""
    con = lake.engine.con
    known = "SELECT NULL::BIGINT AS link_id, NULL::VARCHAR AS customer_id WHERE false"
    links = (
        "SELECT source, link_id, key_kind, key_hash, component, customer_id FROM edges "
        "JOIN region_people USING (link) JOIN key_codes k ON k.code = key"
    )
    identities = "SELECT key_kind, key_hash, customer_id, since, shared FROM region_keys"
    if lake.has("links"):
        old_links, old_identities = (lake.relation(name) for name in ("links", "identities"))
        known = f"SELECT DISTINCT link_id, customer_id FROM {old_links} SEMI JOIN link_codes USING (link_id)"
        links += f" UNION ALL BY NAME SELECT * FROM {old_links} ANTI JOIN link_codes USING (link_id)"
        others = f"FROM {old_identities} ANTI JOIN key_codes USING (key_kind, key_hash)"
        identities += f" UNION ALL BY NAME SELECT * {others}"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE moves AS "
        "SELECT k.link_id, k.customer_id AS old_customer_id, n.customer_id "
        f"FROM ({known}) k JOIN region_people n USING (link_id) WHERE n.customer_id <> k.customer_id"
    )
    lake.overwrite("links", con.execute(links).to_arrow_reader(BATCH_ROWS))
    lake.overwrite("identities", con.execute(identities).to_arrow_reader(BATCH_ROWS))


def _drop_region(con: duckdb.DuckDBPyConnection) -> None:
    """Let go of what only the resolution needed, before events need the memory."""
    for view in ("region_keys", "region_people"):
        con.execute(f"DROP VIEW {view}")
    for name in ("key_people", "link_people"):
        con.unregister(name)
    for table in ("key_codes", "link_codes", "edges", "newly_shared", "touched"):
        con.execute(f"DROP TABLE IF EXISTS {table}")


def _name_changes(lake: Lake) -> None:
    """`customer_changes` (old_customer_id, customer_id, change) of this run, and `identity_merges` among them."""
    con = lake.engine.con
    left = f"SELECT customer_id FROM {lake.relation('identities')}" if lake.has("identities") else "SELECT ''"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE customer_changes AS SELECT DISTINCT m.old_customer_id, m.customer_id, "
        f"CASE WHEN m.old_customer_id IN ({left}) THEN 'split' ELSE 'merge' END AS change FROM moves m"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE identity_merges AS SELECT old_customer_id, min(customer_id) AS customer_id "
        "FROM customer_changes WHERE change = 'merge' GROUP BY old_customer_id"
    )
    if _count(con, "customer_changes"):
        now = datetime.now(UTC).replace(microsecond=0)
        rows = con.execute(
            "SELECT $now::TIMESTAMPTZ AS merged_at, old_customer_id, customer_id, change "
            "FROM customer_changes ORDER BY ALL",
            {"now": now},
        )
        lake.append("merges", rows.to_arrow_table())


def _settle_changes(lake: Lake) -> tuple[str, ...]:
    """Give what changed hands to whom it belongs now, and list the names under which events were rewritten.

    Where all that a customer had went to one other, `renames` says so and no event is touched: a few merged
    customers have events in every month. Where a history was torn apart it is rewritten, link by link, with all that
    had been renamed into it.
    """
    con = lake.engine.con
    if not _count(con, "moves"):
        return ()
    _find_torn(lake)
    _record_renames(lake)
    torn = con.execute("SELECT customer_id FROM torn ORDER BY customer_id").fetchall()
    if torn and lake.has("events"):
        links = lake.relation("links")
        owners = f"SELECT DISTINCT link_id, customer_id FROM {links} SEMI JOIN torn USING (customer_id)"
        _move_by_link(lake, "events", owners=owners)
    if lake.has("consents"):
        _move_by_link(lake, "consents", owners="SELECT link_id, customer_id FROM moves")
    if _count(con, "identity_merges"):
        _rename_rows(lake, "assignments", once_a="campaign_id, customer_id, arm", first_by="assigned_at")
        _rename_rows(lake, "holdout", once_a="quarter, customer_id", first_by="drawn_at")
    return tuple(customer for (customer,) in torn)


def _find_torn(lake: Lake) -> None:
    """`torn`, the names of customers whose histories were torn apart, and of all who share a change with them."""
    con = lake.engine.con
    changes = "SELECT old_customer_id, customer_id FROM customer_changes"
    if lake.has("renames"):
        changes += f" UNION ALL SELECT old_customer_id, customer_id FROM {lake.relation('renames')}"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE torn AS SELECT DISTINCT old_customer_id AS customer_id FROM customer_changes "
        "GROUP BY old_customer_id HAVING count(*) > 1 OR bool_or(change = 'split')"
    )
    touched = (
        f"SELECT unnest([old_customer_id, customer_id]) AS customer_id FROM ({changes}) "
        "WHERE old_customer_id IN (FROM torn) OR customer_id IN (FROM torn)"
    )
    while con.execute(
        f"INSERT INTO torn SELECT DISTINCT customer_id FROM ({touched}) ANTI JOIN torn USING (customer_id)"
    ).fetchone() != (0,):
        pass


def _record_renames(lake: Lake) -> None:
    con = lake.engine.con
    merged = "SELECT old_customer_id, customer_id FROM identity_merges"
    renames = merged
    if lake.has("renames"):
        known = (
            "SELECT r.old_customer_id, coalesce(m.customer_id, r.customer_id) AS customer_id "
            f"FROM {lake.relation('renames')} r LEFT JOIN identity_merges m ON m.old_customer_id = r.customer_id"
        )
        renames = f"{known} UNION ALL {merged}"
    rows = con.execute(
        f"SELECT DISTINCT old_customer_id, customer_id FROM ({renames}) "
        "WHERE old_customer_id NOT IN (FROM torn) AND customer_id NOT IN (FROM torn) ORDER BY ALL"
    ).to_arrow_table()
    if len(rows) or lake.has("renames"):
        lake.overwrite("renames", rows)


def _move_by_link(lake: Lake, name: str, *, owners: str) -> None:
    """Rewrite the rows of some links; `owners` is SQL of link_id and the customer they belong to."""
    con = lake.engine.con
    source = lake.relation(name)
    months = None
    if name in PARTITIONED:
        month = month_sql(PARTITIONED[name])
        found = con.execute(
            f"SELECT DISTINCT {month} FROM {source} SEMI JOIN ({owners}) USING (link_id)"
        ).fetchall()
        months = [number for (number,) in found]
        source = lake.relation(name, months=months)
    rows = con.execute(
        f"SELECT e.* REPLACE (coalesce(m.customer_id, e.customer_id) AS customer_id) FROM {source} e "
        f"LEFT JOIN ({owners}) m ON m.link_id = e.link_id"
    ).to_arrow_reader(BATCH_ROWS)
    if months is None:
        lake.overwrite(name, rows)
    else:
        lake.overwrite_months(name, rows, months=months)


def _rename_rows(lake: Lake, name: str, *, once_a: str, first_by: str) -> None:
    """Who was drawn twice under two names keeps the first draw.

    Two arms stay two: whoever was in both has to be seen, to be left out of the comparison.
    """
    if not lake.has(name):
        return
    con = lake.engine.con
    rows = con.execute(
        "SELECT * FROM (SELECT a.* REPLACE (coalesce(m.customer_id, a.customer_id) AS customer_id) "
        f"FROM {lake.relation(name)} a LEFT JOIN identity_merges m ON m.old_customer_id = a.customer_id) "
        f"QUALIFY row_number() OVER (PARTITION BY {once_a} ORDER BY {first_by}) = 1"
    )
    lake.overwrite(name, rows.to_arrow_table())
