"""The environment, made from the lock with nothing but Python: `.venv`, left alone while the lock has not changed.

Used by `make` and by `python -m flows` on a machine where nothing has been installed yet; so it imports nothing
but the standard library.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
RUNTIME_LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"


def prepare_environment(lock: str = RUNTIME_LOCK) -> Path:
    """Install `lock` into `.venv` unless it already holds it, and return the environment's Python.

    Raises:
        SystemExit: Python is too old, or the installation failed; the message says what to do.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever Python is there
        raise SystemExit(f"Segmentwerk needs Python 3.11 or later; this is {sys.version.split()[0]}")
    python = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = VENV / f".{lock}.sha256"
    wanted = _digest(lock)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    _say(f"setting up .venv from {lock} (once; a few minutes on a slow line) …")
    if not python.exists():
        venv.create(VENV, with_pip=True)
    # The lock is complete; older releases of pip stumble over extras when they check that for themselves.
    _pip(python, "--require-hashes", "--no-deps", "-r", str(PROJECT / lock))
    _pip(python, "--no-deps", "--no-build-isolation", "-e", str(PROJECT))
    stamp.write_text(wanted)
    if lock == DEVELOPMENT_LOCK:
        # The development lock holds everything of the runtime lock, in the same versions.
        (VENV / f".{RUNTIME_LOCK}.sha256").write_text(_digest(RUNTIME_LOCK))
    return python


def _digest(lock: str) -> str:
    content = (PROJECT / lock).read_bytes() + (PROJECT / "pyproject.toml").read_bytes()
    return hashlib.sha256(content).hexdigest()


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    # What the build backend thinks of editable installs is no concern of whoever wants a demo.
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    if subprocess.run(command, check=False, env=quiet).returncode:
        raise SystemExit("the installation failed; see pip's message above, then run the same command again")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    prepare_environment(sys.argv[1] if len(sys.argv) > 1 else RUNTIME_LOCK)
