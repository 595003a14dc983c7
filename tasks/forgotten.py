"""Who a person is in the lake, found by one of their hashed keys, and who was forgotten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow

from models.identity import name_customers
from tasks.lake import Lake

_KEYS_SHAPE = '[{"kind":"VARCHAR","hash":"VARCHAR"}]'


@dataclass(frozen=True, slots=True)
class Forgotten:
    """People who are to be, or were, forgotten: the hashes of their keys, and every name they have had."""

    key_hashes: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def people(self) -> pyarrow.Table:
        """The names as a table of one column, `customer_id`."""
        return pyarrow.table({"customer_id": pyarrow.array(self.names, pyarrow.string())})


def find_forgotten(lake: Lake) -> Forgotten:
    """Everybody in `suppressions`.

    A customer is called after a key, so the keys tell every name the person can have had. `merges` knows some more
    whose keys came to be shared since. A name that somebody else goes by now is not theirs.
    """
    hashes = sorted(list_suppressed(lake))
    names = _follow_merges(lake, set(name_customers(hashes)))
    return Forgotten(tuple(hashes), tuple(sorted(names - _list_strangers(lake, hashes))))


def find_keys(lake: Lake, *, key_kind: str, key_hash: str) -> pd.DataFrame:
    """key_kind and key_hash of every key of whoever holds this one; none where nobody does.

    Raises:
        LookupError: so many people hold it that it names nobody.
    """
    keys = _read_keys(lake, kind=key_kind, key=key_hash)
    if keys["shared"].astype(bool).to_numpy()[(keys["key_hash"] == key_hash).to_numpy()].any():
        raise LookupError(
            f"this {key_kind} is shared by so many people that it names nobody; give another key of the person"
        )
    # A shared key is other people's as well.
    own = keys.loc[~keys["shared"].astype(bool), ["key_kind", "key_hash"]]
    return _add_refused_keys(lake, own, named=(key_kind, key_hash))


def list_suppressed(lake: Lake) -> set[str]:
    """The hashed keys of people who were erased."""
    if not lake.has("suppressions"):
        return set()
    return set(lake.table("suppressions").key_hash.to_pyarrow().to_pylist())


def find_names(lake: Lake, key_hashes: Sequence[str]) -> list[str]:
    """Every name that the holder of the keys has, or had in tables of past days."""
    names = set(name_customers(key_hashes))
    if lake.has("identities"):
        known = lake.table("identities")
        theirs = known.filter(known.key_hash.isin(key_hashes) & ~known.shared)
        names |= set(theirs.customer_id.to_pyarrow().to_pylist())
    return sorted(_follow_merges(lake, names) - _list_strangers(lake, key_hashes))


def _follow_merges(lake: Lake, names: set[str]) -> set[str]:
    """The names, and those of customers who turned out to be one of them."""
    if not lake.has("merges"):
        return names
    merges = lake.table("merges").filter(lambda t: t.change == "merge").to_pandas()
    while found := set(merges.loc[merges["customer_id"].isin(names), "old_customer_id"]) - names:
        names = names | found
    return names


def _list_strangers(lake: Lake, key_hashes: Sequence[str]) -> set[str]:
    """Names that keys of others than these go by."""
    if not lake.has("identities"):
        return set()
    con = lake.engine.con
    con.register("own_keys", pyarrow.table({"key_hash": pyarrow.array(key_hashes, pyarrow.string())}))
    held = con.execute(
        f"SELECT DISTINCT customer_id FROM {lake.relation('identities')} ANTI JOIN own_keys USING (key_hash)"
    ).fetchall()
    return {name for (name,) in held}


def select_refused(lake: Lake, key_hashes: Sequence[str]) -> str:
    """SQL of the rows in quarantine that came with one of the keys: source, row_hash."""
    keys = pyarrow.table({"key_hash": pyarrow.array(key_hashes, pyarrow.string())})
    lake.engine.con.register("refused_keys", keys)
    return (
        "SELECT DISTINCT source, row_hash FROM (SELECT source, row_hash, "
        f"unnest(from_json(keys, '{_KEYS_SHAPE}')).hash AS key_hash "
        f"FROM {lake.relation('quarantine')} WHERE keys IS NOT NULL) SEMI JOIN refused_keys USING (key_hash)"
    )


def _add_refused_keys(lake: Lake, own: pd.DataFrame, *, named: tuple[str, str]) -> pd.DataFrame:
    """The person's keys, with those that stand beside them in quarantine and beside nobody else's."""
    if not lake.has("quarantine"):
        return own
    told = lake.table("quarantine")["keys"].to_pyarrow().to_pylist()
    rows = [{(key["kind"], key["hash"]) for key in json.loads(keys)} for keys in told if keys]
    found = set(own.itertuples(index=False, name=None))
    if any(named in row for row in rows):
        found.add(named)
    beside = set().union(*(row for row in rows if row & found)) - found - _list_known_keys(lake)
    while stray := {key for row in rows if not row <= found | beside for key in row & beside}:
        beside -= stray
    return pd.DataFrame(sorted(found | beside), columns=["key_kind", "key_hash"], dtype="str")


def _list_known_keys(lake: Lake) -> set[tuple[str, str]]:
    if not lake.has("identities"):
        return set()
    known = lake.table("identities").select("key_kind", "key_hash").to_pandas()
    return set(known.itertuples(index=False, name=None))


def _read_keys(lake: Lake, *, kind: str, key: str) -> pd.DataFrame:
    if not lake.has("identities"):
        return pd.DataFrame(columns=["key_kind", "key_hash", "customer_id", "shared"])
    known = lake.table("identities")
    owner = known.filter((known.key_kind == kind) & (known.key_hash == key)).customer_id
    return known.filter(known.customer_id.isin(owner)).to_pandas()
