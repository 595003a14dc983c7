"""Who is who: keys from many sources become one pseudonymous customer.

Records that share any key belong to one person: the connected components of the graph of keys. Only keyed
hashes of the keys ever reach this module.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import pandas as pd

CUSTOMER_PREFIX = "c_"
_BLOCK = 64


def hash_key(kind: str, value: str, *, secret: bytes) -> str:
    """HMAC-SHA256 of an identity key, hexadecimal (RFC 2104). The kind is part of the message, so that a phone
    number and a loyalty card with the same digits stay apart."""
    return hmac.new(secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def hmac_pads(secret: bytes) -> tuple[bytes, bytes]:
    """The inner and outer padded key of HMAC-SHA256, for engines that have SHA-256 but no HMAC (RFC 2104)."""
    key = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
    key = key.ljust(_BLOCK, b"\0")
    return bytes(b ^ 0x36 for b in key), bytes(b ^ 0x5C for b in key)


@dataclass(frozen=True, slots=True)
class Identities:
    """The keys known after a delivery, and who turned out to be the same person.

    Attributes:
        keys: key_kind, key_hash, customer_id; one row a key.
        merges: old_customer_id, customer_id; known customers whose history moves to another.
    """

    keys: pd.DataFrame
    merges: pd.DataFrame


def resolve_identities(links: pd.DataFrame, known: pd.DataFrame) -> Identities:
    """Join records to customers by the keys they share.

    Args:
        links: record (any label of a record), key_kind, key_hash; one row a key of a record.
        known: key_kind, key_hash, customer_id from earlier deliveries.

    Returns:
        Every key, known or new, with its customer. A component with known customers keeps the smallest of
        their ids, a new one is called after its smallest key hash; so the outcome does not depend on the
        order of the records.
    """
    columns = ["key_kind", "key_hash"]
    keys = pd.concat([known[columns], links[columns]]).drop_duplicates(ignore_index=True)
    if keys.empty:
        return Identities(keys=known.copy(), merges=_no_merges())
    component = _components(keys, links, known)
    keys["component"] = component

    owners = keys.merge(known, on=columns, how="left")
    survivor = owners.groupby("component")["customer_id"].min()
    newcomer = CUSTOMER_PREFIX + keys.groupby("component")["key_hash"].min().str[:24]
    customer = survivor.where(survivor.notna(), newcomer)
    keys["customer_id"] = keys["component"].map(customer).astype("str")

    moved = owners.dropna(subset="customer_id")[["component", "customer_id"]].drop_duplicates()
    moved = moved.rename(columns={"customer_id": "old_customer_id"})
    moved["customer_id"] = moved["component"].map(customer)
    merges = moved.loc[moved["old_customer_id"] != moved["customer_id"], ["old_customer_id", "customer_id"]]
    return Identities(keys=keys[[*columns, "customer_id"]], merges=merges.reset_index(drop=True))


def _no_merges() -> pd.DataFrame:
    return pd.DataFrame({"old_customer_id": pd.Series(dtype="str"), "customer_id": pd.Series(dtype="str")})


def _components(keys: pd.DataFrame, links: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
    """Component number of each key: nodes are keys, records and known customers; edges join them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = pd.Series(np.arange(len(keys)), index=pd.MultiIndex.from_frame(keys))
    records, record_labels = pd.factorize(links["record"])
    people, people_labels = pd.factorize(known["customer_id"])
    key_nodes = np.concatenate(
        [_look_up(number, links[["key_kind", "key_hash"]]), _look_up(number, known[["key_kind", "key_hash"]])]
    )
    owner_nodes = np.concatenate([records + len(keys), people + len(keys) + len(record_labels)])
    size = len(keys) + len(record_labels) + len(people_labels)
    graph = coo_array((np.ones(len(key_nodes), dtype=np.int8), (key_nodes, owner_nodes)), shape=(size, size))
    return connected_components(graph, directed=False)[1][: len(keys)]


def _look_up(number: pd.Series, keys: pd.DataFrame) -> np.ndarray:
    return number.reindex(pd.MultiIndex.from_frame(keys)).to_numpy()
