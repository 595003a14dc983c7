"""What the intake decides: who is one customer, what money is worth, what a row refers to, what is tried again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from test_ingestion import RULES, A, B, count, lake, shop, take_in, write_csv

from models.keys import IdentitySettings
from models.mapping import Source
from tasks.ingestion import ingest_sources, retry_quarantined
from tasks.intake import Intake
from tasks.lake import begin_run, write_lake
from tasks.rollups import update_rollups
from tasks.sources import SourceError
from tasks.staging import ShopRules


def retry(folder: Path, *sources: Source) -> Intake:
    with write_lake(str(folder / "var")) as target:
        intake = retry_quarantined.fn(target, sources, rules=RULES)
        target.commit(begin_run("ingest", datetime(2026, 5, 4, tzinfo=UTC).date()), intake.to_dict())
    return intake


def events(folder: Path) -> Any:
    return lake(folder).table("events").to_pandas().set_index("event_id").sort_index()


def visit(number: int, mail: str, card: str) -> str:
    return f"{number},2026-05-01 10:00,page_view,,{mail},{card}"


def test_a_key_that_joins_too_many_people_is_set_aside_and_its_history_goes_back(tmp_path: Path) -> None:
    narrow = ShopRules(secret=b"secret", identity=IdentitySettings(max_people_per_key=3))
    write_csv(tmp_path, "1.csv", *(visit(n, "test@x.org", f"card{n}") for n in range(3)))
    take_in(tmp_path, rules=narrow)
    assert events(tmp_path)["customer_id"].nunique() == 1
    write_csv(tmp_path, "2.csv", visit(3, "test@x.org", "card3"))
    intake = take_in(tmp_path, rules=narrow)
    assert events(tmp_path)["customer_id"].nunique() == 4
    assert intake.identity.shared == ("email",)
    assert intake.identity.splits > 0
    assert "keys that join more than 3 people are set aside, not followed: 1 × email" in intake.warnings
    changes = lake(tmp_path).table("merges").to_pandas()
    assert set(changes["change"]) <= {"split", "merge"}


def test_a_merge_is_recorded_and_the_older_customer_stays(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    older = events(tmp_path)["customer_id"].iloc[0]
    write_csv(tmp_path, "2.csv", B)
    take_in(tmp_path)
    write_csv(tmp_path, "3.csv", "3,2026-05-02 09:00,purchase,20,A@x.org,77")
    take_in(tmp_path)
    assert set(events(tmp_path)["customer_id"]) == {older}
    merges = lake(tmp_path).table("merges").to_pandas()
    assert merges[["customer_id", "change"]].values.tolist() == [[older, "merge"]]


def test_phones_are_one_in_every_spelling(tmp_path: Path) -> None:
    rules = ShopRules(secret=b"secret", identity=IdentitySettings(calling_code="49"))
    spellings = ("+49 171 2345678", "0049 171/2345678", "0171 234 5678", "+49 (0)171 2345678")
    write_csv(tmp_path, "1.csv", *(visit(n, "", phone) for n, phone in enumerate(spellings)))
    take_in(tmp_path, shop(keys={"phone": "card"}), rules=rules)
    assert events(tmp_path)["customer_id"].nunique() == 1


def test_money_is_converted_at_the_rate_of_its_day(tmp_path: Path) -> None:
    header = "id,ts,kind,amount,mail,card,currency"
    rows = ("1,2026-05-03 10:00,purchase,10,a@x.org,,usd", "2,2026-05-04 10:00,purchase,10,a@x.org,,EUR",
            "3,2026-05-05 10:00,purchase,10,a@x.org,,USD", "4,2026-05-03 10:00,survey,9,a@x.org,,USD",
            "5,2026-05-01 10:00,purchase,10,a@x.org,,USD")  # fmt: skip
    write_csv(tmp_path, "1.csv", *rows, header=header)
    (tmp_path / "rates.csv").write_text("currency,day,rate\nUSD,2026-05-02,0.9\nUSD,2026-05-05,0.8\n")
    told = {"currency": "currency", "day": "day", "rate": "rate"}
    rates = Source(name="rates", table="rates", path="rates.csv", columns=told)
    sales = shop(columns={"event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount",
                          "currency": "currency"}, max_bad_share=0.5)  # fmt: skip
    assert count(take_in(tmp_path, sales, rates)) == (5, 4, 0, 1, 0)
    assert events(tmp_path)["value"].to_dict() == pytest.approx({"1": 9.0, "2": 10.0, "3": 8.0, "4": 9.0})
    refused = lake(tmp_path).table("quarantine").to_pandas()
    assert json.loads(refused["reasons"][0]) == ["currency: no rate for USD on that day or before"]
    (tmp_path / "rates.csv").write_text("currency,day,rate\nUSD,2026-04-01,0.7\n")
    take_in(tmp_path, sales, rates)
    assert count(retry(tmp_path, sales, rates)) == (1, 1, 0, 0, 0)
    assert events(tmp_path)["value"]["5"] == pytest.approx(7.0)
    assert lake(tmp_path).table("quarantine").to_pandas().empty


def test_quarantine_is_tried_again_when_the_cause_is_fixed(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, "2,2026-05-01 11:00,bought,7,b@x.org,", "3,never,bought,7,b@x.org,")
    loose = shop(max_bad_share=0.9)
    assert count(take_in(tmp_path, loose)) == (3, 1, 0, 2, 0)
    assert count(retry(tmp_path, loose)) == (2, 0, 0, 2, 0)
    mapped = shop(columns={"event_id": "id", "occurred_at": "ts", "value": "amount",
                           "kind": "replace(kind, 'bought', 'purchase')"})  # fmt: skip
    assert count(retry(tmp_path, mapped)) == (2, 1, 0, 1, 0)
    left = lake(tmp_path).table("quarantine").to_pandas()
    assert [json.loads(reasons) for reasons in left["reasons"]] == [["occurred_at: not a time"]]
    late = events(tmp_path)
    assert late.loc["2", ["kind", "value"]].tolist() == ["purchase", 7.0]
    write_csv(tmp_path, "2.csv", visit(9, "B@x.org", ""))
    take_in(tmp_path, mapped)
    assert events(tmp_path).loc["9", "customer_id"] == late.loc["2", "customer_id"]


def test_rows_that_refer_to_nothing_are_bad_and_events_stay_events(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A + ",c9", header="id,ts,kind,amount,mail,card,campaign")
    (tmp_path / "c.csv").write_text("id,name,starts,ends\nc1,Spring,2026-05-01,2026-06-01\n")
    (tmp_path / "a.csv").write_text(
        "id,mail,arm,at\nc1,a@x.org,control,2026-05-01\nc2,a@x.org,x,2026-05-01\n"
    )
    cost_rows = ("c1,control,2026-05-01,5", "c1,letter,2026-05-01,5", "c3,x,2026-05-01,5")
    (tmp_path / "k.csv").write_text("\n".join(["id,arm,day,sum", *cost_rows]) + "\n")
    sales = shop(columns={"event_id": "id", "occurred_at": "ts", "kind": "kind", "campaign_id": "campaign"})
    campaigns = Source(name="campaigns", table="campaigns", path="c.csv",
                       columns={"campaign_id": "id", "name": "name", "starts_at": "starts",
                                "ends_at": "ends"})  # fmt: skip
    assignments = Source(name="assignments", table="assignments", path="a.csv", keys={"email": "mail"},
                         max_bad_share=1,
                         columns={"campaign_id": "id", "arm": "arm", "assigned_at": '"at"'})  # fmt: skip
    costs = Source(name="costs", table="costs", path="k.csv", max_bad_share=1,
                   columns={"campaign_id": "id", "arm": "arm", "day": '"day"', "amount": '"sum"'})  # fmt: skip
    intake = take_in(tmp_path, costs, assignments, sales, campaigns)
    assert count(intake, "assignments") == (2, 1, 0, 1, 0)
    assert count(intake, "costs") == (3, 1, 0, 2, 0)
    assert "sources.shop: 1 event(s) name campaigns the shop does not know: c9" in intake.warnings
    refused = lake(tmp_path).table("quarantine").to_pandas()
    reasons = sorted(reason for found in refused["reasons"] for reason in json.loads(found))
    assert reasons == ["arm: unknown in this campaign", *["campaign_id: unknown campaign"] * 2]


@pytest.mark.parametrize("value", ["ann@example.org", "call +49 171 2345678", "0171 2345678", "555-123-4567"])
def test_an_identifier_in_a_mapped_column_is_refused_and_masked(tmp_path: Path, value: str) -> None:
    write_csv(tmp_path, "1.csv", f"1,2026-05-01 10:00,page_view,{value},a@x.org,")
    sales = shop(
        columns={"event_id": "id", "occurred_at": "ts", "kind": "kind", "category": "amount"}, max_bad_share=1
    )
    assert count(take_in(tmp_path, sales)) == (1, 0, 0, 1, 0)
    refused = lake(tmp_path).table("quarantine").to_pandas()
    assert json.loads(refused["reasons"][0]) == ["category: holds an e-mail address or a phone number"]


@pytest.mark.parametrize(
    "value", ["4006381333931", "2026-05-01", "10-20-30", "size 42", "ACME + Sons", "@home"]
)
def test_what_only_resembles_an_identifier_is_let_through(tmp_path: Path, value: str) -> None:
    write_csv(tmp_path, "1.csv", f"1,2026-05-01 10:00,page_view,{value},a@x.org,")
    sales = shop(columns={"event_id": "id", "occurred_at": "ts", "kind": "kind", "category": "amount"})
    assert count(take_in(tmp_path, sales)) == (1, 1, 0, 0, 0)


def test_consent_is_the_latest_word_whatever_the_order_of_arrival(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, visit(2, "b@x.org", ""))
    said = Source(name="consents", table="consents", path="said/*.csv", keys={"email": "mail"},
                  columns={"purpose": "purpose", "granted": "granted", "told_at": "told"})  # fmt: skip
    people = Source(name="people", table="customers", path="p.csv", keys={"email": "mail"},
                    columns={"country": "land", "consent_marketing": "ok"})  # fmt: skip
    (tmp_path / "p.csv").write_text("mail,land,ok\nb@x.org,DE,yes\n")
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "1.csv").write_text("mail,purpose,granted,told\na@x.org,profiling,no,2026-05-03\n")
    take_in(tmp_path, shop(), said, people)
    (tmp_path / "said" / "2.csv").write_text("mail,purpose,granted,told\na@x.org,profiling,yes,2026-05-02\n")
    take_in(tmp_path, shop(), said, people)
    by_event = events(tmp_path)["customer_id"]
    customers = lake(tmp_path).table("customers").to_pandas().set_index("customer_id")
    assert not customers.loc[by_event["1"], "consent_profiling"]
    assert customers.loc[by_event["2"], "consent_marketing"]
    evidence = lake(tmp_path).table("consents").to_pandas()
    assert sorted(evidence["source"]) == ["consents", "consents", "people"]


def test_a_change_of_columns_is_reported(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    write_csv(
        tmp_path,
        "2.csv",
        "2,2026-05-02 10:00,purchase,10,a@x.org,,red",
        header="id,ts,kind,amount,mail,card,colour",
    )
    assert take_in(tmp_path).schema_changes == ["sources.shop: new column 'colour' (VARCHAR)"]


def test_a_json_source_may_leave_a_known_column_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    row = {"id": "1", "ts": "2026-05-01T10:00:00Z", "m": "a@x.org", "price": 3}
    (tmp_path / "in" / "1.jsonl").write_text(json.dumps(row))
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "'purchase'", "value": "price"}
    web = shop(path="in/*.jsonl", keys={"email": "m"}, columns=columns)
    take_in(tmp_path, web)
    (tmp_path / "in" / "2.jsonl").write_text(
        json.dumps({k: v for k, v in row.items() if k != "price"} | {"id": "2"})
    )
    intake = take_in(tmp_path, web)
    assert count(intake) == (1, 1, 0, 0, 0)
    assert intake.schema_changes == ["sources.shop: column 'price' is missing"]


def test_what_the_transactions_have_on_record_is_not_written_again(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    home = str(tmp_path / "var")
    with write_lake(home) as target:
        (batch,) = [
            f"shop/in/1.csv@{f}" for f in target.table("deliveries").fingerprint.to_pyarrow().to_pylist()
        ]
        assert DeltaTable(target.uri("events")).transaction_version(batch) in target.finished
        version = target.versions["events"]
        target.append("events", target.table("events").to_pyarrow(), batches=[batch])
        assert target.versions["events"] == version


def test_transactions_of_a_run_that_died_do_not_count(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    write_csv(tmp_path, "2.csv", B)
    with write_lake(str(tmp_path / "var")) as target:
        ingest_sources.fn(target, (shop(),), base=str(tmp_path), rules=RULES)
    assert list(events(tmp_path).index) == ["1"]
    assert count(take_in(tmp_path)) == (1, 1, 0, 0, 0)
    assert list(events(tmp_path).index) == ["1", "2"]


def test_a_file_that_is_still_being_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import sources

    write_csv(tmp_path, "1.csv", A)
    real = sources.find_reader("x.csv").scan

    def scan_while_written(con: Any, path: str) -> Any:
        write_csv(tmp_path, "1.csv", A, B)
        return real(con, path)

    monkeypatch.setattr(
        sources, "find_reader", lambda _path: sources.Reader("csv", (".csv",), scan_while_written)
    )
    with pytest.raises(SourceError, match=r"in/1\.csv changed while it was read"):
        take_in(tmp_path)


def test_a_row_is_tried_again_by_the_keys_it_came_with(tmp_path: Path) -> None:
    told = {"keys": {"crm": "coalesce(card, 'guest')"}, "where": "card is not null", "max_bad_share": 1}
    write_csv(tmp_path, "1.csv", "1,2026-05-01 10:00,bought,5,,17850", "2,2026-05-01 10:00,bought,5,,17851")
    assert count(take_in(tmp_path, shop(**told))) == (2, 0, 0, 2, 0)
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "'purchase'"}
    assert count(retry(tmp_path, shop(**told, columns=columns))) == (2, 2, 0, 0, 0)
    assert events(tmp_path)["customer_id"].nunique() == 2


def test_a_row_whose_mapping_reads_its_keys_stays_in_quarantine(tmp_path: Path) -> None:
    columns = {"event_id": "sha256(card || id)", "occurred_at": "ts", "kind": "kind"}
    told = {"keys": {"crm": "card"}, "max_bad_share": 1}
    write_csv(tmp_path, "1.csv", "1,2026-05-01 10:00,bought,5,,17850")
    take_in(tmp_path, shop(**told, columns=columns))
    intake = retry(tmp_path, shop(**told, columns=columns | {"kind": "'purchase'"}))
    assert count(intake) == (0, 0, 0, 0, 0)
    assert "event_id reads what was not kept" in intake.warnings[0]
    assert len(lake(tmp_path).table("quarantine").to_pandas()) == 1


def test_people_may_be_joined_before_anything_happened(tmp_path: Path) -> None:
    people = Source(name="people", table="customers", path="p.csv", keys={"email": "mail", "card": "card"},
                    columns={"country": "land"})  # fmt: skip
    for rows in ("a@x.org,,DE", ",77,FR", "a@x.org,77,"):
        (tmp_path / "p.csv").write_text(f"mail,card,land\n{rows}\n")
        intake = take_in(tmp_path, people)
    assert intake.identity.merges == 1
    assert len(lake(tmp_path).table("customers").to_pandas()) == 1


def test_a_delivery_of_bad_rows_alone_is_followed_by_others(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", "1,never,purchase,5,a@x.org,")
    take_in(tmp_path, shop(max_bad_share=1))
    write_csv(tmp_path, "2.csv", A)
    assert count(take_in(tmp_path, shop(max_bad_share=1))) == (1, 1, 0, 0, 0)


def test_an_event_without_an_id_is_the_same_at_another_rate(tmp_path: Path) -> None:
    header = "id,ts,kind,amount,mail,card,currency"
    row = "1,2026-05-03 10:00,purchase,5,a@x.org,,USD"
    (tmp_path / "rates.csv").write_text("currency,day,rate\nUSD,2026-05-01,0.9\n")
    rates = Source(name="rates", table="rates", path="rates.csv",
                   columns={"currency": "currency", "day": "day", "rate": "rate"})  # fmt: skip
    sales = shop(columns={"occurred_at": "ts", "kind": "kind", "value": "amount", "currency": "currency"})
    write_csv(tmp_path, "1.csv", row, header=header)
    take_in(tmp_path, sales, rates)
    (tmp_path / "rates.csv").write_text("currency,day,rate\nUSD,2026-05-03,0.8\n")
    write_csv(tmp_path, "2.csv", row, header=header)
    assert count(take_in(tmp_path, sales, rates)) == (1, 0, 1, 0, 0)


def test_money_of_two_currencies_is_not_mixed(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    write_csv(tmp_path, "2.csv", B)
    with pytest.raises(SourceError, match=r'currency = "USD", but the lake holds money in EUR'):
        take_in(tmp_path, rules=ShopRules(secret=b"secret", currency="USD"))


def test_another_timezone_tells_all_days_apart_anew(tmp_path: Path) -> None:
    for number, timezone in enumerate(("UTC", "Europe/Berlin")):
        write_csv(tmp_path, f"{number}.csv", f"{number},2026-05-01 23:{number}0,page_view,,a@x.org,")
        rules = ShopRules(secret=b"secret", timezone=timezone)
        with write_lake(str(tmp_path / "var")) as target:
            intake = ingest_sources.fn(target, (shop(),), base=str(tmp_path), rules=rules)
            update_rollups.fn(target, intake.changes, timezone=timezone)
            target.commit(begin_run("ingest", datetime(2026, 5, 4, tzinfo=UTC).date()), intake.to_dict())
    days = lake(tmp_path).table("activity_daily").to_pandas()
    assert days["day"].astype(str).tolist() == ["2026-05-02"]
    assert days["events"].tolist() == [2.0]


@pytest.mark.parametrize("zone", [" UTC", " GMT", "Z", "z", " +00", "+00:00"])
def test_a_time_that_names_its_zone_is_read_in_it(tmp_path: Path, zone: str) -> None:
    write_csv(tmp_path, "1.csv", f"1,2026-05-01 10:00:00{zone},page_view,,a@x.org,")
    take_in(tmp_path, shop(timezone="Europe/Berlin"))
    assert str(events(tmp_path)["occurred_at"]["1"]) == "2026-05-01 10:00:00+00:00"


def test_blanks_around_a_key_do_not_count(tmp_path: Path) -> None:
    spellings = ("ada@x.org", "ada@x.org\t", "\u00a0ADA@x.org", "ada@x.org\u200b ")
    write_csv(tmp_path, "1.csv", *(visit(n, mail, "") for n, mail in enumerate(spellings)))
    take_in(tmp_path)
    assert events(tmp_path)["customer_id"].nunique() == 1


def test_a_key_in_a_mapped_column_is_refused_unless_it_is_hashed(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", visit(1, "", "cookie-4711"))
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "kind"}
    bare = shop(columns=columns | {"session_id": "card || '-1'"}, max_bad_share=1)
    assert count(take_in(tmp_path, bare)) == (1, 0, 0, 1, 0)
    refused = lake(tmp_path).table("quarantine").to_pandas()
    assert "session_id: holds the identity key card" in refused["reasons"][0]
    write_csv(tmp_path, "2.csv", visit(2, "", "cookie-4711"))
    hashed = shop(columns=columns | {"session_id": "sha256(card) || '-1'"})
    assert count(take_in(tmp_path, hashed)) == (1, 1, 0, 0, 0)


def test_a_refused_row_keeps_no_phone_number_however_it_is_written(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", "1,2026-05-01 10:00,page_view,030 1234567,a@x.org,")
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "kind", "category": "amount"}
    with pytest.raises(SourceError) as raised:
        take_in(tmp_path, shop(columns=columns))
    assert "1234567" not in str(raised.value)
    take_in(tmp_path, shop(columns=columns, max_bad_share=1))
    assert json.loads(lake(tmp_path).table("quarantine").to_pandas()["row"][0])["amount"] == "<phone>"


def test_a_column_called_after_a_person_is_remembered_masked(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    row = {"id": "1", "ts": "2026-05-01T10:00:00Z", "m": "a@x.org"}
    web = shop(path="in/*.jsonl", keys={"email": "m"},
               columns={"event_id": "id", "occurred_at": "ts", "kind": "'page_view'"})  # fmt: skip
    (tmp_path / "in" / "1.jsonl").write_text(json.dumps(row))
    take_in(tmp_path, web)
    (tmp_path / "in" / "2.jsonl").write_text(json.dumps(row | {"id": "2", "ada@x.org": {"bob@x.org": 1}}))
    assert take_in(tmp_path, web).schema_changes == [
        "sources.shop: new column '<e-mail>' (STRUCT(\"<e-mail>\" UBIGINT))"
    ]
    assert "@" not in lake(tmp_path).table("deliveries").to_pandas()["columns"].str.cat()


def test_whoever_was_in_two_arms_is_seen_to_be(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,name,starts,ends\nc1,Spring,2026-05-01,2026-06-01\n")
    campaigns = Source(name="campaigns", table="campaigns", path="c.csv",
                       columns={"campaign_id": "id", "name": "name", "starts_at": "starts",
                                "ends_at": "ends"})  # fmt: skip
    told = Source(name="arms", table="assignments", path="a.csv", keys={"email": "mail", "card": "card"},
                  columns={"campaign_id": "id", "arm": "arm", "assigned_at": "told"})  # fmt: skip
    (tmp_path / "a.csv").write_text(
        "id,mail,card,arm,told\nc1,a@x.org,,control,2026-04-30\nc1,,77,treatment,2026-04-30\n"
    )
    take_in(tmp_path, campaigns, told)
    write_csv(tmp_path, "1.csv", visit(1, "a@x.org", "77"))
    take_in(tmp_path, campaigns, told, shop())
    assigned = lake(tmp_path).table("assignments").to_pandas()
    assert sorted(assigned["arm"]) == ["control", "treatment"]
    assert assigned["customer_id"].nunique() == 1
