"""Files into the lake: nothing doubled, nothing lost, nothing that names a person."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from models.mapping import NO_KEY, Source
from tasks.ingestion import ingest_sources
from tasks.intake import Intake
from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.sources import SourceError
from tasks.staging import ShopRules

RULES = ShopRules(secret=b"secret", timezone="Europe/Berlin")
COLUMNS = {"event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount"}


def shop(**changes: Any) -> Source:
    given = {
        "name": "shop",
        "path": "in/*.csv",
        "keys": {"email": "mail", "card": "card"},
        "columns": COLUMNS,
    }
    return Source(**(given | changes))


def write_csv(folder: Path, name: str, *rows: str, header: str = "id,ts,kind,amount,mail,card") -> None:
    file = folder / "in" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def take_in(folder: Path, *sources: Source, flow: str = "weekly-retrain", rules: ShopRules = RULES) -> Intake:
    with write_lake(str(folder / "var")) as lake:
        intake = ingest_sources.fn(lake, sources or (shop(),), base=str(folder), rules=rules)
        from datetime import date

        lake.commit(begin_run(flow, date(2026, 5, 3)), intake.to_dict())
    return intake


def lake(folder: Path) -> Lake:
    return open_lake(str(folder / "var"))


def count(intake: Intake, source: str = "shop") -> tuple[int, int, int, int, int]:
    c = intake.by_source[source]
    return c.read, c.accepted, c.duplicates, c.quarantined, c.filtered


A = "1,2026-05-01 10:00,purchase,10,a@x.org,"
B = "2,2026-05-01 11:00,page_view,,,77"
BOTH = "3,2026-05-02 09:00,purchase,20,A@x.org,77"
BAD = "4,never,purchase,-1,,"


def test_good_rows_arrive_and_bad_rows_are_set_aside_with_every_reason(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B, BAD)
    assert count(take_in(tmp_path, shop(max_bad_share=0.5))) == (3, 2, 0, 1, 0)
    events = lake(tmp_path).table("events").order_by("event_id").to_pandas()
    assert list(events["kind"]) == ["purchase", "page_view"]
    assert str(events["occurred_at"][0]) == "2026-05-01 10:00:00+00:00"
    refused = lake(tmp_path).table("quarantine").to_pandas()
    assert json.loads(refused["reasons"][0]) == ["occurred_at: not a time", "value: below 0", NO_KEY]


def test_run_twice_adds_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B, BAD)
    take_in(tmp_path, shop(max_bad_share=0.5))
    again = take_in(tmp_path, shop(max_bad_share=0.5))
    assert count(again) == (0, 0, 0, 0, 0)
    assert "nothing new in 1 file(s)" in again.warnings[0]


def test_the_same_rows_in_another_file_are_duplicates(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B, BAD)
    take_in(tmp_path, shop(max_bad_share=0.5))
    write_csv(tmp_path, "2.csv", A, B, B, BAD, BOTH)
    assert count(take_in(tmp_path, shop(max_bad_share=0.5))) == (5, 1, 3, 1, 0)
    assert len(lake(tmp_path).table("events").to_pandas()) == 3
    assert len(lake(tmp_path).table("quarantine").to_pandas()) == 1


def test_duplicates_are_the_same_however_many_are_counted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.events._COUNTED_AT_ONCE", 1)
    write_csv(tmp_path, "1.csv", A, B, A, BOTH, B)
    assert count(take_in(tmp_path)) == (5, 3, 2, 0, 0)
    write_csv(tmp_path, "2.csv", B, A, BOTH)
    assert count(take_in(tmp_path)) == (3, 0, 3, 0, 0)


def test_without_ids_identical_rows_of_one_file_count_and_a_second_delivery_does_not(tmp_path: Path) -> None:
    anonymous = shop(columns={k: v for k, v in COLUMNS.items() if k != "event_id"})
    write_csv(tmp_path, "1.csv", A, A, BOTH)
    assert count(take_in(tmp_path, anonymous)) == (3, 3, 0, 0, 0)
    write_csv(tmp_path, "2.csv", BOTH, A, A)
    assert count(take_in(tmp_path, anonymous)) == (3, 0, 3, 0, 0)


def test_a_late_key_joins_two_customers_and_moves_their_history(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, B)
    take_in(tmp_path)
    assert lake(tmp_path).table("events").customer_id.nunique().execute() == 2
    write_csv(tmp_path, "2.csv", BOTH)
    assert take_in(tmp_path).identity.merges == 1
    now = lake(tmp_path)
    assert now.table("events").customer_id.nunique().execute() == 1
    assert now.table("identities").customer_id.nunique().execute() == 1
    assert len(now.table("customers").to_pandas()) == 1


def test_what_happened_in_a_closed_week_is_late(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    write_csv(tmp_path, "2.csv", B, "9,2026-05-09 10:00,page_view,,b@x.org,")
    assert take_in(tmp_path).by_source["shop"].late == 1


def test_a_bare_ingestion_closes_no_week(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path, flow="ingest")
    write_csv(tmp_path, "2.csv", B)
    assert take_in(tmp_path).by_source["shop"].late == 0


def test_too_many_bad_rows_stop_the_run_before_anything_is_written(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, BAD)
    with pytest.raises(SourceError, match=r"sources\.shop: 1 of 2 rows are bad \(50.0%, allowed .*1 × "):
        take_in(tmp_path)
    assert lake(tmp_path).versions == {}


def test_lines_that_are_no_rows_are_counted_not_dropped(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, "2,2026-05-01", B, BOTH)
    assert count(take_in(tmp_path, shop(max_bad_share=0.5))) == (4, 3, 0, 1, 0)
    file = tmp_path / "in" / "x.jsonl.gz"
    view = {"kind": "page_view", "mail": "a@x.org"}
    objects = [view | {"id": str(i), "ts": f"2026-05-0{i}T10:00:00Z"} for i in (1, 2)]
    lines = [*map(json.dumps, objects), "not json", "{}", "[1]", '{"id": "3"']
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "kind"}
    web = shop(name="web", path="in/*.jsonl.gz", keys={"email": "mail"}, columns=columns, max_bad_share=0.9)
    assert count(take_in(tmp_path, web), "web") == (6, 2, 0, 4, 0)


def test_parquet_and_where(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    duckdb.sql(
        "SELECT i::VARCHAR AS id, TIMESTAMP '2026-05-01 10:00:00' AS ts, 'page_view' AS kind, NULL::DOUBLE AS amount, "
        "'a@x.org' AS mail, NULL AS card, i % 2 = 0 AS test FROM range(10) t(i)"
    ).write_parquet(str(tmp_path / "in" / "a.parquet"))
    assert count(take_in(tmp_path, shop(path="in/*.parquet", where="NOT test"))) == (10, 5, 0, 0, 5)


def test_a_zone_in_the_text_counts_in_jsonl(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.jsonl").write_text(
        '{"id": "1", "ts": "2026-05-01T10:00:00+02:00", "m": "a@x.org"}\n'
    )
    columns = {"event_id": "id", "occurred_at": "ts", "kind": "'page_view'"}
    take_in(tmp_path, shop(path="in/*.jsonl", keys={"email": "m"}, columns=columns, timezone="Asia/Tokyo"))
    assert str(lake(tmp_path).table("events").to_pandas()["occurred_at"][0]) == "2026-05-01 08:00:00+00:00"


def test_no_identifier_survives_ingestion(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, BOTH, "5,never,purchase,1,planted.person@example.org,4929123123123456")
    take_in(tmp_path, shop(max_bad_share=0.5))
    planted = (b"planted.person", b"4929123123123456", b"a@x.org", b"A@x.org")
    for file in (tmp_path / "var").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [p for p in planted if p in content], file
    assert b"planted" not in lake(tmp_path).table("quarantine").to_pandas()["row"][0].encode()


def test_other_tables_are_updated_by_key(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv", A, BOTH)
    (tmp_path / "c.csv").write_text("id,name,from,to\nc1,Spring,2026-05-01,2026-06-01\n")
    (tmp_path / "a.csv").write_text("id,mail,arm,at\nc1,a@x.org,control,2026-05-01\n")
    (tmp_path / "p.csv").write_text("mail,land,ok\na@x.org,DE,yes\n")
    campaigns = Source(
        name="campaigns",
        table="campaigns",
        path="c.csv",
        columns={"campaign_id": "id", "name": "name", "starts_at": '"from"', "ends_at": '"to"'},
    )
    assignments = Source(
        name="assignments",
        table="assignments",
        path="a.csv",
        keys={"email": "mail"},
        columns={"campaign_id": "id", "arm": "arm", "assigned_at": '"at"'},
    )
    people = Source(name="people", table="customers", path="p.csv", keys={"email": "mail"},
                    columns={"country": "land", "consent_profiling": "ok"})  # fmt: skip
    sources = (shop(), campaigns, assignments, people)
    take_in(tmp_path, *sources)
    changed = "c1,Spring sale,2026-05-01,2026-06-01\nc2,X,2026-07-01,2026-07-02\n"
    (tmp_path / "c.csv").write_text("id,name,from,to\n" + changed)
    (tmp_path / "p.csv").write_text("mail,land,ok\na@x.org,AT,\n")
    take_in(tmp_path, *sources)
    now = lake(tmp_path)
    assert now.table("campaigns").to_pandas()["name"].tolist() == ["Spring sale", "X"]
    customer = now.table("customers").to_pandas().iloc[0]
    assert (customer["country"], bool(customer["consent_profiling"])) == ("AT", True)
    assert now.table("assignments").to_pandas()["customer_id"].tolist() == [customer["customer_id"]]
    assert str(customer["first_seen"]) == "2026-05-01 10:00:00+00:00"


def test_an_empty_source_is_a_warning(tmp_path: Path) -> None:
    write_csv(tmp_path, "1.csv")
    assert take_in(tmp_path).warnings == ["sources.shop: 1 new file(s) hold no rows"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (shop(path="nowhere/*.csv"), r"sources\.shop: no file matches path = \"nowhere/\*\.csv\""),
        (shop(path="in/1.xlsx"), r"there is no reader for this kind of file; its name must end in one of: \.csv"),
        (
            shop(columns=COLUMNS | {"value": "price"}),
            r"sources\.shop: column 'price' \(for value\) not found; the source has: id",
        ),
        (
            shop(columns=COLUMNS | {"value": "array_length(amount)"}),
            r"sources\.shop\.columns\.value = .*array_length\(VARCHAR\)",
        ),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_says_why_in_one_line(
    tmp_path: Path, source: Source, message: str
) -> None:
    write_csv(tmp_path, "1.csv", A)
    (tmp_path / "in" / "1.xlsx").write_text("")
    with pytest.raises(ValueError, match=message) as raised:
        take_in(tmp_path, source)
    assert "\n" not in str(raised.value)


def test_a_source_that_has_lost_a_column_is_left_aside_until_the_mapping_fits_it_again(
    tmp_path: Path,
) -> None:
    other = shop(name="other", path="in/other-*.csv")
    write_csv(tmp_path, "shop-1.csv", A)
    write_csv(tmp_path, "other-1.csv", B)
    ours = shop(path="in/shop-*.csv")
    take_in(tmp_path, ours, other)
    write_csv(tmp_path, "shop-2.csv", BOTH, header="id,ts,kind,price,mail,card")
    write_csv(tmp_path, "other-2.csv", "9,2026-05-02 11:00,page_view,,,77")
    intake = take_in(tmp_path, ours, other)
    assert (
        "column 'amount' (for value) not found; the source has: id, ts, kind, price"
        in intake.schema_breaks["shop"]
    )
    assert count(intake) == (0, 0, 0, 0, 0)
    assert count(intake, "other") == (1, 1, 0, 0, 0)
    renamed = take_in(tmp_path, shop(path="in/shop-*.csv", columns=COLUMNS | {"value": "price"}), other)
    assert renamed.schema_breaks == {}
    assert count(renamed) == (1, 1, 0, 0, 0)


def test_json_lines_may_leave_fields_out_but_not_the_time_of_all_events(tmp_path: Path) -> None:
    ours = shop(
        path="in/*.jsonl", columns={k: v for k, v in COLUMNS.items() if k != "value"}, keys={"email": "mail"}
    )
    folder = tmp_path / "in"
    folder.mkdir()
    event = {"id": "1", "ts": "2026-05-01 10:00", "kind": "purchase", "mail": "a@x.org", "note": "x"}
    (folder / "1.jsonl").write_text(json.dumps(event) + "\n")
    take_in(tmp_path, ours)
    (folder / "2.jsonl").write_text(
        json.dumps({k: v for k, v in event.items() if k != "note"} | {"id": "2"}) + "\n"
    )
    assert take_in(tmp_path, ours).schema_breaks == {}
    renamed = {"time" if k == "ts" else k: v for k, v in event.items()} | {"id": "3"}
    (folder / "3.jsonl").write_text(json.dumps(renamed) + "\n")
    assert "column 'ts' (for occurred_at) not found" in take_in(tmp_path, ours).schema_breaks["shop"]
