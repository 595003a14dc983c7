"""Who is who must not depend on the order in which it is learnt."""

import hashlib
import hmac
from collections.abc import Collection
from itertools import combinations, pairwise
from random import Random

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.identity import (
    CUSTOMER_PREFIX,
    Resolution,
    hash_key,
    hmac_pads,
    partition_links,
    resolve_links,
)
from models.keys import hash_sql

Row = frozenset[str]

KEYS = ["e1", "e2", "e3", "c1", "c2", "d1", "p1"]
AGES = {key: age for age, key in enumerate(["c2", "e3", "d1", "e1", "p1", "c1", "e2"])}
rows = st.lists(st.frozensets(st.sampled_from(KEYS), min_size=1, max_size=3), min_size=1, max_size=12)
limits = st.integers(1, 3)


def links(*records: Collection[str], first: int = 0) -> pd.DataFrame:
    """Links of sets of keys such as `e1`: the letter is the kind, and the age comes from AGES or else the text."""
    edges = [
        (first + number, key[0], key, AGES.get(key, int("".join(filter(str.isdigit, key)) or 0)))
        for number, keys in enumerate(records)
        for key in keys
    ]
    frame = pd.DataFrame(edges, columns=["link_id", "key_kind", "key_hash", "since"])
    return frame.astype({"key_kind": "str", "key_hash": "str", "link_id": "int64", "since": "int64"})


def customers(found: Resolution) -> dict[str, str]:
    return dict(zip(found.keys["key_hash"], found.keys["customer_id"], strict=True))


def shared(found: Resolution) -> set[str]:
    return set(found.keys.loc[found.keys["shared"], "key_hash"])


def owners(found: Resolution) -> list[str]:
    """The customer of each link, in the order of their ids, as the key the customer is called after."""
    return found.links.sort_values("link_id")["customer_id"].str.removeprefix(CUSTOMER_PREFIX).to_list()


# The rule, as slowly as it is defined.


def join(records: list[Row]) -> list[Row]:
    """Connected components, by merging whatever overlaps."""
    groups: list[Row] = []
    for record in records:
        apart = [group for group in groups if not group & record]
        groups = [*apart, record.union(*(group for group in groups if group & record))]
    return [group for group in groups if group]


def count_people(key: str, aside: Row, records: list[Row]) -> int:
    mine = [record for record in records if key in record]
    met = [group for group in join([record - aside for record in records]) if any(group & r for r in mine)]
    accompanied = frozenset().union(*(record for record in mine if record - aside))
    alone = frozenset().union(*mine) & aside - accompanied - {key}
    return len(met) + len(alone)


def find_shared(records: list[Row], limit: int) -> Row:
    """The union of every set of keys of which each joins too many people once the set is put aside."""
    keys = sorted(frozenset().union(*records))
    subsets = (frozenset(chosen) for size in range(len(keys) + 1) for chosen in combinations(keys, size))
    holding = [s for s in subsets if all(count_people(key, s, records) > limit for key in s)]
    return frozenset().union(*holding)


@settings(max_examples=80, deadline=None)
@given(rows, limits)
def test_people_are_the_components_without_the_largest_set_of_keys_that_join_too_many(
    records: list[Row], limit: int
) -> None:
    aside = find_shared(records, limit)
    assert all(count_people(key, aside, records) > limit for key in aside)  # the union is itself such a set
    groups = [*join([record - aside for record in records]), *({key} for key in aside)]
    name = {key: min(group, key=AGES.__getitem__) for group in groups for key in group}

    found = resolve_links(links(*records), max_people=limit)
    assert shared(found) == aside
    assert customers(found) == {key: CUSTOMER_PREFIX + origin for key, origin in name.items()}
    leading = [min(record - aside or record, key=AGES.__getitem__) for record in records]
    assert owners(found) == [name[key] for key in leading]
    regions = {
        key: min(number for number, record in enumerate(records) if record & region)
        for region in join(records)
        for key in region
    }
    assert found.links["component"].to_list() == [regions[min(record)] for record in records]


@settings(max_examples=25, deadline=None)
@given(rows, limits, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_partition(
    records: list[Row], limit: int, random: Random
) -> None:
    whole = resolve_links(links(*records), max_people=limit)
    again = [*records, *random.choices(records, k=5)]
    shuffled = links(*random.sample(again, len(again))).sample(frac=1, random_state=random.randint(0, 99))
    repeated = resolve_links(shuffled, max_people=limit)
    assert customers(repeated) == customers(whole)
    assert shared(repeated) == shared(whole)


TOUCHED = """
    WITH touched AS (
        SELECT o.component FROM known k JOIN resolved o USING (link_id)
        WHERE (k.key_kind, k.key_hash) IN (SELECT (key_kind, key_hash) FROM arrived)
    )
    SELECT k.* FROM known k JOIN resolved o USING (link_id) WHERE o.component IN (SELECT component FROM touched)
"""


@settings(max_examples=25, deadline=None)
@given(rows, limits, st.lists(st.integers(1, 11), max_size=3))
def test_resolving_only_what_new_links_touch_gives_what_one_go_gives(
    records: list[Row], limit: int, cuts: list[int]
) -> None:
    edges = [0, *sorted(cut for cut in set(cuts) if cut < len(records)), len(records)]
    batches = [links(*records[start:end], first=start) for start, end in pairwise(edges)]
    known = links()
    nothing = resolve_links(known)
    keys, resolved = nothing.keys, nothing.links
    with duckdb.connect() as con:
        for arrived in batches:
            for name, frame in {"known": known, "resolved": resolved, "arrived": arrived}.items():
                con.register(name, frame)
            together = pd.concat([con.execute(TOUCHED).df(), arrived])
            fresh = resolve_links(together, max_people=limit)
            keys = pd.concat([keys[~keys["key_hash"].isin(fresh.keys["key_hash"])], fresh.keys])
            resolved = pd.concat([resolved[~resolved["link_id"].isin(fresh.links["link_id"])], fresh.links])
            known = pd.concat([known, arrived])
    whole = resolve_links(links(*records), max_people=limit)
    pd.testing.assert_frame_equal(keys.sort_values("key_hash", ignore_index=True), whole.keys)
    pd.testing.assert_frame_equal(resolved.sort_values("link_id", ignore_index=True), whole.links)


# Who is called what.


def test_records_that_share_any_key_are_one_customer() -> None:
    found = customers(resolve_links(links({"e10", "c11"}, {"c11", "p12"}, {"e13"})))
    assert found == {"e10": "c_e10", "c11": "c_e10", "p12": "c_e10", "e13": "c_e13"}


def test_the_older_id_survives_a_merge_and_the_origin_keeps_it_on_a_split() -> None:
    old, new = {"e20", "c90"}, {"e30", "c80"}
    apart = resolve_links(links(old, new))
    assert owners(apart) == ["e20", "e30"]
    merged = resolve_links(links(old, new, {"c80", "c90"}))
    assert owners(merged) == ["e20", "e20", "e20"]
    # Two more strangers at c80 make it a shared key: what it had joined falls apart again.
    split = resolve_links(links(old, new, {"c80", "c90"}, {"c80", "e41"}), max_people=2)
    assert shared(split) == {"c80"}
    assert owners(split) == ["e20", "e30", "e20", "e41"]


def test_the_same_age_is_settled_by_the_hash() -> None:
    frame = links({"e60", "c70"}).assign(since=pd.Timestamp("2026-01-01", tz="UTC"))
    frame["key_kind"] = frame["key_kind"].map({"e": "email", "c": "phone"})  # whose order is the other one
    assert owners(resolve_links(frame)) == ["c70"]
    assert owners(resolve_links(frame.sample(frac=1, random_state=3))) == ["c70"]


@settings(max_examples=25, deadline=None)
@given(rows, limits)
def test_an_id_belongs_to_one_person_who_holds_the_key_it_comes_from(records: list[Row], limit: int) -> None:
    found = resolve_links(links(*records), max_people=limit)
    assert set(customers(found).values()) >= set(found.links["customer_id"])
    for customer, group in found.keys.groupby("customer_id"):
        assert str(customer).removeprefix(CUSTOMER_PREFIX) == min(group["key_hash"], key=AGES.__getitem__)
        assert len(group) == 1 or not group["shared"].any()


# Keys that join too many.


def test_a_shared_tablet_and_a_shop_mailbox_are_set_aside_and_nobody_is_merged() -> None:
    tablet = [{"d-tablet", "c-tablet", f"e{n}", f"p{n}"} for n in range(100, 125)]
    mailbox = [{"e-test", f"p{n}", f"l{n}"} for n in range(200, 230)]
    both = [{"d-tablet", "c-tablet", "e-test"}, {"d-tablet", "c-tablet"}, {"e-test"}, {"c-tablet"}]
    found = resolve_links(links(*tablet, *mailbox, *both))
    assert shared(found) == {"d-tablet", "c-tablet", "e-test"}
    assert len(set(owners(found)[:55])) == 55
    # Rows that name nobody else belong to the shared key; of several, to the first.
    assert owners(found)[55:] == ["c-tablet", "c-tablet", "e-test", "c-tablet"]
    assert len(set(found.links["component"])) == 1


def test_a_tablet_is_found_though_each_of_its_people_could_be_shared() -> None:
    # Every e-mail address has met 22 keys, in 11 pairs, so nobody around the tablet is above suspicion at first.
    pairs = [{f"e{n}", f"c{n}{m:02}", f"d{n}{m:02}"} for n in range(100, 125) for m in range(11)]
    tablet = [{"d-tablet", f"e{n}"} for n in range(100, 125)]
    found = resolve_links(links(*pairs, *tablet))
    assert shared(found) == {"d-tablet"}
    assert len(set(owners(found))) == 25


def test_a_key_put_back_may_join_those_that_another_had_met_apart() -> None:
    # d1 meets three people while e1 is out; e1 joins only two of them, is put back, and d1 is left with two.
    records = [{"e1", "c1", "p1"}, {"e1", "c2"}, {"d1", "c1"}, {"d1", "c2"}, {"d1", "e2"}]
    found = resolve_links(links(*records), max_people=2)
    assert shared(found) == set()
    assert len(set(owners(found))) == 1


@pytest.mark.parametrize("company", [set(), {"p1"}, {"p1", "l1"}])
def test_a_customer_may_have_twenty_cookies_and_with_more_the_address_is_set_aside(company: set[str]) -> None:
    visits = [{"e0", f"c{n}", *company} for n in range(100, 120)]
    found = resolve_links(links(*visits, {"e0", *company}))
    assert shared(found) == set()
    assert len(set(owners(found))) == 1
    found = resolve_links(links(*visits, {"e0", "c120", *company}))
    assert shared(found) == {"e0", *company}
    assert len(set(owners(found))) == 21
    joined = resolve_links(links(*visits, {"e0", "c120", *company}, {"d9", "c119"}, {"d9", "c120"}))
    assert shared(joined) == set()
    assert len(set(owners(joined))) == 1


# The core, in codes.


def test_nothing_in_nothing_out_and_a_key_without_a_link_is_somebody() -> None:
    empty = resolve_links(links())
    assert empty.keys.empty
    assert empty.links.empty
    nothing = np.zeros(0, dtype=np.int64)
    found = partition_links(nothing, nothing, age=np.array([3, 1]))
    assert found.person.tolist() == [0, 1]
    assert found.shared.tolist() == [False, False]


def test_links_are_numbered_without_gaps() -> None:
    with pytest.raises(ValueError, match="Link 1 has no key"):
        partition_links(np.array([0, 2]), np.array([0, 0]), age=np.array([0]))


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
