"""A run that forgets and dies on the way is finished by the next run, whatever that is."""

from datetime import date
from typing import Any

import pytest

from tasks.erasure import request_erasure
from tasks.forgotten import find_forgotten
from tasks.lake import ERASING_FLOW, begin_run, open_lake, write_lake
from tasks.model_erasure import ERASING_TAG, erase_from_models
from tasks.model_files import DIGEST_TAG
from tasks.pseudonyms import hash_identity, read_secret
from tasks.registry import MODEL, RegistryError, connect, load_version, open_registry

LAST = date(2026, 11, 15)


def find_somebody(shop: Any) -> tuple[str, str]:
    """The hash of somebody's address, and what they are called."""
    keys = shop.shop.truth.keys
    address = keys.loc[keys["key_kind"] == "email", "key_value"].iloc[3]
    key = hash_identity("email", address, secret=read_secret(str(shop.home), None))
    known = open_lake(str(shop.home)).table("identities")
    return key, known.filter(known.key_hash == key).customer_id.to_pyarrow()[0].as_py()


def test_a_run_that_died_among_the_models_is_finished_by_the_daily_one(shop_copy: Any) -> None:
    from flows.daily_score import daily_score

    key, person = find_somebody(shop_copy)
    registry = open_registry(shop_copy.home)
    with write_lake(str(shop_copy.home)) as lake:
        request_erasure.fn(lake, begin_run(ERASING_FLOW, LAST), key_kind="email", key_hash=key)
    client = connect(registry)
    before = {v.version: v.tags[DIGEST_TAG] for v in client.search_model_versions(f"name = '{MODEL}'")}
    changed = erase_from_models(
        registry, open_lake(str(shop_copy.home)), find_forgotten(open_lake(str(shop_copy.home))).names
    )
    assert changed == sum(
        client.get_model_version(MODEL, version).tags[DIGEST_TAG] != digest
        for version, digest in before.items()
    )
    # As if it had died between the files and their digest.
    for version, digest in before.items():
        if client.get_model_version(MODEL, version).tags[DIGEST_TAG] != digest:
            client.set_model_version_tag(MODEL, version, ERASING_TAG, "true")
            client.set_model_version_tag(MODEL, version, DIGEST_TAG, digest)
            with pytest.raises(RegistryError, match="not the files written at training"):
                load_version(registry, str(version))
    daily_score(config=str(shop_copy.config), as_of=LAST)
    lake = open_lake(str(shop_copy.home))
    for name in lake.versions:
        if "customer_id" in lake.schema(name).names:
            assert person not in lake.table(name).to_pandas()["customer_id"].to_numpy(), name
    for version in before:
        assert ERASING_TAG not in load_version(registry, str(version)).tags
    for file in (shop_copy.home / "lake").rglob("*"):
        assert not file.is_file() or person.encode() not in file.read_bytes(), file
