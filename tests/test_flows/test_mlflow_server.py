"""The registry on a real MLflow server, over HTTP, with PostgreSQL behind it: it works, and it may go away mid-run."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from lake_contents import assert_same_contents, list_runs, read_contents
from mlflow_server import START_S, MlflowServer
from postgres import Postgres
from promoting import FIRST_DAY, LAST_DAY, write_eager_shop
from test_flows.conftest import Answer
from test_flows.test_bad_input import assert_refused

from tasks.lake import open_lake
from tasks.registry import Registry, list_versions
from tasks.simulated_shop import write_delivery

Command = Callable[..., Answer]
# A registry that stays away is given up within a minute; these only keep a test from hanging.
GIVE_UP_S = 120
pytestmark = pytest.mark.long


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path) -> Iterator[MlflowServer]:
    name = f"registry_{uuid4().hex[:8]}"
    postgres.execute(f"create database {name}")
    address = postgres.url.replace("postgresql://", "postgresql+psycopg://").rpartition("/")[0]
    one = MlflowServer(f"{address}/{name}", tmp_path / "mlflow")
    one.start()
    try:
        yield one
    finally:
        one.kill()
        postgres.execute(f"drop database {name} with (force)")


@dataclass(frozen=True)
class Shop:
    """A shop whose registry is the server, after its first week."""

    config: Path
    server: MlflowServer

    @property
    def home(self) -> Path:
        return self.config.parent / "var"

    def weekly(self, day: date = LAST_DAY) -> tuple[object, ...]:
        return ("weekly", "--config", self.config, "--as-of", day, "--json")

    def read_aliases(self) -> dict[str, str]:
        versions = list_versions(Registry(self.server.url, None))
        held = zip(versions["version"], versions["aliases"], strict=True)
        return {alias: version for version, aliases in held for alias in aliases.split(", ") if alias}


@pytest.fixture
def shop(command: Command, prefect_server: None, server: MlflowServer, tmp_path: Path) -> Shop:
    folder = tmp_path / "shop"
    simulated = write_eager_shop(folder, until=FIRST_DAY)
    config = folder / "segmentwerk.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(f'mlflow_tracking_uri = "{server.url}"\n{text}', encoding="utf-8")
    one = Shop(config, server)
    first = command(*one.weekly(FIRST_DAY))
    assert first.code == 0, first.err
    write_delivery(simulated, folder=folder, start=FIRST_DAY, end=LAST_DAY)
    return one


@contextmanager
def while_registering(shop: Shop, act: Callable[[], None]) -> Iterator[None]:
    """Do something to the server once the challenger is trained: its snapshot is written right before it registers."""
    log, done = shop.home / "lake" / "snapshots" / "_delta_log", threading.Event()
    before = len(list(log.glob("*.json")))

    def watch() -> None:
        while not done.is_set():
            if len(list(log.glob("*.json"))) > before:
                act()
                return
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(START_S)


def assert_promoted(shop: Shop, answer: Answer) -> None:
    """One champion, the same in the registry, the lake and the summary; nothing was registered twice."""
    assert answer.code == 0, answer.err
    assert answer.json["promotion"]["champion_version"] == "2"
    assert shop.read_aliases() == {"champion": "2", "previous": "1"}
    assert len(list_versions(Registry(shop.server.url, None))) == 2
    segments = open_lake(str(shop.home)).table("segments")
    assert set(segments.filter(segments.as_of == LAST_DAY).to_pandas()["model_version"]) == {"2"}


def count_attempts(task: str) -> int:
    """How often Prefect has tried the task it had to try most."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return max(run.run_count for run in client.read_task_runs() if run.name.startswith(task))


def test_weeks_and_a_rollback_on_a_server_that_is_away_for_a_moment(
    command: Command, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.read_aliases() == {"champion": "1"}
    assert not (shop.home / "mlflow.db").exists()
    assert list((shop.server.files / "artifacts").rglob("arrays.npz"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")

    def pause() -> None:
        shop.server.send(signal.SIGSTOP)
        time.sleep(8)
        shop.server.send(signal.SIGCONT)

    with while_registering(shop, pause):
        answer = command(*shop.weekly())
    assert_promoted(shop, answer)
    assert count_attempts("register challenger") > 1

    scored = command("score", "--config", shop.config, "--as-of", LAST_DAY, "--json")
    assert scored.json["champion_version"] == "2"
    back = command("rollback", "--config", shop.config, "--json")
    assert (back.code, back.json["champion_version"]) == (0, "1"), back.err
    assert shop.read_aliases() == {"champion": "1"}
    listed = command("models", "--config", shop.config, "--json").json["versions"]
    assert [version["version"] for version in listed] == ["2", "1"]


@pytest.mark.parametrize(
    ("away", "back", "reason"),
    [
        ("kill", "start", "refused"),
        ("freeze", "thaw", "timed out"),
    ],
)
def test_a_server_that_stays_away_ends_the_run_and_the_next_one_finishes_it(
    command: Command, shop: Shop, away: str, back: str, reason: str
) -> None:
    acts: dict[str, Callable[[], None]] = {
        "kill": shop.server.kill, "start": shop.server.start,
        "freeze": lambda: shop.server.send(signal.SIGSTOP), "thaw": lambda: shop.server.send(signal.SIGCONT),
    }  # fmt: skip
    before, runs = read_contents(shop.home), list_runs(shop.home)
    gone: list[float] = []

    def go_away() -> None:
        acts[away]()
        gone.append(time.monotonic())

    with while_registering(shop, go_away):
        answer = command(*shop.weekly())
    assert gone
    assert time.monotonic() - gone[0] < GIVE_UP_S
    words = (f"registry {shop.server.url} does not answer", reason, "run the same command again")
    assert_refused(answer, *words, code=1)
    assert_same_contents(read_contents(shop.home), before)
    assert list_runs(shop.home) == runs
    acts[back]()
    assert shop.read_aliases()["champion"] == "1"
    assert_promoted(shop, command(*shop.weekly()))


def test_a_server_whose_database_is_gone_is_told_from_one_that_refuses(
    command: Command, shop: Shop, postgres: Postgres
) -> None:
    name = shop.server.database.rpartition("/")[2]
    postgres.execute(f"alter database {name} allow_connections false")
    postgres.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
    answer = command("score", "--config", shop.config, "--as-of", LAST_DAY)
    postgres.execute(f"alter database {name} allow_connections true")
    assert_refused(answer, f"registry {shop.server.url} does not answer", code=1)
    again = command("score", "--config", shop.config, "--as-of", LAST_DAY, "--json")
    assert again.code == 0, again.err
