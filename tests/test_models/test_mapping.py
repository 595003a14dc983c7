"""A source's columns become canonical ones, and what does not parse is a bad row with its reason."""

from datetime import UTC, datetime
from typing import Any

import duckdb
import pandas as pd
import pytest
from pydantic import ValidationError

from models.identity import hmac_pads
from models.keys import join_links, select_links
from models.mapping import NO_KEY, Source, map_rows

COLUMNS = {
    "event_id": "id",
    "occurred_at": "ts",
    "kind": "case action when 'buy' then 'purchase' else action end",
    "value": "amount",
}


def source(**changes: Any) -> Source:
    return Source(
        **{"name": "web", "path": "x.csv", "keys": {"email": "mail"}, "columns": COLUMNS, **changes}
    )


def run(mapping: Source, rows: list[dict[str, Any]]) -> pd.DataFrame:
    inner, outer = hmac_pads(b"secret")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        raw = pd.DataFrame(rows).astype("str").assign(_row=range(len(rows)))
        con.register("raw", raw)
        links = select_links(mapping, relation="raw")
        con.execute(f"CREATE TABLE links AS {links}", {"ipad": inner, "opad": outer})
        con.execute(f"CREATE VIEW linked AS {join_links(mapping, relation='raw', links='links')}")
        query = map_rows(mapping, relation="linked", columns=[c for c in raw if not c.startswith("_")])
        keys = f"SELECT m.*, l.keys AS _keys FROM ({query}) m LEFT JOIN links l ON l.link_id = m._link ORDER BY _row"
        return con.execute(keys, {"latest": datetime(2026, 11, 23, tzinfo=UTC)}).df()


GOOD = {
    "id": "1",
    "ts": "2026-11-16 12:00:00",
    "action": "buy",
    "amount": "9.90",
    "mail": " Ada@Example.org ",
}


def reasons(mapping: Source, **changes: str) -> list[str]:
    return list(run(mapping, [GOOD | changes])["_reasons"][0])


def test_a_good_row_becomes_canonical() -> None:
    row = run(source(), [GOOD]).iloc[0]
    assert list(row["_reasons"]) == []
    assert (row["event_id"], row["kind"], row["value"]) == ("1", "purchase", 9.9)
    assert row["occurred_at"] == pd.Timestamp("2026-11-16 12:00:00", tz="UTC")


def test_keys_are_normalised_before_they_are_hashed() -> None:
    upper, lower = run(source(), [GOOD, GOOD | {"mail": "ada@example.org"}])["_keys"]
    assert upper[0]["hash"] == lower[0]["hash"]
    phones = run(
        source(keys={"phone": "mail"}), [GOOD | {"mail": "+49 (30) 123-45"}, GOOD | {"mail": "00493012345"}]
    )
    assert phones["_keys"][0][0]["hash"] == phones["_keys"][1][0]["hash"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": "n/a"}, ["value: not a number"]),
        ({"amount": "-3"}, ["value: below 0"]),
        ({"amount": "nan"}, ["value: not a finite number"]),
        ({"amount": "inf"}, ["value: not a finite number"]),
        ({"ts": "yesterday"}, ["occurred_at: not a time"]),
        ({"ts": "2099-01-01"}, ["occurred_at: lies in the future"]),
        ({"ts": "1970-01-01"}, ["occurred_at: below 1990-01-01"]),
        ({"ts": ""}, ["occurred_at: missing"]),
        ({"action": "teleport"}, ["kind: unknown"]),
        ({"mail": "  "}, [NO_KEY]),
        ({"id": ""}, ["event_id: missing"]),
        ({"amount": "x", "mail": ""}, ["value: not a number", NO_KEY]),
    ],
)
def test_a_bad_row_says_every_reason(changes: dict[str, str], expected: list[str]) -> None:
    assert reasons(source(), **changes) == expected


def test_a_cast_that_fails_is_a_bad_row_not_a_failed_file() -> None:
    mapping = source(columns=COLUMNS | {"value": "amount::double * 2"})
    assert reasons(mapping, amount="n/a") == ["value: not a number"]
    assert run(mapping, [GOOD])["value"][0] == pytest.approx(19.8)


def test_a_cast_within_a_cast_and_a_time_in_a_form_of_its_own_fail_no_file_either() -> None:
    nested = source(columns=COLUMNS | {"value": "((amount::double)::varchar)::double"})
    assert reasons(nested, amount="n/a") == ["value: not a number"]
    assert run(nested, [GOOD])["value"][0] == pytest.approx(9.9)
    formed = source(columns=COLUMNS | {"occurred_at": "strptime(ts, '%d.%m.%Y')"})
    assert reasons(formed, ts="never") == ["occurred_at: not a time"]
    assert run(formed, [GOOD | {"ts": "16.11.2026"}])["occurred_at"][0] == pd.Timestamp(
        "2026-11-16", tz="UTC"
    )


def test_a_cast_in_a_branch_not_taken_is_not_held_against_the_row() -> None:
    mapping = source(columns=COLUMNS | {"value": "case when action = 'buy' then amount::double end"})
    assert reasons(mapping, action="page_view", amount="n/a") == []


def test_times_without_a_zone_are_read_in_the_source_s_own() -> None:
    berlin = source(timezone="Europe/Berlin")
    rows = run(
        berlin,
        [GOOD | {"ts": t} for t in ("2026-07-01 12:00:00", "2026-07-01T12:00:00Z", "2026-01-01 12:00")],
    )
    assert list(rows["occurred_at"].dt.hour) == [10, 12, 11]


def test_a_rejected_row_keeps_its_text_but_not_its_person() -> None:
    mapping = source(columns=COLUMNS | {"category": "note"})
    row = GOOD | {"amount": "x", "note": "call ada@example.org or +49 30 1234567"}
    raw = run(mapping, [row])["_raw"][0]
    assert "<e-mail>" in raw
    assert "<phone>" in raw
    assert "example.org" not in raw.lower()
    assert '"amount":"x"' in raw


def test_where_sets_rows_aside() -> None:
    rows = run(source(where="action <> 'test'"), [GOOD, GOOD | {"action": "test", "ts": "never"}])
    assert list(rows["_filtered"]) == [False, True]
    assert [list(found) for found in rows["_reasons"]] == [[], []]


def test_an_unknown_raw_column_is_named_with_what_there_is() -> None:
    with pytest.raises(
        ValueError, match=r"sources\.web: column 'ts2' \(for occurred_at\) not found; .*has: id, ts"
    ):
        run(source(columns=COLUMNS | {"occurred_at": "ts2"}), [GOOD])


def test_an_unknown_canonical_column_is_refused() -> None:
    with pytest.raises(ValidationError, match="column 'price' is not one of table 'events'"):
        source(columns=COLUMNS | {"price": "amount"})


def test_rows_about_people_need_keys() -> None:
    with pytest.raises(ValidationError, match=r"\[sources.keys\] is missing"):
        source(keys={})
