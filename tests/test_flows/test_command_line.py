"""The commands as a shell sees them: one JSON object on standard output, one line of reason, the right exit code."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from test_flows.conftest import Answer, write_orders

COMMANDS = (
    "demo", "init", "check", "ingest", "weekly", "score", "drift", "plan", "measure", "segments", "models",
    "rollback", "forget", "export", "report", "deploy", "doctor", "runs",
    "ui",
)  # fmt: skip
EXPORTS = """
[[exports]]
name = "warehouse"
destination = "bi"
path = "out/bi"
[[exports]]
name = "regulars"
destination = "audience"
path = "out/regulars.csv"
segments = ["1"]
"""
Command = Callable[..., Answer]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(command: Command, name: str) -> None:
    answer = command(name, "--help")
    assert answer.code == 0
    assert f"{name} [OPTIONS]" in answer.out


def test_the_help_lists_every_command(command: Command) -> None:
    listed = command("--help").out
    assert [name for name in COMMANDS if name not in listed] == []


def test_check_describes_every_source_and_writes_nothing(
    command: Command, weekly_shop: Any, tmp_path: Path
) -> None:
    shutil.copytree(weekly_shop.folder / "inbox", tmp_path / "inbox")
    config = shutil.copy(weekly_shop.config, tmp_path)
    assert command("check", "--config", config).code == 0
    answer = command("check", "--config", config, "--preview", 3, "--json")
    sources = {source["name"]: source for source in answer.json["sources"]}
    assert answer.code == 0
    assert set(sources) == set(weekly_shop.summaries[0]["ingest"]["by_source"])
    assert [len(sources[name]["preview"]) for name in ("web", "app", "crm", "offline")] == [3] * 4
    assert sources["web"]["preview"][0]["row"]["kind"] is not None
    assert "@" not in json.dumps(sources["web"]["preview"])
    assert not (tmp_path / "var" / "lake").exists()


def test_segments_are_those_of_the_last_week(command: Command, weekly_shop: Any) -> None:
    answer = command("segments", "--config", weekly_shop.config, "--json").json
    last = weekly_shop.summaries[-1]
    assert answer["as_of"] == last["as_of"]
    names = {s["segment_id"]: s["segment_name"] for s in answer["segments"]}
    assert names == {s["segment_id"]: s["segment_name"] for s in last["segments"]}
    assert sum(s["size"] for s in answer["segments"]) == last["customers"]
    first = weekly_shop.summaries[0]["as_of"]
    assert (
        command("segments", "--config", weekly_shop.config, "--as-of", first, "--json").json["as_of"] == first
    )


def test_the_newest_runs_say_what_they_took(command: Command, weekly_shop: Any) -> None:
    runs = command("runs", "--config", weekly_shop.config, "--json").json["runs"]
    assert [run["run_id"] for run in runs] == [week["run_id"] for week in reversed(weekly_shop.summaries)]
    for run, week in zip(runs, reversed(weekly_shop.summaries), strict=True):
        assert run["decision"] == week["promotion"]["decision"]
        assert run["rows"]["read"] == week["ingest"]["read"]
        assert run["stages"] == week["seconds"]
        assert min(run["peak_mib"], run["lake_bytes"], run["lake_files"], run["free_bytes"]) > 0
    assert command("runs", "--config", weekly_shop.config, "--last", 1).out.count("weekly-retrain") == 1


def test_a_map_of_the_segments_is_one_file_that_holds_every_name(
    command: Command, weekly_shop: Any, tmp_path: Path
) -> None:
    file = tmp_path / "map.html"
    answer = command("segments", "--config", weekly_shop.config, "--map", "pca", "--out", file, "--json").json
    assert answer["map"] == str(file)
    text = file.read_text(encoding="utf-8")
    for segment in answer["segments"]:
        assert json.dumps(segment["segment_name"])[1:-1] in text
    assert [path.name for path in tmp_path.iterdir()] == ["map.html"]
    assert command("segments", "--config", weekly_shop.config, "--map", "globe").code == 2


def test_models_name_the_champion(command: Command, weekly_shop: Any) -> None:
    versions = command("models", "--config", weekly_shop.config, "--json").json["versions"]
    (champion,) = (v["version"] for v in versions if "champion" in v["aliases"])
    assert champion == weekly_shop.summaries[-1]["promotion"]["champion_version"]


def test_drift_and_report_speak_of_the_last_week(command: Command, weekly_shop: Any) -> None:
    last = weekly_shop.summaries[-1]
    drift = command("drift", "--config", weekly_shop.config, "--json").json
    assert (drift["as_of"], drift["decision"]) == (last["as_of"], last["drift"]["decision"])
    report = command("report", "--config", weekly_shop.config, "--json").json
    assert sorted(report["weeks"]) == [s["as_of"] for s in weekly_shop.summaries]
    assert Path(report["index"]).is_file()
    for name in ("drift", "report", "segments", "models"):
        answer = command(name, "--config", weekly_shop.config)
        assert (answer.code, answer.err) == (0, ""), name


def test_export_writes_tables_and_audience(command: Command, shop_copy: Any) -> None:
    with shop_copy.config.open("a", encoding="utf-8") as file:
        file.write(EXPORTS)
    exports = command("export", "--config", shop_copy.config, "--json").json["exports"]
    assert set(exports) == {"warehouse", "regulars"}
    assert all(Path(file).is_file() for files in exports.values() for file in files)
    (audience,) = exports["regulars"]
    with duckdb.connect() as con:
        chosen = con.execute("select distinct segment_name from read_csv(?)", [audience]).fetchall()
    names = {s["segment_id"]: s["segment_name"] for s in shop_copy.summaries[-1]["segments"]}
    assert chosen == [(names[1],)]
    unknown = command("export", "nowhere", "--config", shop_copy.config)
    assert (unknown.code, unknown.out) == (2, "")
    assert "'nowhere'" in unknown.err


def test_a_drafted_config_passes_its_own_check(command: Command, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "order_id,order_date,email,total\n1,2026-01-02 10:00:00,a@example.org,12.50\n"
        "2,2026-01-03 11:00:00,b@example.org,7.00\n",
        encoding="utf-8",
    )
    config = tmp_path / "mine.toml"
    drafted = command("init", orders, "--config", config, "--json")
    assert drafted.code == 0
    assert {"occurred_at = order_date", "order_id = order_id", "value = total"} <= set(
        drafted.json["guessed"]
    )
    preview = command("check", "--config", config, "--preview", 2, "--json").json["sources"][0]["preview"]
    assert [row["reasons"] for row in preview] == [[], []]
    assert [row["row"]["value"] for row in preview] == ["12.5", "7.0"]
    again = command("init", orders, "--config", config)
    assert (again.code, "exists already" in again.err) == (2, True)


def test_ingest_counts_rows_once(command: Command, tmp_path: Path) -> None:
    config = write_orders(
        tmp_path,
        "1,2026-01-02 10:00,purchase,5,a@x.org",
        "1,2026-01-02 10:00,purchase,5,a@x.org",
        "2,2026-01-03 10:00,purchase,7,b@x.org",
    )
    first = command("ingest", "--config", config, "--json").json
    assert (first["read"], first["accepted"], first["duplicates"]) == (3, 2, 1)
    again = command("ingest", "--config", config, "--json").json
    assert (again["read"], again["accepted"]) == (0, 0)
    shown = command("ingest", "--config", config)
    assert (shown.code, "shop" in shown.out) == (0, True)


def test_exit_codes_tell_usage_from_failure(command: Command, tmp_path: Path) -> None:
    config = write_orders(tmp_path, "1,2026-01-02 10:00,purchase,5,a@x.org")
    nothing = command("report", "--config", config)
    assert (nothing.code, nothing.out, nothing.err.count("\n")) == (1, "", 1)
    assert command("segments", "--config", config, "--as-of", "soon").code == 2
    assert command("forget", "--key", "ada@example.org", "--config", config).code == 2
    assert command("nonsense").code == 2


@pytest.mark.long
def test_weekly_runs_in_a_process_of_its_own(shop_copy: Any) -> None:
    last = shop_copy.summaries[-1]
    done = subprocess.run(
        [sys.executable, "-m", "flows", "weekly", "--config", str(shop_copy.config), "--as-of", last["as_of"],
         "--json"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["segments"] == last["segments"]
    assert summary["promotion"] == last["promotion"]
    assert "Traceback" not in done.stderr
