"""A forgotten person is gone from the tables, from their history, and stays gone."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow
import pytest
from test_ingestion import BOTH, RULES, A, B, count, lake, shop, take_in, write_csv
from test_intake_rules import visit

from tasks.erasure import erase_customer, finish_erasure, request_erasure
from tasks.lake import ERASING_FLOW, Lake, Run, begin_run, open_lake, write_lake
from tasks.places import Places
from tasks.pseudonyms import hash_identity
from tasks.rollups import EventChanges, update_rollups

PERSON = "5,2026-05-01 10:00,purchase,77.123456,planted@example.org,555"


def forget(folder: Path, kind: str = "email", value: str = " Planted@Example.org") -> dict[str, int]:
    with write_lake(str(folder / "var")) as lake:
        run = ask(lake, kind, value)
        receipt = erase_customer.fn(lake, run, places=find_places(folder))
        lake.commit(run, receipt.to_dict())
        lake.purge_history(run, receipt.to_dict())
    return dict(receipt.rows)


def ask(lake: Lake, kind: str = "email", value: str = " Planted@Example.org") -> Run:
    run = begin_run(ERASING_FLOW, date(2026, 5, 4))
    request_erasure.fn(lake, run, key_kind=kind, key_hash=hash_identity(kind, value, secret=b"secret"))
    return run


def find_places(folder: Path) -> Places:
    reports = folder / "var" / "reports"
    return Places(reports=reports, language="en", exports=(), tracking_uri=None, rules=RULES)


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


def test_a_key_that_comes_to_light_later_is_the_persons_too(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, PERSON)
    take_in(tmp_path)
    forget(tmp_path)
    write_csv(tmp_path, "2.csv", visit(6, "planted@example.org", "c7"), visit(7, "", "c7"))
    assert count(take_in(tmp_path)) == (2, 0, 0, 0, 2)
    write_csv(tmp_path, "3.csv", visit(8, "", "c7"), visit(9, "planted@example.org", "tablet"),
              visit(10, "bob@example.org", "tablet"))  # fmt: skip
    assert count(take_in(tmp_path)) == (3, 1, 0, 0, 2)


def test_who_is_only_known_from_quarantine_is_forgotten(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, "5,never,purchase,7,planted@example.org,555", "6,never,purchase,7,,555")
    take_in(tmp_path, shop(max_bad_share=0.9))
    assert forget(tmp_path) == {"quarantine": 2}
    assert lake(tmp_path).table("quarantine").to_pandas().empty
    write_csv(tmp_path, "2.csv", visit(7, "planted@example.org", ""), visit(8, "", "555"))
    assert count(take_in(tmp_path)) == (2, 0, 0, 0, 2)


def test_a_key_of_many_names_nobody(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", *(visit(n, "planted@example.org", f"card{n}") for n in range(22)))
    take_in(tmp_path)
    with pytest.raises(LookupError, match="names nobody; give another key"):
        forget(tmp_path)


def test_history_goes_even_if_the_run_that_forgets_dies(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B, PERSON)
    take_in(tmp_path)
    person = lake(tmp_path).table("events").to_pandas().set_index("event_id")["customer_id"]["5"].encode()
    with write_lake(str(tmp_path / "var")) as target:
        run = ask(target)
        receipt = erase_customer.fn(target, run, places=find_places(tmp_path))
        target.commit(run, receipt.to_dict())
    files = [file for file in (tmp_path / "var" / "lake").rglob("*") if file.is_file()]
    assert any(person in file.read_bytes() for file in files)
    write_csv(tmp_path, "2.csv", BOTH)
    take_in(tmp_path)
    for file in (tmp_path / "var" / "lake").rglob("*"):
        assert not file.is_file() or person not in file.read_bytes(), file


def test_a_run_that_died_after_the_person_asked_is_finished_by_the_next(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B, PERSON)
    take_in(tmp_path)
    person = lake(tmp_path).table("events").to_pandas().set_index("event_id")["customer_id"]["5"].encode()
    with write_lake(str(tmp_path / "var")) as target:
        ask(target)
    assert len(lake(tmp_path).table("events").to_pandas()) == 3
    with write_lake(str(tmp_path / "var")) as target:
        finish_erasure(target, places=find_places(tmp_path))
    assert sorted(lake(tmp_path).table("events").to_pandas()["event_id"]) == ["1", "2"]
    for file in (tmp_path / "var" / "lake").rglob("*"):
        assert not file.is_file() or person not in file.read_bytes(), file
    runs = len(lake(tmp_path).runs())
    with write_lake(str(tmp_path / "var")) as target:
        finish_erasure(target, places=find_places(tmp_path))
    assert len(lake(tmp_path).runs()) == runs


def test_who_turned_out_to_be_somebody_else_is_not_forgotten_along(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", PERSON, visit(6, "other@example.org", "777"))
    take_in(tmp_path)
    events = lake(tmp_path).table("events").to_pandas().set_index("event_id")["customer_id"]
    with write_lake(str(tmp_path / "var")) as target:
        # Once taken for the same; the other's keys are the other's again.
        row = {"merged_at": datetime(2026, 5, 3, tzinfo=UTC), "old_customer_id": events["6"],
               "customer_id": events["5"], "change": "merge"}  # fmt: skip
        types = [("merged_at", pyarrow.timestamp("us", "UTC"))]
        types += [(name, pyarrow.string()) for name in ("old_customer_id", "customer_id", "change")]
        target.append("merges", pyarrow.Table.from_pylist([row], schema=pyarrow.schema(types)))
        target.commit(begin_run("by hand", date(2026, 5, 4)), {})
    forget(tmp_path)
    assert list(lake(tmp_path).table("events").to_pandas()["event_id"]) == ["6"]


def test_a_shop_without_categories_can_forget(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, PERSON)
    take_in(tmp_path)
    with write_lake(str(tmp_path / "var")) as target:
        update_rollups.fn(target, EventChanges(), timezone="UTC")
        target.commit(begin_run("ingest", date(2026, 5, 4)), {})
    assert forget(tmp_path)["orders"] == 1


def test_a_stranger_cannot_be_forgotten(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    with pytest.raises(LookupError, match="nobody known holds this email"):
        forget(tmp_path, value="nobody@example.org")
