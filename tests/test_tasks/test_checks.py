"""Every check sees what it is for: each thing that may be wrong is made wrong, and told with what to do."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pydantic import SecretStr

from flows.examination import describe_shop, examine
from flows.settings import load_settings
from tasks.checks import Examination, Finding, Shop, load_checks, run_check
from tasks.checks import versions as versions_check
from tasks.checks.versions import list_pins
from tasks.lake_lock import lock_lake, scratch_folder

NOW = datetime.now(UTC)
Look = Callable[..., list[Finding]]


@pytest.fixture
def look(weekly_shop: Any) -> Look:
    """What a check finds in the shop, or in one that differs from it."""
    checks = {check.name: check for check in load_checks()}
    shop = describe_shop(load_settings(weekly_shop.config))

    def run(name: str, now: datetime | None = None, **changes: Any) -> list[Finding]:
        one = replace(shop, **changes)
        return run_check(checks[name], Examination(one, now or datetime.now(UTC), timedelta(seconds=120)))

    return run


@pytest.fixture
def look_at_copy(look: Look, shop_copy: Any) -> Look:
    """The same for a copy that may be damaged."""
    return lambda name, **changes: look(
        name, **({"home": str(shop_copy.home), "base": str(shop_copy.folder)} | changes)
    )


def tell(findings: list[Finding]) -> str:
    return "\n".join(f"{one.status}: {one.sentence} -> {one.remedy}" for one in findings)


def test_a_sound_shop_has_nothing_wrong(weekly_shop: Any) -> None:
    found = examine(weekly_shop.config, silence=timedelta(seconds=120), release=False)
    assert [line for line in found["findings"] if line["status"] == "wrong"] == []
    assert found["healthy"] is True
    told = {line["check"] for line in found["findings"]}
    assert told == {"config", *(check.name for check in load_checks())}
    assert all(line["remedy"] for line in found["findings"] if line["status"] != "ok")


def test_without_a_configuration_what_needs_none_is_looked_at(tmp_path: Path) -> None:
    found = examine(tmp_path / "none.toml", silence=timedelta(seconds=120), release=False)
    assert [line["status"] for line in found["findings"] if line["check"] == "config"] == ["warn"]
    needless = {check.name for check in load_checks() if not check.needs_shop}
    assert {line["check"] for line in found["findings"]} == {"config", *needless}


def test_a_configuration_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "segmentwerk.toml"
    file.write_text("[[sources]]\nname = 'a'\npath = '${NOWHERE_SET}'\n", encoding="utf-8")
    found = examine(file, silence=timedelta(seconds=120), release=False)
    assert found["healthy"] is False
    assert "NOWHERE_SET is not set" in found["findings"][0]["sentence"]


def test_a_source_without_files(look: Look, tmp_path: Path) -> None:
    assert "wrong: sources.web: no file matches path" in tell(look("sources", base=str(tmp_path)))
    assert [one.status for one in look("sources")] == ["ok"]


def test_the_pseudonym_key(look_at_copy: Look, shop_copy: Any, tmp_path: Path) -> None:
    assert tell(look_at_copy("pseudonym key", pseudonym_key=SecretStr("x"))).startswith("ok: ")
    assert tell(look_at_copy("pseudonym key")).startswith("ok: ")
    key = shop_copy.home / "pseudonym.key"
    key.chmod(0o644)
    assert f"wrong: {key} can be read by others -> chmod 600" in tell(look_at_copy("pseudonym key"))
    key.unlink()
    assert "but a lake made with one -> bring it back" in tell(look_at_copy("pseudonym key"))
    assert tell(look_at_copy("pseudonym key", home=str(tmp_path / "new"))).startswith("warn: there is no ")
    assert tell(look_at_copy("pseudonym key", home="s3://bucket/var")).startswith(
        "wrong: SEGMENTWERK_PSEUDONYM_KEY"
    )


def test_a_lake_that_has_lost_files_or_a_version(look_at_copy: Look, shop_copy: Any) -> None:
    assert {one.status for one in look_at_copy("lake")} == {"ok"}
    lost = Path(next(iter(DeltaTable(f"{shop_copy.home}/lake/segments").file_uris())))
    lost.unlink()
    shutil.rmtree(shop_copy.home / "lake" / "customers" / "_delta_log")
    told = tell(look_at_copy("lake"))
    assert f"wrong: table segments: 1 files are missing, first {lost.name}" in told
    assert "wrong: table customers: version " in told
    assert "cannot be opened" in told


def test_a_lake_that_a_run_is_writing_or_died_on(look_at_copy: Look, shop_copy: Any) -> None:
    with lock_lake(str(shop_copy.home)):
        assert "a run is writing to it at this moment" in tell(look_at_copy("lake"))
    scratch_folder(str(shop_copy.home)).mkdir()
    assert "warn: a run died and left something" in tell(look_at_copy("lake"))


def test_a_lake_nobody_has_written_or_not_for_long(look: Look, tmp_path: Path) -> None:
    assert "warn: no run has finished in " in tell(look("lake", home=str(tmp_path)))
    assert "9 days ago -> see that the schedule" in tell(look("lake", now=NOW + timedelta(days=9, hours=1)))


def test_a_registry_that_is_damaged_away_or_behind(
    look_at_copy: Look, shop_copy: Any, tmp_path: Path
) -> None:
    from tasks.registry import connect, open_registry

    assert [one.status for one in look_at_copy("registry")] == ["ok"]
    client = connect(open_registry(shop_copy.home))
    client.delete_registered_model_alias("segments", "champion")
    told = tell(look_at_copy("registry"))
    assert "has no champion yet" in told
    assert "on record, version 1 is champion, in the registry none" in told
    client.set_registered_model_alias("segments", "champion", "1")
    for state in (shop_copy.home / "artifacts").rglob("arrays.npz"):
        state.write_bytes(b"something else")
    assert "wrong: model version 1 cannot be used" in tell(look_at_copy("registry"))
    gone = tell(look_at_copy("registry", tracking_uri="http://127.0.0.1:9"))
    assert gone.startswith("wrong: the model registry http://127.0.0.1:9 does not answer")
    assert tell(look_at_copy("registry", home=str(tmp_path))).startswith("warn: there is no model yet")
    assert not (tmp_path / "mlflow.db").exists(), "a check makes nothing"


def test_room_on_the_disk_and_in_memory(look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = type("Usage", (), {"free": 1})
    assert tell(look("disk")).startswith(("ok: ", "warn: "))
    with monkeypatch.context() as full:
        full.setattr("tasks.checks.disk.shutil.disk_usage", lambda _place: usage)
        assert tell(look("disk")).startswith("wrong: 0.0 GiB free")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:   10240 kB\n", encoding="ascii")
    monkeypatch.setattr("tasks.checks.memory._MEMINFO", meminfo)
    assert tell(look("memory")).startswith("warn: 10 MiB free; the last run took ")


def test_packages_are_compared_with_the_lock(
    look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "duckdb==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1.0 ; python_version > '3'\n"
        "never-here==1.0 ; python_version < '3'\n", encoding="utf-8",
    )  # fmt: skip
    assert list_pins(lock.read_text(encoding="utf-8")) == {"duckdb": "0.0.1", "no-such-package": "1.0"}
    monkeypatch.setattr(versions_check, "LOCK", lock)
    told = tell(look("versions"))
    assert "wrong: packages are missing: no-such-package ->" in told
    assert "for 0.0.1 ->" in told


def test_what_a_shop_needs_besides(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.engines import EngineSettings

    monkeypatch.setenv("PATH", "/nowhere")
    assert "there is no Java" in tell(
        look("versions", engine=EngineSettings(name="spark", master="local[1]"))
    )
    told = tell(look("versions", sends_reports=True, browser="/nowhere/chromium"))
    assert "warn: [report] browser = '/nowhere/chromium' is no program" in told


def test_a_clock_that_is_behind(look: Look) -> None:
    assert "but a run finished on " in tell(look("clock", now=NOW - timedelta(days=3)))
    assert tell(look("clock")).startswith("ok: it is ")


def test_a_prefect_that_does_not_answer(look: Look) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert "wrong: http://127.0.0.1:9/api does not answer" in tell(look("prefect"))
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert tell(look("prefect")).startswith("ok: no server is configured")


def test_a_check_that_breaks_down_has_found_something_wrong(look: Look) -> None:
    assert tell(look("clock", timezone="Nowhere/Atall")).startswith("wrong: this could not be looked at: ")


def test_the_shop_that_checks_see_is_the_configured_one(weekly_shop: Any) -> None:
    shop = describe_shop(load_settings(weekly_shop.config))
    assert isinstance(shop, Shop)
    assert (shop.home, shop.tracking_uri, shop.sends_reports) == (str(weekly_shop.home), None, False)
    assert os.path.samefile(shop.base, weekly_shop.folder)
