"""Whether the key that pseudonyms are made with is there, and nobody else's to read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tasks.checks import Check, Examination, Finding, require_shop
from tasks.pseudonyms import KEY_FILE

VARIABLE = "SEGMENTWERK_PSEUDONYM_KEY"


def look_at_key(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    if shop.pseudonym_key is not None:
        yield Finding("ok", f"{VARIABLE} is set")
        return
    if "://" in shop.home:
        yield Finding("wrong", f"{VARIABLE} is not set, and a home on a URI keeps no key", f"set {VARIABLE}")
        return
    file = Path(shop.home) / KEY_FILE
    if not file.exists():
        has_lake = (Path(shop.home) / "lake").exists()
        yield Finding(
            "wrong" if has_lake else "warn",
            f"there is no {KEY_FILE} in {shop.home}" + (", but a lake made with one" if has_lake else " yet"),
            "bring it back from its backup: with another key all customers are strangers"
            if has_lake else f"set {VARIABLE}, or let the first run make one",
        )  # fmt: skip
        return
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("wrong", f"{file} can be read by others", f"chmod 600 {file}")
    else:
        yield Finding("ok", f"{KEY_FILE} is there and its owner's alone; see that it is backed up")


CHECK = Check("pseudonym key", 30, look_at_key)
