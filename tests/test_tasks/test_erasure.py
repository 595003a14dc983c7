"""A forgotten person is gone from the tables, from their history, and stays gone."""

from datetime import date
from pathlib import Path

import pytest
from test_ingestion import BOTH, A, B, count, take_in, write_csv

from tasks.erasure import erase_customer
from tasks.lake import begin_run, open_lake, write_lake
from tasks.pseudonyms import hash_identity

PERSON = "5,2026-05-01 10:00,purchase,77.123456,planted@example.org,555"


def forget(folder: Path, kind: str = "email", value: str = " Planted@Example.org") -> dict[str, int]:
    key = hash_identity(kind, value, secret=b"secret")
    with write_lake(str(folder / "var")) as lake:
        receipt = erase_customer.fn(lake, key_kind=kind, key_hash=key, receipt_id="r")
        run = begin_run("forget-customer", date(2026, 5, 4))
        lake.commit(run, receipt.to_dict())
        lake.purge_history(run, receipt.to_dict())
    return receipt.rows


def test_a_person_is_erased_from_every_table_and_its_history(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B, PERSON)
    take_in(tmp_path)
    customers = (
        open_lake(str(tmp_path / "var")).table("events").to_pandas().set_index("event_id")["customer_id"]
    )
    assert forget(tmp_path) == {"customers": 1, "events": 1, "identities": 2, "links": 2}
    person = customers["5"].encode()
    for file in (tmp_path / "var" / "lake").rglob("*"):
        if file.is_file():
            assert person not in file.read_bytes(), file
    left = open_lake(str(tmp_path / "var")).table("events").to_pandas()
    assert sorted(left["event_id"]) == ["1", "2"]


def test_the_next_delivery_does_not_bring_the_person_back(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, PERSON)
    take_in(tmp_path)
    forget(tmp_path)
    write_csv(tmp_path, "2.csv", BOTH, PERSON, "6,2026-05-02 10:00,page_view,,,555")
    assert count(take_in(tmp_path)) == (3, 1, 0, 0, 2)
    assert forget(tmp_path) == {}


def test_a_stranger_cannot_be_forgotten(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    with pytest.raises(LookupError, match="nobody known holds this email"):
        forget(tmp_path, value="nobody@example.org")
