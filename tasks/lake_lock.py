"""One writer at a time: the lake's lock, and the folder of passing files that belongs to whoever holds it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.home import make_home


class LakeBusyError(RuntimeError):
    """Another run is writing to the lake."""


@contextmanager
def lock_lake(home: str) -> Iterator[Path]:
    """Hold the lake's lock; an empty folder for passing files comes with it and goes with it.

    Raises:
        LakeBusyError: another run holds it.
    """
    lock = _name_lock(home)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LakeBusyError(
            f"another run is writing to {home}; wait for it to end, then run this again"
        ) from None
    scratch = scratch_folder(home)
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        # What passes through is not yet pseudonymous, and the system's own place is open to all.
        scratch.mkdir(mode=0o700, parents=True)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        lock.release()


def is_locked(home: str) -> bool:
    """Whether a run is writing to the lake at this moment."""
    lock = _name_lock(home)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def scratch_folder(home: str) -> Path:
    """Where passing files go: under the home, or in the system's own place where the home is a URI."""
    if "://" not in home:
        return Path(home) / "scratch"
    return Path(tempfile.gettempdir()) / f"segmentwerk-{hashlib.sha256(home.encode()).hexdigest()[:16]}"


def _name_lock(home: str) -> FileLock:
    scratch = scratch_folder(home)
    make_home(scratch.parent)
    return FileLock(scratch.with_name("lake.lock" if scratch.name == "scratch" else f"{scratch.name}.lock"))
