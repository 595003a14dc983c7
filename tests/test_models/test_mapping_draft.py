"""A drafted configuration: the guesses are the obvious ones, it loads, and it maps the file's rows."""

from pathlib import Path

import duckdb
import pytest

from flows.settings import ConfigError, load_settings
from models.mapping_draft import draft_mapping, guess_columns
from tasks.sources import list_deliveries, scan_delivery
from tasks.staging import ShopRules, Staging

RETAIL = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
TABLE = "staged_events"


@pytest.mark.parametrize(
    ("columns", "guesses"),
    [
        (
            RETAIL,
            {
                "order_id": "Invoice", "quantity": "Quantity", "occurred_at": "InvoiceDate",
                "unit_price": "Price", "keys.customer": "Customer ID",
            },
        ),
        (
            ["order_id", "created_at", "email", "total"],
            {"order_id": "order_id", "occurred_at": "created_at", "keys.email": "email", "value": "total"},
        ),
        (
            ["id", "ts", "event_type", "visitor_id", "session_id", "deviceType"],
            {
                "event_id": "id", "occurred_at": "ts", "kind": "event_type", "keys.cookie": "visitor_id",
                "session_id": "session_id", "device": "deviceType",
            },
        ),
        (["colour", "weather"], {}),
    ],
)  # fmt: skip
def test_columns_are_recognised(columns: list[str], guesses: dict[str, str]) -> None:
    assert guess_columns(columns) == guesses


def test_a_meaning_is_given_to_one_column_only() -> None:
    assert guess_columns(["amount", "total"]) == {"value": "amount"}


def stage(folder: Path, columns: list[str], *rows: str) -> tuple[list[tuple], list[str]]:
    """What the drafted configuration makes of a file: kind, value, quantity, order and reasons of each row."""
    (folder / "orders.csv").write_text("\n".join([",".join(columns), *rows]) + "\n", encoding="utf-8")
    draft = draft_mapping("orders", "orders.csv", columns)
    assert draft.open == ()
    config = folder / "segmentwerk.toml"
    config.write_text(draft.text, encoding="utf-8")
    (source,) = load_settings(config).sources
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    staging = Staging(con, folder, ShopRules(secret=b"secret"))
    (delivery,) = list_deliveries(source, base=str(folder))
    staging.add(source, [scan_delivery(con, delivery)], file=delivery.name, told_at=delivery.made_at)
    staging.finish()
    found = con.execute(f"SELECT kind, value, quantity, order_id FROM {TABLE} ORDER BY _row").fetchall()
    reasons = con.execute(f"SELECT DISTINCT unnest(_reasons) FROM {TABLE}").fetchall()
    return found, [reason for (reason,) in reasons]


def test_the_draft_of_an_orders_file_maps_its_rows(tmp_path: Path) -> None:
    rows, reasons = stage(
        tmp_path,
        RETAIL,
        "489434,85048,Lights,12,2009-12-01 07:45:00,6.95,13085,UK",
        "C489449,22087,Bunting,-2,2009-12-01 10:33:00,2.95,16321,UK",
    )
    assert reasons == []
    assert rows == [
        ("purchase", pytest.approx(83.4), 12.0, "489434"),
        ("refund", pytest.approx(5.9), 2.0, "C489449"),
    ]


def test_a_negative_sum_is_money_given_back(tmp_path: Path) -> None:
    rows, reasons = stage(
        tmp_path,
        ["order_id", "created at", "e-mail", "total"],
        "1,2026-05-01 10:00,a@x.org,20",
        "2,2026-05-02 10:00,a@x.org,-5",
    )
    assert reasons == []
    assert rows == [("purchase", 20.0, None, "1"), ("refund", 5.0, None, "2")]


def test_what_is_not_known_is_asked_for_and_what_is_not_used_is_said(tmp_path: Path) -> None:
    draft = draft_mapping("odd", "odd.csv", ["colour", "amount"])
    assert [question.split(":")[0] for question in draft.open] == ["[sources.keys]", "occurred_at"]
    assert "# not used: colour" in draft.text
    config = tmp_path / "odd.toml"
    config.write_text(draft.text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\[sources\.keys\] is missing"):
        load_settings(config)


def test_awkward_names_survive(tmp_path: Path) -> None:
    draft = draft_mapping('the "shop"', "a\\b.csv", ['order "date"', "e-mail", "total"])
    config = tmp_path / "shop.toml"
    config.write_text(draft.text, encoding="utf-8")
    (source,) = load_settings(config).sources
    assert (source.name, source.path) == ('the "shop"', "a\\b.csv")
    assert source.columns["occurred_at"] == '"order ""date"""'
