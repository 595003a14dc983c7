"""Commands that die: `segmentwerk …` (or any function) run in a process of its own and killed at a moment of choice.

The product has no part in this: a profiler counts when functions of its files are entered and left, and each time
Delta or MLflow's registry writes, and the kernel ends the process with SIGKILL at the moment asked for. Nothing is
caught or tidied up.

    with Killer() as killer:
        command = ("ingest", "--config", str(config), "--json")
        moments = killer.watch(*command)              # runs to the end and tells every moment it passed
        for moment in choose_moments(moments, count=24):
            restore_the_state()
            assert killer.kill_at(moment, *command).was_killed
            assert killer.run(*command).code == 0     # again, to the end
        killer.kill_after(0.5, *command)              # wherever it is after half a second, inside a write, say
        killer.disturb(("faults.acts:fill_disk", folder), *command, at=moment)    # or anything else, in its process

Starting a process costs seconds of imports. So one parent imports everything once and forks for each command. It
must do no work itself: the thread pools of DuckDB, Arrow and Delta do not survive a fork, imports alone do.
A first word such as `"package.module:function"` calls that function with the remaining words instead.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
WATCHED = ("tasks", "flows")
# Functions of Delta's own engine that change a table.
DELTA_WRITES = frozenset(
    {
        "write_to_deltalake", "create_deltalake", "create_table_with_add_actions", "write", "merge_execute", "delete",
        "update", "restore", "vacuum", "create_checkpoint", "cleanup_metadata", "create_write_transaction",
        "compact_optimize", "z_order_optimize", "set_table_properties", "add_columns",
    }
)  # fmt: skip
# Functions of MLflow's client that change what a registry says of its versions.
REGISTRY_WRITES = frozenset(
    {
        "create_model_version", "set_model_version_tag", "delete_model_version_tag", "set_registered_model_alias",
        "delete_registered_model_alias",
    }
)  # fmt: skip
# What takes the lake's lock and lets it go.
_LOCKING = frozenset({"acquire", "release"})
_OF_MLFLOW = "MLflow's "
_IMPORTED = (
    "flows.cli", "flows.views", "flows.terminal", "flows.prefect_server", "ibis.backends.duckdb", "pyarrow.parquet",
    "scipy.sparse.csgraph",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """A point a command passes: `before` or `after` a function, for the n-th time (from 1).

    A function that is left and entered once more without anything between does not change what is on disk, so
    moments are many more than states. `writes` marks those around a write of Delta, the commit of a run included, and
    around one of MLflow's registry.
    """

    where: str
    times: int
    writes: bool

    def __str__(self) -> str:
        return f"{self.where} #{self.times}"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: exit code (−9: killed by SIGKILL), seconds, what it wrote, and whether it was disturbed."""

    code: int
    seconds: float
    out: str
    err: str
    was_disturbed: bool = False

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        return json.loads(self.out)


def choose_moments(moments: Sequence[Moment], *, count: int) -> list[Moment]:
    """Right after every write, and so many others, evenly spread, that there are at least `count`.

    There are at least `count / 2` others, however many writes there are. Right before a write the disk is mostly as it
    was right after the one before, so those moments are among the others.
    """
    writes = [moment for moment in moments if moment.writes and moment.where.startswith("after")]
    others = [moment for moment in moments if moment not in writes]
    chosen = {*writes, *spread(others, max(count - len(writes), count // 2))}
    return [moment for moment in moments if moment in chosen]


def spread(moments: Sequence[Moment], count: int) -> list[Moment]:
    """So many of the moments, from the first to the last in even steps."""
    if count >= len(moments):
        return list(moments)
    step = (len(moments) - 1) / max(count - 1, 1)
    return [moments[round(n * step)] for n in range(count)]


class Killer:
    """Runs commands one at a time in forks of one parent process that has imported the product already.

    Args:
        imports: further modules to import before the first fork, for commands that need more than `ingest` does.
        environment: variables of the parent beside those of this process.
        patience: seconds after which a command that does not end counts as hanging (`TimeoutError`).
    """

    def __init__(
        self, *, imports: Iterable[str] = (), environment: dict[str, str] | None = None, patience: float = 120
    ) -> None:
        self.patience = patience
        self._process = subprocess.Popen(
            [sys.executable, __file__, *_IMPORTED, *imports],
            cwd=HOUSE,
            env={
                **os.environ,
                "PREFECT_LOGGING_LEVEL": "CRITICAL",
                "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
                **(environment or {}),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Killer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the parent process; it waits for nothing, as every command has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=self.patience)
        self._process.stdout.close()

    def run(self, *command: str) -> Ending:
        """Run to the end."""
        return self._ask(command)[0]

    def watch(self, *command: str) -> list[Moment]:
        """Run to the end, and list the moments passed in their order.

        Raises:
            RuntimeError: the command did not succeed, so there is no undisturbed run to compare with.
        """
        return self.run_watched(*command)[1]

    def run_watched(self, *command: str) -> tuple[Ending, list[Moment]]:
        """The same, with how it ended."""
        ending, moments = self._ask(command, watch=True)
        if ending.code != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {ending.code}: {ending.err}")
        return ending, moments

    def kill_at(self, moment: Moment, *command: str) -> Ending:
        """Run until the moment and no further. A command that never comes there runs to its end."""
        return self._ask(command, kill_at=asdict(moment))[0]

    def kill_after(self, seconds: float, *command: str) -> Ending:
        """Run for so long and no longer; a command that is quicker ends by itself."""
        return self._ask(command, kill_after=seconds)[0]

    def disturb(self, act: Sequence[str], *command: str, at: Moment | None = None) -> Ending:
        """Run to the end, and call `module:function` with its words in the command's process when it comes to the
        moment; without one, before it begins."""
        return self._ask(command, act=list(act), act_at=at and asdict(at))[0]

    def _ask(self, command: Sequence[str], **wish: Any) -> tuple[Ending, list[Moment]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            wish |= {"command": list(command), "folder": folder, "patience": self.patience}
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the process that runs the commands has died")
            answer = json.loads(line)
            if answer["hangs"]:
                raise TimeoutError(f"{' '.join(command)} did not end within {self.patience:g} s")
            out, err = ((Path(folder) / name).read_text(encoding="utf-8") for name in ("out", "err"))
            seen = Path(folder) / "moments"
            moments = json.loads(seen.read_text(encoding="utf-8")) if seen.exists() else []
            ending = Ending(
                answer["code"], answer["seconds"], out, err, (Path(folder) / "disturbed").exists()
            )
        return ending, [Moment(**one) for one in moments]


def _tell_moments(reach: Callable[[Moment], None]) -> Callable[[FrameType, str, Any], None]:
    """A profiler that tells `reach` of each moment as it passes. It is called a million times, so it does little."""
    names: dict[CodeType, str | None] = {}
    passed: Counter[str] = Counter()

    def pass_moment(event: str, name: str, *, writes: bool) -> None:
        where = f"{'before' if event.endswith('call') else 'after'} {name}"
        passed[where] += 1
        reach(Moment(where, passed[where], writes))

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "return"):
            code = frame.f_code
            if code not in names:
                names[code] = _name_step(code)
            name = names[code]
            if name is not None:
                pass_moment(event, name, writes=name.startswith(_OF_MLFLOW))
        elif argument.__name__ in DELTA_WRITES and _is_of_delta(argument):
            pass_moment(event, f"Delta's {argument.__name__}", writes=True)

    return profile


def _name_step(code: CodeType) -> str | None:
    """The product's own functions, the registry's writes and the lake's lock; a comprehension or a lambda is no step
    of its own."""
    file = Path(code.co_filename)
    if code.co_name.startswith("<"):
        return None
    if file.is_relative_to(HOUSE) and file.relative_to(HOUSE).parts[0] in WATCHED:
        return f"{'.'.join(file.relative_to(HOUSE).with_suffix('').parts)}.{code.co_qualname}"
    if file.parts[-3:] == ("mlflow", "tracking", "client.py"):
        return f"{_OF_MLFLOW}{code.co_name}" if code.co_name in REGISTRY_WRITES else None
    return f"filelock.{code.co_qualname}" if "filelock" in file.parts and code.co_name in _LOCKING else None


def _is_of_delta(function: Any) -> bool:
    owner = function.__module__ or type(getattr(function, "__self__", None)).__module__
    return str(owner).startswith("deltalake")


def _serve(modules: Iterable[str]) -> None:
    """Read one wish a line, run it in a fork, and answer how it ended."""
    # Whatever a library prints while it is imported must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.path.insert(0, str(HOUSE))
    for module in modules:
        import_module(module)
    for line in sys.stdin:
        wish = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _be_the_command(wish)
        status = _wait(child, patience=wish["patience"], kill_after=wish.get("kill_after"))
        _import_likewise(Path(wish["folder"]) / "modules")
        seconds = time.monotonic() - started
        code = None if status is None else os.waitstatus_to_exitcode(status)
        answers.write(json.dumps({"code": code, "seconds": seconds, "hangs": status is None}) + "\n")
        answers.flush()


def _import_likewise(learnt: Path) -> None:
    """What a command imported on its way, the next one need not."""
    names = learnt.read_text(encoding="utf-8").split() if learnt.exists() else []
    for name in names:
        if name not in sys.modules:
            with suppress(Exception):
                import_module(name)


def _wait(child: int, *, patience: float, kill_after: float | None) -> int | None:
    """The child's wait status; None if it hung. What it started dies with it."""
    started = time.monotonic()
    status: int | None = None
    while status is None and time.monotonic() - started < patience:
        if kill_after is not None and time.monotonic() - started >= kill_after:
            os.kill(child, signal.SIGKILL)
            kill_after = None
        pid, found = os.waitpid(child, os.WNOHANG)
        status = found if pid else None
        time.sleep(0 if pid else 0.002)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return status


def _be_the_command(wish: dict[str, Any]) -> None:
    """The fork's whole life; it never returns."""
    os.setpgid(0, 0)
    folder = Path(wish["folder"])
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, stream.fileno())
    imported, moments = set(sys.modules), list[Moment]()
    told = wish.get("kill_at") or wish.get("act_at")
    target = Moment(**told) if told else None

    def act() -> None:
        sys.setprofile(None)
        (folder / "disturbed").touch()
        if "act" not in wish:
            os.kill(os.getpid(), signal.SIGKILL)
        _call_function(*wish["act"])

    def act_at_target(moment: Moment) -> None:
        if moment == target:
            act()

    if wish.get("act") and target is None:
        act()
    if wish.get("watch") or target:
        sys.setprofile(_tell_moments(moments.append if target is None else act_at_target))
    code = _call(wish["command"])
    sys.setprofile(None)
    if wish.get("watch"):
        (folder / "moments").write_text(json.dumps([asdict(one) for one in moments]), encoding="utf-8")
    (folder / "modules").write_text("\n".join(set(sys.modules) - imported), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _call(command: Sequence[str]) -> int:
    try:
        if ":" in command[0]:
            _call_function(*command)
        else:
            from flows.cli import app

            app(list(command))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


def _call_function(place: str, *words: str) -> None:
    module, _, name = place.partition(":")
    getattr(import_module(module), name)(*words)


if __name__ == "__main__":
    _serve(sys.argv[1:])
