"""Input that cannot be used: one line that says why, the right exit code, and nothing of the failed run to be seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_flows.conftest import CONFIG, Answer, look_at, write_orders

Command = Callable[..., Answer]
FIVE = tuple(f"{n},2026-01-0{n} 10:00,purchase,{n}0,c{n}@x.org" for n in range(1, 6))


def assert_refused(answer: Answer, *words: str, code: int) -> None:
    """One line of reason on standard error, nothing on standard output."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    (line,) = (line for line in answer.err.splitlines() if line.startswith("error: "))
    assert [word for word in words if word not in line] == []
    assert "Traceback" not in answer.err


def test_a_missing_config_is_named(command: Command, tmp_path: Path) -> None:
    answer = command("ingest", "--config", tmp_path / "none.toml", "--json")
    assert_refused(answer, "none.toml: no such file", "segmentwerk init", code=2)


def test_an_unknown_key_in_the_config_is_named(command: Command, tmp_path: Path) -> None:
    config = write_orders(tmp_path, *FIVE, config="colour = 'red'\n" + CONFIG)
    assert_refused(command("ingest", "--config", config, "--json"), "segmentwerk.toml", "'colour'", code=2)
    config = write_orders(tmp_path, *FIVE, config=CONFIG.replace("path =", "pfad = 'x'\npath ="))
    assert_refused(command("ingest", "--config", config, "--json"), "'sources.shop.pfad'", code=2)
    assert not (tmp_path / "var").exists()


def test_a_missing_file_is_named(command: Command, tmp_path: Path) -> None:
    config = write_orders(tmp_path, *FIVE, config=CONFIG.replace("orders.csv", "inbox/*.csv"))
    assert_refused(command("ingest", "--config", config, "--json"), "sources.shop", "inbox/*.csv", code=1)
    assert look_at(tmp_path / "var")["tables"] == {}


def test_an_unknown_column_is_named_with_those_there_are(command: Command, tmp_path: Path) -> None:
    config = write_orders(tmp_path, *FIVE, config=CONFIG.replace('"ts"', '"moment"'))
    words = ("sources.shop", "moment", "id, ts, kind, amount, mail")
    for name in ("ingest", "check"):
        assert_refused(command(name, "--config", config, "--json"), *words, code=1)
    assert look_at(tmp_path / "var")["tables"] == {}


def test_an_unreadable_row_goes_to_quarantine(command: Command, tmp_path: Path) -> None:
    generous = CONFIG.replace("[sources.keys]", "max_bad_share = 0.5\n[sources.keys]")
    config = write_orders(tmp_path, *FIVE, "6,someday,purchase,5,a@x.org", config=generous)
    counts = command("ingest", "--config", config, "--json").json
    assert (counts["read"], counts["accepted"], counts["quarantined"]) == (6, 5, 1)
    assert look_at(tmp_path / "var")["tables"]["quarantine"] == 1


def test_too_many_unreadable_rows_stop_the_run(command: Command, tmp_path: Path) -> None:
    config = write_orders(tmp_path, *FIVE)
    assert command("ingest", "--config", config).code == 0
    before = look_at(tmp_path / "var")
    write_orders(tmp_path, *FIVE, "6,someday,purchase,5,a@x.org")
    answer = command("ingest", "--config", config, "--json")
    assert_refused(answer, "sources.shop: 1 of 6 rows are bad", "max_bad_share", "occurred_at", code=1)
    assert look_at(tmp_path / "var") == before


def test_an_empty_source_is_a_recorded_warning(command: Command, tmp_path: Path) -> None:
    config = write_orders(tmp_path)
    answer = command("ingest", "--config", config, "--json")
    assert answer.code == 0
    assert answer.json["read"] == 0
    assert any("sources.shop" in warning and "no rows" in warning for warning in answer.json["warnings"])


def test_no_customer_before_the_first_event(command: Command, weekly_shop: Any, shop_copy: Any) -> None:
    before = look_at(shop_copy.home)
    answer = command("weekly", "--config", shop_copy.config, "--as-of", "2020-01-01", "--json")
    assert_refused(answer, "2020-01-01", "first event", code=1)
    assert look_at(shop_copy.home) == before


def test_a_week_without_events_is_a_recorded_data_fault(command: Command, shop_copy: Any) -> None:
    champion = shop_copy.summaries[-1]["promotion"]["champion_version"]
    answer = command("weekly", "--config", shop_copy.config, "--as-of", "2026-12-06", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["drift"]["decision"] == "data_fault"
    assert answer.json["promotion"]["decision"] == "blocked"
    assert answer.json["promotion"]["champion_version"] == champion
    assert look_at(shop_copy.home)["champion"] == champion


def test_fewer_customers_than_segments(command: Command, prefect_server: None, tmp_path: Path) -> None:
    config = write_orders(tmp_path, *FIVE)
    answer = command("weekly", "--config", config, "--as-of", "2026-01-05", "--json")
    assert_refused(answer, "5 customers are too few for 4 segments", code=1)
    seen = look_at(tmp_path / "var")
    assert (seen["tables"], seen["runs"], seen["reports"], seen["champion"]) == ({}, [], [], None)


def test_nobody_has_given_consent(command: Command, prefect_server: None, tmp_path: Path) -> None:
    config = write_orders(tmp_path, *FIVE, config=CONFIG + "\n[features]\nconsent_default = false\n")
    answer = command("weekly", "--config", config, "--as-of", "2026-01-05", "--json")
    assert_refused(answer, "consent", code=1)
    seen = look_at(tmp_path / "var")
    assert (seen["tables"], seen["reports"], seen["champion"]) == ({}, [], None)


@pytest.mark.parametrize("command_name", ["score", "segments", "drift", "report", "export", "rollback"])
def test_what_needs_a_champion_says_so(
    command: Command, prefect_server: None, tmp_path: Path, command_name: str
) -> None:
    config = write_orders(tmp_path, *FIVE)
    answer = command(command_name, "--config", config)
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
