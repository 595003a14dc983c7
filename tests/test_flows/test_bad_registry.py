"""A registry that cannot be used: one line that says why and what helps, and everything as it was before."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lake_contents import assert_same_contents, read_contents
from promoting import FIRST_DAY, LAST_DAY, write_eager_shop
from test_flows.conftest import Answer, read_champion
from test_flows.test_bad_input import assert_refused
from test_flows.test_other_flows import promote_second_version

Command = Callable[..., Answer]
HOUSE = Path(__file__).parents[2]
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("begin exclusive")
print("held", flush=True)
sys.stdin.read()
"""
OF_VERSIONS = (
    "select alias, version from registered_model_aliases order by alias",
    "select version, current_stage from model_versions order by version",
    "select version, key, value from model_version_tags order by version, key",
)
LOYAL = """
[[features.factors]]
name = "weekend_order_rate"
table = "orders"
expression = "count_if(isodow(day) >= 6)"
trials = "count(*)"
meaning = "how often the customer orders at the weekend"
unit = "share"
"""


def read_versions(home: Path) -> list[list[tuple[Any, ...]]]:
    """What the registry says of its versions, read beside MLflow."""
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        return [database.execute(sql).fetchall() for sql in OF_VERSIONS]


@contextmanager
def nothing_changes(shop: Any) -> Iterator[None]:
    """Neither the lake as a reader sees it, nor its runs, nor the registry."""
    before, versions = read_contents(shop.home), read_versions(shop.home)
    yield
    assert_same_contents(read_contents(shop.home), before)
    assert read_versions(shop.home) == versions


def weekly(shop: Any) -> tuple[object, ...]:
    return ("weekly", "--config", shop.config, "--as-of", LAST_DAY, "--json")


def score(shop: Any) -> tuple[object, ...]:
    return ("score", "--config", shop.config, "--as-of", LAST_DAY, "--json")


def find_model_files(shop: Any, version: str) -> Path:
    with closing(sqlite3.connect(shop.home / "mlflow.db")) as database:
        (source,) = database.execute(
            "select storage_location from model_versions where version = ?", (version,)
        ).fetchone()
    return Path(source.removeprefix("file://"))


def change_registry(shop: Any, sql: str) -> None:
    with closing(sqlite3.connect(shop.home / "mlflow.db")) as database, database:
        assert database.execute(sql).rowcount > 0


@pytest.mark.parametrize("run", [weekly, score])
def test_the_champions_files_are_gone(command: Command, shop_copy: Any, run: Any) -> None:
    champion = read_champion(shop_copy.home)
    shutil.rmtree(find_model_files(shop_copy, str(champion)))
    with nothing_changes(shop_copy):
        answer = command(*run(shop_copy))
        assert_refused(
            answer, f"model version {champion} cannot be used", "restore its files or roll back", code=1
        )


def test_a_champion_without_files_can_be_rolled_back(command: Command, shop_copy: Any) -> None:
    promote_second_version(shop_copy)
    shutil.rmtree(find_model_files(shop_copy, "2"))
    answer = command("rollback", "--config", shop_copy.config, "--json")
    assert answer.code == 0, answer.err
    assert read_champion(shop_copy.home) == "1"


@pytest.mark.parametrize("run", [weekly, score])
def test_the_alias_points_nowhere(command: Command, shop_copy: Any, run: Any) -> None:
    change_registry(shop_copy, "update registered_model_aliases set version = 9 where alias = 'champion'")
    with nothing_changes(shop_copy):
        answer = command(*run(shop_copy))
        assert_refused(answer, "version 9, the champion, is no longer in the registry", "backup", code=1)


def test_the_champion_was_deleted(command: Command, shop_copy: Any) -> None:
    import mlflow

    champion = str(read_champion(shop_copy.home))
    place = f"sqlite:///{shop_copy.home / 'mlflow.db'}"
    mlflow.MlflowClient(place, place).delete_model_version("segments", champion)
    with nothing_changes(shop_copy):
        assert_refused(
            command(*weekly(shop_copy)), f"version {champion}", "no longer in the registry", code=1
        )


def test_another_process_holds_the_registry(command: Command, shop_copy: Any) -> None:
    database = str(shop_copy.home / "mlflow.db")
    before = read_versions(shop_copy.home)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        answer = command(*score(shop_copy))
        assert_refused(answer, database, "is locked by another process", "run the same command again", code=1)
        holder.communicate()
    assert read_versions(shop_copy.home) == before
    again = command(*score(shop_copy))
    assert again.code == 0, again.err


def test_the_registry_is_no_database(command: Command, shop_copy: Any) -> None:
    (shop_copy.home / "mlflow.db").write_bytes(b"nothing of the kind" * 100)
    before = read_contents(shop_copy.home)
    answer = command(*weekly(shop_copy))
    assert_refused(answer, "mlflow.db cannot be used", "not a database", "restore it from a backup", code=1)
    assert_same_contents(read_contents(shop_copy.home), before)


@pytest.mark.long
@pytest.mark.parametrize("name", ["mlflow.db", "artifacts"])
def test_the_registry_is_read_only(prefect_server: None, shop_copy: Any, name: str) -> None:
    path = shop_copy.home / name
    path.chmod(0o555)
    with nothing_changes(shop_copy):
        answer = run_bound_by_permissions(*weekly(shop_copy))
        assert_refused(answer, "registry cannot be written", str(path), "permission denied", code=1)
    assert run_bound_by_permissions("models", "--config", shop_copy.config).code == 0


def run_bound_by_permissions(*arguments: object) -> Answer:
    """Runs `segmentwerk …` in a process that file permissions bind, even where the tests are run by root."""
    from prefect.settings import PREFECT_API_URL

    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*bound, sys.executable, "-m", "flows", *map(str, arguments)],
        cwd=HOUSE, env={**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value() or ""},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg"])
def test_nobody_answers_and_no_password_is_told(
    command: Command, shop_copy: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("SEGMENTWERK_MLFLOW_TRACKING_URI", f"{scheme}://keeper:open-sesame@127.0.0.1:9/models")
    with nothing_changes(shop_copy):
        for run in (weekly(shop_copy), score(shop_copy), ("models", "--config", shop_copy.config)):
            answer = command(*run)
            words = (f"registry {scheme}://127.0.0.1:9/models does not answer", "run the same command again")
            assert_refused(answer, *words, "refused", code=1)
            assert "sesame" not in answer.err


@pytest.mark.long
def test_the_champion_needs_a_factor_that_is_no_longer_computed(
    command: Command, prefect_server: None, tmp_path: Path
) -> None:
    config = tmp_path / "shop" / "segmentwerk.toml"
    write_eager_shop(config.parent)
    shop = SimpleNamespace(config=config, home=config.parent / "var")
    without = config.read_text(encoding="utf-8")
    config.write_text(without + LOYAL, encoding="utf-8")
    first = command("weekly", "--config", config, "--as-of", FIRST_DAY)
    assert first.code == 0, first.err
    config.write_text(without, encoding="utf-8")
    with nothing_changes(shop):
        for run in (weekly, score):
            answer = command(*run(shop))
            words = ("the champion, version 1, needs factors", "weekend_order_rate", "[[features.factors]]")
            assert_refused(answer, *words, code=1)
    config.write_text(without + LOYAL, encoding="utf-8")
    assert command(*score(shop)).code == 0
