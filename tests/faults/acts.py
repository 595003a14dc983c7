"""What befalls a command, done in its own process at a moment of choice (see `Killer.disturb`)."""

from __future__ import annotations

import os
import resource
import signal
import struct
import time
from pathlib import Path

import relay

PATIENCE_S = 300
BALLAST = "ballast"


def die_after(seconds: str) -> None:
    """Be killed a little later, whatever this process is doing then."""
    victim = os.getpid()
    if os.fork() == 0:
        time.sleep(float(seconds))
        os.kill(victim, signal.SIGKILL)
        os._exit(0)


def fill_disk(disk: str, left: str) -> None:
    """Leave so many bytes free on the file system that begins at `disk`, and no more."""
    state = os.statvfs(disk)
    size = state.f_bavail * state.f_frsize - int(left)
    with (Path(disk) / BALLAST).open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(size, 1))


def limit_writes(largest: str) -> None:
    """No file of this process may grow beyond so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))


def forbid_writing(folder: str) -> None:
    """Make a folder read-only, as a mount is: for root, too, and for files that are open already."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _mount("--bind", folder, folder)
    _mount("-o", "remount,bind,ro", folder)


def set_clock(file: str, seconds: str) -> None:
    """Let the clock of this process jump; `clock.c` must be loaded and have mapped the file."""
    before = time.time()
    write_offset(Path(file), int(seconds))
    jumped = time.time() - before
    assert abs(jumped - int(seconds)) < 1, f"the clock jumped by {jumped:.0f} s, not {seconds}"


def write_offset(file: Path, seconds: int) -> None:
    """In place, as the file is mapped."""
    with file.open("r+b") as mapped:
        mapped.write(struct.pack("q", seconds))


def order_relay(control: str, words: str) -> None:
    """Let a server misbehave."""
    relay.order(control, words)


def kill_other(pid: str) -> None:
    """End another process group at once."""
    os.killpg(int(pid), signal.SIGKILL)


def join_group(group: str) -> None:
    """Live within the memory of a control group from now on."""
    (Path(group) / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")


def hold(folder: str) -> None:
    """Stand still until the file `go` is there; `held` says that it does."""
    (Path(folder) / "held").touch()
    until = time.monotonic() + PATIENCE_S
    while not (Path(folder) / "go").exists():
        assert time.monotonic() < until, "nobody let it go on"
        time.sleep(0.01)


def _mount(*words: str) -> None:
    import subprocess

    subprocess.run(["mount", *words], check=True)
