"""What other users of the machine must not read is made for its owner alone, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.home import make_home
from tasks.lake import open_lake, write_lake
from tasks.pseudonyms import KeyFileError, make_key, read_secret
from tasks.registry import open_registry

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights are the folder's own matter here")


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    """The worst umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def read_rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_made_here_is_closed_and_one_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    make_home(tmp_path / "a" / "b" / "var")
    assert read_rights(tmp_path / "a" / "b" / "var") == 0o700
    (tmp_path / "shared").mkdir(mode=0o770)
    make_home(tmp_path / "shared")
    assert read_rights(tmp_path / "shared") == 0o770


def test_whoever_comes_first_makes_the_home_closed(tmp_path: Path) -> None:
    for name, make in {
        "key": lambda home: read_secret(str(home), None),
        "registry": open_registry,
        "lake": lambda home: write_lake(str(home)).__enter__(),
    }.items():
        make(tmp_path / name)
        assert read_rights(tmp_path / name) == 0o700, name


def test_the_key_is_its_owner_s_alone(tmp_path: Path) -> None:
    key = read_secret(str(tmp_path / "var"), None)
    file = tmp_path / "var" / "pseudonym.key"
    assert read_rights(file) == 0o600
    assert len(bytes.fromhex(key.decode())) == 32
    assert read_secret(str(tmp_path / "var"), None) == key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
def test_a_key_others_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    key = read_secret(str(tmp_path), None)
    file = tmp_path / "pseudonym.key"
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"\(mode {mode:o}\): `chmod 600 .*pseudonym\.key`") as caught:
        read_secret(str(tmp_path), None)
    assert key.decode() not in str(caught.value)
    file.chmod(0o600)
    assert read_secret(str(tmp_path), None) == key


def test_a_known_key_is_taken_and_never_written_over(tmp_path: Path) -> None:
    make_key(str(tmp_path / "var"), "known")
    assert read_rights(tmp_path / "var" / "pseudonym.key") == 0o600
    with pytest.raises(FileExistsError):
        make_key(str(tmp_path / "var"), "another")
    assert read_secret(str(tmp_path / "var"), None) == b"known"


def test_an_empty_key_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "pseudonym.key").touch(mode=0o600)
    with pytest.raises(KeyFileError, match="is empty; bring it back from a backup"):
        read_secret(str(tmp_path), None)


def test_what_passes_through_is_closed(tmp_path: Path) -> None:
    with write_lake(str(tmp_path / "var")) as lake:
        assert read_rights(lake.scratch) == 0o700
    assert open_lake(str(tmp_path / "var")).versions == {}
