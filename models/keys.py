"""Identity keys in the engine: how they are normalised and hashed, and which stand together in a row.

A *link* is a set of keys seen together in one row. Rows carry the link's number; the keys themselves are hashed
once for every distinct set, not once a row.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from models.mapping import Source, expression_sql, plain_text

_BLANKS = r"^[\s\p{Z}\x{200B}\x{FEFF}]+|[\s\p{Z}\x{200B}\x{FEFF}]+$"
LINK_KEYS = "STRUCT(kind VARCHAR, hash VARCHAR)[]"


class IdentitySettings(BaseModel):
    """`[identity]`: which keys join records to one customer.

    Attributes:
        max_people_per_key: a key that joins more people than this, such as a shared tablet, is not followed.
        calling_code: the country's, for phone numbers that name none, such as "49".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_people_per_key: int = Field(default=20, ge=1)
    calling_code: str | None = Field(default=None, pattern=r"^[1-9]\d{0,3}$")


def normalise_key(kind: str, expression: str, *, calling_code: str | None = None) -> str:
    """SQL of a key as it is hashed: trimmed, e-mail addresses in lower case, phone numbers in E.164.

    Args:
        kind: the key's kind; `email` and `phone` are normalised further.
        expression: SQL of the key's value.
        calling_code: the country's, for phone numbers that name none, such as "49"; without it they stay as they
            are, digits only.
    """
    # Also what looks like a blank and is none, as pasted from a web page.
    text = f"regexp_replace({plain_text(expression_sql(expression))}, '{_BLANKS}', '', 'g')"
    if kind == "email":
        text = f"lower({text})"
    elif kind == "phone":
        # +49 (0) 30 …: the zero is for callers at home.
        digits = f"regexp_replace(replace({text}, '(0)', ''), '[^0-9+]', '', 'g')"
        text = f"regexp_replace({digits}, '^00', '+')"
        if calling_code:
            text = f"regexp_replace({text}, '^0', '+{calling_code}')"
    return f"nullif({text}, '')"


def hash_sql(kind: str, value: str) -> str:
    """SQL of `models.identity.hash_key`, with the padded keys as parameters `$ipad` and `$opad`."""
    inner = f"unhex(sha256($ipad || encode('{kind}:' || {value})))"
    return f"CASE WHEN {value} IS NOT NULL THEN sha256($opad || {inner}) END"


def key_values(source: Source, *, calling_code: str | None = None) -> dict[str, str]:
    """SQL of the value of each of a source's keys, by kind, normalised."""
    return {
        kind: normalise_key(kind, expression, calling_code=calling_code)
        for kind, expression in sorted(source.identity_keys.items())
    }


def select_links(
    source: Source, *, relation: str, calling_code: str | None = None, stored: bool = False
) -> str:
    """The distinct key sets of a source's rows, with their hashes.

    Args:
        source: the mapping.
        relation: name of a table or view with the raw rows.
        calling_code: see `normalise_key`.
        stored: the relation has a column `_stored` of keys that are hashed already.

    Returns:
        SQL with parameters `$ipad` and `$opad`. It yields `_k0`, `_k1`, … (the values, to join on), `_stored`
        where asked for, `keys` (list of kind and hash, by kind) and `link_id`; rows without a key have no link.
    """
    values = key_values(source, calling_code=calling_code)
    columns = [f"{value} AS _k{i}" for i, value in enumerate(values.values())]
    hashed = "".join(f", {hash_sql(kind, f'_k{i}')} AS _h{i}" for i, kind in enumerate(values))
    listed = ", ".join(f"{{'kind': '{kind}', 'hash': _h{i}}}" for i, kind in enumerate(values))
    keys = f"list_filter([{listed}]::{LINK_KEYS}, lambda k: k.hash IS NOT NULL)"
    if stored:
        columns.append("_stored")
        keys = f"list_sort(list_distinct(list_concat(_stored, {keys})))"
    where = f"WHERE {expression_sql(source.where)}" if source.where and not stored else ""
    # Materialised, or the engine would hash a key again wherever its hash is used.
    return (
        f"WITH sets AS MATERIALIZED (SELECT DISTINCT {', '.join(columns)} FROM {relation} {where}), "
        f"hashed AS MATERIALIZED (SELECT *{hashed} FROM sets), "
        f"listed AS MATERIALIZED (SELECT COLUMNS(c -> NOT starts_with(c, '_h')), {keys} AS keys FROM hashed) "
        "SELECT *, (md5_number_lower(keys::VARCHAR) >> 1)::BIGINT AS link_id FROM listed WHERE len(keys) > 0"
    )


def join_links(
    source: Source, *, relation: str, links: str, calling_code: str | None = None, stored: bool = False
) -> str:
    """The raw rows with `_link`, the number of their key set, or null where they have no key."""
    values = key_values(source, calling_code=calling_code)
    names = [*(f"_k{i}" for i in range(len(values))), *(["_stored"] if stored else [])]
    if not names:
        return f"SELECT *, NULL::BIGINT AS _link FROM {relation}"
    valued = "".join(f", {value} AS _k{i}" for i, value in enumerate(values.values()))
    same = " AND ".join(f"r.{name} IS NOT DISTINCT FROM l.{name}" for name in names)
    return (
        f"SELECT r.* EXCLUDE ({', '.join(names)}), l.link_id AS _link "
        f"FROM (SELECT *{valued} FROM {relation}) r LEFT JOIN {links} l ON {same}"
    )
