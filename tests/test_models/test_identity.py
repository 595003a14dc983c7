"""Who is who must not depend on the order in which it is learnt."""

import hashlib
import hmac

import duckdb
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.identity import hash_key, hmac_pads, resolve_identities
from models.mapping import hash_sql

NOBODY = pd.DataFrame({name: pd.Series(dtype="str") for name in ("key_kind", "key_hash", "customer_id")})


def links(*records: tuple[str, ...]) -> pd.DataFrame:
    """Records as tuples of keys such as `e1`: the letter is the kind."""
    rows = [(number, key[0], key) for number, keys in enumerate(records) for key in keys]
    return pd.DataFrame(rows, columns=["record", "key_kind", "key_hash"]).astype(
        {"key_kind": "str", "key_hash": "str"}
    )


def partition(keys: pd.DataFrame) -> set[frozenset[str]]:
    return {frozenset(group) for _, group in keys.groupby("customer_id")["key_hash"]}


def test_records_that_share_any_key_are_one_customer() -> None:
    found = resolve_identities(links(("e1", "c1"), ("c1", "p1"), ("e2",)), NOBODY)
    assert partition(found.keys) == {frozenset({"e1", "c1", "p1"}), frozenset({"e2"})}
    assert found.merges.empty


def test_a_late_key_joins_two_known_customers_and_says_so() -> None:
    first = resolve_identities(links(("e1",), ("c1",)), NOBODY).keys
    second = resolve_identities(links(("e1", "c1")), first)
    assert partition(second.keys) == {frozenset({"e1", "c1"})}
    survivor = min(first["customer_id"])
    assert second.merges.to_dict("records") == [
        {"old_customer_id": max(first["customer_id"]), "customer_id": survivor}
    ]


def test_known_customers_keep_their_id() -> None:
    first = resolve_identities(links(("e1", "c1")), NOBODY).keys
    second = resolve_identities(links(("e1", "p9"), ("e7",)), first).keys
    before = first.set_index("key_hash")["customer_id"]
    after = second.set_index("key_hash")["customer_id"]
    assert after["e1"] == before["e1"] == after["p9"] != after["e7"]


def test_nothing_in_nothing_out() -> None:
    assert resolve_identities(links(), NOBODY).keys.empty


record = st.lists(
    st.sampled_from(["e1", "e2", "e3", "c1", "c2", "c3", "p1", "p2"]), min_size=1, max_size=3, unique=True
)


@settings(max_examples=60, deadline=None)
@given(st.lists(record, min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(1, 7))
def test_any_order_and_any_batching_give_the_same_partition(records, random, cut) -> None:
    whole = resolve_identities(links(*map(tuple, records)), NOBODY)
    shuffled = random.sample(records, len(records))
    first = resolve_identities(links(*map(tuple, shuffled[:cut])), NOBODY).keys
    batched = resolve_identities(links(*map(tuple, shuffled[cut:])), first)
    assert partition(batched.keys) == partition(whole.keys)


@given(st.text(min_size=1, max_size=200), st.binary(min_size=1, max_size=130))
@settings(max_examples=40, deadline=None)
def test_the_engine_hashes_as_python_does(value: str, secret: bytes) -> None:
    expected = hmac.new(secret, f"email:{value}".encode(), hashlib.sha256).hexdigest()
    assert hash_key("email", value, secret=secret) == expected
    inner, outer = hmac_pads(secret)
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT {hash_sql('email', 'v')} FROM (SELECT $v AS v)",
            {"ipad": inner, "opad": outer, "v": value},
        ).fetchone()
    assert found == (expected,)
