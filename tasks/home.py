"""The shop's folder `home`, for its owner alone."""

from __future__ import annotations

from pathlib import Path


def make_home(home: Path) -> None:
    """Make the folder, closed to every other user of the machine; one that is there keeps the rights it has."""
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
