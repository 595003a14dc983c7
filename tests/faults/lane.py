"""Where faults happen one after another: a shop on a small disk of its own, and the servers it needs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from functools import cached_property
from pathlib import Path
from types import TracebackType

from killing import Ending, Killer
from mlflow_server import MlflowServer
from own_prefect import OwnPrefect
from postgres import serve_postgres
from relay import Relay

from faults.courses import PROMOTED, WEEK_DELIVERED, Course, Watched, find_boundaries
from faults.shops import DATABASE, prepare_files, prepare_weeks

DISK_MIB = 400
_IMPORTS = (
    "promoting", "mlflow", "evidently", "tea_tasting", "flows.weekly_retrain", "flows.daily_score",
    "flows.measure_campaign", "flows.plan_campaign", "flows.forget_customer", "flows.rollback_champion",
    "faults.comparison", "faults.acts",
)  # fmt: skip


def may_mount() -> bool:
    """Whether small and read-only disks can be had here: that is root's right."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


class Lane:
    """A place for faults to happen in, one at a time; several lanes do not know of each other.

    Attributes:
        disk: where the shop and all passing files are; a file system of its own where that can be had.
        shop: MLflow keeps absolute paths, so every shop has its turn in the same place.
        prefect: the server whose relay the commands talk to.
    """

    def __init__(self, root: Path, prefect: OwnPrefect) -> None:
        self.root, self.prefect = root, prefect
        self.disk, self.shop = root / "disk", root / "disk" / "shop"
        self._stack, self._watched = ExitStack(), dict[str, Watched]()

    def __enter__(self) -> Lane:
        self.disk.mkdir(parents=True)
        if may_mount():
            size = f"size={DISK_MIB}m"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "segmentwerk", str(self.disk)], check=True)
            self._stack.callback(
                subprocess.run, ["umount", "--recursive", "--lazy", str(self.disk)], check=False
            )
        (self.disk / "tmp").mkdir()
        port = int(self.prefect.api.rpartition(":")[2].removesuffix("/api"))
        self.prefect_relay = self._stack.enter_context(Relay(port))
        database = self._stack.enter_context(serve_postgres())
        self.database_relay = self._stack.enter_context(
            Relay(int(database.url.rpartition(":")[2].split("/")[0]))
        )
        self.database = database
        self.killer = self.open_killer()
        (self.root / "states").mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What leads a command to this lane's servers."""
        url = self.database.url
        host, _, name = url.rpartition("/")
        return {
            "PREFECT_API_URL": f"http://127.0.0.1:{self.prefect_relay.port}/api",
            "PREFECT_HOME": str(self.root / "prefect"),
            "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
            "TMPDIR": str(self.disk / "tmp"),
            DATABASE: f"{host.rpartition(':')[0]}:{self.database_relay.port}/{name}",
        }

    def open_killer(self, **environment: str) -> Killer:
        """A further process to fork commands from."""
        return self._stack.enter_context(
            Killer(imports=_IMPORTS, environment=self.environment | environment, patience=300)
        )

    @cached_property
    def second_killer(self) -> Killer:
        """For a command beside another."""
        return self.open_killer()

    @cached_property
    def clock(self) -> Path:
        """The file that tells `clock_killer` how far its clock is off."""
        file = self.root / "clock"
        file.write_bytes(bytes(8))
        return file

    @cached_property
    def clock_killer(self) -> Killer:
        """One whose commands have a clock that can jump."""
        library = self.root / "clock.so"
        code = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(code)], check=True)
        return self.open_killer(LD_PRELOAD=str(library), SEGMENTWERK_CLOCK=str(self.clock))

    @cached_property
    def mlflow_relay(self) -> Relay:
        """In front of a server that holds what the shop's own registry held when it was restored."""
        store = self.root / "mlflow"
        store.mkdir()
        shutil.copy(self._find_state(PROMOTED) / "var" / "mlflow.db", store / "mlflow.db")
        server = MlflowServer(f"sqlite:///{store / 'mlflow.db'}", store)
        self._stack.callback(server.kill)
        server.start()
        return self._stack.enter_context(Relay(server.port))

    def restore(self, course: Course, *, served: bool = False) -> None:
        """Put a course's shop in its place as it was; its registry on a server if it is to be `served`."""
        shutil.rmtree(self.shop, ignore_errors=True)
        shutil.copytree(self._find_state(course.state), self.shop)
        shutil.rmtree(self.disk / "tmp", ignore_errors=True)
        (self.disk / "tmp").mkdir()
        if served:
            self._serve_registry()

    def _find_state(self, name: str) -> Path:
        """The copy of a shop in a state, made when it is first asked for."""
        states = self.root / "states"
        if not (states / name).exists():
            shutil.rmtree(self.shop, ignore_errors=True)
            if name in (WEEK_DELIVERED, PROMOTED):
                prepare_weeks(self.killer, shop=self.shop, states=states)
            else:
                prepare_files(self.killer, self.database, shop=self.shop, states=states)
        return states / name

    def _serve_registry(self) -> None:
        relay, own = self.mlflow_relay, self.shop / "var" / "mlflow.db"
        # Into the file that the server has open.
        with (
            closing(sqlite3.connect(own)) as source,
            closing(sqlite3.connect(self.root / "mlflow" / "mlflow.db")) as target,
        ):
            source.backup(target)
        own.unlink()
        config = self.shop / "segmentwerk.toml"
        text = config.read_text(encoding="utf-8")
        config.write_text(f'mlflow_tracking_uri = "http://127.0.0.1:{relay.port}"\n{text}', encoding="utf-8")

    def run(self, course: Course) -> Ending:
        """The course's command, to the end."""
        return self.killer.run(*course.command(self.shop))

    def expected(self, course: Course) -> tuple[Path, ...]:
        """What it leaves undisturbed: run once, and run twice."""
        return self.root / f"{course.name}.1", self.root / f"{course.name}.2"

    def watch(self, course: Course) -> Watched:
        """What the course passes, and leaves, when nothing disturbs it; found out once."""
        if course.name not in self._watched:
            self._watched[course.name] = self._watch(course)
        return self._watched[course.name]

    def _watch(self, course: Course) -> Watched:
        self.restore(course)
        ending, moments = self.killer.run_watched(*course.command(self.shop))
        once, twice = self.expected(course)
        self._remember(once)
        again = self.run(course)
        assert again.code == 0 or (course.done_already and course.done_already in again.err), again.err
        self._remember(twice)
        boundaries = find_boundaries(moments, main=course.main)
        return Watched(course, tuple(moments), boundaries, ending.seconds, ending.out)

    def _remember(self, file: Path) -> None:
        told = self.killer.run("faults.comparison:remember", str(self.shop), str(file))
        assert told.code == 0, told.err
