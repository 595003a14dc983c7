"""The environment is made once, and again only when the lock changes."""

from pathlib import Path

import pytest

from flows import bootstrap


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an environment whose Python writes down what it is asked to install."""
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    for name in (bootstrap.RUNTIME_LOCK, bootstrap.DEVELOPMENT_LOCK, "pyproject.toml"):
        (tmp_path / name).write_text(f"# {name}\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    python.chmod(0o755)
    return tmp_path / "calls"


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def test_an_environment_that_holds_the_lock_is_left_alone(calls: Path) -> None:
    bootstrap.prepare_environment()
    installed = count(calls)
    assert installed == 2
    assert "--require-hashes" in calls.read_text()
    bootstrap.prepare_environment()
    assert count(calls) == installed


def test_a_changed_lock_is_installed(calls: Path) -> None:
    bootstrap.prepare_environment()
    (calls.parent / bootstrap.RUNTIME_LOCK).write_text("# another\n")
    bootstrap.prepare_environment()
    assert count(calls) == 4


def test_the_development_environment_serves_the_demo_too(calls: Path) -> None:
    bootstrap.prepare_environment(bootstrap.DEVELOPMENT_LOCK)
    installed = count(calls)
    bootstrap.prepare_environment(bootstrap.RUNTIME_LOCK)
    assert count(calls) == installed


def test_a_failed_installation_says_so_and_is_tried_again(calls: Path) -> None:
    python = calls.parent / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(SystemExit, match="the installation failed"):
        bootstrap.prepare_environment()
    python.write_text(f"#!/bin/sh\necho x >> {calls}\n")
    bootstrap.prepare_environment()
    assert count(calls) == 2
