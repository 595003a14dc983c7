"""The treatment group as rows of a contact list: all of it, nobody else, and nothing of the list in the lake."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from small_lake import DAY, MOMENT, SECRET, change, make_campaign, name_customer, write_address, write_shop

from models.identity import hash_key
from models.keys import IdentitySettings
from monitoring.experiments.planning import ExperimentDesign
from tasks.contacts import ContactListError, Contacts, prove_contacts, write_contacts
from tasks.destinations import Export
from tasks.engines import connect_engine
from tasks.holdout import read_holdout
from tasks.lake import begin_run, open_lake, write_lake
from tasks.planning import assign_campaign
from tasks.staging import ShopRules

PEOPLE = 240
STRANGERS = 7
SHARES = {"control": 0.25, "letter": 0.5, "call": 0.25}
RULES = ShopRules(secret=SECRET, timezone="Europe/Berlin", identity=IdentitySettings(calling_code="49"))


@pytest.fixture(scope="module")
def drawn_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake in which "spring" is drawn, and a contact list of everybody and a few strangers."""
    folder = tmp_path_factory.mktemp("drawn")
    write_shop(folder / "var", customers=PEOPLE)
    with write_lake(str(folder / "var")) as lake:
        assign_campaign.fn(
            lake, ExperimentDesign(campaign=make_campaign(), shares=SHARES), as_of=None, moment=MOMENT,
            timezone="Europe/Berlin", consent_default=True, holdout_share=0.1,
        )  # fmt: skip
        lake.commit(begin_run("plan-campaign", DAY), {})
    addresses = [write_address(number) for number in range(PEOPLE)]
    # Written as people write them: ingestion would know them all the same.
    addresses[0] = f"  {addresses[0].upper()} "
    addresses += [f"stranger{number}@elsewhere.example" for number in range(STRANGERS)]
    names = [f"Ada, no. {number}" for number in range(len(addresses))]
    pd.DataFrame({"Name": names, "Mail": addresses}).to_csv(folder / "crm.csv", index=False)
    return folder


@pytest.fixture
def shop(drawn_shop: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(drawn_shop, tmp_path / "shop")


def make_export(shop: Path, **fields: Any) -> Export:
    given = {"name": "spring", "destination": "audience", "path": shop / "out" / "spring.csv"}
    return Export.model_validate(
        given | {"campaign": "spring", "join": "crm.csv", "key": "email", "column": "mail"} | fields
    )


def export(shop: Path, **fields: Any) -> Contacts:
    return write_contacts(
        open_lake(str(shop / "var")), make_export(shop, **fields), DAY, base=str(shop), rules=RULES,
        consent_default=True,
    )  # fmt: skip


def read_arms(shop: Path) -> dict[str, str]:
    """Each customer's arm; "held out" and "" for the others."""
    lake = open_lake(str(shop / "var"))
    arms = {name_customer(number): "" for number in range(PEOPLE)}
    arms |= dict.fromkeys(
        read_holdout(lake, make_campaign().starts_at.date()).to_pandas()["customer_id"], "held out"
    )
    drawn = lake.table("assignments").to_pandas()
    return arms | dict(zip(drawn["customer_id"], drawn["arm"], strict=True))


def read_people(path: Path) -> set[str]:
    """The customers whose rows stand in a file."""
    addresses = pd.read_csv(path)["Mail"].str.strip().str.lower()
    return {name_customer(int(address.split("@")[0].removeprefix("person"))) for address in addresses}


def choose(arms: dict[str, str], *wanted: str) -> set[str]:
    return {customer for customer, arm in arms.items() if arm in wanted}


def find_number(arms: dict[str, str], arm: str) -> int:
    return int(min(choose(arms, arm)).removeprefix("c_"))


def give_keys(shop: Path, *keys: tuple[str, str, int], shared: bool = False) -> None:
    """Further identity keys: kind, value and whose they are."""
    known = open_lake(str(shop / "var")).table("identities").to_pandas()
    more = pd.DataFrame(
        {
            "key_kind": [kind for kind, _value, _owner in keys],
            "key_hash": [hash_key(kind, value, secret=SECRET) for kind, value, _owner in keys],
            "customer_id": [name_customer(owner) for _kind, _value, owner in keys],
            "since": 2,
            "shared": shared,
        }
    )
    both = pd.concat([known, more], ignore_index=True)
    change(shop / "var", identities=both.astype({"since": "Int64", "shared": "boolean"}))


def list_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_exactly_the_treatment_group_is_written_with_its_own_columns(shop: Path) -> None:
    arms = read_arms(shop)
    assert choose(arms, "held out")
    assert choose(arms, "control")
    found = export(shop)
    assert read_people(found.path) == choose(arms, "letter", "call")
    rows = pd.read_csv(found.path)
    assert list(rows) == ["Name", "Mail"]
    assert set(rows["Name"]) <= {f"Ada, no. {number}" for number in range(PEOPLE)}
    assert (found.listed, found.unmatched, found.withheld) == (PEOPLE + STRANGERS, STRANGERS, 0)
    assert found.elsewhere == len(choose(arms, "control", "held out"))
    assert found.written == found.reached == found.assigned == len(choose(arms, "letter", "call"))
    assert f"{STRANGERS} match no customer" in found.describe()
    assert [path.name for path in found.path.parent.iterdir()] == ["spring.csv"]
    assert os.name != "posix" or found.path.stat().st_mode & 0o777 == 0o600


def test_one_arm_can_be_written_alone_in_a_folder(shop: Path) -> None:
    found = export(shop, arm="call", path=shop / "out")
    assert found.path == shop / "out" / f"spring_{DAY}.csv"
    assert read_people(found.path) == choose(read_arms(shop), "call")


def test_no_address_is_anywhere_in_the_home(shop: Path) -> None:
    export(shop)
    held = [
        path
        for path in list_files(shop / "var")
        for text in (b"@shop.example", b"Ada, no.")
        if text in path.read_bytes()
    ]
    assert held == []
    assert any(b"@shop.example" in path.read_bytes() for path in list_files(shop / "out"))


def test_who_has_withdrawn_consent_since_the_draw_is_left_out(shop: Path) -> None:
    arms = read_arms(shop)
    refusing = name_customer(find_number(arms, "letter"))
    customers = open_lake(str(shop / "var")).table("customers").to_pandas()
    customers["consent_marketing"] = customers["customer_id"].ne(refusing).astype("boolean")
    change(shop / "var", customers=customers.astype({"consent_profiling": "boolean"}))
    found = export(shop)
    assert read_people(found.path) == choose(arms, "letter", "call") - {refusing}
    assert found.without_consent == 1


@pytest.mark.parametrize("group", ["control", "held out"])
def test_a_treated_customer_who_shares_a_second_key_with_control_is_kept_back_and_told(
    shop: Path, group: str
) -> None:
    arms = read_arms(shop)
    treated, other = find_number(arms, "letter"), find_number(arms, group)
    give_keys(shop, ("loyalty_card", "77", treated), ("loyalty_card", "77", other))
    found = export(shop)
    assert read_people(found.path) == choose(arms, "letter", "call") - {name_customer(treated)}
    assert found.withheld == 1
    assert "1 are kept back, as a key of theirs is also of control or the hold-out" in found.describe()


def test_a_key_too_many_people_share_keeps_nobody_back_and_reaches_nobody(shop: Path) -> None:
    arms = read_arms(shop)
    treated = find_number(arms, "letter")
    give_keys(shop, ("email", "shop@shop.example", treated), shared=True)
    with (shop / "crm.csv").open("a", encoding="utf-8") as file:
        file.write("Shop,shop@shop.example\n")
    found = export(shop)
    assert read_people(found.path) == choose(arms, "letter", "call")
    assert found.unmatched == STRANGERS + 1


def test_a_customer_in_two_arms_since_a_merge_is_kept_back(shop: Path) -> None:
    arms = read_arms(shop)
    both = name_customer(find_number(arms, "letter"))
    drawn = open_lake(str(shop / "var")).table("assignments").to_pandas()
    second = drawn[drawn["customer_id"] == both].assign(arm="control")
    change(shop / "var", assignments=pd.concat([drawn, second]).astype({"segment_id": "Int64"}))
    found = export(shop)
    assert both not in read_people(found.path)
    assert found.withheld == 1


def test_a_row_whose_other_key_is_of_a_control_customer_is_kept_back(shop: Path) -> None:
    arms = read_arms(shop)
    treated, control = find_number(arms, "letter"), find_number(arms, "control")
    give_keys(shop, ("phone", "+491711234567", control))
    rows = pd.read_csv(shop / "crm.csv").assign(tel="")
    rows.loc[treated, "tel"] = "0171 1234567"
    rows.to_csv(shop / "crm.csv", index=False)
    assert read_people(export(shop).path) == choose(arms, "letter", "call")
    found = export(shop, other_keys={"phone": "tel"})
    assert read_people(found.path) == choose(arms, "letter", "call") - {name_customer(treated)}
    assert found.withheld == 1


@pytest.mark.parametrize("group", ["control", "held out", ""])
def test_the_proof_stops_a_file_with_anybody_who_must_not_be_in_it(shop: Path, group: str) -> None:
    arms = read_arms(shop)
    treated = write_address(find_number(arms, "letter"))
    wrong = write_address(find_number(arms, group)) if group else "stranger0@elsewhere.example"
    own = replace(open_lake(str(shop / "var")), engine=connect_engine())
    con = own.engine.con
    con.execute(
        "CREATE TEMP TABLE treated AS SELECT $id AS customer_id",
        {"id": name_customer(find_number(arms, "letter"))},
    )
    con.execute("CREATE TEMP TABLE chosen (hash VARCHAR)")
    con.execute("INSERT INTO chosen VALUES ($hash)", {"hash": hash_key("email", treated, secret=SECRET)})
    prove_contacts(own, make_export(shop), timezone="Europe/Berlin")
    con.execute("INSERT INTO chosen VALUES ($hash)", {"hash": hash_key("email", wrong, secret=SECRET)})
    with pytest.raises(ContactListError, match="nothing was written: of 2 keys"):
        prove_contacts(own, make_export(shop), timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "var/exports/spring.csv"}, "lies within home"),
        ({"path": "out/../var/spring.csv"}, "lies within home"),
        ({"path": "crm.csv"}, "is the list itself"),
        ({"join": "nowhere.csv"}, "there is no file"),
        ({"column": "address"}, "there is no column 'address'; it has: Name, Mail"),
        ({"campaign": "autumn"}, "campaign 'autumn' has not been drawn; run `segmentwerk plan autumn` first"),
        ({"arm": "fax"}, "campaign 'spring' has no arm 'fax'; it has: call, control, letter"),
    ],
)
def test_what_cannot_be_written_is_refused_and_the_old_file_stays(
    shop: Path, fields: dict[str, Any], message: str
) -> None:
    old = shop / "out" / "spring.csv"
    old.parent.mkdir()
    old.write_text("old")
    if "path" in fields:
        fields = fields | {"path": shop / fields["path"]}
    with pytest.raises((ContactListError, LookupError), match=message):
        export(shop, **fields)
    assert old.read_text() == "old"
    assert not (shop / "var" / "exports").exists()
    assert [path.name for path in old.parent.iterdir()] == ["spring.csv"]


def test_a_link_into_the_home_is_seen_through(shop: Path) -> None:
    (shop / "out").symlink_to(shop / "var", target_is_directory=True)
    with pytest.raises(ContactListError, match="lies within home"):
        export(shop)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"key": None}, "key is missing: campaign, join and key belong together"),
        ({"campaign": None}, "campaign is missing"),
        ({"join": None}, "join is missing"),
        ({"destination": "bi"}, "goes with destination 'audience'"),
        ({"segments": ("Regulars",)}, "without segments"),
        ({"arm": "control"}, "arm 'control' must not be addressed"),
        ({"other_keys": {"email": "mail2"}}, "'email' is the key itself"),
        ({"key": "E-Mail"}, "key"),
    ],
)
def test_a_wrong_section_is_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_export(tmp_path, **fields)


def test_lines_that_are_no_rows_are_counted_and_not_quoted(shop: Path) -> None:
    with (shop / "crm.csv").open("a", encoding="utf-8") as file:
        file.write("one,two@shop.example,three\n")
    found = export(shop)
    assert (found.unreadable, found.listed) == (1, PEOPLE + STRANGERS)
