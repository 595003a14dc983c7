"""Who is who: keys from many sources become one pseudonymous customer.

A *link* is a set of identity keys seen together in one row. Keys that share a link belong to one person, and so
do persons that share a key: people are the connected components of the graph of links and keys, once the *shared*
keys (the shop's tablet, test@…) have been set aside. Only keyed hashes of the keys ever reach this module.

**Shared keys.** Set a set S of keys aside. Each key of S then joins a number of people: the components of the
other keys it was seen with, and each key of S with which it was seen in no row that names anybody else. The
shared keys are the largest S of which every key joins more than `max_people`. There is exactly one: setting more
keys aside never lowers any of those numbers (components only fall apart, and one that is set aside whole leaves
at least one key that counts by itself), so the union of two such sets is such a set (Tarski 1955, "A
lattice-theoretical fixpoint theorem"). Hence the outcome is a function of the links alone, whatever the order or
the batches in which they came. What follows from it:

- Two shared keys that always occur together (a tablet's device id and its cookie) are both found, and neither
  counts as a person for the other. A row that names both and nobody else is the older key's.
- A customer's own keys count like anybody's: a customer whose e-mail address meets 20 cookies stays one person,
  and with 21 cookies that meet nothing else the address is set aside, as a mailbox of 21 strangers would be. What
  joins the cookies some other way (a device, say) makes them count as one.
- A key set aside may come back when a later row shows that its people are fewer, and the other way round.

**Names.** A customer is called after the oldest key, so the id needs no memory: on a merge the older id survives,
on a split it stays with the part that holds the oldest key. A shared key is a person of its own, for the rows
that name nobody else.

**New links.** Two links influence each other only if the graph joins them, shared keys included. So with new
links exactly these must be resolved again, together: the new ones, and every old link whose `component` contains
a key of a new link. All other links keep their customer and their component. The same holds of links taken away:
what is left of their components is resolved again.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CUSTOMER_PREFIX = "c_"
_BLOCK = 64
_ID_DIGITS = 24


def hash_key(kind: str, value: str, *, secret: bytes) -> str:
    """HMAC-SHA256 of an identity key, hexadecimal (RFC 2104). The kind is part of the message, so that a phone
    number and a loyalty card with the same digits stay apart."""
    return hmac.new(secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def name_customers(key_hashes: Iterable[str]) -> list[str]:
    """What the customer is called whose oldest key each of these is."""
    return [CUSTOMER_PREFIX + key_hash[:_ID_DIGITS] for key_hash in key_hashes]


def hmac_pads(secret: bytes) -> tuple[bytes, bytes]:
    """The inner and outer padded key of HMAC-SHA256, for engines that have SHA-256 but no HMAC (RFC 2104)."""
    key = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
    key = key.ljust(_BLOCK, b"\0")
    return bytes(b ^ 0x36 for b in key), bytes(b ^ 0x5C for b in key)


@dataclass(frozen=True, slots=True)
class Partition:
    """Who holds which key and whose each link is, in codes.

    Attributes:
        person: per key, the code of the oldest key of its person.
        shared: per key, whether it joins more than the permitted number of people; it is then its own person.
        link_person: per link, the code of the oldest key of the person whose rows these are: of the link's keys
            that are not shared, otherwise its oldest shared key.
        component: per link, the lowest code among the links it must be resolved together with.
    """

    person: np.ndarray
    shared: np.ndarray
    link_person: np.ndarray
    component: np.ndarray


def partition_links(link: np.ndarray, key: np.ndarray, *, age: np.ndarray, max_people: int = 20) -> Partition:
    """Find the people in a graph of links and keys (see the module's text for the rule).

    Args:
        link: code of the link of each edge, from 0 without gaps.
        key: code of the key of each edge, from 0, in the order of the keys' hashes. Edges may repeat.
        age: when each key was first seen, smaller is older; the lower code decides a tie. Its length is the
            number of keys; a key without a link is a person.
        max_people: a key that joins more people than this is shared.

    Raises:
        ValueError: a code among the links has no edge.
    """
    links, keys = int(link.max(initial=-1)) + 1, len(age)
    size = np.bincount(link, minlength=links)
    if not size.all():
        raise ValueError(f"Link {int(np.argmin(size))} has no key: number the links from 0 without gaps.")
    part, shared = _set_shared_aside(link, key, size=size, keys=keys, max_people=max_people)
    oldest_first = np.argsort(age, kind="stable")
    person = _name_groups(part, oldest_first)

    rank = np.empty(keys, dtype=np.int64)
    rank[oldest_first] = np.arange(keys)
    rank[shared] += keys
    leading = np.full(links, 2 * keys, dtype=np.int64)
    np.minimum.at(leading, link, rank[key])
    return Partition(
        person=person,
        shared=shared,
        link_person=person[oldest_first[leading % max(keys, 1)]],
        component=_name_groups(_label_components(key, link, others=keys, nodes=links), np.arange(links)),
    )


@dataclass(frozen=True, slots=True)
class Resolution:
    """Customers of keys and links.

    Attributes:
        keys: key_kind, key_hash, customer_id, shared; one row a key.
        links: link_id, customer_id, component (the lowest link_id of those to be resolved together); one row a
            link.
    """

    keys: pd.DataFrame
    links: pd.DataFrame


def resolve_links(links: pd.DataFrame, *, max_people: int = 20) -> Resolution:
    """Name the customer of every key and every link.

    Args:
        links: link_id, key_kind, key_hash and `since`, when the key was first seen (of several the earliest
            counts); one row a key of a link, in any order.
        max_people: a key that joins more people than this is set aside.
    """
    by_key = links.groupby(["key_hash", "key_kind"], sort=True)["since"]
    keys = by_key.min().reset_index()
    link_ids, link = np.unique(links["link_id"].to_numpy(), return_inverse=True)
    found = partition_links(
        link, by_key.ngroup().to_numpy(), age=keys["since"].to_numpy(), max_people=max_people
    )
    customer = (CUSTOMER_PREFIX + keys["key_hash"].str[:_ID_DIGITS]).astype("str")
    keys = keys.assign(customer_id=customer.take(found.person).array, shared=found.shared)
    whose = {
        "link_id": link_ids,
        "customer_id": customer.take(found.link_person).array,
        "component": link_ids[found.component],
    }
    return Resolution(keys=keys[["key_kind", "key_hash", "customer_id", "shared"]], links=pd.DataFrame(whose))


def _set_shared_aside(
    link: np.ndarray, key: np.ndarray, *, size: np.ndarray, keys: int, max_people: int
) -> tuple[np.ndarray, np.ndarray]:
    """The component of each key without the shared ones (each its own), and which those are.

    Starts with every key out that could be shared, and puts back those that join too few people until none
    does. What has been joined is contracted to one node, so later rounds see only the links of keys still out.
    """
    out = np.bincount(key, weights=size[link] - 1, minlength=keys) > max_people
    part, node = np.arange(keys), key
    while True:
        inside = ~out[node]
        label = _label_components(link[inside], node[inside], others=len(size), nodes=len(out))
        part, node = label[part], label[node]
        out = _mark(label[out], length=int(label.max(initial=-1)) + 1)
        near = _mark(link[out[node]], length=len(size))[link]
        link, node = link[near], node[near]
        few = out & (_count_people(link, node, out=out, links=len(size)) <= max_people)
        if not few.any():
            return part, out[part]
        out &= ~few


def _count_people(link: np.ndarray, node: np.ndarray, *, out: np.ndarray, links: int) -> np.ndarray:
    """How many people each key that is out joins: components met, and keys out met only where all keys are."""
    hub = out[node]
    company = _mark(link[~hub], length=links)[link]
    shape = (links, len(out))
    people = _incidence(link[~hub], node[~hub], shape=shape)
    hubs = _incidence(link[hub], node[hub], shape=shape)
    accompanied = _incidence(link[hub & company], node[hub & company], shape=shape)
    # A key with no link in company would count itself among the keys it met.
    itself = np.diff(accompanied.tocsc().indptr) == 0
    met_alone = _count_met(hubs, hubs) - _count_met(accompanied, accompanied) - itself
    return _count_met(hubs, people) + met_alone


def _count_met(left: csr_array, right: csr_array) -> np.ndarray:
    """For each column of `left`, with how many columns of `right` it shares a row."""
    return np.diff((left.T @ right).tocsr().indptr)


def _incidence(rows: np.ndarray, columns: np.ndarray, *, shape: tuple[int, int]) -> csr_array:
    from scipy.sparse import coo_array

    return coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape).tocsr()


def _label_components(other: np.ndarray, node: np.ndarray, *, others: int, nodes: int) -> np.ndarray:
    """Number of the connected component of each of the `nodes`, in a bipartite graph of those and `others`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    total = nodes + others
    if not total:
        return np.zeros(0, dtype=np.int64)
    graph = coo_array((np.ones(len(node), dtype=np.int8), (node, other + nodes)), shape=(total, total))
    return connected_components(graph, directed=False)[1][:nodes]


def _name_groups(group: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Each member's group, called after the group's first member in `order`."""
    first = np.empty(int(group.max(initial=-1)) + 1, dtype=np.int64)
    first[group[order[::-1]]] = order[::-1]  # of several values for one place, numpy keeps the last
    return first[group]


def _mark(places: np.ndarray, *, length: int) -> np.ndarray:
    marked = np.zeros(length, dtype=bool)
    marked[places] = True
    return marked
